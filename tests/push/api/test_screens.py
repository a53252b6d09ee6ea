"""Screens over real HTTP: registered, opened with a token of their own, told what to show; nicknames."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from beacons import eid
from firmware_sim.sse import Event, EventParser
from push.presence.near import FRESH_MS
from tests.support.clocks import ShiftedClock
from tests.support.patience import PATIENCE_S
from tests.support.servers import REGISTRY, STORE, Caller, Phone, becomes, serving, settings

KEY = bytes(range(16))
SHELF = {"id": "shelf", "role": "fixture", "format": "eid", "exponent": 10, "store": STORE, "zone": "z1"}
SCREEN = {"id": "wall", "store": STORE, "zone": "z1", "name": "Wall"}
OFFER = {"title": "Two for one", "body": "Until Saturday", "image": None}
WILLING = {"location": True, "marketing": True, "screen": True}


@pytest.fixture
async def server(any_url: str, tmp_path: Path) -> AsyncIterator[Caller]:
    """A server with a screen, that has been listening for a while."""
    clock = ShiftedClock()
    async with serving(settings(tmp_path / "data", database_url=any_url), clock) as caller:
        await caller.operate("PUT", "/v1/registry", {**REGISTRY, "campaigns": []})
        await caller.operate("PUT", "/v1/beacons/shelf", {"beacon": SHELF, "identity_key": KEY.hex()})
        await caller.operate("PUT", "/v1/screens/wall", SCREEN)
        clock.shift_ms = FRESH_MS + 1000
        yield caller


async def token(server: Caller, screen: str = "wall") -> str:
    return str((await server.operate("POST", f"/v1/screens/{screen}/token"))["token"])


async def come_near(server: Caller, phone: Phone, rssi_dbm: int = -50) -> None:
    """Report the fixture below the screen, whose id turns: nobody can say so from afar."""
    now_s = time.time_ns() // 1_000_000_000 + (FRESH_MS + 1000) // 1000
    heard = {"kind": "eid", "id": eid.compute(KEY, 10, now_s).hex(), "rssi_dbm": rssi_dbm}
    answer = await server.call("POST", "/v1/sightings", phone.token, {"store": STORE, "sightings": [heard]})
    assert answer.status == 200, answer


async def named(server: Caller, nickname: str = "Anouk") -> Phone:
    """Somebody who agreed to be greeted, and stands right before the screen."""
    phone = await server.phone(**WILLING)
    answer = await server.call("PUT", phone.path("nickname"), phone.token, {"nickname": nickname})
    assert answer.status == 200, answer
    await come_near(server, phone)
    return phone


async def say(server: Caller, phone: Phone, **changes: object) -> dict[str, Any]:
    """A message by screen alone, and what it was answered."""
    message = {
        "to": {"shopper": phone.shopper},
        "content": {"title": "Your colour", "body": "is back"},
        "policy": {"channels": ["screen"]},
        **changes,
    }
    [verdict] = (await server.operate("POST", "/v1/messages", message))["messages"]
    return dict(verdict)


async def becomes_state(server: Caller, delivery: str, state: str) -> dict[str, Any]:
    found: dict[str, Any] = {}

    async def reached() -> bool:
        nonlocal found
        found = await server.operate("GET", f"/v1/deliveries/{delivery}")
        return bool(found["delivery"]["state"] == state)

    await becomes(reached, f"the delivery to be {state}")
    return found


class Wall:
    """A screen's open stream: the faces that it was told, in order."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self._parser = EventParser()
        self._waiting: list[Event] = []

    async def face(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            while not self._waiting:
                chunk = await self._response.content.readany()
                assert chunk, "the stream ended"
                self._waiting += self._parser.feed(chunk)
        event = self._waiting.pop(0)
        assert event.kind == "face"
        return dict(json.loads(event.data))

    async def end(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while await self._response.content.readany():
                pass


@asynccontextmanager
async def hung(server: Caller, bearer: str) -> AsyncIterator[Wall]:
    url = f"{server.running.http_url}/v1/screens/wall/stream"
    headers = {"Authorization": f"Bearer {bearer}"}
    async with server.http.get(url, headers=headers, timeout=aiohttp.ClientTimeout(total=None)) as response:
        assert response.status == 200, await response.text()
        yield Wall(response)


# --- registered -------------------------------------------------------------------------------------------------------


async def test_a_screen_is_registered_read_back_and_taken_out_again(server: Caller) -> None:
    read = await server.operate("GET", "/v1/screens/wall")
    assert read == {"screen": {**SCREEN, "offer": None}, "pages": 0}
    assert [s["id"] for s in (await server.operate("GET", "/v1/registry"))["screens"]] == ["wall"]
    bearer = await token(server)
    async with hung(server, bearer) as wall:
        await wall.face()
        assert (await server.operate("GET", "/v1/screens/wall"))["pages"] == 1
        assert (await server.call("DELETE", "/v1/screens/wall", server.operator)).status == 204
        await wall.end()
    assert (await server.call("GET", "/v1/screens/wall", server.operator)).status == 404
    assert (await server.call("DELETE", "/v1/screens/wall", server.operator)).status == 404
    assert (await server.call("GET", "/v1/screens/wall/stream", bearer)).status == 401


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"store": "s9"}, "screen wall: there is no store 's9'"),
        ({"zone": "attic"}, "screen wall: store 's1' has no zone 'attic'"),
        ({"id": "other"}, "The path says id 'wall'"),
        ({"offer": {"title": ""}}, "offer.title"),
        ({"offer": {"title": "x", "image": "http://shop.example/a.png"}}, "offer.image"),
        ({"offer": {"title": "x", "image": "javascript:alert(1)"}}, "offer.image"),
    ],
)
async def test_what_does_not_fit_is_refused_by_name(server: Caller, changes: dict[str, object], said: str) -> None:
    answer = await server.call("PUT", "/v1/screens/wall", server.operator, {**SCREEN, **changes})
    assert (answer.status, said in answer.json["detail"]) == (400, True), answer


