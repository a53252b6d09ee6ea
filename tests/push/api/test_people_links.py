"""Who is who, as operators see it and decide about it: with reasons, before it is done, and taken back afterwards."""

from typing import Any

import pytest

from tests.support.people import as_person, first_admin, hired
from tests.support.senders import DAY_MS, sent, soon_ms, to
from tests.support.servers import Caller

WHY = {"why": "she called and said so"}
LOOKS = "/v1/audit?action=look+at+person"


async def back_end(server: Caller) -> str:
    """The key of the retailer's own back end."""
    told = await server.operate("POST", "/v1/tokens", {"scope": "collector", "subject": "crm"})
    return str(told["token"])


async def identify(server: Caller, key: str, **who: str) -> None:
    answer = await server.call("POST", "/v1/identify", key, {"traits": {}, **who})
    assert answer.status == 200, answer


async def person(server: Caller, shopper: str) -> Any:  # noqa: ANN401 - JSON
    return await server.operate("GET", f"/v1/people/{shopper}/graph")


async def two_on_one_device(server: Caller) -> tuple[Any, Any]:
    """Ann and Bob were seen with the same browser, Ann first; the link of each to it."""
    key = await back_end(server)
    for name in ("ann-7", "bob-8"):
        await identify(server, key, userId=name, anonymousId="browser-1")
    [review] = (await server.operate("GET", "/v1/reviews"))["items"]
    refused = review["link"]
    links = [one for end in ("a", "b") for one in (await person(server, refused[end]))["links"]]
    joined = next(one for one in links if one["state"] == "joined")
    return joined, refused


async def test_who_somebody_is_and_why_is_told_with_a_reason(any_server: Caller) -> None:
    joined, refused = await two_on_one_device(any_server)
    graph = await person(any_server, joined["a"])
    assert {(one["kind"], *one["values"]) for one in graph["facets"]} == {
        ("user_id", "ann-7"),
        ("anonymous_id", "browser-1"),
    }
    assert graph["person"] in {one["id"] for one in graph["facets"] if one["kind"] == "user_id"}
    assert {one["state"]: one["why_refused"] for one in graph["links"]} == {
        "joined": "",
        "refused": "Each side has a user_id of its own, and a person has one at most.",
    }
    assert joined["reason"] == "identified together"
    assert joined["source"].startswith("collector:")
    assert refused["a_person"] != refused["b_person"]
    exported = await any_server.operate("GET", f"/v1/people/{joined['a_person']}/export")
    hers = {one["id"] for one in graph["facets"]}
    [bob] = {refused["a"], refused["b"]} - hers
    assert len(exported["records"]["links"]) == 2
    assert bob not in str(exported["records"]), "whom a browser is shared with is somebody else"


async def test_a_cut_is_seen_before_it_is_done_and_taken_back_afterwards(any_server: Caller) -> None:
    joined, refused = await two_on_one_device(any_server)
    seen = await any_server.operate("POST", f"/v1/links/{joined['id']}/preview", {"decision": "cut"})
    done = await any_server.operate("POST", f"/v1/links/{joined['id']}/cut", WHY)
    assert sorted(one["person"] for one in seen["before"]) == sorted(one["person"] for one in seen["after"])
    assert sorted(done["persons"]) == sorted(one["person"] for one in seen["after"])
    assert done["link"]["state"] == "cut"
    [decision] = done["link"]["decisions"]
    assert (decision["decision"], decision["why"]) == ("cut", WHY["why"])
    assert (await any_server.operate("GET", "/v1/reviews"))["items"] == []
    bob = {refused["a_person"], refused["b_person"]} & {
        one["person"] for one in seen["after"] if len(one["facets"]) == 2
    }
    assert (
        bob
        == {(await person(any_server, refused["b"]))["person"]}
        == {(await person(any_server, refused["a"]))["person"]}
    )
    back = await any_server.operate("POST", f"/v1/links/{joined['id']}/restore", {})
    assert back["link"]["state"] == "joined"
    assert [one["link"]["id"] for one in (await any_server.operate("GET", "/v1/reviews"))["items"]] == [refused["id"]]


async def test_looking_at_somebody_is_in_the_trail(any_server: Caller) -> None:
    joined, _ = await two_on_one_device(any_server)
    before = len((await any_server.operate("GET", LOOKS))["items"])
    told = await person(any_server, joined["a"])
    await any_server.operate("GET", f"/v1/people/{joined['a']}")
    await any_server.operate("GET", f"/v1/people/{joined['b']}/events")
    looks = (await any_server.operate("GET", LOOKS))["items"]
    assert [look["after"] for look in looks[: len(looks) - before]] == [{"shopper": told["person"]}] * 3
    assert not any(word in str(looks) for word in ("ann-7", "browser-1"))


async def test_somebody_decides_what_the_rules_cannot(any_server: Caller) -> None:
    joined, refused = await two_on_one_device(any_server)
    apart = await any_server.operate("POST", f"/v1/reviews/{refused['id']}", {"decision": "apart"})
    assert (apart["link"]["state"], apart["persons"]) == ("cut", [])
    assert (await any_server.operate("GET", "/v1/reviews"))["items"] == []
    one = await any_server.operate("POST", f"/v1/reviews/{refused['id']}", {"decision": "join", **WHY})
    assert one["link"]["state"] == "joined"
    assert len((await person(any_server, joined["a"]))["facets"]) == 3
    entries = (await any_server.operate("GET", "/v1/audit"))["items"]
    told = [(entry["action"], entry["subject"]) for entry in entries if entry["subject"] == f"link {refused['id']}"]
    assert told == [("join link", f"link {refused['id']}"), ("cut link", f"link {refused['id']}")]
    assert not any(word in str(entries) for word in ("ann-7", "bob-8", "browser-1", WHY["why"]))


