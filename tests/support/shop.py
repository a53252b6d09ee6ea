"""A shop on a real server: one store with a gateway at its door, one campaign, and an operator who watches."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import aiohttp
import aiomqtt

from beacons.columns import Sighting, pack
from beacons.ids import IdKind
from beacons.topics import topic
from beacons.wire import Batch, broker_password, key_of, seal
from push.app import Running, serve
from push.channels.webpush import WebPushSettings
from push.profiles.collect.proof import UserTokenSettings
from push.profiles.settings import ProfileSettings
from push.settings import BrokerSettings, HttpSettings, PushSettings
from tests.support.browsers import Browser
from tests.support.deciding import AT_ANY_HOUR
from tests.support.fresh import prepared
from tests.support.webapp import DEADLINE_S

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

    async def send(self, to: dict[str, str], title: str) -> None:
        """A message of the shop's own."""
        body = {"to": to, "content": {"title": title, "body": "Just out of the oven."}, "basis": "service"}
        async with self.http.post("/v1/messages", json=body) as answer:
            assert answer.status == 202, await answer.text()

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

    async def shown(self) -> object:
        """When the one message was shown."""
        return (await self.trace()).get("shown_ms")

    async def opened(self) -> object:
        """When the one message was opened."""
        return (await self.trace()).get("opened_ms")

    async def ask(self, device: dict[str, str], leaf: str) -> Any:  # noqa: ANN401 - JSON
        """What the server tells a device, asked with its own token."""
        headers = {"Authorization": f"Bearer {device['token']}"}
        async with self.http.get(f"/v1/devices/{device['device']}/{leaf}", headers=headers) as answer:
            answer.raise_for_status()
            return await answer.json()

    async def told(self, kind: str) -> Any:  # noqa: ANN401 - JSON
        """The first event of a kind, as soon as it happened. Raises TimeoutError."""
        async with (
            asyncio.timeout(DEADLINE_S),
            self.http.get("/v1/events", params={"kinds": kind}, headers={"Last-Event-ID": "0"}) as answer,
        ):
            async for line in answer.content:
                if line.startswith(b"data:"):
                    return json.loads(line[5:])
        raise AssertionError("the stream of events ended")


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
async def open_shop(
    folder: Path, browser: Browser, *, minimum_age: int = 0, user_tokens: UserTokenSettings | None = None
) -> AsyncIterator[Shop]:
    settings = PushSettings(
        data_dir=str(folder / "data"),
        app_store=STORE,
        http=HttpSettings(port=0),
        broker=BrokerSettings(port=0, free_ports=True),
        webpush=WebPushSettings(origin_overrides=browser.origin_overrides),
        campaigns=AT_ANY_HOUR,
        profiles=ProfileSettings(minimum_age=minimum_age, user_tokens=user_tokens or UserTokenSettings()),
    )
    async with serve(await prepared(settings)) as running:
        operator = await asyncio.to_thread(settings.file("operator.token").read_text)
        headers = {"Authorization": f"Bearer {operator.strip()}"}
        async with aiohttp.ClientSession(running.http_url, headers=headers) as http:
            shop = Shop(running, http)
            await shop.put_registry(REGISTRY)
            yield shop
