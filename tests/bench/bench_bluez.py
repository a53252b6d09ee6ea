"""What hearing costs on Linux: bleak over a real D-Bus, alone and with the gateway behind it.

python tests/bench/bench_bluez.py

A dbus-daemon and the emulated BlueZ (every packet is one signal, as with DuplicateData), each in a process of its own;
packets as fast as they go. µs of CPU of the scanning process per packet: the least that a Python program pays for
hearing one, and what we add to it. Needs dbus-daemon.
"""

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec
from bleak import BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from beacons import ad
from firmware_sim.bluez import private_bus
from gateway import bluez
from gateway.advert import Advert
from gateway.clock import SystemClock
from gateway.pipeline import Pipeline
from gateway.scan import open_scanner
from gateway.settings import ScanSettings
from tests.bench import strollers
from tests.bench.table import Line, say, show
from tests.support.tasks import background

ADAPTER: Final = "hci0"
SECONDS: Final = 6
ROUNDS: Final = 2
WAIT_S: Final = 30

Done = asyncio.Future[None]


def orders(packets: Sequence[strollers.Packet]) -> bytes:
    """What the emulated BlueZ is told to hear."""
    return b"".join(
        msgspec.json.encode(
            {
                "do": "advert",
                "address": packet.address,
                "rssi_dbm": packet.rssi_dbm,
                "payload": ad.join(packet.manufacturer_data, packet.service_data).hex(),
            }
        )
        + b"\n"
        for packet in packets
    )


@asynccontextmanager
async def emulated(folder: Path) -> AsyncIterator[asyncio.StreamWriter]:
    """BlueZ on a bus that this process takes for the system's; write orders to it."""
    async with private_bus() as bus:
        said = folder / "said"
        with said.open("wb") as out:
            service = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "firmware_sim.bluez",
                "--bus",
                bus.address,
                stdin=asyncio.subprocess.PIPE,
                stdout=out,
            )
        assert service.stdin is not None
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = bus.address
        try:
            async with asyncio.timeout(WAIT_S):
                while not said.stat().st_size:  # noqa: ASYNC110 - a file tells nobody
                    await asyncio.sleep(0.02)
            yield service.stdin
        finally:
            service.kill()
            await service.wait()


class Counting:
    """Ends a run once so many packets were heard."""

    def __init__(self, wanted: int, hear: Callable[[Advert], None] | None = None) -> None:
        self.done: Done = asyncio.get_running_loop().create_future()
        self._left = wanted
        self._hear = hear

    def callback(self, _device: BLEDevice, _data: AdvertisementData) -> None:
        """bleak's."""
        self._count()

    def on_advert(self, advert: Advert) -> None:
        """The gateway's."""
        if self._hear is not None:
            self._hear(advert)
        self._count()

    def _count(self) -> None:
        self._left -= 1
        if self._left == 0:
            self.done.set_result(None)


async def spent_s(radio: asyncio.StreamWriter, told: bytes, done: Done) -> float:
    began_s = time.process_time()
    radio.write(told)
    async with asyncio.timeout(WAIT_S):
        await done
    return time.process_time() - began_s


async def bleak_alone(radio: asyncio.StreamWriter, told: bytes, count: int) -> float:
    counting = Counting(count)
    async with BleakScanner(counting.callback, bluez=bluez.scanner_args(ADAPTER)):
        return await spent_s(radio, told, counting.done)


async def with_gateway(radio: asyncio.StreamWriter, told: bytes, count: int) -> float:
    """The gateway's scanner and its pipeline, without spool and uplink."""
    pipeline = Pipeline(SystemClock(), Counter())
    pipeline.configure(strollers.config(strollers.frames()))
    counting = Counting(count, pipeline.hear)
    started: Done = asyncio.get_running_loop().create_future()

    def said(what: str, _details: dict[str, object]) -> None:
        if what == "started":
            started.set_result(None)

    async with background(open_scanner(ScanSettings(adapter=ADAPTER), said).run(counting.on_advert)):
        await started
        return await spent_s(radio, told, counting.done)


async def measure(packets: Sequence[strollers.Packet]) -> tuple[float, float]:
    """µs per packet: bleak alone, and with the gateway."""
    told, count = orders(packets), len(packets)
    costs: list[list[float]] = [[], []]
    for n, run in enumerate((bleak_alone, with_gateway) * ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            async with emulated(Path(folder)) as radio:
                costs[n % 2].append(await run(radio, told, count) / count * 1e6)
    return min(costs[0]), min(costs[1])


def main() -> None:
    """Print the table."""
    if shutil.which("dbus-daemon") is None:
        say("left out: there is no dbus-daemon here")
        return
    alone_us, whole_us = asyncio.run(measure(strollers.packets(strollers.frames(), SECONDS)))
    show(
        "Hearing over D-Bus, per packet",
        [
            Line("bleak, to its callback", alone_us, "µs"),
            Line("bleak and the gateway, to its window", whole_us, "µs"),
            Line("the gateway's share", whole_us - alone_us, "µs"),
        ],
    )


if __name__ == "__main__":
    main()
