"""Campaigns over real HTTP: drafts that say nothing, a second person's review, launches, and the button that stops."""

from typing import Any

from tests.support.people import as_person, first_admin, hired
from tests.support.servers import STORE, Caller

BETTER: dict[str, Any] = {
    "id": "better", "name": "Better", "trigger": {"kind": "store_entered"}, "template": {"title": "Better"},
    "value": 9,
}  # fmt: skip
ONE = "/v1/campaigns/better"


def at(trigger: dict[str, Any]) -> dict[str, Any]:
    return {**BETTER, "trigger": trigger}


def in_store(store: str) -> dict[str, Any]:
    return at({"kind": "store_entered", "stores": [store]})


async def says(server: Caller) -> str:
    """What somebody new in the store is told, "" where nothing is."""
    phone = await server.phone(location=True, marketing=True, inapp=True)
    messages = (await server.range(phone)).json["messages"]
    return messages[0]["title"] if messages else ""


async def test_a_campaign_speaks_once_a_second_person_found_it_good(server: Caller) -> None:
    ann, bob = await first_admin(server), await hired(server, "bob", "editor")
    draft = await as_person(
        server, ann, "PUT", f"{ONE}/draft", {**BETTER, "trigger": {"kind": "zone_entered", "zones": ["x"]}}
    )
    assert (draft["state"], draft["newest"]["stage"], draft["live_version"]) == ("draft", "draft", None)
    await as_person(server, ann, "POST", f"{ONE}/review", {"step": "ask"})
    own = await server.call("POST", f"{ONE}/review", body={"step": "approve"}, headers=ann.headers)
    assert (own.status, "second person" in own.json["detail"]) == (409, True)
    token = await server.call("POST", f"{ONE}/review", server.operator, {"step": "approve"})
    assert token.status == 409
    await as_person(server, bob, "POST", f"{ONE}/review", {"step": "return", "why": "there is no such zone"})
    await as_person(server, ann, "PUT", f"{ONE}/draft", BETTER)
    await as_person(server, ann, "POST", f"{ONE}/review", {"step": "ask"})
    found = await as_person(server, bob, "POST", f"{ONE}/review", {"step": "approve"})
    assert (found["newest"]["stage"], found["newest"]["by_two"]) == ("reviewed", True)
    assert await says(server) == "Welcome to Hamburg"
    live = await as_person(server, ann, "POST", f"{ONE}/launch")
    assert (live["state"], live["live_version"], await says(server)) == ("live", 2, "Better")
    await as_person(server, bob, "PUT", f"{ONE}/draft", {**BETTER, "template": {"title": "Best"}})
    assert await says(server) == "Better"
    await as_person(server, bob, "POST", f"{ONE}/pause")
    assert await says(server) == "Welcome to Hamburg"
    stale = {**ann.headers, "If-Match": f'"{live["revision"]}"'}
    assert (await server.call("POST", f"{ONE}/resume", headers=stale)).status == 412
    told = await server.operate("GET", f"{ONE}/versions")
    assert [(one["version"], one["stage"], one["made_by"]) for one in told["items"]] == [
        (3, "draft", "operator:bob"), (2, "launched", "operator:ann"), (1, "draft", "operator:ann"),
    ]  # fmt: skip
    was = await server.operate("GET", f"{ONE}?version=1")
    assert was["campaign"]["trigger"]["zones"] == ["x"]
    await as_person(server, ann, "DELETE", ONE)
    listed = await server.operate("GET", "/v1/campaigns")
    assert [(one["id"], one["state"]) for one in listed["items"]] == [("better", "ended"), ("welcome", "live")]
    trail = await server.operate("GET", "/v1/audit?subject=campaign+better&limit=3")
    assert [one["action"] for one in trail["items"]] == ["end campaign", "pause campaign", "draft campaign"]


async def test_who_is_alone_reviews_her_own_and_that_is_said(server: Caller) -> None:
    ann = await first_admin(server)
    await as_person(server, ann, "PUT", f"{ONE}/draft", BETTER)
    await as_person(server, ann, "POST", f"{ONE}/review", {"step": "ask"})
    found = await as_person(server, ann, "POST", f"{ONE}/review", {"step": "approve"})
    assert (found["newest"]["stage"], found["newest"]["by_two"]) == ("reviewed", False)


async def test_faults_are_refused_and_oddities_told(server: Caller) -> None:
    faulty = at({"kind": "zone_entered", "zones": ["attic"]})
    answer = await server.call("PUT", ONE, server.operator, faulty)
    assert (answer.status, "trigger.zones: there is no zone attic" in answer.json["detail"]) == (400, True)
    told = await server.operate("POST", "/v1/campaigns/check", faulty)
    assert [one["field"] for one in told["faults"]] == ["trigger.zones"]
    stored = await server.operate("PUT", ONE, BETTER)
    assert stored["warnings"] == ["priority: it always goes before welcome at the same places, which would be silent"]
    await server.operate("PUT", f"{ONE}/draft", faulty)
    assert (await server.call("POST", f"{ONE}/launch", server.operator)).status == 400


