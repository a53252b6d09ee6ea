"""What became of messages: attempts, taking back, pages of deliveries, dead letters sent again."""

import re
from typing import Any

import pytest

from push.api import insight, tracking
from tests.support.senders import AGREED, DAY_MS, mailbox, sender, sent, soon_ms, to
from tests.support.servers import Answer, Caller, Phone, becomes

NUMBER = {"channel": "webhook", "address": {"to": "+491701234567"}}


async def delete(server: Caller, path: str, token: str | None = None) -> Answer:
    return await server.call("DELETE", path, token or server.operator)


async def agreed(server: Caller) -> Phone:
    return await server.phone(marketing=True, inapp=True)


# --- messages ---------------------------------------------------------------------------------------------------------


async def test_a_message_is_shown_with_its_deliveries_and_attempts(any_server: Caller) -> None:
    server = any_server
    phone = await agreed(server)
    async with server.listen(phone) as stream:
        [verdict] = await sent(server, to(shopper=phone.shopper, collapse_key="k"))
        await stream.event()

    async def told() -> bool:
        detail = await server.operate("GET", f"/v1/messages/{verdict['id']}")
        [one] = detail["deliveries"]
        return bool(one["attempts"])

    await becomes(told, "the attempt to be written down")
    detail = await server.operate("GET", f"/v1/messages/{verdict['id']}")
    [one] = detail["deliveries"]
    assert (detail["collapse_key"], detail["basis"], detail["content"]["title"]) == ("k", "marketing", "Hello")
    assert (one["delivery"]["id"], one["delivery"]["state"]) == (verdict["delivery"], "accepted")
    assert [(a["channel"], a["outcome"]) for a in one["attempts"]] == [("inapp", "accepted")]


async def test_a_sender_sees_its_own_messages_and_no_others(server: Caller) -> None:
    phone = await agreed(server)
    mine, other = await sender(server), await sender(server, "other")
    [verdict] = await sent(server, to(shopper=phone.shopper, send_at_ms=soon_ms(DAY_MS)), token=mine)
    path = f"/v1/messages/{verdict['id']}"
    assert (await server.call("GET", path, other)).status == 404
    assert (await delete(server, path, other)).status == 404
    assert (await server.call("POST", f"/v1/deliveries/{verdict['delivery']}/resend", other)).status == 404
    assert (await server.call("GET", path, mine)).json["source"] == "sender:shop"
    assert (await delete(server, path, mine)).status == 204


async def test_what_was_not_handed_over_is_taken_back_once(any_server: Caller) -> None:
    server = any_server
    phone = await agreed(server)
    [verdict] = await sent(server, to(shopper=phone.shopper, send_at_ms=soon_ms(DAY_MS)))
    path = f"/v1/messages/{verdict['id']}"
    assert (await delete(server, path)).status == 204
    [one] = (await server.operate("GET", path))["deliveries"]
    assert (one["delivery"]["state"], one["delivery"]["reason"]) == ("cancelled", "taken back")
    again = await delete(server, path)
    assert (again.status, again.json["title"]) == (409, "Too late")
    assert (await delete(server, "/v1/messages/none")).status == 404


async def test_a_message_that_nobody_knows(server: Caller) -> None:
    answer = await server.call("GET", "/v1/messages/none", server.operator)
    assert (answer.status, answer.json["title"]) == (404, "Unknown message")


# --- deliveries -------------------------------------------------------------------------------------------------------


async def ids(server: Caller, query: str = "") -> list[str]:
    found: list[dict[str, Any]] = await server.operate("GET", f"/v1/deliveries{query}")
    return [one["id"] for one in found]


async def test_deliveries_are_found_by_state_channel_and_shopper(any_server: Caller) -> None:
    server = any_server
    phone, other = await agreed(server), await agreed(server)
    async with server.listen(phone) as stream:
        [shown] = await sent(server, to(shopper=phone.shopper))
        await stream.event()
    [waits, hers] = await sent(
        server,
        to(shopper=phone.shopper, send_at_ms=soon_ms(DAY_MS)),
        to(shopper=other.shopper, send_at_ms=soon_ms(DAY_MS)),
    )

    async def accepted() -> bool:
        return await ids(server, "?state=accepted") == [shown["delivery"]]

    await becomes(accepted, "the first to be accepted")
    assert set(await ids(server, "?state=pending")) == {waits["delivery"], hers["delivery"]}
    assert await ids(server, "?channel=inapp") == [shown["delivery"]]
    assert await ids(server, f"?shopper={other.shopper}") == [hers["delivery"]]
    assert await ids(server, f"?shopper={phone.shopper}&state=pending") == [waits["delivery"]]
    assert await ids(server, "?state=failed") == []
    assert await ids(server, f"?since_ms={soon_ms(DAY_MS)}") == []


