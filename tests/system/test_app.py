"""The phone's web app in real browsers, on the real server: consent, offers, notifications, receipts."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import aiohttp
import aiomqtt
import pytest

from beacons.columns import Sighting, pack
from beacons.ids import IdKind
from beacons.topics import topic
from beacons.wire import Batch, broker_password, key_of, seal
from push.app import Running, serve
from push.channels.webpush import WebPushSettings
from push.settings import BrokerSettings, HttpSettings, PushSettings
from tests.support.browsers import Browser
from tests.support.webapp import App, becomes

pytestmark = pytest.mark.system

ARTEFACTS = Path(__file__).parents[2] / "artefacts"
STORE = "hamburg"
GATEWAY = "hamburg-door"
KEY = key_of(bytes(range(32)))
TAG = bytes(range(20))

CAMPAIGN = {
    "id": "latte",
    "name": "Latte",
    "trigger": {"kind": "store_entered"},
    "template": {"title": "Oat latte, second one free", "body": "Here in the café, until you leave."},
}
REGISTRY = {
    "stores": [{"id": STORE, "name": "Hamburg", "allow_static_tags": True}],
    "gateways": [{"gateway": {"id": GATEWAY, "store": STORE}, "secret": KEY.secret.hex()}],
    "campaigns": [CAMPAIGN],
}


class Shop(NamedTuple):
    """A running server, with an operator's session."""

    running: Running
    http: aiohttp.ClientSession

    async def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        async with self.http.get(path) as answer:
            answer.raise_for_status()
            return await answer.json()

    async def put_registry(self, registry: dict[str, object]) -> None:
        async with self.http.put("/v1/registry", json=registry) as answer:
            assert answer.status == 200, await answer.text()

    async def walk_in(self, shopper: str) -> None:
        """Give a shopper a tag, and let the gateway at the door hear it."""
        tag = {"id": "tag-1", "role": "tag", "format": "ibeacon", "static_id": TAG.hex(), "shopper": shopper}
        await self.put_registry({"beacons": [{"beacon": tag}]})
        where = topic(STORE, GATEWAY, "sightings")
        url = urlsplit(self.running.broker_url)
        async with aiomqtt.Client(
            url.hostname or "",
            port=url.port or 1883,
            identifier=GATEWAY,
            username=GATEWAY,
            password=broker_password(KEY.secret),
        ) as mqtt:
            await mqtt.publish(where, seal(heard_at_the_door(), KEY, "up", where), qos=1)

    async def trace(self) -> dict[str, Any]:
        """The one delivery, as far as it has come; empty while there is none."""
        found = await self.get("/v1/deliveries")
        return dict(found[0]) if found else {}


def heard_at_the_door() -> Batch:
    now_ms = time.time_ns() // 1_000_000
    sighting = Sighting(IdKind.IBEACON, TAG, 1000, 1000, -50, -50, 1)
    return Batch(
        gateway=GATEWAY,
        boot="0123456789abcdef",
        sequence=1,
        oldest=1,
        sent_boot_ms=1010,
        sent_wall_ms=now_ms,
        offset_ms=None,
        base_ms=1000,
        sightings=pack([sighting], 1000),
    )


@contextlib.asynccontextmanager
async def open_shop(folder: Path, browser: Browser) -> AsyncIterator[Shop]:
    settings = PushSettings(
        data_dir=str(folder / "data"),
        app_store=STORE,
        http=HttpSettings(port=0),
        broker=BrokerSettings(port=0, free_ports=True),
        webpush=WebPushSettings(origin_overrides=browser.origin_overrides),
    )
    async with serve(settings) as running:
        operator = await asyncio.to_thread(settings.file("operator.token").read_text)
        headers = {"Authorization": f"Bearer {operator.strip()}"}
        async with aiohttp.ClientSession(running.http_url, headers=headers) as http:
            shop = Shop(running, http)
            await shop.put_registry(REGISTRY)
            yield shop


@pytest.fixture
async def shop(app: App, tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path, app.browser) as running:
        yield running


async def test_nothing_is_ticked_before_the_person_ticks_it(app: App, shop: Shop) -> None:
    await app.browser.goto(f"{shop.running.http_url}/app/")
    await app.shows("#welcome .purpose")
    script = "return document.querySelectorAll(arguments[0]).length"
    assert await app.browser.run(script, "#welcome input") == 5
    assert await app.browser.run(script, "#welcome input:checked") == 0


async def test_an_offer_appears_on_the_open_page_and_is_reported_as_shown_and_opened(app: App, shop: Shop) -> None:
    await app.join(f"{shop.running.http_url}/app/", "location", "marketing", "inapp")
    await app.shows("#state", "Listening")

    await shop.walk_in((await app.device())["shopper"])

    await app.shows("#live .offer h2", "Oat latte, second one free")
    await becomes(lambda: _shown(shop), "reported as shown")
    await app.tap("#live .offer button")
    await app.shows("#offer", "Here in the café")
    await app.picture(ARTEFACTS / f"app-offer-{app.browser.name}.png")
    await becomes(lambda: _opened(shop), "reported as opened")


async def test_an_offer_comes_as_a_notification_and_a_click_opens_it_in_the_app(app: App, shop: Shop) -> None:
    await app.join(f"{shop.running.http_url}/app/", "location", "marketing", "webpush")
    device = await app.device()

    await shop.walk_in(device["shopper"])

    notification = await app.browser.desktop.wait_for("Oat latte, second one free")
    assert "Here in the café" in notification.body
    await app.shows("#live .offer h2", "Oat latte, second one free")
    await becomes(lambda: _shown(shop), "reported as shown")
    await app.picture(ARTEFACTS / f"app-notified-{app.browser.name}.png")
    app.browser.desktop.click(notification)
    await app.shows("#offer", "Here in the café")
    await becomes(lambda: _opened(shop), "reported as opened")
    assert (await shop.trace())["channel"] == "webpush"


async def test_withdrawing_everything_reaches_the_server_and_empties_the_device(app: App, shop: Shop) -> None:
    await app.join(f"{shop.running.http_url}/app/", "location", "marketing", "inapp")
    await app.shows("#state", "Listening")
    device = await app.device()

    await app.tap("#leave")
    await app.tap("#sure button[value=yes]")
    await app.shows("#welcome .purpose")
    await shop.walk_in(device["shopper"])

    headers = {"Authorization": f"Bearer {device['token']}"}
    async with shop.http.get(f"/v1/devices/{device['device']}/consent", headers=headers) as answer:
        assert not any((await answer.json())["purposes"].values())
    kept = "return indexedDB.databases().then(() => localStorage.length)"
    assert await app.browser.run(kept) == 0
    await becomes(lambda: _applied(shop), "the batch is applied")
    assert await shop.get("/v1/visits") == []


async def _shown(shop: Shop) -> object:
    return (await shop.trace()).get("shown_ms")


async def _opened(shop: Shop) -> object:
    return (await shop.trace()).get("opened_ms")


async def _applied(shop: Shop) -> object:
    return (await shop.get("/v1/statistics"))["marks"]
