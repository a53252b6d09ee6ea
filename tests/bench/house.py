"""A broker, and a server that acknowledges one gateway's batches, in a process of their own.

What a gateway costs is then all that the bench's own process spends.
"""

import asyncio
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import aiomqtt
import msgspec

from beacons.topics import topic
from beacons.wire import Ack, Batch, GatewayConfig, Status, broker_password, key_of, open_sealed, seal
from gateway.tasks import heed_cancellation
from push.broker.embedded import EmbeddedSettings, run_broker
from push.broker.users import BrokerUser, gateway_user
from push.ingest.marks import Mark, applied

STORE: Final = "s1"
GATEWAY: Final = "g1"
SECRET: Final = bytes(range(32))
KEY: Final = key_of(SECRET)
PEER: Final = BrokerUser(name="peer", password="not-a-secret", publish=("#",), subscribe=("#",))  # noqa: S106 - a bench
WAIT_S: Final = 15.0
TICK_S: Final = 0.05
"""As often as the server acknowledges."""


class House:
    """Where the broker listens; `url` as gateways are told."""

    def __init__(self, pipe: Connection, port: int) -> None:
        self.port = port
        self.url = f"mqtt://127.0.0.1:{port}"
        self._pipe = pipe

    def wait_configured(self) -> None:
        """Until the gateway has said that it runs by the configuration. Raises TimeoutError."""
        if not self._pipe.poll(WAIT_S):
            raise TimeoutError("the gateway was not configured")


@contextmanager
def house(config: GatewayConfig) -> Iterator[House]:
    """A house for the length of the block, with a retained configuration for its gateway."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_run, args=(there, msgspec.json.encode(config)))
    process.start()
    try:
        yield House(here, here.recv())
    finally:
        here.send(None)
        process.join(10)
        process.kill()


def _run(pipe: Connection, config: bytes) -> None:
    asyncio.run(_serve(pipe, msgspec.json.decode(config, type=GatewayConfig)))


async def _serve(pipe: Connection, config: GatewayConfig) -> None:
    user = gateway_user(STORE, GATEWAY, broker_password(SECRET))
    with tempfile.TemporaryDirectory() as folder:
        settings = EmbeddedSettings(folder=Path(folder), free_ports=True)
        async with run_broker(settings, [user, PEER]) as broker, asyncio.TaskGroup() as tasks:
            where = broker.endpoint
            async with aiomqtt.Client(where.host, where.port, username=where.username, password=where.password) as mqtt:
                name = topic(STORE, GATEWAY, "config")
                await mqtt.publish(name, seal(config, KEY, "down", name), qos=1, retain=True)
                await mqtt.subscribe([(topic(STORE, GATEWAY, "sightings"), 0), (topic(STORE, GATEWAY, "status"), 0)])
                server = tasks.create_task(_acknowledge(mqtt, lambda: pipe.send(None)))
                pipe.send(where.port)
                await asyncio.to_thread(pipe.poll, None)
                server.cancel()


async def _acknowledge(mqtt: aiomqtt.Client, configured: Callable[[], None]) -> None:
    marks: dict[str, Mark] = {}
    newest: dict[str, tuple[int | None, int]] = {}

    async def ticks() -> None:
        while True:
            await asyncio.sleep(TICK_S)
            for boot, (sent_boot_ms, received_ms) in newest.items():
                await _ack(mqtt, boot, marks[boot], sent_boot_ms, received_ms)
            newest.clear()
            heed_cancellation()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ticks())
        async for message in mqtt.messages:
            name, payload = message.topic.value, message.payload
            assert isinstance(payload, bytes)
            if name.endswith("/status"):
                status = open_sealed(payload, {KEY.id: SECRET}, "up", name, Status)
                if status.state == "online" and status.config_version:
                    configured()
                continue
            batch = open_sealed(payload, {KEY.id: SECRET}, "up", name, Batch)
            marks[batch.boot] = applied(marks.get(batch.boot, Mark()), batch.sequence)
            newest[batch.boot] = batch.sent_boot_ms, _now_ms()


async def _ack(mqtt: aiomqtt.Client, boot: str, mark: Mark, sent_boot_ms: int | None, received_ms: int) -> None:
    name = topic(STORE, GATEWAY, "ack")
    ack = Ack(boot=boot, applied=mark.ranges(), echo_boot_ms=sent_boot_ms, received_ms=received_ms, sent_ms=_now_ms())
    await mqtt.publish(name, seal(ack, KEY, "down", name), qos=0)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
