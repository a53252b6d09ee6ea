"""What pages about people say: masks that hide, a drawing that shows every link, times in order across sources."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from push.console.persons import drawing
from push.console.persons.drawing import Edge, Node, draw
from push.console.persons.masks import masked
from push.console.persons.reckoned import money
from push.console.persons.who import told
from tests.support.collecting import AGREED, collecting
from tests.support.dumping import dump
from tests.support.people import Person, as_person, first_admin, hired
from tests.support.servers import Caller, serving, settings


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("email", "anna@wolken.example", "a•••@•••.example"),
        ("phone", "+491701234567", "•••67"),
        ("user_id", "K-4711", "K-•••"),
        ("user_id", "12345", "•••"),
        ("anonymous_id", "b7c1-browser", "b7•••"),
    ],
)
def test_a_mask_leaves_too_little_to_know_a_value(kind: str, value: str, shown: str) -> None:
    assert masked(kind, value) == shown


def test_json_values_are_told_as_people_read_them() -> None:
    assert told({"a": True, "b": [1, "x"], "c": None}) == "a: yes, b: 1, x, c: \N{EN DASH}"


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [(1250, "EUR", "€12.50"), (500, "JPY", "¥500"), (None, "EUR", ""), (3, "", "")],
)
def test_money_has_as_many_digits_as_its_currency(minor: int | None, currency: str, shown: str) -> None:
    assert money(minor, currency) == shown


def nodes(*ids: str) -> list[Node]:
    return [Node(id_, "kind", id_) for id_ in ids]


def test_facets_stand_as_far_as_links_that_hold_lead_and_others_beside_what_they_were_said_to_be() -> None:
    edges = [Edge("1", "a", "b", holds=True, number=1), Edge("2", "b", "c", holds=True, number=2)]
    edges += [Edge("3", "x", "a", holds=False, number=3), Edge("4", "c", "a", holds=False, number=4)]
    found = draw([*nodes("a", "b", "c"), Node("x", "kind", "x", outside=True)], edges)
    at = {box.node.id: box for box in found.boxes}
    assert at["a"].x < at["b"].x == at["x"].x < at["c"].x
    assert {line.edge.number for line in found.lines} == {1, 2, 3, 4}
    assert all(box.x >= 0 and box.x + drawing.WIDE <= found.width for box in found.boxes)
    assert all(box.y >= 0 and box.y + drawing.HIGH <= found.height for box in found.boxes)


def test_links_within_a_column_go_around_its_side() -> None:
    edges = [Edge(f"{n}", "a", end, holds=True, number=n) for n, end in enumerate(("b", "c"), start=1)]
    found = draw(nodes("a", "b", "c"), [*edges, Edge("3", "b", "c", holds=False, number=3)])
    at = {box.node.id: box for box in found.boxes}
    assert at["b"].x == at["c"].x
    around = next(line for line in found.lines if line.edge.number == 3)
    assert around.x > at["b"].x + drawing.WIDE


def test_what_has_no_room_is_counted() -> None:
    found = draw(nodes(*(f"n{n}" for n in range(drawing.MOST + 3))), [])
    assert (len(found.boxes), found.left_out) == (drawing.MOST, 3)
    assert draw([], []).boxes == []


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Caller]:
    async with serving(settings(tmp_path / "data")) as caller:
        yield caller


async def page(server: Caller, who: Person, path: str, body: dict[str, str] | None = None) -> tuple[int, str]:
    """A page of the console's, or what it answers to a form: status, and text or where it leads."""
    url, headers = f"{server.running.http_url}{path}", {"Cookie": who.cookie}
    if body is None:
        async with server.http.get(url, headers=headers) as answer:
            return answer.status, await answer.text()
    fields = {**body, "csrf": who.csrf}
    async with server.http.post(url, data=fields, headers=headers, allow_redirects=False) as answer:
        return answer.status, answer.headers.get("Location") or await answer.text()


