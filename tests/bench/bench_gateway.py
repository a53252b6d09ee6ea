"""A gateway's cost of an advert in a busy store, from bleak's callback to MQTT, beside Theengs Gateway's, in one run.

python tests/bench/bench_gateway.py

100 beacons (or 1,000, a crowd), ten packets a second each, a third iBeacon, Eddystone-UID and Eddystone-EID. µs of CPU
per advert of the whole process, its threads included, bleak's own cost left out on both sides: both take the callback's
arguments.

* With a stub for the MQTT client. Footfall: merged properties told apart, decoded, filtered, windowed, each batch
  written to the spool, sealed, and removed as if acknowledged; the store's time runs as fast as the machine can.
  Theengs Gateway: its `detection_callback`, which decodes and publishes every packet to a stub.
* On the wire. Footfall: the daemon with all its tasks, in real time, against nats-server with a server that
  acknowledges, until everything is acknowledged, less what the same costs while nothing is heard. Theengs Gateway: its
  own MQTT client on nats-server too, QoS 0, as fast as it can, until the broker has everything. In real time a process
  that wakes up for a few packets finds its caches cold; that is why the same work costs more than with a stub, the more
  so the busier the machine is with other things, and less per packet in a crowd. Hearing and hearing nothing take
  turns, and the least of each counts. A run of 5 s had as much noise as the budget's margin, and what happens once in a
  process (threads started, statements compiled) was a share of it that it is not in years: hence runs of 10 s, three of
  each.

They do not do the same: Theengs Gateway decodes far more kinds of devices and publishes JSON for each packet, we sum
packets up, keep them until they are acknowledged, and sign them. That is the point: the work per packet is what a
crowded store makes a gateway do.
"""

import asyncio
import gc
import logging
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import structlog
from bleak import BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, AdvertisementDataCallback, BaseBleakScanner

from beacons.columns import Sighting
from beacons.topics import topic
from beacons.wire import Batch, GatewayConfig, broker_password, seal
from gateway import daemon
from gateway.clock import Clock, SystemClock
from gateway.credentials import Credentials
from gateway.merge import ACTIVE_PATIENCE_MS, Merge
from gateway.pipeline import Pipeline
from gateway.radio import Pace, Radio, Stack
from gateway.settings import GatewaySettings, UplinkSettings
from gateway.spool import Boot, Limits, Spool, Stored
from gateway.spool_file import open_spool
from tests.bench import peers, strollers
from tests.bench.house import GATEWAY, KEY, PEER, SECRET, STORE, House, house
from tests.bench.table import Line, say, show
from tests.support.tasks import background

SECONDS: Final = 20
LIVE_SECONDS: Final = 10
LIVE_BEACONS: Final = (100, 1000)
LIVE_ROUNDS: Final = 3
ROUNDS: Final = 3
SLOT_MS: Final = 20
BUDGET_US: Final = 15.0
THEENGS: Final = "Theengs Gateway"
THEENGS_PACKETS: Final = 1500
TOPIC: Final = topic(STORE, GATEWAY, "sightings")

Say = Callable[[list[Sighting], int], Awaitable[None]]
Callback = tuple[int, BLEDevice, AdvertisementData]


class Still:
    """A clock that the bench moves."""

    def __init__(self) -> None:
        self.now_ms = 0

    def boot_ms(self) -> int:
        return self.now_ms

    def wall_ms(self) -> int:
        return self.now_ms


class Silent(BaseBleakScanner):
    """A bleak backend without a radio: the bench calls the callback."""

    def __init__(
        self, callback: AdvertisementDataCallback | None, uuids: list[str] | None, *_args: object, **_kwargs: object
    ) -> None:
        super().__init__(callback, uuids)

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass


class Ears(NamedTuple):
    """A radio, and its bleak callback once it has started."""

    radio: Radio
    hear: asyncio.Future[AdvertisementDataCallback]


