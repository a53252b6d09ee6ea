"""What identifiers are spelled as, which point at nobody, and whose word joins them."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from push.model.profiles import Identifier
from push.profiles.identity.kinds import BUILT_IN, KNOWN, Kind, Kinds

KINDS = Kinds()


@pytest.mark.parametrize(
    "value",
    [
        "null", "NULL", " undefined ", "None", "NaN", "unknown", "anonymous", "Guest", "", " ", "0", "0000", "0" * 9,
        "-1", "-", "...", "[object Object]", "(null)", "n/a", "NA", "00000000-0000-0000-0000-000000000000", "xxxx",
        "------", "99999999", "ffffffff-ffff-ffff-ffff-ffffffffffff", "test", "nil",
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["user_id", "anonymous_id", "device"])
def test_what_is_written_where_there_is_no_value_points_at_nobody(kind: str, value: str) -> None:
    assert KINDS.normalised(kind, value) == (None, "junk")


@pytest.mark.parametrize(
    "value",
    [
        "test@test.com",
        "TEST@Test.com",
        "null@shop.example",
        "test@example.com",
        "example@example.com",
        "a@a.com",
        "no-reply@x.io",
    ],
)
def test_mailboxes_that_people_invent_point_at_nobody(value: str) -> None:
    assert KINDS.normalised("email", value) == (None, "junk")


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("email", " Ann@Example.COM ", "ann@example.com"),
        ("email", "bücher@bücher.example", "bücher@bücher.example"),
        ("phone", "+49 (171) 234-5678", "+491712345678"),
        ("phone", "0049 171 2345678", "+491712345678"),
        ("phone", "0171/2345678", "01712345678"),
        ("user_id", "11", "11"),
        ("user_id", "7777", "7777"),
        ("user_id", " Ann ", "Ann"),
        ("user_id", "Zoe\u0308", "Zoë"),
        ("user_id", "محمد👩‍👧", "محمد👩‍👧"),
        ("shopper", "ada", "ada"),
    ],
)
def test_a_value_has_one_spelling(kind: str, value: str, expected: str) -> None:
    assert KINDS.normalised(kind, value) == (Identifier(kind, expected), "")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("email", "ann"), ("email", "ann@example"), ("email", "a b@example.com"), ("email", "ab" * 150 + "@x.io"),
        ("phone", "call me"), ("phone", "1" * 5 + "2" * 20), ("user_id", "xy" * 129), ("user_id", "a\x00b"),
        ("user_id", "a\ud800b"), ("shopper", "two words"), ("user_id", "xy" * 1_000_000),
    ],
)  # fmt: skip
def test_what_cannot_be_one_is_refused(kind: str, value: str) -> None:
    assert KINDS.normalised(kind, value) == (None, "malformed")


def test_a_kind_that_nobody_configured_points_at_nobody_and_links_nothing() -> None:
    assert KINDS.normalised("shoe_size", "42") == (None, "unknown_kind")
    assert "shoe_size" not in KINDS
    assert not KINDS.may_link("shoe_size", "user_id", "server")
    assert KINDS["shoe_size"].priority > max(kind.priority for kind in BUILT_IN.values())


def test_a_retailer_adds_kinds_and_values_that_are_nobodys() -> None:
    kinds = Kinds({"loyalty": Kind(unique=True, priority=8, normalise="casefold", never=("demo-.*", "till"))})
    assert kinds.normalised("loyalty", "AB-12")[0] == Identifier("loyalty", "ab-12")
    assert kinds.normalised("loyalty", "DEMO-7") == (None, "junk")
    assert kinds.normalised("loyalty", "tills")[0] == Identifier("loyalty", "tills")
    found = kinds.strongest([Identifier("user_id", "u"), Identifier("device", "d"), Identifier("loyalty", "l")])
    assert [one.kind for one in found] == ["loyalty", "user_id", "device"]


@pytest.mark.parametrize("kind", BUILT_IN)
@pytest.mark.parametrize("other", BUILT_IN)
def test_a_key_that_ships_in_an_app_links_no_known_kind(kind: str, other: str) -> None:
    assert KINDS.may_link(kind, other, "server")
    assert KINDS.may_link(kind, other, "proven")
    assert KINDS.may_link(kind, other, "publishable") == (kind == other == "anonymous_id")


@pytest.mark.parametrize("kind", KNOWN)
def test_no_setting_lets_it(kind: str) -> None:
    with pytest.raises(ValueError, match=rf"kinds\.{kind}\.may_link"):
        Kinds({kind: Kind(may_link=("publishable",))})


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="may not link what is unique"):
        Kind(unique=True, may_link=("publishable",))
    with pytest.raises(ValueError, match="no regular expression"):
        Kind(never=("(",))


@given(kind=st.sampled_from([*BUILT_IN]), value=st.text(max_size=300))
def test_any_text_is_spelled_once_or_refused_with_a_reason(kind: str, value: str) -> None:
    found, reason = KINDS.normalised(kind, value)
    assert (found is None) == bool(reason)
    if found is not None:
        assert 1 <= len(found.value) <= 256
        assert KINDS.normalised(kind, found.value) == (found, "")
        assert not {unicodedata.category(one) for one in found.value} & {"Cc", "Cs"}


def test_a_flood_of_what_is_nobodys_makes_nobody_known() -> None:
    """As broken clients send it: 100,000 in a row, spelled this way and that."""
    junk = ["null", " Undefined", "test@test.com", "0000", "0" * 64, "[object Object]", "N/A", "-1", "xxxxxxxx", "?"]
    for n in range(100_000):
        assert KINDS.normalised("email" if n % 3 == 0 else "user_id", junk[n % len(junk)])[0] is None


@pytest.mark.parametrize("kind", BUILT_IN)
def test_every_kind_is_told_as_it_is(kind: str) -> None:
    docs = (Path(__file__).parents[4] / "docs" / "profiles.md").read_text(encoding="utf-8")
    [row] = [line for line in docs.splitlines() if line.startswith(f"| `{kind}` |")]
    told = [cell.strip() for cell in row.strip("|").split("|")]
    ruling = BUILT_IN[kind]
    assert told[2:4] == ["**one**" if ruling.unique else f"up to {ruling.most}", str(ruling.priority)]