async def test_only_operators_register_screens_and_get_their_tokens(server: Caller) -> None:
    for method, path in (
        ("GET", "/v1/screens/wall"), ("DELETE", "/v1/screens/wall"), ("POST", "/v1/screens/wall/token"),
        ("DELETE", f"/v1/stores/{STORE}/offer"),
    ):  # fmt: skip
        assert (await server.call(method, path, server.app)).status == 403
        assert (await server.call(method, path)).status == 401


async def test_a_new_token_ends_the_one_before_and_the_page_that_used_it(server: Caller) -> None:
    first = await token(server)
    async with hung(server, first) as wall:
        await wall.face()
        second = await token(server)
        await wall.end()
    assert (await server.call("GET", "/v1/screens/wall/stream", first)).status == 401
    async with hung(server, second) as wall:
        assert (await wall.face())["store"] == "Hamburg"
    assert (await server.call("POST", "/v1/screens/nowhere/token", server.operator)).status == 404


async def test_a_token_opens_its_own_screen_and_nothing_else(server: Caller) -> None:
    await server.operate("PUT", "/v1/screens/other", {**SCREEN, "id": "other"})
    bearer = await token(server)
    for path in ("/v1/screens/other/stream", "/v1/registry", "/v1/deliveries", "/v1/screens/wall"):
        assert (await server.call("GET", path, bearer)).status == 403, path
    receipts: dict[str, list[object]] = {"receipts": []}
    assert (await server.call("POST", "/v1/screens/other/receipts", bearer, receipts)).status == 403
    phone = await server.phone()
    assert (await server.call("GET", "/v1/screens/wall/stream", phone.token)).status == 403


# --- what it shows to everybody ---------------------------------------------------------------------------------------


async def test_it_shows_its_own_offer_or_its_stores_or_the_stores_name(server: Caller) -> None:
    bearer = await token(server)
    async with hung(server, bearer) as wall:
        assert await wall.face() == {"store": "Hamburg", "offer": None, "greeting": None}
    await server.operate("PUT", f"/v1/stores/{STORE}/offer", {"store": STORE, "offer": OFFER})
    async with hung(server, bearer) as wall:
        assert (await wall.face())["offer"] == OFFER
        own = {**OFFER, "title": "Only here"}
        await server.operate("PUT", "/v1/screens/wall", {**SCREEN, "offer": own})
        assert (await wall.face())["offer"] == own, "a change comes by itself"
    await server.operate("PUT", "/v1/screens/wall", SCREEN)
    assert (await server.call("DELETE", f"/v1/stores/{STORE}/offer", server.operator)).status == 204
    assert (await server.call("DELETE", f"/v1/stores/{STORE}/offer", server.operator)).status == 404
    async with hung(server, bearer) as wall:
        assert (await wall.face())["offer"] is None


async def test_offers_stand_in_the_registrys_document(server: Caller) -> None:
    screens = [{**SCREEN, "offer": OFFER}]
    await server.operate(
        "PUT", "/v1/registry", {"screens": screens, "store_offers": [{"store": STORE, "offer": OFFER}]}
    )
    read = await server.operate("GET", "/v1/registry")
    assert (read["screens"], read["store_offers"]) == (screens, [{"store": STORE, "offer": OFFER}])
    answer = await server.call("PUT", "/v1/stores/s9/offer", server.operator, {"store": "s9", "offer": OFFER})
    assert "there is no store 's9'" in answer.json["detail"]