async def visitors(server: Caller, many: int) -> str:
    """Somebody who was sent something so often, by hand; her id."""
    made = await server.operate("POST", "/v1/devices", {"shopper": "ada", "platform": "web", "locale": "en"})
    for n in range(many):
        content = {"title": f"t{n}", "body": "b"}
        await server.operate("POST", "/v1/messages", {"to": {"shopper": "ada"}, "basis": "service", "content": content})
    return str(made["shopper"])


async def test_the_past_is_turned_page_by_page_and_nothing_stands_twice(server: Caller) -> None:
    admin = await first_admin(server)
    person = await visitors(server, 30)
    status, first = await page(server, admin, f"/console/people/{person}")
    assert status == 200
    after = re.search(r'href="([^"]*after=[^"]*)" rel="next"', first)
    assert after is not None
    _, second = await page(server, admin, after[1].replace("&amp;", "&"))
    counts = [text.count("A message that she is owed") for text in (first, second)]
    assert counts == [25, 5]
    status, anew = await page(server, admin, f"/console/people/{person}?after=nonsense.x")
    assert (status, anew.count("A message that she is owed")) == (200, 25)


async def test_people_are_found_by_post_alone_and_every_look_is_written_down(server: Caller) -> None:
    admin = await first_admin(server)
    await visitors(server, 0)
    assert await page(server, admin, "/console/people", {"kind": "shopper", "value": "ada"}) == (
        303,
        "/console/people/ada",
    )
    assert (await page(server, admin, "/console/people", {"kind": "email", "value": "not a mailbox"}))[0] == 422
    assert (await page(server, admin, "/console/people", {"kind": "user_id", "value": "K-1"}))[0] == 404
    await page(server, admin, "/console/people/ada")
    trail = await server.operate("GET", "/v1/audit?action=look+at+person")
    assert [(one["subject"], one["after"]) for one in trail["items"]] == [("person", {"shopper": "ada"})]


async def test_who_is_kept_to_some_stores_looks_at_nobody(server: Caller) -> None:
    await first_admin(server)
    await server.operate("PUT", "/v1/stores/s1", {"id": "s1", "name": "s1"})
    bo = await hired(server, "bo", "editor", ["s1"])
    await visitors(server, 0)
    for path in ("/console/people", "/console/people/ada", "/console/people/ada/graph", "/console/segments"):
        status, text = await page(server, bo, path)
        assert status == 403
        assert "operators of every store" in text
    assert 'href="/console/people"' not in (await page(server, bo, "/console/today"))[1]


async def test_a_rule_that_is_none_is_refused_at_its_field_and_what_was_typed_stays(server: Caller) -> None:
    admin = await first_admin(server)
    typed = {"name": "Regulars", "description": "", "rule": '{"kind":"fact","fact":"no.such","op":"is","value":1}'}
    status, text = await page(server, admin, "/console/segments/new", {**typed, "do": "save"})
    assert status == 422
    assert 'id="w-rule"' in text
    assert "Regulars" in text
    assert (await page(server, admin, "/console/segments/new", {**typed, "rule": "no json"}))[0] == 422
    everybody = {**typed, "rule": '{"kind":"all","of":[]}'}
    assert (await page(server, admin, "/console/segments/new", {**everybody, "name": "-"}))[0] == 422
    assert (await page(server, admin, "/console/segments/new", everybody))[1] == "/console/segments/regulars"
    status, text = await page(server, admin, "/console/segments/new", everybody)
    assert status == 409
    assert "There is one of this name." in text


