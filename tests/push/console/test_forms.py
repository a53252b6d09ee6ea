"""What was typed: read, refused, kept; and where a sign-in may lead."""

import pytest

from beacons.registry import Store
from push.console.entry import HOME, safe_next
from push.console.forms import FormError, parse
from push.console.pages.edits import id_from, words_of
from push.console.pages.hours_text import days_of, days_text, opening_of, opening_text
from push.console.tables import Column, cut, heads, link
from push.model.errors import MisfitError

DASH = "\N{EN DASH}"
URLENCODED = "application/x-www-form-urlencoded"


def test_a_form_is_read_as_browsers_send_it() -> None:
    form = parse(b"name=M%C3%B6nckeberg&labels=a&labels=b&note=one%0D%0Atwo", URLENCODED)
    assert (form.text("name"), form.all("labels"), form.raw("note")) == ("Mönckeberg", ("a", "b"), "one\ntwo")
    assert form.text("missing") == ""


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"{}", "application/json"), (b"a=%ff", URLENCODED), (b"a=%00", URLENCODED), (b"a=1&" * 3000, URLENCODED)],
)
def test_what_is_no_form_is_refused(body: bytes, kind: str) -> None:
    with pytest.raises(FormError):
        parse(body, kind)


def test_secrets_are_never_handed_back() -> None:
    body = b"name=x&password=p&again=p&current=c&code=1&identity_key=k&key=k&csrf=t&sign-in.password=p&sign-in.login=l"
    assert parse(body, URLENCODED).kept() == [("name", "x")]


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/console/",
        "//evil.example/console/",
        "//[",
        "/app/",
        "",
        "/console/\n",
        "\\\\evil",
        "/console/..\\x",
        "javascript:x",
    ],
)
def test_a_sign_in_leads_to_pages_of_ours_alone(wanted: str) -> None:
    assert safe_next(wanted) == HOME


def test_a_sign_in_leads_where_she_wanted() -> None:
    assert safe_next("/console/stores/hamburg?sort=-name") == "/console/stores/hamburg?sort=-name"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("mon-fri 10:00-20:00", "mon-fri 10:00-20:00"),
        (f"Monday-Friday 9:00 {DASH} 18:30", "mon-fri 09:00-18:30"),
        (f"Mon{DASH}Sat 9:00{DASH}18:30", "mon-sat 09:00-18:30"),
        ("mon, wed 08:00-12:00\nsat-sun 22.00-02.00", "mon,wed 08:00-12:00\nsat,sun 22:00-02:00"),
        ("whenever", None),
        ("mon-xyz 10:00-20:00", None),
    ],
)
def test_opening_hours_are_read_as_people_write_them(typed: str, kept: str | None) -> None:
    if kept is None:
        with pytest.raises(MisfitError, match="was not understood"):
            opening_of(typed)
    else:
        assert opening_text(opening_of(typed)) == kept
        assert opening_of(kept) == opening_of(typed)


def test_dates_that_differ_are_read_back() -> None:
    text = "2026-12-24 10:00-14:00\n2026-12-25 closed"
    assert days_text(days_of(text)) == text
    with pytest.raises(MisfitError, match="2026-12-24 10:00-14:00"):
        days_of("christmas closed")


def test_an_id_is_made_of_a_name() -> None:
    assert id_from("Hamburg, Mönckebergstraße") == "hamburg-moenckebergstrasse"
    assert words_of("a, b;c\n d") == ["a", "b", "c", "d"]


def test_a_head_sorts_up_then_down_and_forgets_the_page() -> None:
    name, other = heads(
        [Column("Name", "name"), Column("Other")], "/x", {"sort": "name", "after": "z", "q": "a"}, "name"
    )
    assert (name.order, name.href) == ("ascending", "/x?sort=-name&q=a")
    assert (other.order, other.href) == (None, "")
    assert link("/x", {"q": "a b"}, q="") == "/x"


@pytest.mark.parametrize("sort", ["name", "-name"])
def test_pages_by_keys_show_everything_once(sort: str) -> None:
    stores = [Store(id=f"s{n}", name=f"Store {n % 7}") for n in range(50)]
    found: list[str] = []
    query = {"sort": sort}
    while True:
        page = cut(stores, query, {"name": lambda store: store.name}, 8)
        found += [store.id for store in page.items]
        if not page.after:
            break
        query["after"] = page.after
    assert sorted(found) == sorted(store.id for store in stores)
    assert len(found) == 50