async def test_two_shoppers_are_linked_by_hand_and_share_what_they_agreed_to(any_server: Caller) -> None:
    ann, again = await any_server.phone(marketing=True, inapp=True), await any_server.phone()
    body = {"a": ann.shopper, "b": again.shopper}
    seen = await any_server.operate("POST", "/v1/links/preview", body)
    assert [sorted(one["granted"]) for one in seen["after"]] == [["inapp", "marketing"]]
    assert len(seen["before"]) == 2
    assert len((await person(any_server, ann.shopper))["facets"]) == 1
    done = await any_server.operate("POST", "/v1/links", body)
    assert (done["link"]["state"], done["link"]["reason"]) == ("joined", "linked by hand")
    granted = (await any_server.call("GET", again.path("consent"), again.token)).json["purposes"]
    assert granted["marketing"] is True
    await any_server.operate("POST", f"/v1/links/{done['link']['id']}/cut", {})
    granted = (await any_server.call("GET", again.path("consent"), again.token)).json["purposes"]
    assert granted["marketing"] is False


async def test_a_cut_takes_back_what_waits_for_who_did_not_agree(any_server: Caller) -> None:
    ann, again = await any_server.phone(marketing=True, inapp=True), await any_server.phone()
    done = await any_server.operate("POST", "/v1/links", {"a": ann.shopper, "b": again.shopper})
    [queued] = await sent(any_server, to(shopper=again.shopper, basis="marketing", send_at_ms=soon_ms(DAY_MS)))
    await any_server.operate("POST", f"/v1/links/{done['link']['id']}/cut", {})
    trace = await any_server.operate("GET", f"/v1/deliveries/{queued['delivery']}")
    assert trace["delivery"]["state"] == "cancelled"


async def test_reviews_come_page_by_page(server: Caller) -> None:
    key = await back_end(server)
    for n in range(3):
        for name in ("ann", "bob"):
            await identify(server, key, userId=f"{name}-{n}", anonymousId=f"browser-{n}")
    first = await server.operate("GET", "/v1/reviews?limit=2")
    rest = await server.operate("GET", f"/v1/reviews?limit=2&after={first['after']}")
    assert (len(first["items"]), len(rest["items"]), rest["after"]) == (2, 1, None)
    assert len({one["link"]["id"] for one in first["items"] + rest["items"]}) == 3


async def test_viewers_learn_nothing_of_who_is_who_and_apps_link_nobody(server: Caller) -> None:
    await first_admin(server)
    viewer, editor = await hired(server, "vera", "viewer"), await hired(server, "edda", "editor")
    ann, bob = await server.phone(), await server.phone()
    path, body = f"/v1/people/{ann.shopper}/graph", {"a": ann.shopper, "b": bob.shopper}
    assert (await server.call("GET", path, headers=viewer.headers)).status == 403
    assert (await as_person(server, editor, "GET", path))["person"] == ann.shopper
    for token in (server.app, ann.token):
        assert (await server.call("POST", "/v1/links", token, body)).status == 403
    assert (await server.call("POST", "/v1/links", await back_end(server), body)).status == 200


@pytest.mark.parametrize("first", ["operator", "back end"])
async def test_whom_operators_named_is_the_user_of_that_name(any_server: Caller, first: str) -> None:
    """What she agreed to at the till holds for what the shop's web site says of her."""
    key = await back_end(any_server)
    if first == "back end":
        await identify(any_server, key, userId="ada", anonymousId="browser-1")
    ada = {"id": "ada", "purposes": {"profiling": True, "adult": True}}
    await any_server.operate("PUT", "/v1/shoppers/ada", ada)
    event = {"userId": "ada", "event": "Product Viewed", "properties": {"product_id": "p1"}}
    answer = await any_server.call("POST", "/v1/track", key, event)
    assert answer.status == 200, answer
    graph = await person(any_server, "ada")
    assert graph["person"] == "ada"
    kinds = {"shopper", "user_id"} | ({"anonymous_id"} if first == "back end" else set())
    assert {one["kind"] for one in graph["facets"]} == kinds
    assert "named by an operator" in {one["reason"] for one in graph["links"]}
    link = next(one["id"] for one in graph["links"] if one["reason"] == "named by an operator")
    seen = await any_server.operate("POST", f"/v1/links/{link}/preview", {"decision": "cut"})
    assert [one["events"] for one in seen["before"]] == [1]


async def test_a_registered_device_is_an_identifier_that_a_back_end_may_link(any_server: Caller) -> None:
    phone = await any_server.phone(marketing=True, inapp=True)
    device = {"externalIds": [{"type": "device", "id": phone.device, "collection": "users", "encoding": "none"}]}
    answer = await any_server.call(
        "POST", "/v1/identify", await back_end(any_server), {"userId": "ann-7", "context": device}
    )
    assert answer.status == 200, answer
    graph = await person(any_server, phone.shopper)
    assert {(one["kind"], *one["values"]) for one in graph["facets"]} == {
        ("device", phone.device),
        ("user_id", "ann-7"),
    }
    assert [one["id"] for one in graph["facets"] if one["kind"] == "device"] == [phone.shopper]
    stranger = {"userId": "ann-7", "anonymousId": "browser-9", "context": device}
    assert (await any_server.call("POST", "/v1/identify", any_server.app, stranger)).status == 200
    assert await person(any_server, phone.shopper) == graph
