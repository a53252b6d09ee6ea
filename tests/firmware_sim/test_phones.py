"""Phones against a small server that speaks the app's protocol and can be told to fail."""

import asyncio
import json
import time
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import http_ece
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec

from beacons import ad
from beacons.frames import IBeacon, encode
from firmware_sim.floor import SIM_UUID
from firmware_sim.phone_api import OfflineError, RefusedError, Server
from firmware_sim.phones import Notice, Phone, PhoneHabits
from firmware_sim.push_service import PushService, serving
from firmware_sim.radio import Heard
from tests.firmware_sim.waiting import until

EAGER = PhoneHabits(show_ms=1, opens=1.0, open_s=0.001)
SHY = PhoneHabits(show_ms=1, opens=0.0)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def offer(name: str, expires_ms: int | None = None) -> dict[str, object]:
    expires_ms = now_ms() + 60_000 if expires_ms is None else expires_ms
    return {
        "id": name,
        "delivery": f"d-{name}",
        "title": "Hello",
        "body": "There",
        "url": None,
        "expires_ms": expires_ms,
    }


class Shop:
    """The server's side of the protocol: remembers what it was asked, serves what it was given."""

    def __init__(self) -> None:
        self.origin = ""
        self.asked: list[tuple[str, str, str, Any]] = []
        self.receipts: list[dict[str, Any]] = []
        self.resumed: list[str | None] = []
        self.log: list[dict[str, object]] = []
        self.answers: list[dict[str, object]] = []
        self.failures: dict[str, list[int]] = {}
        self.streams: list[asyncio.Event] = []

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._watch])
        app.router.add_post("/v1/devices", self._devices)
        app.router.add_put("/v1/devices/{id}/consent", self._empty)
        app.router.add_put("/v1/devices/{id}/subscription", self._empty)
        app.router.add_post("/v1/devices/{id}/tag", self._tag)
        app.router.add_get("/v1/devices/{id}/messages", self._messages)
        app.router.add_post("/v1/receipts", self._receipts)
        app.router.add_post("/v1/sightings", self._sightings)
        app.router.add_get("/v1/app/config", self._config)
        return app

    def say(self, message: dict[str, object]) -> None:
        self.log.append(message)

    def hang_up(self) -> None:
        for stream in self.streams:
            stream.set()

    def bodies(self, path: str) -> list[Any]:
        return [body for _, asked, _, body in self.asked if asked == path]

    @web.middleware
    async def _watch(self, request: web.Request, handler: Callable[..., Any]) -> web.StreamResponse:
        body = await request.read()
        token = request.headers.get("Authorization", "")
        self.asked.append((request.method, request.path, token, json.loads(body) if body else None))
        failures = self.failures.get(request.path, [])
        if failures:
            return web.json_response({"title": "no"}, status=failures.pop(0))
        response: web.StreamResponse = await handler(request)
        return response

    async def _devices(self, _request: web.Request) -> web.Response:
        return web.json_response({"device": "d1", "token": "secret", "shopper": "s1"}, status=201)

    async def _empty(self, _request: web.Request) -> web.Response:
        return web.Response(status=204)

    async def _config(self, _request: web.Request) -> web.Response:
        return web.json_response({"application_server_key": "key", "regions": []})

    async def _tag(self, _request: web.Request) -> web.Response:
        tag = {"beacon": "t1", "format": "eid", "identity_key": "00" * 16, "exponent": 10}
        return web.json_response(tag | {"counter_s": 5, "counter_at_ms": 1000}, status=201)

    async def _receipts(self, request: web.Request) -> web.Response:
        self.receipts += (await request.json())["receipts"]
        return web.Response(status=202)

    async def _sightings(self, _request: web.Request) -> web.Response:
        answer, self.answers = self.answers, []
        return web.json_response({"messages": answer})

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        last = request.headers.get("Last-Event-ID")
        self.resumed.append(last)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        gone = asyncio.Event()
        self.streams.append(gone)
        sent = int(last or 0)
        while not gone.is_set():
            for message in self.log[sent:]:
                sent += 1
                await response.write(f"id: {sent}\nevent: message\ndata: {json.dumps(message)}\n\n".encode())
            await until(lambda: gone.is_set() or len(self.log) > sent, 10)  # noqa: B023 - waited for right here
        return response


