"""The daemon: wires the steps together and keeps them running until it is told to stop.

scan ─Advert▶ pipeline (decode ▶ filter ▶ window) ─Sighting▶ spool ─Batch▶ uplink
"""

import asyncio
import contextlib
import os
import random
import secrets
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from beacons.config import ConfigError
from gateway.clock import ServerTime, SystemClock, clock_name
from gateway.credentials import Credentials
from gateway.flights import Flights
from gateway.notify import Notifier
from gateway.pipeline import Pipeline
from gateway.radio_log import RadioLog
from gateway.remote import RemoteConfig
from gateway.report import Parts, Reporter
from gateway.scan import Scanner, open_scanner
from gateway.settings import SPOOL_FILE, GatewaySettings, SpoolSettings
from gateway.spool import Boot, Limits, Stored
from gateway.spool_file import open_spool
from gateway.tasks import ended
from gateway.uplink import Outside, Uplink

_BYTES_PER_MB: Final = 1024 * 1024
_MS_PER_HOUR: Final = 3_600_000

log = structlog.get_logger()

Load = Callable[[], tuple[GatewaySettings, Credentials]]
"""Reads settings and credentials, at the start and at each SIGHUP. Raises `ConfigError`."""


class Requests(NamedTuple):
    """What the outside asks for: to stop (SIGTERM, SIGINT), to read the settings anew (SIGHUP)."""

    stop: asyncio.Event
    reload: asyncio.Event


async def run(load: Load, scanner: Scanner | None = None, requests: Requests | None = None) -> None:
    """Run a gateway until it is asked to stop, by signals unless `requests` are given.

    `scanner` replaces the radio of the settings; where it ends, as a replay does, the gateway drains
    and stops. Raises `ConfigError`, `gateway.spool_file.SpoolError`, and what a scanner gives up with.
    """
    settings, credentials = await asyncio.to_thread(load)
    clock, counters = SystemClock(), Counter[str]()
    boot_id = secrets.token_hex(8)
    boot = Boot(boot_id, await asyncio.to_thread(clock_name, boot_id))
    path = Path(settings.data_dir) / SPOOL_FILE
    pipeline = Pipeline(clock, counters)
    async with open_spool(path, boot, limits(settings.spool), counters) as spool:
        remote = RemoteConfig(clock, pipeline, spool, counters)
        await remote.recall()
        parts = Parts(clock, counters, boot, ServerTime(), RadioLog(clock.boot_ms()), pipeline, spool, remote)
        daemon = _Daemon(load, scanner, parts, settings, credentials)
        await daemon.run(requests or _signals())


def limits(settings: SpoolSettings) -> Limits:
    """The spool's bounds as the settings say them."""
    return Limits(settings.max_mb * _BYTES_PER_MB, settings.max_age_h * _MS_PER_HOUR, settings.synchronous)


class _Daemon:
    """The tasks of one process. A generation of them lasts from one reload to the next."""

    def __init__(
        self, load: Load, scanner: Scanner | None, parts: Parts, settings: GatewaySettings, credentials: Credentials
    ) -> None:
        self._load = load
        self._scanner = scanner
        self._parts = parts
        self._settings = settings
        self._credentials = credentials
        self._reporter = Reporter(parts, settings)
        self._flights = _flights(parts, settings)
        self._uplink = self._new_uplink()
        self._notifier = Notifier(os.environ)

    async def run(self, requests: Requests) -> None:
        """Generation after generation, until asked to stop; then drain."""
        spool = self._parts.spool
        async with self._reporter.serving(), asyncio.TaskGroup() as tasks:
            watchdog = tasks.create_task(self._notifier.keep_alive(), name="watchdog")
            window = tasks.create_task(self._parts.pipeline.report(spool, self._offer), name="window")
            self._notifier.send("READY=1", f"STATUS={spool.count} batches spooled")
            try:
                while await self._generation(requests):
                    await self._reload()
            finally:  # whatever ends it, what was heard is spooled
                self._parts.pipeline.close()
                await window
                watchdog.cancel()

    async def _generation(self, requests: Requests) -> bool:
        """Scan and send with the present settings; True if others are asked for, False after draining."""
        uplink = self._reporter.uplink = self._uplink = self._new_uplink()
        self._reporter.flights = self._flights
        scanner = self._scanner or open_scanner(self._settings.scan, self._scanner_said)
        if self._scanner is not None:  # says nothing by itself
            self._parts.radio.said("started", {})
        scan = asyncio.create_task(scanner.run(self._parts.pipeline.hear), name="scan")
        sending = asyncio.create_task(uplink.run(), name="uplink")
        try:
            reloads = await _asked(requests, scan, sending)
            await ended(scan)
            if not reloads:
                await self._drain()
        finally:
            await ended(scan, sending)
        return reloads

    async def _drain(self) -> None:
        """Spool what the window holds, and give the server a bounded time to acknowledge."""
        self._notifier.send("STOPPING=1", "STATUS=draining")
        self._parts.pipeline.close()
        await self._parts.pipeline.closed.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.drain_s):
                await self._uplink.drained()
        log.info("drained", spooled=self._parts.spool.count)

    def _offer(self, stored: Stored) -> None:
        self._uplink.offer(stored)

    async def _reload(self) -> None:
        self._notifier.reloading()
        try:
            settings, self._credentials = await asyncio.to_thread(self._load)
        except ConfigError as error:
            self._parts.counters["reloads_failed"] += 1
            log.error("reload_failed", error=str(error))  # noqa: TRY400 - its text says all
        else:
            self._settings = self._reporter.settings = settings
            self._flights = _flights(self._parts, settings)
            log.info("reloaded")
        self._notifier.send("READY=1")

    def _new_uplink(self) -> Uplink:
        parts = self._parts
        outside = Outside(parts.clock, parts.counters, self._reporter.status, parts.remote.receive)
        stores = (parts.spool, self._flights, parts.time)
        return Uplink(self._settings, self._credentials, parts.boot, stores, outside)

    def _scanner_said(self, what: str, details: dict[str, object]) -> None:
        self._parts.counters[f"scanner_{what}"] += 1
        log.info("scanner", what=what, **details)
        if self._parts.radio.said(what, details):
            self._uplink.announce()


def _flights(parts: Parts, settings: GatewaySettings) -> Flights:
    uplink = settings.uplink
    return Flights(parts.boot.id, uplink.window, uplink.resend_ms, uplink.backlog_per_s, random.random)


def _signals() -> Requests:
    requests = Requests(asyncio.Event(), asyncio.Event())
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, requests.stop.set)
    loop.add_signal_handler(signal.SIGINT, requests.stop.set)
    loop.add_signal_handler(signal.SIGHUP, requests.reload.set)
    return requests


async def _asked(requests: Requests, *running: "asyncio.Task[None]") -> bool:
    """Wait for a request, or for the end of what is running; True for a reload."""
    stop, reload = (asyncio.create_task(event.wait()) for event in requests)
    try:
        await asyncio.wait({*running, stop, reload}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.cancel()
        reload.cancel()
    reloads = requests.reload.is_set() and not requests.stop.is_set() and not any(task.done() for task in running)
    requests.reload.clear()
    return reloads
