"""A gateway that a test plays itself, over real MQTT: it may lie, repeat itself, and talk nonsense."""

import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiomqtt
import msgspec

from beacons.columns import Sighting, pack
from beacons.ids import IdKind
from beacons.topics import topic
from beacons.wire import Ack, Batch, key_of, open_sealed, seal
from tests.support.box import HOST, STORE, Enrolled
from tests.support.tasks import background


def boot_ms() -> int:
    """The boot clock of gateways that live here."""
    return time.monotonic_ns() // 1_000_000


def sighting(beacon_id: bytes, heard_ms: int, kind: IdKind = IdKind.EID) -> Sighting:
    return Sighting(kind, beacon_id, heard_ms, heard_ms, -60, -60, 1)


def stranger(heard_ms: int) -> Sighting:
    """Somebody who was never heard before."""
    return sighting(secrets.token_bytes(8), heard_ms)


class WireGateway:
    """Connected by `on_air`. `acks` are what the server said."""

    def __init__(self, enrolled: Enrolled) -> None:
        self.name, self._secret, self._user = enrolled
        self.key = key_of(self._secret)
        self.boot = secrets.token_hex(8)
        self.acks: list[Ack] = []
        self._client: aiomqtt.Client | None = None

    @asynccontextmanager
    async def on_air(self, port: int) -> AsyncIterator["WireGateway"]:
        """Connected while the block lasts."""
        user = self._user
        async with aiomqtt.Client(HOST, port, username=user.name, password=user.password) as client:
            await client.subscribe(self.topic("ack"))
            self._client = client
            async with background(self._listen(client), name=f"acks of {self.name}"):
                yield self

    def topic(self, leaf: Any) -> str:  # noqa: ANN401 - any leaf, the contract's or not
        return topic(STORE, self.name, leaf)

    def batch(self, sequence: int, sightings: Sequence[Sighting] | None = None, **changes: object) -> Batch:
        """A batch that is sent now; it holds one stranger who was heard just now, unless told otherwise."""
        now_ms = boot_ms()
        heard = [stranger(now_ms)] if sightings is None else sightings
        base_ms = min((s.first_ms for s in heard), default=now_ms)
        batch = Batch(
            gateway=self.name,
            boot=self.boot,
            sequence=sequence,
            oldest=1,
            sent_boot_ms=now_ms,
            sent_wall_ms=time.time_ns() // 1_000_000,
            offset_ms=None,
            base_ms=base_ms,
            sightings=pack(heard, base_ms),
        )
        return msgspec.structs.replace(batch, **changes)

    def sealed(self, batch: Batch) -> bytes:
        return seal(batch, self.key, "up", self.topic("sightings"))

    async def say(self, batch: Batch) -> None:
        await self.publish(self.sealed(batch))

    async def publish(self, payload: bytes, to: str | None = None) -> None:
        """Any bytes, on any topic."""
        assert self._client is not None
        await self._client.publish(self.topic("sightings") if to is None else to, payload, qos=1)

    def settled(self) -> set[int]:
        """The sequences of this boot that the server acknowledged."""
        return {n for ack in self.acks if ack.boot == self.boot for lo, hi in ack.applied for n in range(lo, hi + 1)}

    def refused(self) -> dict[int, str]:
        return {sequence: why for ack in self.acks for sequence, why in ack.refused}

    async def _listen(self, client: aiomqtt.Client) -> None:
        keys = {self.key.id: self.key.secret}
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            self.acks.append(open_sealed(message.payload, keys, "down", self.topic("ack"), Ack))
