"""What each token opens: every call with every scope, and nothing of anybody else's."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any, Final

import aiohttp
import pytest

from push.app import ENDPOINTS
from push.model.tokens import Scope
from tests.support.senders import AGREED, mailbox, sender, sent, soon_ms, to
from tests.support.servers import DEADLINE_S, Caller, becomes

_PLACE: Final = re.compile(r"\{[a-z]+\}")
SCREENS: Final = {
    "screens": [{"id": "screen-1", "name": "Door", "store": "s1", "zone": "z1"}],
}


OF_TOKENS: Final = [e for e in ENDPOINTS if e.scopes and not e.of_session]
"""Of people: tests/push/api/test_matrix.py."""


def path_of(path: str) -> str:
    return _PLACE.sub("x", path)


async def tokens_of(server: Caller) -> dict[Scope, str]:
    made = await server.operate("POST", "/v1/tokens", {"scope": "screen", "subject": "screen-1"})
    return {
        "operator": server.operator,
        "app": server.app,
        "device": (await server.phone()).token,
        "sender": await sender(server),
        "screen": made["token"],
    }


async def test_every_call_opens_to_its_scopes_and_to_no_other(server: Caller) -> None:
    tokens = await tokens_of(server)
    for endpoint in OF_TOKENS:
        path = path_of(endpoint.path)
        unknown = await server.call(endpoint.method, path, "ff_operator_" + "x" * 43)
        assert unknown.status == 401, endpoint
        assert (await server.call(endpoint.method, path)).status == 401, endpoint
        for scope in tokens.keys() - endpoint.scopes:
            answer = await server.call(endpoint.method, path, tokens[scope])
            assert (answer.status, answer.json["title"]) == (403, "Not allowed"), (endpoint.method, path, scope)


async def test_a_device_and_a_screen_open_their_own_only(server: Caller) -> None:
    tokens = await tokens_of(server)
    own = [e for e in OF_TOKENS if _PLACE.search(e.path) and e.scopes <= {"device", "screen"}]
    assert own
    other = await server.phone()
    bodies: dict[str, Any] = {
        "consent": {"purposes": {}}, "claims": {"code": "x"}, "snooze": {"for_h": 1}, "nickname": {"nickname": "Ann"},
        "receipts": {"receipts": []}, "{channel}": {"address": {"to": "x"}},
        "corrections": {"trait": "city", "value": "Ulm"}, "asked": {"versions": {"marketing": "0" * 16}},
        "subscription": {"endpoint": "", "keys": {"p256dh": "", "auth": ""}},
    }  # fmt: skip
    for endpoint in own:
        [scope] = endpoint.scopes
        path = endpoint.path.replace("{device}", other.device).replace("{channel}", "webhook")
        body = bodies.get(endpoint.path.rpartition("/")[2])
        answer = await server.call(endpoint.method, path_of(path), tokens[scope], body)
        assert (answer.status, answer.json["title"]) == (403, "Not yours"), (endpoint.method, path)


async def test_a_sender_finds_its_own_deliveries_and_nobody_elses(any_server: Caller) -> None:
    server = any_server
    ours, theirs = await sender(server, "ours"), await sender(server, "theirs")
    [mine] = await sent(server, to(address=mailbox("ann@example.com"), agreed=AGREED), token=ours)
    [other] = await sent(server, to(address=mailbox("bob@example.com"), agreed=AGREED), token=theirs)
    [row] = (await server.call("GET", "/v1/deliveries", ours)).json
    assert row["id"] == mine["delivery"]
    seen = (await server.call("GET", f"/v1/deliveries/{other['delivery']}", theirs)).json["delivery"]
    for query in (f"shopper={seen['shopper']}", f"state={seen['state']}", "state=failed"):
        found = await server.call("GET", f"/v1/deliveries?{query}", ours)
        assert other["delivery"] not in {one["id"] for one in found.json}, query
    everything = await server.operate("GET", "/v1/deliveries")
    assert {one["id"] for one in everything} == {mine["delivery"], other["delivery"]}


async def test_a_sender_learns_nothing_of_where_anothers_delivery_went(any_server: Caller) -> None:
    server = any_server
    ours, theirs = await sender(server, "ours"), await sender(server, "theirs")
    [other] = await sent(server, to(address=mailbox("bob@example.com"), agreed=AGREED), token=theirs)
    body = {"delivery": other["delivery"], "reason": "complained"}
    refused = await server.call("POST", "/v1/suppressions", ours, body)
    assert (refused.status, refused.json["title"]) == (404, "No address")
    assert await server.operate("GET", "/v1/suppressions") == []
    assert (await server.call("POST", "/v1/suppressions", server.operator, body)).status == 201


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_senders_message_is_nobody_elses(server: Caller, method: str) -> None:
    ours, theirs = await sender(server, "ours"), await sender(server, "theirs")
    offer = to(address=mailbox("bob@example.com"), agreed=AGREED, id="campaign-1")
    [other] = await sent(server, offer, token=theirs)
    for name in (other["id"], "campaign-1"):
        assert (await server.call(method, f"/v1/messages/{name}", ours)).status == 404
    assert (await server.call("POST", f"/v1/deliveries/{other['delivery']}/resend", ours)).status == 404
    assert (await server.call("GET", "/v1/messages/campaign-1", theirs)).status == 200


async def test_a_screens_page_ends_with_its_token(server: Caller) -> None:
    await server.operate("PUT", "/v1/registry", SCREENS)
    made = await server.operate("POST", "/v1/tokens", {"scope": "screen", "subject": "screen-1"})
    url = f"{server.running.http_url}/v1/screens/screen-1/stream"
    async with server.http.get(url, headers={"Authorization": f"Bearer {made['token']}"}) as page:
        assert page.status == 200
        path = f"/v1/tokens/{made['fingerprint']}"
        assert (await server.call("DELETE", path, server.operator)).status == 204

        async def ended() -> bool:
            return bool((await server.operate("GET", "/v1/screens/screen-1"))["pages"] == 0)

        await becomes(ended, "the page's end")


async def test_a_sender_follows_what_happens_to_its_own_messages(any_server: Caller) -> None:
    server = any_server
    ours, theirs = await sender(server, "ours"), await sender(server, "theirs")
    [other] = await sent(server, to(address=mailbox("bob@example.com"), agreed=AGREED), token=theirs)
    [mine] = await sent(server, to(address=mailbox("ann@example.com"), agreed=AGREED), token=ours)
    for token, known in ((ours, [mine]), (server.operator, [other, mine])):
        headers = {"Authorization": f"Bearer {token}", "Last-Event-ID": "0"}
        url = f"{server.running.http_url}/v1/events?kinds=queued"
        async with server.http.get(url, headers=headers) as response:
            lines = [line async for line in first_lines(response, len(known))]
        assert [json.loads(line)["data"]["delivery"] for line in lines] == [one["delivery"] for one in known]


async def first_lines(response: aiohttp.ClientResponse, count: int) -> AsyncIterator[bytes]:
    """Of the data of events."""
    async with asyncio.timeout(DEADLINE_S):
        while count:
            line = await response.content.readline()
            if line.startswith(b"data: "):
                count -= 1
                yield line.removeprefix(b"data: ")


async def test_a_senders_collapse_key_replaces_its_own_messages_only(any_server: Caller) -> None:
    server = any_server
    ours, theirs = await sender(server, "ours"), await sender(server, "theirs")
    ann = to(address=mailbox("ann@example.com"), agreed=AGREED, collapse_key="order-1", send_at_ms=soon_ms(60_000))
    [other] = await sent(server, ann, token=theirs)
    [mine] = await sent(server, ann, token=ours)
    await sent(server, {**ann, "collapse_key": other["id"]}, token=ours)
    seen = await server.operate("GET", f"/v1/messages/{other['id']}")
    assert seen["deliveries"][0]["delivery"]["state"] == "pending"
    await sent(server, ann, token=ours)
    replaced = await server.operate("GET", f"/v1/messages/{mine['id']}")
    assert replaced["deliveries"][0]["delivery"]["state"] == "cancelled"