async def test_what_names_a_zone_that_is_gone_is_shown(server: Caller) -> None:
    zone = f"/v1/stores/{STORE}/zones/z2"
    await server.operate("PUT", zone, {"store": STORE, "id": "z2", "name": "Attic"})
    await server.operate("PUT", ONE, at({"kind": "zone_entered", "zones": ["z2"]}))
    assert (await server.call("DELETE", zone, server.operator)).status == 409, "whoever deletes it is told first"
    assert (await server.call("DELETE", f"{zone}?although_named=true", server.operator)).status == 204
    listed = await server.operate("GET", "/v1/campaigns?look=true")
    assert [(one["id"], [each["field"] for each in one["missing"]]) for one in listed["items"]] == [
        ("better", ["trigger.zones"]), ("welcome", []),
    ]  # fmt: skip
    assert await says(server) == "Welcome to Hamburg", "the others speak on"


async def test_who_is_kept_to_stores_writes_campaigns_of_these_alone(server: Caller) -> None:
    await server.operate("PUT", "/v1/stores/s2", {"id": "s2", "name": "Two"})
    await server.operate(
        "PUT", "/v1/campaigns/there", {**BETTER, "id": "there", "trigger": {**BETTER["trigger"], "stores": ["s2"]}}
    )
    bob = await hired(server, "bob", "editor", [STORE])
    mine = in_store(STORE)
    await as_person(server, bob, "PUT", ONE, mine)
    listed = await as_person(server, bob, "GET", "/v1/campaigns")
    assert [one["id"] for one in listed["items"]] == ["better", "welcome"]
    for method, path, body in (
        ("PUT", ONE, BETTER),
        ("PUT", "/v1/campaigns/welcome", {**mine, "id": "welcome"}),
        ("POST", "/v1/campaigns/welcome/pause", None),
        ("POST", "/v1/stops", {"scope": "all", "why": "x"}),
        ("POST", "/v1/stops", {"scope": "store:s2", "why": "x"}),
        ("POST", "/v1/stops", {"scope": "campaign:there", "why": "x"}),
    ):
        answer = await server.call(method, path, body=body, headers=bob.headers)
        assert (answer.status, answer.json["title"]) == (403, "Not yours"), (method, path)
    assert (await server.call("GET", "/v1/campaigns/there", headers=bob.headers)).status == 404
    assert (await as_person(server, bob, "POST", "/v1/stops", {"scope": "campaign:better", "why": "x"}))[
        "ended_ms"
    ] is None


async def test_one_button_silences_at_once_and_says_who_pressed_it(server: Caller) -> None:
    ann = await first_admin(server)
    assert await says(server) == "Welcome to Hamburg"
    for scope in ("campaign:welcome", f"store:{STORE}", "all"):
        stop = await as_person(server, ann, "POST", "/v1/stops", {"scope": scope, "why": "a wrong price"})
        assert (stop["stopped_by"], await says(server)) == ("operator:ann", ""), scope
        await as_person(server, ann, "DELETE", f"/v1/stops/{stop['id']}")
        assert await says(server) == "Welcome to Hamburg"
    listed = await server.operate("GET", "/v1/stops")
    assert {one["ended_by"] for one in listed} == {"operator:ann"}


async def test_reach_says_why_not_everybody(any_server: Caller) -> None:
    server = any_server
    await server.phone()
    await server.phone(location=True, marketing=True)
    for _ in range(2):
        await server.phone(location=True, marketing=True, inapp=True)
    told = await server.operate("POST", "/v1/campaigns/reach", BETTER)
    assert told["summary"] == (
        "reachable: 2 of 4, because 1 without the consent that it takes, 1 without a channel that they agreed to"
    )
    assert (told["is_exact"], told["reachable"]) == (True, {"people": 2, "low": 2, "high": 2})
    audience = {"kind": "fact", "fact": "traits.city", "op": "is", "value": "Bonn"}
    told = await server.operate("POST", "/v1/campaigns/reach", {**BETTER, "audience": audience})
    assert [(one["reason"], one["people"]["people"]) for one in told["because"]] == [("consent", 4)]
    await says(server)
    none = {**BETTER, "caps": [{"of": "all", "most": 0, "within": "day"}]}
    told = await server.operate("POST", "/v1/campaigns/reach", none)
    assert {one["reason"]: one["people"]["people"] for one in told["because"]}["capped"] == 3