# --- whom it greets ---------------------------------------------------------------------------------------------------


async def test_it_greets_who_stands_alone_before_it_and_is_believed_that_it_did(server: Caller) -> None:
    bearer = await token(server)
    async with hung(server, bearer) as wall:
        await wall.face()
        phone = await named(server)
        verdict = await say(server, phone)
        greeting = (await wall.face())["greeting"]
        assert greeting["delivery"] == verdict["delivery"]
        assert (greeting["greeting"], greeting["title"], greeting["body"]) == ("Hello Anouk", "Your colour", "is back")
        told = await becomes_state(server, verdict["delivery"], "accepted")
        [attempt] = told["attempts"]
        assert (attempt["channel"], attempt["reference"]) == ("screen", "wall")
        receipt = {"delivery": verdict["delivery"], "kind": "shown", "at_ms": time.time_ns() // 1_000_000}
        body = {"receipts": [receipt, {**receipt, "delivery": "dlv_of_nobody"}]}
        answer = await server.call("POST", "/v1/screens/wall/receipts", bearer, body)
        assert (answer.status, answer.json) == (202, {"accepted": 1})
        await becomes_state(server, verdict["delivery"], "shown")


async def test_a_campaign_greets_her_as_she_comes_in(server: Caller) -> None:
    async with hung(server, await token(server)) as wall:
        await wall.face()
        await server.operate("PUT", "/v1/registry", {"campaigns": REGISTRY["campaigns"]})
        await named(server)
        greeting = (await wall.face())["greeting"]
    assert (greeting["greeting"], greeting["title"]) == ("Hello Anouk", "Welcome to Hamburg")


async def test_a_screen_cannot_speak_for_other_screens_nor_tell_more_than_that_it_showed(server: Caller) -> None:
    bearer = await token(server)
    await server.operate("PUT", "/v1/screens/other", {**SCREEN, "id": "other"})
    stranger = await token(server, "other")
    async with hung(server, bearer) as wall:
        await wall.face()
        verdict = await say(server, await named(server))
        await wall.face()
        await becomes_state(server, verdict["delivery"], "accepted")
    receipt = {"delivery": verdict["delivery"], "kind": "shown", "at_ms": 0}
    answer = await server.call("POST", "/v1/screens/other/receipts", stranger, {"receipts": [receipt]})
    assert answer.json == {"accepted": 0}
    for kind in ("opened", "redeemed", "less"):
        body = {"receipts": [{**receipt, "kind": kind}]}
        assert (await server.call("POST", "/v1/screens/wall/receipts", bearer, body)).status == 400


async def test_who_only_claims_to_stand_there_is_not_greeted(server: Caller) -> None:
    """Anybody who knows an id that never turns may say from anywhere that a phone heard it."""
    async with hung(server, await token(server)) as wall:
        await wall.face()
        phone = await server.phone(**WILLING)
        await server.call("PUT", phone.path("nickname"), phone.token, {"nickname": "Mallory"})
        await server.range(phone, -20)
        verdict = await say(server, phone)
        told = await becomes_state(server, verdict["delivery"], "failed")
    assert told["delivery"]["reason"] == "nobody_there"


async def test_somebody_else_before_it_means_silence(server: Caller) -> None:
    async with hung(server, await token(server)) as wall:
        await wall.face()
        other = await server.phone(location=True)
        await come_near(server, other, -75)
        phone = await named(server)
        verdict = await say(server, phone)
        told = await becomes_state(server, verdict["delivery"], "failed")
    assert told["delivery"]["reason"] == "not_alone"


async def test_who_comes_near_while_it_greets_takes_the_greeting_off(server: Caller) -> None:
    async with hung(server, await token(server)) as wall:
        await wall.face()
        await say(server, await named(server))
        assert (await wall.face())["greeting"] is not None
        other = await server.phone(location=True)
        await come_near(server, other)
        began_s = time.monotonic()
        assert (await wall.face())["greeting"] is None
        assert time.monotonic() - began_s < 2


@pytest.mark.parametrize(
    ("method", "leaf", "body"),
    [
        ("PUT", "consent", {"purposes": {"screen": False}}),
        ("PUT", "consent", {"purposes": {"marketing": False}}),
        ("PUT", "consent", {"purposes": {"location": False}}),
        ("DELETE", "nickname", None),
        ("PUT", "nickname", {"nickname": "Another"}),
    ],
)
async def test_taking_anything_back_takes_the_greeting_off_at_once(
    server: Caller, method: str, leaf: str, body: object
) -> None:
    async with hung(server, await token(server)) as wall:
        await wall.face()
        phone = await named(server)
        await say(server, phone)
        assert (await wall.face())["greeting"] is not None
        assert (await server.call(method, phone.path(leaf), phone.token, body)).status < 300
        began_s = time.monotonic()
        assert (await wall.face())["greeting"] is None
        assert time.monotonic() - began_s < 0.4


async def test_what_somebody_is_owed_never_stands_on_a_screen(server: Caller) -> None:
    async with hung(server, await token(server)) as wall:
        await wall.face()
        verdict = await say(server, await named(server), basis="service")
        told = await becomes_state(server, verdict["delivery"], "failed")
    assert told["delivery"]["reason"] == "not_in_public"


async def test_the_next_channel_is_tried_where_no_screen_can(server: Caller) -> None:
    phone = await named(server)
    agreed = await server.call("PUT", phone.path("consent"), phone.token, {"purposes": {"inapp": True}})
    assert agreed.status == 200
    async with server.listen(phone) as stream:
        verdict = await say(server, phone, policy={"channels": ["screen", "inapp"]})
        _, message = await stream.event()
        assert message["delivery"] == verdict["delivery"]
    told = await becomes_state(server, verdict["delivery"], "accepted")
    assert {(a["channel"], a["outcome"]) for a in told["attempts"]} == {("screen", "screen_off"), ("inapp", "accepted")}


async def test_without_nickname_or_consent_or_a_visit_a_screen_is_no_way(server: Caller) -> None:
    nameless = await server.phone(**WILLING)
    await server.range(nameless)
    assert (await say(server, nameless)).get("delivery") is None
    phone = await server.phone(**WILLING)
    await server.call("PUT", phone.path("nickname"), phone.token, {"nickname": "Anouk"})
    assert (await say(server, phone)).get("delivery") is None, "she is in no store"
    await server.range(phone)
    assert (await say(server, phone)).get("delivery") is not None
    await server.call("PUT", phone.path("consent"), phone.token, {"purposes": {"screen": False}})
    assert (await say(server, phone)).get("delivery") is None


# --- nicknames --------------------------------------------------------------------------------------------------------


async def test_a_nickname_is_chosen_read_and_erased_on_her_own_device(server: Caller) -> None:
    phone, other = await server.phone(screen=True), await server.phone(screen=True)
    path = phone.path("nickname")
    assert (await server.call("GET", path, phone.token)).status == 404
    answer = await server.call("PUT", path, phone.token, {"nickname": "  Anouk  7 "})
    assert (answer.status, answer.json) == (200, {"nickname": "Anouk 7"})
    assert (await server.call("GET", path, phone.token)).json == {"nickname": "Anouk 7"}
    for method in ("GET", "DELETE"):
        assert (await server.call(method, path, other.token)).status == 403
    assert (await server.call("DELETE", path, phone.token)).status == 204
    assert (await server.call("GET", path, phone.token)).status == 404


async def test_a_nickname_needs_consent_and_goes_with_it(server: Caller) -> None:
    phone = await server.phone(location=True)
    answer = await server.call("PUT", phone.path("nickname"), phone.token, {"nickname": "Anouk"})
    assert (answer.status, answer.json["title"]) == (409, "Not agreed")
    for granted in (True, False, True):
        await server.call("PUT", phone.path("consent"), phone.token, {"purposes": {"screen": granted}})
        if granted:
            assert (await server.call("GET", phone.path("nickname"), phone.token)).status == 404
            await server.call("PUT", phone.path("nickname"), phone.token, {"nickname": "Anouk"})


@pytest.mark.parametrize("nickname", ["ann@example.com", "0171 234", "\u202eknuoA", "x" * 21, " ", "<i>"])
async def test_what_is_no_name_is_refused_and_not_repeated(server: Caller, nickname: str) -> None:
    phone = await server.phone(screen=True)
    answer = await server.call("PUT", phone.path("nickname"), phone.token, {"nickname": nickname})
    assert (answer.status, answer.json["title"]) == (400, "Not a nickname")
    assert nickname.strip() == "" or nickname not in answer.json["detail"]


# --- the page ---------------------------------------------------------------------------------------------------------


async def test_every_screens_page_is_the_same_and_carries_nothing_of_it(server: Caller) -> None:
    one = await server.call("GET", "/screen/wall")
    other = await server.call("GET", "/screen/never-registered")
    assert (one.status, other.status, one.raw) == (200, 200, other.raw)
    assert "default-src 'none'" in one.headers["Content-Security-Policy"]
    assert b"{mark}" not in one.raw
    for name in ("screen.js", "screen.css"):
        assert (await server.call("GET", f"/screen/{name}")).status == 200
    assert (await server.call("GET", "/screen/not%20an%20id")).status == 404