@asynccontextmanager
async def opened(shop: Shop) -> AsyncIterator[Shop]:
    runner = web.AppRunner(shop.app(), shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        shop.origin = f"http://{host}:{port}"
        yield shop
    finally:
        shop.hang_up()
        await runner.cleanup()


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with opened(Shop()) as shop:
        yield shop


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def notices() -> list[Notice]:
    return []


@pytest.fixture
def phone(shop: Shop, http: aiohttp.ClientSession, notices: list[Notice]) -> Phone:
    server = Server(http, shop.origin, "app-key")
    return Phone("ann", server, now_ms=now_ms, seed=1, habits=EAGER, noticed=notices.append)


@asynccontextmanager
async def on(phone: Phone) -> AsyncIterator[None]:
    task = asyncio.create_task(phone.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_joining_registers_and_asks_consent(shop: Shop, phone: Phone) -> None:
    device = await phone.join({"location": True, "marketing": False})
    assert (device.device, device.shopper) == ("d1", "s1")
    assert shop.asked == [
        ("POST", "/v1/devices", "Bearer app-key", {"shopper": None, "platform": "sim", "locale": "en"}),
        ("PUT", "/v1/devices/d1/consent", "Bearer secret", {"purposes": {"location": True, "marketing": False}}),
    ]


async def test_a_phone_gets_the_identity_that_it_advertises(phone: Phone) -> None:
    await phone.join()
    tag = await phone.tag()
    assert (tag.beacon, tag.exponent, tag.counter_s, tag.counter_at_ms) == ("t1", 10, 5, 1000)


async def test_a_message_is_shown_opened_and_both_are_reported(shop: Shop, phone: Phone, notices: list[Notice]) -> None:
    await phone.join()
    async with on(phone):
        shop.say(offer("m1"))
        await until(lambda: len(shop.receipts) == 2)
    assert [(r["delivery"], r["kind"]) for r in shop.receipts] == [("d-m1", "shown"), ("d-m1", "opened")]
    assert [(n.phone, n.kind, n.via, n.at_ms) for n in notices] == [
        ("ann", r["kind"], "stream", r["at_ms"]) for r in shop.receipts
    ]


async def test_a_broken_stream_is_resumed_and_nothing_is_shown_twice(
    shop: Shop, phone: Phone, notices: list[Notice]
) -> None:
    await phone.join()
    async with on(phone):
        shop.say(offer("m1"))
        await until(lambda: "m1" in phone.messages)
        shop.hang_up()
        shop.say(offer("m2"))
        await until(lambda: "m2" in phone.messages)
        await until(lambda: sum(n.kind == "shown" for n in notices) == 2)
    assert shop.resumed[:2] == [None, "1"]


async def test_a_phone_that_was_off_resumes_where_it_was(shop: Shop, phone: Phone) -> None:
    await phone.join()
    async with on(phone):
        shop.say(offer("m1"))
        await until(lambda: "m1" in phone.messages)
    shop.say(offer("m2"))
    async with on(phone):
        await until(lambda: "m2" in phone.messages)
    assert shop.resumed == [None, "1"]


async def test_what_has_expired_is_not_shown(shop: Shop, phone: Phone, notices: list[Notice]) -> None:
    await phone.join()
    async with on(phone):
        shop.say(offer("old", expires_ms=now_ms() - 1))
        shop.say(offer("new"))
        await until(lambda: notices)
    assert {notice.message.id for notice in notices} == {"new"}


async def test_receipts_wait_until_the_server_takes_them(shop: Shop, phone: Phone) -> None:
    shop.failures["/v1/receipts"] = [503, 429, 500]
    await phone.join()
    async with on(phone):
        shop.say(offer("m1"))
        await until(lambda: len(shop.receipts) == 2, 10)
    assert not shop.failures["/v1/receipts"]


async def test_refused_receipts_do_not_block_later_ones(shop: Shop, phone: Phone) -> None:
    shop.failures["/v1/receipts"] = [400]
    await phone.join()
    async with on(phone):
        shop.say(offer("m1"))
        await until(lambda: any(r["kind"] == "opened" for r in shop.receipts) or len(shop.bodies("/v1/receipts")) > 1)
        shop.say(offer("m2"))
        await until(lambda: {"delivery": "d-m2", "kind": "opened"}.items() <= (shop.receipts or [{}])[-1].items())


async def test_a_phone_that_the_server_disowns_stops(shop: Shop, phone: Phone) -> None:
    await phone.join()
    shop.failures["/v1/devices/d1/messages"] = [401]
    with pytest.raises(RefusedError, match="401"):
        await phone.run()


async def test_a_server_that_is_away_is_said_so(http: aiohttp.ClientSession, phone: Phone, shop: Shop) -> None:
    with pytest.raises(RuntimeError, match="not joined"):
        _ = phone.device
    shop.failures["/v1/devices"] = [500]
    with pytest.raises(OfflineError, match="500"):
        await phone.join()
    with pytest.raises(OfflineError, match="POST /v1/devices"):
        await Server(http, "http://127.0.0.1:1", "key").register()


async def test_the_configuration_is_read_with_the_app_key(shop: Shop, http: aiohttp.ClientSession) -> None:
    assert (await Server(http, shop.origin, "app-key").config())["application_server_key"] == "key"
    assert shop.asked[-1][2] == "Bearer app-key"


async def fixtures(count: int, spacing_ms: int = 50) -> AsyncIterator[Heard]:
    payload = ad.join(*encode(IBeacon(SIM_UUID, 1, 2, -65)))
    start_ms = now_ms()
    for n in range(count):
        yield Heard("ann", "C0:00:00:00:00:01", -60, payload, start_ms + n * spacing_ms)


async def test_a_phone_that_ranges_gets_its_message_in_the_answer(
    shop: Shop, phone: Phone, notices: list[Notice]
) -> None:
    await phone.join()
    shop.answers.append(offer("m1"))
    async with on(phone):
        await phone.range(fixtures(5), "hamburg", SIM_UUID)
        shop.say(offer("m1"))
        await until(lambda: len(shop.receipts) == 2)
    (report,) = shop.bodies("/v1/sightings")
    assert report["store"] == "hamburg"
    assert [(s["kind"], s["rssi_dbm"]) for s in report["sightings"]] == [("ibeacon", -60)]
    assert {notice.via for notice in notices} == {"sightings"}


async def test_a_lost_report_is_said_anew(shop: Shop, phone: Phone) -> None:
    await phone.join()
    shop.failures["/v1/sightings"] = [503]
    shop.answers.append(offer("m1"))
    await phone.range(fixtures(60), "hamburg", SIM_UUID)
    assert len(shop.bodies("/v1/sightings")) == 2
    assert "m1" in phone.messages


async def test_the_same_message_by_push_and_stream_is_shown_once(
    shop: Shop, phone: Phone, http: aiohttp.ClientSession, notices: list[Notice]
) -> None:
    await phone.join()
    async with serving(PushService()) as service, on(phone):
        pushes = asyncio.create_task(phone.take_pushes(http, service.origin, ""))
        await until(lambda: shop.bodies("/v1/devices/d1/subscription"))
        (subscription,) = shop.bodies("/v1/devices/d1/subscription")
        service.inboxes[subscription["endpoint"].rsplit("/", 1)[1]].application_server_key = None
        body = encrypted(json.dumps(offer("m1")).encode(), subscription["keys"])
        headers = {"TTL": "60", "Content-Encoding": "aes128gcm"}
        async with http.post(subscription["endpoint"], data=body, headers=headers) as answer:
            assert answer.status == 201
        await until(lambda: "m1" in phone.messages)
        shop.say(offer("m1") | {"delivery": "d-stream"})
        shop.say(offer("m2"))
        await until(lambda: sum(notice.kind == "shown" for notice in notices) == 2)
        await until(lambda: {"d-m1", "d-stream", "d-m2"} <= {r["delivery"] for r in shop.receipts})
        pushes.cancel()
        await asyncio.gather(pushes, return_exceptions=True)
    assert [(n.message.id, n.via) for n in notices if n.kind == "shown"] == [("m1", "push"), ("m2", "stream")]


def encrypted(text: bytes, keys: dict[str, str]) -> bytes:
    def raw(value: str) -> bytes:
        return urlsafe_b64decode(value + "=" * (-len(value) % 4))

    private = ec.generate_private_key(ec.SECP256R1())
    options = {"dh": raw(keys["p256dh"]), "auth_secret": raw(keys["auth"]), "version": "aes128gcm"}
    body: bytes = http_ece.encrypt(text, private_key=private, **options)
    return body


async def test_habits_decide_who_opens(shop: Shop, http: aiohttp.ClientSession, notices: list[Notice]) -> None:
    server = Server(http, shop.origin, "app-key")
    phone = Phone("bob", server, now_ms=now_ms, seed=2, habits=SHY, noticed=notices.append)
    await phone.join()
    async with on(phone):
        for n in range(10):
            shop.say(offer(f"m{n}"))
        await until(lambda: len(shop.receipts) == 10)
    assert {receipt["kind"] for receipt in shop.receipts} == {"shown"}
