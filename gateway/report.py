"""What the gateway says of itself: the retained Status to the server, and the health snapshot to its own machine."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import structlog

from beacons.wire import MachineStatus, RadioStatus, SpoolStatus, Status
from gateway.clock import Clock, ServerTime
from gateway.health import Health, health_file, metrics_server, write_health
from gateway.machine import machine_status
from gateway.pipeline import Pipeline
from gateway.radio_log import RadioLog
from gateway.remote import RemoteConfig
from gateway.settings import GatewaySettings
from gateway.spool import Boot, Spool

if TYPE_CHECKING:
    from gateway.flights import Flights
    from gateway.uplink import Uplink

VERSION: Final = version("footfall")
"""The installed version, as Status, health and command line say it."""

INSTALLING_S: Final = 2
"""In installation mode somebody stands beside the box and looks at the health file."""

log = structlog.get_logger()


class Parts(NamedTuple):
    """What there is to report on."""

    clock: Clock
    counters: Counter[str]
    boot: Boot
    time: ServerTime
    radio: RadioLog
    pipeline: Pipeline
    spool: Spool
    remote: RemoteConfig


class Reporter:
    """Answers how the gateway is; the daemon sets what changes with a reload."""

    def __init__(self, parts: Parts, settings: GatewaySettings) -> None:
        self.settings = settings
        self.flights: Flights | None = None
        self.uplink: Uplink | None = None
        self._parts = parts
        self._started_ms = parts.clock.boot_ms()
        self._machine: MachineStatus | None = None

    def status(self, state: Literal["online", "offline"]) -> Status:
        """The Status as of now; the machine as of the last look."""
        now_ms = self._parts.clock.boot_ms()
        offset_ms = self._parts.time.offset_ms(now_ms)
        return Status(
            state=state,
            version=VERSION,
            boot=self._parts.boot.id,
            said_ms=None if offset_ms is None else now_ms + offset_ms,
            uptime_s=self._uptime_s(),
            skew_ms=self._skew_ms(),
            config_version=self._parts.remote.version,
            config_since_ms=self._parts.remote.since_ms(offset_ms),
            radio=self._radio(),
            spool=self._spool(),
            machine=self._machine,
            counters=self._counters(),
        )

    def health(self, state: str = "running") -> Health:
        """A snapshot as of now."""
        now_ms = self._parts.clock.boot_ms()
        heard = self._parts.pipeline.heard.items()
        return Health(
            state=state,
            version=VERSION,
            gateway=self.settings.id,
            boot=self._parts.boot.id,
            clock=self._parts.boot.clock,
            written_boot_ms=now_ms,
            uptime_s=self._uptime_s(),
            connected=self._connected(),
            config_version=self._parts.remote.version,
            skew_ms=self._skew_ms(),
            radio=self._radio(),
            gauges=self._gauges(),
            counters=self._counters(),
            heard={name: (rssi_dbm, now_ms - at_ms) for name, (rssi_dbm, at_ms) in heard},
        )

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Health file and metrics while the context lasts; the last file says that the gateway stopped."""
        health = self.settings.health
        path = health_file(self.settings)
        await self._look_at_machine()
        async with contextlib.AsyncExitStack() as stack:
            if health.metrics_port:
                server = metrics_server(self.health, health.metrics_host, health.metrics_port)
                await stack.enter_async_context(server)
            stopping = asyncio.Event()
            writer = asyncio.create_task(self._keep_file(path, stopping), name="health")
            try:
                yield
            finally:
                stopping.set()
                await writer

    async def _keep_file(self, path: Path, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            await self._look_at_machine()
            await self._write_file(path, "running")
            every_s = self.settings.health.every_s
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(every_s, INSTALLING_S) if self._installing() else every_s):
                    await stopping.wait()
        await self._write_file(path, "stopped")

    async def _look_at_machine(self) -> None:
        now_ms = self._parts.clock.boot_ms()
        self._machine = await asyncio.to_thread(machine_status, Path(self.settings.data_dir), now_ms)

    async def _write_file(self, path: Path, state: str) -> None:
        try:
            await asyncio.to_thread(write_health, path, self.health(state))
        except OSError as error:
            self._parts.counters["health_errors"] += 1
            log.warning("health_file_failed", path=str(path), error=error.strerror)

    def _gauges(self) -> dict[str, float]:
        spool, flights, radio, waiting = self._parts.spool, self.flights, self._radio(), self._spool()
        gauges: dict[str, float] = {
            "connected": float(self._connected()),
            "spool_batches": spool.count,
            "spool_bytes": spool.bytes,
            "spool_oldest_seconds": waiting.oldest_s or 0,
            "batches_refused_kept": spool.refused,
            "batches_in_flight": 0 if flights is None else len(flights),
            "batches_waiting": 0 if flights is None else flights.waiting,
            "ids_tracked": len(self._parts.pipeline.window),
            "uptime_seconds": self._uptime_s(),
            "config_version": self._parts.remote.version,
            "listening": float(radio.state == "listening"),
            "adverts_per_second": radio.adverts_per_s,
            "beacons_per_second": radio.beacons_per_s,
        }
        return gauges | {name: value for name, value in self._known(radio).items() if value is not None}

    def _known(self, radio: RadioStatus) -> dict[str, float | None]:
        """Gauges that may have nothing to say."""
        skew_ms, machine = self._skew_ms(), self._machine or MachineStatus()
        synchronised = machine.synchronised
        return {
            "clock_skew_seconds": None if skew_ms is None else skew_ms / 1000,
            "clock_synchronised": None if synchronised is None else float(synchronised),
            "silent_seconds": radio.silent_s,
            "disk_free_bytes": machine.disk_free_bytes,
            "temperature_celsius": machine.temperature_c,
        }

    def _radio(self) -> RadioStatus:
        parts = self._parts
        return parts.radio.status(self.settings.scan, parts.pipeline.totals(), parts.clock.boot_ms())

    def _spool(self) -> SpoolStatus:
        spool, counters = self._parts.spool, self._parts.counters
        waited_ms = spool.waited_ms(self._parts.clock.boot_ms())
        return SpoolStatus(
            batches=spool.count,
            bytes=spool.bytes,
            limit_bytes=spool.limits.max_bytes,
            oldest_s=None if waited_ms is None else waited_ms // 1000,
            dropped=sum(count for name, count in counters.items() if name.startswith("batches_dropped_")),
            lost=counters["batches_lost"],
            refused=spool.refused,
        )

    def _counters(self) -> dict[str, int]:
        return dict(self._parts.counters) | self._parts.pipeline.counts()

    def _installing(self) -> bool:
        return self._parts.pipeline.filter.installing

    def _connected(self) -> bool:
        return self.uplink is not None and self.uplink.connected

    def _uptime_s(self) -> int:
        return (self._parts.clock.boot_ms() - self._started_ms) // 1000

    def _skew_ms(self) -> int | None:
        clock = self._parts.clock
        return self._parts.time.skew_ms(clock.boot_ms(), clock.wall_ms())
