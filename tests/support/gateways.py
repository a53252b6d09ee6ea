"""Gateways in tests: settings for one, a radio that says what a test wants heard, and the server's side of the wire."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiomqtt
import msgspec

from beacons.frames import IBeacon, encode, identity
from beacons.ids import padded
from beacons.topics import parse_topic, topic
from beacons.wire import Ack, Batch, GatewayConfig, Key, Status, WireError, key_of, open_sealed, seal
from gateway.advert import Advert, OnAdvert
from gateway.clock import SystemClock
from gateway.credentials import read_credentials
from gateway.daemon import Requests, run
from gateway.settings import GatewaySettings, UplinkSettings
from push.broker.endpoint import Endpoint
from tests.support.brokers import RunningBroker, until
from tests.support.patience import PATIENCE_S
from tests.support.tasks import background

STORE = "s1"
GATEWAY = "g1"
SECRET = bytes(range(32))
TAG = IBeacon(uuid=bytes(16), major=1, minor=2, measured_power_dbm=-59)


def ibeacon(minor: int) -> IBeacon:
    return IBeacon(uuid=bytes(16), major=1, minor=minor, measured_power_dbm=-59)


def passing(frames: Sequence[IBeacon], version: int = 1) -> GatewayConfig:
    """A configuration that lets these frames through, and windows that keep tests quick."""
    found = [named for named in map(identity, frames) if named is not None]
    return GatewayConfig(
        version=version,
        pass_kind=bytes(kind for kind, _, _ in found),
        pass_id=b"".join(padded(beacon_id) for _, beacon_id, _ in found),
        company_ms=10,
        changing_ms=100,
        steady_ms=100,
        forget_ms=1000,
    )


class ScriptedRadio:
    """A `gateway.advert.Scanner` that hears what a test says."""

    def __init__(self) -> None:
        self._clock = SystemClock()
        self._on_advert: OnAdvert | None = None

    async def run(self, on_advert: OnAdvert) -> None:
        self._on_advert = on_advert
        try:
            await asyncio.Event().wait()
        finally:
            self._on_advert = None

    async def hear(self, frame: IBeacon, rssi_dbm: int = -60) -> None:
        """One packet, as soon as the gateway listens."""
        await until(lambda: self._on_advert is not None)
        assert self._on_advert is not None
        self._on_advert(Advert("aa:bb:cc:dd:ee:ff", rssi_dbm, *encode(frame), self._clock.boot_ms()))


async def gateway_settings(
    folder: Path, broker: RunningBroker, uplink: UplinkSettings | None = None
) -> GatewaySettings:
    """Settings of a gateway that the broker lets in, with its files in `folder`."""
    user = await broker.add_gateway(STORE, GATEWAY)

    def files() -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "secret").write_text(SECRET.hex())
        (folder / "secret").chmod(0o600)
        (folder / "password").write_text(user.password)

    await asyncio.to_thread(files)
    return GatewaySettings(
        id=GATEWAY,
        store=STORE,
        secret_file=str(folder / "secret"),
        data_dir=str(folder / "data"),
        uplink=msgspec.structs.replace(
            uplink or UplinkSettings(resend_ms=200),
            brokers=(broker.endpoint.url, *(uplink.brokers[1:] if uplink else ())),
            username=user.name,
            password_file=str(folder / "password"),
        ),
    )


@asynccontextmanager
async def running(settings: GatewaySettings, radio: ScriptedRadio) -> AsyncIterator[Requests]:
    """The daemon in this process; asked to stop at the end, and what it raised is raised."""
    requests = Requests(asyncio.Event(), asyncio.Event())
    task = asyncio.create_task(run(lambda: (settings, read_credentials(settings, "test")), radio, requests))
    try:
        yield requests
    finally:
        requests.stop.set()
        async with asyncio.timeout(PATIENCE_S):
            await task


Policy = Callable[[Batch], Ack | None]


def acknowledge(batch: Batch) -> Ack:
    """What an honest server says of a batch that it made durable."""
    now_ms = time.time_ns() // 1_000_000
    return Ack(
        boot=batch.boot,
        applied=((batch.sequence, batch.sequence),),
        echo_boot_ms=batch.sent_boot_ms,
        received_ms=now_ms,
        sent_ms=now_ms,
    )


class WireServer:
    """The server's side: keeps every batch and status that arrives, and answers each batch as `policy` says."""

    def __init__(self, secret: bytes = SECRET) -> None:
        self.batches: list[Batch] = []
        self.statuses: list[Status] = []
        self.refused: list[str] = []
        self.policy: Policy = acknowledge
        self.key: Key = key_of(secret)
        self.connected = False
        self._client: aiomqtt.Client | None = None

    def sequences(self) -> list[int]:
        """Of the batches that arrived, repeats included."""
        return [batch.sequence for batch in self.batches]

    async def configure(self, config: GatewayConfig) -> None:
        """Publish a retained configuration."""
        await self.send("config", seal(config, self.key, "down", topic(STORE, GATEWAY, "config")), retain=True)

    async def acknowledge(self, ack: Ack) -> None:
        """Publish an acknowledgement."""
        await self.send("ack", seal(ack, self.key, "down", topic(STORE, GATEWAY, "ack")))

    async def send(self, leaf: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish anything to the gateway."""
        assert self._client is not None
        await self._client.publish(f"footfall/v1/{STORE}/{GATEWAY}/{leaf}", payload, qos=1, retain=retain)

    @asynccontextmanager
    async def at(self, broker: RunningBroker) -> AsyncIterator["WireServer"]:
        """Connected to `broker`, again and again, while the context lasts."""
        async with background(self._stay(lambda: broker.endpoint)):
            await until(lambda: self.connected)
            yield self

    async def _stay(self, endpoint: Callable[[], Endpoint]) -> None:
        while True:
            try:
                with suppress(aiomqtt.MqttError, AssertionError):  # the broker is away, or stopped
                    await self._session(endpoint())
            finally:
                self.connected = False
            await asyncio.sleep(0.05)

    async def _session(self, endpoint: Endpoint) -> None:
        async with aiomqtt.Client(
            endpoint.host, endpoint.port, username=endpoint.username, password=endpoint.password
        ) as client:
            self._client = client
            await client.subscribe([("footfall/v1/+/+/sightings", 0), ("footfall/v1/+/+/status", 0)])
            self.connected = True
            async for message in client.messages:
                await self._take(str(message.topic), message.payload)

    async def _take(self, name: str, payload: object) -> None:
        parsed = parse_topic(name)
        assert parsed is not None
        assert isinstance(payload, bytes)
        keys = {self.key.id: self.key.secret}
        try:
            if parsed.leaf == "status":
                self.statuses.append(open_sealed(payload, keys, "up", name, Status))
                return
            batch = open_sealed(payload, keys, "up", name, Batch)
        except WireError as error:
            self.refused.append(error.reason)
            return
        self.batches.append(batch)
        ack = self.policy(batch)
        if ack is not None:
            await self.acknowledge(ack)
