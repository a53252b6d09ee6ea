"""A store's floor for tests: gateways that go on hearing cards as strongly as a test says, over real MQTT."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import aiomqtt

from beacons.columns import Sighting, pack
from beacons.ids import IdKind
from beacons.topics import topic
from beacons.wire import Batch, Key, broker_password, seal
from tests.support.tasks import background

EVERY_S = 0.4


def boot_ms() -> int:
    return time.monotonic_ns() // 1_000_000


class Floor:
    """`heard` says at which gateway which ids are heard how strongly, until a test says otherwise."""

    def __init__(self, store: str, keys: Mapping[str, Key]) -> None:
        self.store = store
        self.heard: dict[str, dict[tuple[IdKind, bytes], int]] = {gateway: {} for gateway in keys}
        self._keys = keys
        self._boot = secrets.token_hex(8)
        self._sequence = 0

    def place(self, tag: bytes, levels_dbm: Mapping[str, int], kind: IdKind = IdKind.IBEACON) -> None:
        """Let a tag be heard at these gateways, and at no other."""
        for gateway, ids in self.heard.items():
            ids.pop((kind, tag), None)
            if gateway in levels_dbm:
                ids[kind, tag] = levels_dbm[gateway]

    @asynccontextmanager
    async def on_air(self, broker_url: str) -> AsyncIterator["Floor"]:
        """All gateways at work while the block lasts, through every restart of the broker."""
        async with contextlib.AsyncExitStack() as stack:
            for gateway in self._keys:
                await stack.enter_async_context(background(self._run(gateway, broker_url), name=gateway))
            yield self

    async def _run(self, gateway: str, broker_url: str) -> None:
        url, key = urlsplit(broker_url), self._keys[gateway]
        while True:
            with contextlib.suppress(aiomqtt.MqttError):
                async with aiomqtt.Client(
                    url.hostname or "",
                    port=url.port or 1883,
                    identifier=gateway,
                    username=gateway,
                    password=broker_password(key.secret),
                ) as mqtt:
                    while True:
                        where = topic(self.store, gateway, "sightings")
                        await mqtt.publish(where, seal(self._batch(gateway), key, "up", where), qos=1)
                        await asyncio.sleep(EVERY_S)
            await asyncio.sleep(EVERY_S)

    def _batch(self, gateway: str) -> Batch:
        now_ms = boot_ms()
        self._sequence += 1
        found = [Sighting(kind, raw, now_ms, now_ms, dbm, dbm, 1) for (kind, raw), dbm in self.heard[gateway].items()]
        return Batch(
            gateway=gateway,
            boot=self._boot,
            sequence=self._sequence,
            oldest=self._sequence,
            sent_boot_ms=now_ms,
            sent_wall_ms=time.time_ns() // 1_000_000,
            offset_ms=None,
            base_ms=now_ms,
            sightings=pack(found, now_ms),
        )
