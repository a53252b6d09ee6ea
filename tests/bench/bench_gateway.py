"""The gateway's cost of an advert, step by step, for a busy store: µs of CPU, the spool's thread included.

python tests/bench/bench_gateway.py
"""

import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

from beacons.columns import Sighting
from beacons.frames import EddystoneUid, Eid, Frame, IBeacon, encode, identity
from beacons.ids import padded
from beacons.topics import topic
from beacons.wire import Batch, GatewayConfig, key_of, seal
from gateway.advert import Advert
from gateway.pipeline import Pipeline
from gateway.spool import Boot, Limits, Spool, Stored
from gateway.spool_file import open_spool

BEACONS: Final = 100
PACKETS_PER_S: Final = 10
SECONDS: Final = 20
BUDGET_US: Final = 15
KEY: Final = key_of(bytes(32))
TOPIC: Final = topic("s1", "g1", "sightings")

Say = Callable[[list[Sighting], int], Awaitable[None]]


class Still:
    """A clock that the bench moves."""

    def __init__(self) -> None:
        self.now_ms = 0

    def boot_ms(self) -> int:
        return self.now_ms

    def wall_ms(self) -> int:
        return self.now_ms


def frames() -> list[Frame]:
    kinds: list[Callable[[int], Frame]] = [
        lambda n: IBeacon(uuid=bytes(16), major=1, minor=n, measured_power_dbm=-59),
        lambda n: EddystoneUid(tx_power_dbm=-20, namespace=bytes(10), instance=n.to_bytes(6, "big")),
        lambda n: Eid(tx_power_dbm=-20, eid=n.to_bytes(8, "big")),
    ]
    return [kinds[n % len(kinds)](n) for n in range(BEACONS)]


def adverts(heard: list[Frame]) -> list[Advert]:
    """Everybody strolls: RSSI wanders, with noise, so that most are reported every second."""
    chance = random.Random(1)  # noqa: S311 - a bench repeats itself
    parts = [encode(frame) for frame in heard]
    levels = [chance.uniform(-90, -50) for _ in heard]
    out = []
    for at_ms in range(0, SECONDS * 1000, 1000 // PACKETS_PER_S):
        for n, (manufacturer_data, service_data) in enumerate(parts):
            levels[n] = min(-45, max(-95, levels[n] + chance.gauss(0, 0.7)))
            rssi_dbm = round(levels[n] + chance.gauss(0, 4))
            out.append(Advert(f"{n:012x}", rssi_dbm, manufacturer_data, service_data, at_ms))
    return out


def ready(heard: list[Frame]) -> Pipeline:
    named = [found for found in map(identity, heard) if found is not None]
    pipeline = Pipeline(Still(), Counter())
    pipeline.configure(
        GatewayConfig(
            version=1,
            pass_kind=bytes(kind for kind, _, _ in named),
            pass_id=b"".join(padded(beacon_id) for _, beacon_id, _ in named),
        )
    )
    return pipeline


async def play(pipeline: Pipeline, packets: list[Advert], say: Say) -> float:
    """CPU seconds of this process, all threads."""
    window = pipeline.window
    start_s = time.process_time()
    for advert in packets:
        due_ms = window.due_ms()
        if due_ms is not None and due_ms <= advert.heard_ms:
            await say(window.take(advert.heard_ms), advert.heard_ms)
        pipeline.hear(advert)
    return time.process_time() - start_s


def sealed(stored: Stored) -> bytes:
    return seal(
        Batch(
            gateway="g1",
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

    yield "decode, filter, window", nothing
    yield "and written to the spool", spooled
    yield "and sealed, and removed when acknowledged", whole


async def main() -> None:
    """Print the table."""
    heard = frames()
    packets = adverts(heard)
    sizes: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        limits = Limits(10**9, 10**9)
        async with open_spool(Path(folder) / "spool.db", Boot("0" * 16, "bench"), limits, Counter()) as spool:
            for name, say in steps(spool, sizes):
                cost_s = min([await play(ready(heard), packets, say) for _ in range(3)])
                sys.stdout.write(f"{name:<45}{cost_s / len(packets) * 1e6:8.2f} µs per advert\n")
    sys.stdout.write(
        f"{len(packets)} adverts of {BEACONS} beacons, {PACKETS_PER_S}/s each; budget {BUDGET_US} µs;"
        f" {len(sizes) // 3} batches, {sum(sizes) / len(sizes):.0f} bytes each on the wire\n"
    )


if __name__ == "__main__":
    asyncio.run(main())