async def test_pages_follow_each_other_without_gap_or_repetition(
    any_server: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many are decided in the same millisecond; pages are cut anywhere."""
    server = any_server
    monkeypatch.setattr(tracking, "MOST", 7)
    assert insight.MOST == 1000
    phone = await agreed(server)
    for _ in range(2):
        await sent(server, *[to(shopper=phone.shopper, send_at_ms=soon_ms(DAY_MS)) for _ in range(10)])
    found: list[str] = []
    path: str | None = "/v1/deliveries?state=pending"
    pages = 0
    while path is not None:
        answer = await server.call("GET", path, server.operator)
        page = [one["id"] for one in answer.json]
        assert len(page) <= 7
        found += page
        pages += 1
        link = re.fullmatch(r'<(.+)>; rel="next"', answer.headers.get("Link", ""))
        path = None if link is None else link[1]
    assert pages == 3
    assert len(found) == len(set(found)) == 20


@pytest.mark.parametrize(
    "query",
    ["state=gone", "channel=pigeon", "shopper=a%20b", "since_ms=x", "after=1", "after=x.y", "after=1.a%20b", "state="],
)
async def test_a_filter_that_is_none_is_named(server: Caller, query: str) -> None:
    answer = await server.call("GET", f"/v1/deliveries?{query}", server.operator)
    assert answer.status == 400
    assert query.partition("=")[0] in answer.json["detail"]


# --- dead letters -----------------------------------------------------------------------------------------------------


async def resend(server: Caller, delivery: str) -> Answer:
    return await server.call("POST", f"/v1/deliveries/{delivery}/resend", server.operator)


async def test_a_dead_letter_is_sent_again_under_the_same_message_id(any_server: Caller) -> None:
    server = any_server
    [verdict] = await sent(server, to(address=NUMBER, agreed=AGREED, send_at_ms=soon_ms(700)))
    assert (await resend(server, verdict["delivery"])).json[
        "detail"
    ] == "Only what failed or expired can be sent again."
    listed = await server.operate("POST", "/v1/suppressions", {"delivery": verdict["delivery"], "reason": "by hand"})

    async def failed() -> bool:
        return await ids(server, "?state=failed") == [verdict["delivery"]]

    await becomes(failed, "the delivery to fail")
    no_way = await resend(server, verdict["delivery"])
    assert (no_way.status, no_way.json["title"]) == (409, "Not sent again")
    assert (await delete(server, f"/v1/suppressions/webhook/{listed['hash']}")).status == 204

    again = await resend(server, verdict["delivery"])
    assert (again.status, again.json["message"], again.json["again_of"]) == (202, verdict["id"], verdict["delivery"])
    detail = await server.operate("GET", f"/v1/messages/{verdict['id']}")
    assert [one["delivery"]["again_of"] for one in detail["deliveries"]] == [None, verdict["delivery"]]
    assert detail["expires_ms"] == again.json["expires_ms"] > soon_ms(DAY_MS - 60_000)
    twice = await resend(server, verdict["delivery"])
    assert (twice.status, twice.json["detail"]) == (409, "Another delivery of the message is on its way.")


async def test_a_delivery_that_nobody_knows_is_not_sent_again(server: Caller) -> None:
    answer = await resend(server, "none")
    assert (answer.status, answer.json["title"]) == (404, "Unknown delivery")


async def test_a_delivery_has_a_detail_or_is_unknown(server: Caller) -> None:
    [verdict] = await sent(server, to(address=mailbox("ann@example.com"), agreed=AGREED))
    assert (await server.call("GET", f"/v1/deliveries/{verdict['delivery']}", server.operator)).status == 200
    assert (await server.call("GET", "/v1/deliveries/none", server.operator)).status == 404
