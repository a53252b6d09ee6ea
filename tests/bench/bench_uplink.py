"""How fast a gateway gets rid of batches: spooled, sent, acknowledged by the server, and let go of.

python tests/bench/bench_uplink.py

The gateway's own spool and uplink, against nats-server and a server that acknowledges every 50 ms as ours does, both in
a process of their own. *Live*: batches as fast as the window in flight takes them. *Backlog*: a spool that was filled
while there was no network, emptied at a rate that the settings leave free.
"""

import asyncio
import logging
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Literal, NamedTuple

import structlog

from beacons.columns import Sighting
from beacons.ids import IdKind
from beacons.wire import GatewayConfig, Status, broker_password
from gateway.clock import ServerTime, SystemClock
from gateway.credentials import Credentials
from gateway.flights import Flights
from gateway.settings import GatewaySettings, UplinkSettings
from gateway.spool import Boot, Limits, Spool
from gateway.spool_file import open_spool
from gateway.uplink import Outside, Uplink
from tests.bench.house import GATEWAY, KEY, SECRET, STORE, House, house
from tests.bench.table import Line, show
from tests.support.tasks import background

BATCHES: Final = 3000
SIGHTINGS: Final = 50
WINDOW: Final = 64
RATE_PER_S: Final = 10_000.0
BOOT: Final = "0123456789abcdef"


class Gateway(NamedTuple):
    """The parts that are measured."""

    spool: Spool
    flights: Flights
    uplink: Uplink


class Rate(NamedTuple):
    """Batches a second, and ms of CPU for each."""

    per_s: float
    cpu_ms: float


@asynccontextmanager
async def gateway(there: House, folder: Path) -> AsyncIterator[Gateway]:
    """A gateway that is not connected yet."""
    clock, boot, counters = SystemClock(), Boot(BOOT, "bench"), Counter[str]()
    settings = GatewaySettings(
        id=GATEWAY,
        store=STORE,
        secret_file="",
        uplink=UplinkSettings(brokers=(there.url,), window=WINDOW, backlog_per_s=RATE_PER_S),
    )
    credentials = Credentials(KEY, {KEY.id: SECRET}, GATEWAY, broker_password(SECRET), None)

    def status(state: Literal["online", "offline"]) -> Status:
        return Status(state=state, version="bench", boot=BOOT)

    async def configured(_config: GatewayConfig) -> None:
        pass

    async with open_spool(folder / "spool.db", boot, Limits(10**9, 10**9), counters) as spool:
        flights = Flights(BOOT, WINDOW, settings.uplink.resend_ms, RATE_PER_S, lambda: 0.5)
        outside = Outside(clock, counters, status, configured)
        yield Gateway(spool, flights, Uplink(settings, credentials, boot, (spool, flights, ServerTime()), outside))


def sightings(now_ms: int) -> list[Sighting]:
    return [
        Sighting(IdKind.EID, n.to_bytes(8, "big"), now_ms - 900, now_ms, -60, -65, 10, -59) for n in range(SIGHTINGS)
    ]


@asynccontextmanager
async def sending(uplink: Uplink) -> AsyncIterator[None]:
    """Connected, for the length of the block."""
    async with background(uplink.run()):
        yield


async def live(found: Gateway) -> None:
    """Spool and offer as fast as there is room; done when all is acknowledged."""
    said = sightings(10_000)
    async with sending(found.uplink):
        for _ in range(BATCHES):
            while len(found.flights) + found.flights.waiting >= WINDOW:  # noqa: ASYNC110 - flights tell nobody
                await asyncio.sleep(0.001)
            stored = await found.spool.append(said, 10_000)
            assert stored is not None
            found.uplink.offer(stored)
        await found.uplink.drained()


async def backlog(found: Gateway) -> None:
    """Send what is in the spool; done when all is acknowledged."""
    async with sending(found.uplink):
        await found.uplink.drained()


async def fill(found: Gateway) -> None:
    said = sightings(10_000)
    for _ in range(BATCHES):
        await found.spool.append(said, 10_000)


async def measure(run: Callable[[Gateway], Awaitable[None]], *, filled: bool) -> Rate:
    with house(GatewayConfig(version=1)) as there, tempfile.TemporaryDirectory() as folder:
        async with gateway(there, Path(folder)) as found:
            if filled:
                await fill(found)
            began_s, began_cpu_s = time.monotonic(), time.process_time()
            await run(found)
            took_s, took_cpu_s = time.monotonic() - began_s, time.process_time() - began_cpu_s
            assert found.spool.count == 0
    return Rate(BATCHES / took_s, took_cpu_s / BATCHES * 1000)


def main() -> None:
    """Print the table."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    lines = []
    for name, run, filled in (("live", live, False), ("backlog", backlog, True)):
        rate = asyncio.run(measure(run, filled=filled))
        lines += [Line(name, rate.per_s, "batches a second"), Line(f"{name}, CPU of each", rate.cpu_ms, "ms")]
    show(f"Batches of {SIGHTINGS} sightings, {WINDOW} in flight, from the spool to the acknowledgement", lines)


if __name__ == "__main__":
    main()