def ears(clock: Clock) -> Ears:
    """A radio as on BlueZ, where bleak shows merged properties."""
    hear: asyncio.Future[AdvertisementDataCallback] = asyncio.get_running_loop().create_future()

    def scanner(callback: AdvertisementDataCallback) -> BleakScanner:
        hear.set_result(callback)
        return BleakScanner(callback, backend=Silent)

    stack = Stack("bench", scanner, merge=Merge(ACTIVE_PATIENCE_MS))
    return Ears(Radio(stack, Pace(silence_ms=3_600_000), lambda _what, _details: None, clock), hear)


def callbacks(packets: Sequence[strollers.Packet]) -> list[Callback]:
    """What bleak would hand over; made before, so the garbage collector is told not to look at it again and again."""
    made = [(packet.at_ms, *strollers.handed_over(packet)) for packet in packets]
    gc.collect()
    gc.freeze()
    return made


# With a stub


@asynccontextmanager
async def listening(pipeline: Pipeline, clock: Clock) -> AsyncIterator[AdvertisementDataCallback]:
    radio, hear = ears(clock)
    async with background(radio.run(pipeline.hear)):
        yield await hear


async def step_us(config: GatewayConfig, heard: Sequence[Callback], report: Say) -> float:
    """µs of CPU per advert, all threads."""
    clock = Still()
    pipeline = Pipeline(clock, Counter())
    pipeline.configure(config)
    window = pipeline.window
    async with listening(pipeline, clock) as hear:
        began_s = time.process_time()
        for at_ms, device, data in heard:
            clock.now_ms = at_ms
            due_ms = window.due_ms()
            if due_ms is not None and due_ms <= at_ms:
                await report(window.take(at_ms), at_ms)
            hear(device, data)
        return (time.process_time() - began_s) / len(heard) * 1e6


def sealed(stored: Stored) -> bytes:
    return seal(
        Batch(
            gateway=GATEWAY,
            boot=stored.boot,
            sequence=stored.sequence,
            oldest=1,
            sent_boot_ms=0,
            sent_wall_ms=0,
            offset_ms=None,
            base_ms=stored.base_ms,
            sightings=stored.sightings,
        ),
        KEY,
        "up",
        TOPIC,
    )


def steps(spool: Spool, sizes: list[int]) -> Iterator[tuple[str, Say]]:
    async def nothing(_sightings: list[Sighting], _now_ms: int) -> None:
        pass

    async def spooled(sightings: list[Sighting], now_ms: int) -> None:
        if sightings:
            await spool.append(sightings, now_ms)

    async def whole(sightings: list[Sighting], now_ms: int) -> None:
        if sightings and (stored := await spool.append(sightings, now_ms)):
            sizes.append(len(sealed(stored)))
            await spool.remove([stored])

    yield "told apart, decoded, filtered, windowed", nothing
    yield "and written to the spool", spooled
    yield "and sealed for a stub, and removed", whole


async def stubbed(config: GatewayConfig, packets: Sequence[strollers.Packet]) -> list[tuple[str, float]]:
    heard = callbacks(packets)
    sizes: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        limits = Limits(10**9, 10**9)
        async with open_spool(Path(folder) / "spool.db", Boot("0" * 16, "bench"), limits, Counter()) as spool:
            found = [
                (name, min([await step_us(config, heard, report) for _ in range(ROUNDS)]))
                for name, report in steps(spool, sizes)
            ]
    say(f"{len(heard)} adverts, {len(sizes) // ROUNDS} batches of {sum(sizes) / len(sizes):.0f} bytes")
    return found


# On the wire


