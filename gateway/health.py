"""How the gateway is: one snapshot, as a JSON file, and as Prometheus metrics over HTTP on loopback."""

import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from beacons.wire import RadioStatus
from gateway.settings import GatewaySettings


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """One snapshot, written when the boot clock's run `clock` (as `gateway.clock.clock_name`) read `written_boot_ms`.

    `heard` (id to RSSI in dBm and age in ms) is filled in installation mode only.
    """

    state: str
    version: str
    gateway: str
    boot: str
    clock: str
    written_boot_ms: int
    uptime_s: int
    connected: bool
    config_version: int
    skew_ms: int | None
    radio: RadioStatus
    gauges: dict[str, float]
    counters: dict[str, int]
    heard: dict[str, tuple[int, int]]


GAUGES: Mapping[str, str] = {
    "connected": "Whether a broker has the gateway now.",
    "spool_batches": "Batches that the server has not acknowledged.",
    "spool_bytes": "Their size.",
    "batches_in_flight": "Batches sent and not yet acknowledged.",
    "batches_waiting": "Live batches waiting to be sent.",
    "ids_tracked": "Beacon ids in the window.",
    "uptime_seconds": "Since the start of the process.",
    "config_version": "Version of the remote configuration in force; 0 is installation mode.",
    "clock_skew_seconds": "Wall clock minus the server's UTC; absent until the first acknowledgement.",
    "clock_synchronised": "Whether something keeps the system's clock right; absent where the kernel does not tell.",
    "listening": "Whether the radio listens.",
    "adverts_per_second": "Packets heard over the last minute, of anybody.",
    "beacons_per_second": "Packets heard over the last minute, of beacons.",
    "silent_seconds": "Since the last packet of anybody; absent before the first.",
    "spool_oldest_seconds": "How long the oldest batch has waited; 0 while none waits.",
    "batches_refused_kept": "Batches that the server refused, kept aside.",
    "disk_free_bytes": "Where the spool lies.",
    "temperature_celsius": "Of the hottest thermal zone; absent where there is none.",
}
"""Every gauge with its meaning."""


def health_file(settings: GatewaySettings) -> Path:
    """Where the snapshot is kept."""
    return Path(settings.health.file) if settings.health.file else Path(settings.data_dir) / "health.json"


class _Snapshots(Collector):
    """Turns each snapshot into metrics when it is scraped."""

    def __init__(self, snapshot: Callable[[], Health]) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        health = self._snapshot()
        for name, value in health.gauges.items():
            yield GaugeMetricFamily(f"footfall_gateway_{name}", GAUGES[name], value=value)
        events = CounterMetricFamily("footfall_gateway_events", "What happened, by kind.", labels=["event"])
        for name, count in sorted(health.counters.items()):
            events.add_metric([name], count)
        yield events


def registry(snapshot: Callable[[], Health]) -> CollectorRegistry:
    """A registry of its own that takes a snapshot whenever it is read."""
    made = CollectorRegistry(auto_describe=False)
    made.register(_Snapshots(snapshot))
    return made


def write_health(path: Path, health: Health) -> None:
    """Replace the file in one step, so that readers never see half of it. Raises OSError."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_bytes(msgspec.json.format(msgspec.json.encode(health), indent=2) + b"\n")
    os.replace(beside, path)  # noqa: PTH105 - Path.replace says the same, but not that it is atomic


@contextlib.asynccontextmanager
async def metrics_server(snapshot: Callable[[], Health], host: str, port: int) -> AsyncIterator[int]:
    """Serve ``/metrics`` and ``/healthz`` while the context lasts; gives the port. Raises OSError."""
    made = registry(snapshot)

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(made), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def healthz(_request: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(snapshot()), content_type="application/json")

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/healthz", healthz)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