async def test_a_segment_is_changed_by_who_saw_it_as_it_is_and_deleted_when_nothing_asks_for_it(server: Caller) -> None:
    admin = await first_admin(server)
    await as_person(server, admin, "PUT", "/v1/segments/all", {"name": "All", "rule": {"kind": "all", "of": []}})
    asks = {"name": "Some", "rule": {"kind": "segment", "segment": "all"}}
    await as_person(server, admin, "PUT", "/v1/segments/some", asks)
    form = {"name": "All of them", "description": "", "rule": '{"kind":"all","of":[]}', "do": "save"}
    status, text = await page(server, admin, "/console/segments/all", {**form, "revision": "7"})
    assert status == 409
    assert "Save again, and yours stands." in text
    assert (await page(server, admin, "/console/segments/all", {**form, "revision": "1"}))[0] == 303
    assert (await page(server, admin, "/console/segments/all", {"do": "delete"}))[0] == 409
    for gone in ("some", "all"):
        assert await page(server, admin, f"/console/segments/{gone}", {"do": "delete"}) == (303, "/console/segments")
    assert (await page(server, admin, "/console/segments/all"))[0] == 404


async def test_explaining_a_segment_for_nobody_says_so(server: Caller) -> None:
    admin = await first_admin(server)
    await as_person(server, admin, "PUT", "/v1/segments/all", {"name": "All", "rule": {"kind": "all", "of": []}})
    asked = {"do": "explain", "kind": "user_id", "value": "K-1"}
    status, text = await page(server, admin, "/console/segments/all", asked)
    assert status == 404
    assert "Nobody is known by this." in text


async def test_a_request_is_answered_once_and_an_unknown_step_is_none(server: Caller) -> None:
    admin = await first_admin(server)
    await visitors(server, 0)
    hers = "/console/people/ada/privacy"
    assert (await page(server, admin, hers, {"do": "ask", "kind": "erase"}))[1] == "/console/privacy"
    assert (await page(server, admin, hers, {"do": "ask", "kind": "nothing"}))[0] == 200
    assert (await page(server, admin, hers, {"do": "nothing"}))[1] == hers
    _, text = await page(server, admin, "/console/privacy")
    found = re.search(r'name="request" value="([^"]+)"', text)
    assert found is not None
    for action in ("extended", "done", "done"):
        step = {"do": action, "request": found[1]}
        assert (await page(server, admin, "/console/privacy", step))[0] == 303
    assert (await page(server, admin, "/console/privacy", {"do": "burn", "request": found[1]}))[0] == 404
    assert (await page(server, admin, "/console/privacy", {"do": "done", "request": "none"}))[0] == 404
    assert "Nobody waits for an answer" in (await page(server, admin, "/console/privacy?after=x"))[1]
    assert "One request was kept" in (await page(server, admin, "/console/privacy?show=all"))[1]


async def test_a_link_that_is_not_hers_is_not_there(server: Caller) -> None:
    admin = await first_admin(server)
    await visitors(server, 0)
    assert (await page(server, admin, "/console/people/ada/links/none"))[0] == 404
    assert (await page(server, admin, "/console/people/nobody"))[0] == 404


async def test_a_cut_and_an_objection_leave_everyones_figures_as_they_are_to_be(tmp_path: Path) -> None:
    async def standing() -> int:
        return len((await dump("", tmp_path / "data"))["standings"])

    async with collecting(tmp_path) as shop:
        server = shop.server
        admin = await first_admin(server)
        await shop.say("identify", {"anonymousId": "a-1", "context": AGREED})
        await shop.say("identify", {"userId": "K-1", "anonymousId": "a-1", "context": AGREED})
        for number, who in enumerate(({"userId": "K-1"}, {"anonymousId": "a-1"})):
            order = {"order_id": f"o-{number}", "total": 10, "currency": "EUR"}
            await shop.say("track", {**who, "event": "Order Completed", "properties": order})
        assert await standing() == 1
        person = await shop.find("user_id", "K-1")
        graph = await server.operate("GET", f"/v1/people/{person}/graph")
        deed = {"do": "cut", "why": "a shared tablet"}
        link = graph["links"][0]["id"]
        assert (await page(server, admin, f"/console/people/{person}/links/{link}", deed))[0] == 303
        assert await standing() == 2
        assert (await page(server, admin, f"/console/people/{person}/privacy", {"do": "object"}))[0] == 303
        assert await standing() == 1