async def live_s(there: House, packets: Sequence[strollers.Packet], folder: Path, *, deaf: bool) -> float:
    """Seconds of CPU of the daemon, from the first packet until the last batch is acknowledged."""
    heard = callbacks(packets)
    settings = GatewaySettings(
        id=GATEWAY,
        store=STORE,
        secret_file="",
        data_dir=str(folder),
        uplink=UplinkSettings(brokers=(there.url,)),
    )
    credentials = Credentials(KEY, {KEY.id: SECRET}, GATEWAY, broker_password(SECRET), None)
    radio, hear = ears(SystemClock())
    requests = daemon.Requests(asyncio.Event(), asyncio.Event())
    running = asyncio.create_task(daemon.run(lambda: (settings, credentials), radio, requests))
    callback = await hear
    await asyncio.to_thread(there.wait_configured)
    began_s = time.process_time()
    await play(ignore if deaf else callback, heard)
    requests.stop.set()
    await running
    took_s = time.process_time() - began_s
    counters = msgspec.json.decode((folder / "health.json").read_bytes(), type=dict[str, Any])["counters"]
    batches = counters.get("batches_spooled", 0)
    assert counters.get("batches_acknowledged", 0) == batches, counters
    assert counters.get("beacons_heard", 0) == (0 if deaf else len(heard)), counters
    say(f"{0 if deaf else len(heard)} adverts, {batches} batches: {took_s / LIVE_SECONDS:.1%} of a core")
    return took_s


def ignore(_device: BLEDevice, _data: AdvertisementData) -> None:
    """Hear nothing."""


def live_us(beacons: Sequence[int]) -> list[float]:
    """µs of CPU per advert of the daemon, beyond what it costs while it hears nothing, for each number of beacons."""
    least_s = [float("inf")] * (len(beacons) + 1)
    counts = [0] * len(least_s)
    for _ in range(LIVE_ROUNDS):
        for n, count in enumerate((0, *beacons)):
            frames = strollers.frames(count or beacons[0])
            packets = strollers.packets(frames, LIVE_SECONDS)
            with house(strollers.config(frames)) as there, tempfile.TemporaryDirectory() as folder:
                cost_s = asyncio.run(live_s(there, packets, Path(folder), deaf=not count))
            least_s[n], counts[n] = min(least_s[n], cost_s), len(packets)
    return [(cost_s - least_s[0]) / count * 1e6 for cost_s, count in zip(least_s[1:], counts[1:], strict=True)]


async def play(callback: AdvertisementDataCallback, heard: Sequence[Callback]) -> None:
    """Each packet in its time, give or take `SLOT_MS`: waking up for each would be what is measured."""
    loop = asyncio.get_running_loop()
    begin_s = loop.time()
    for slot, packets in groupby(heard, key=lambda packet: packet[0] // SLOT_MS):
        await asyncio.sleep(begin_s + slot * SLOT_MS / 1000 - loop.time())
        for _, device, data in packets:
            callback(device, data)


def theirs(config: GatewayConfig, packets: Sequence[strollers.Packet]) -> tuple[float | None, float | None]:
    """Theengs Gateway's µs per advert, with a stub and on the wire; None where it cannot be installed."""
    python = peers.python_of("theengs")
    if python is None:
        return None, None
    with house(config) as there, tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "recording"
        strollers.write(packets[:THEENGS_PACKETS], recording)
        broker = {"host": "127.0.0.1", "port": there.port, "user": PEER.name, "pass": PEER.password}
        found = [
            peers.ask(python, "theengs.py", {"recording": str(recording), "rounds": ROUNDS, "broker": where})
            for where in (None, broker)
        ]
    assert all(answer["published"] == THEENGS_PACKETS for answer in found), found
    return found[0]["us"], found[1]["us"]


def main() -> None:
    """Print the table."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    frames = strollers.frames()
    packets, config = strollers.packets(frames, SECONDS), strollers.config(frames)
    *parts, (name, whole_us) = asyncio.run(stubbed(config, packets))
    wires_us = live_us(LIVE_BEACONS)
    their_stub_us, their_wire_us = theirs(config, packets)
    show(
        "Gateway, per advert",
        [
            *(Line(part, us, "µs") for part, us in parts),
            Line(name, whole_us, "µs", BUDGET_US, THEENGS, their_stub_us),
            *(
                Line(f"the daemon on the wire, {count:,} beacons", us, "µs", BUDGET_US, THEENGS, their_wire_us)
                for count, us in zip(LIVE_BEACONS, wires_us, strict=True)
            ),
        ],
    )


if __name__ == "__main__":
    main()
