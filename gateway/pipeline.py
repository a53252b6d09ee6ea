"""From an advert to a Batch in the spool: decode, filter, window, write."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final

import structlog

from beacons.columns import Sighting
from beacons.frames import decode, identity
from beacons.ids import NAMES, IdKind
from beacons.wire import GatewayConfig
from gateway.advert import Advert
from gateway.alarm import Alarm
from gateway.clock import Clock
from gateway.filter import Filter
from gateway.radio_log import Heard
from gateway.spool import Spool, Stored
from gateway.telemetry import Telemetry
from gateway.window import RSSI_UNKNOWN_DBM, Window, WindowTimes

BATCH_SIGHTINGS: Final = 1000
"""Sightings in one batch: 34 kB, 61 kB as JSON, well below what a payload may have."""
SHOWN_HEARD: Final = 50
"""Ids shown in installation mode: a screen full."""
KNOWN_PARTS: Final = 4096
"""What passed lately, and is not read again when it is repeated, about 350 bytes each: far more than is in range."""
FORGET_MS: Final = 60_000
"""As long as `gateway.merge` remembers an address: an id that rotated away is not kept."""
LOUDEST_DBM: Final = 126
FAINTEST_DBM: Final = -128

Part = tuple[int, bytes] | tuple[str, bytes]
"""A company or a service, and what it said."""
Named = tuple[IdKind, bytes, int]
"""As `beacons.frames.identity` says it."""

log = structlog.get_logger()


class Pipeline:
    """Everything between the radio and the uplink.

    `heard` holds what installation mode shows, `telemetry` what beacons say of their batteries; `closed` is set once
    all that was heard is spooled.
    """

    def __init__(self, clock: Clock, counters: Counter[str]) -> None:
        self.window = Window()
        self.filter = Filter(None)
        self.closed = asyncio.Event()
        self.heard: dict[str, tuple[int, int]] = {}
        self._clock = clock
        self._counters = counters
        self._adverts = self._beacons_passed = self._beacons_filtered = 0
        self._last_ms: int | None = None
        self._malformed: dict[str, int] = {}
        self._known: dict[Part | None, Named] = {}
        self.telemetry = Telemetry()
        self._forget_at_ms = 0
        self._alarm = Alarm(clock)
        self._offset_db = 0
        self._closing = False

    def configure(self, config: GatewayConfig) -> None:
        """Filter, window and radio as the server says, from now on. Raises `gateway.filter.FilterError`."""
        self.filter = Filter(config)
        self._known.clear()
        self.window.times = WindowTimes(config.company_ms, config.changing_ms, config.steady_ms, config.forget_ms)
        self._offset_db = round(config.radio_offset_db)
        self.heard.clear()
        self._alarm.ring()

    def hear(self, advert: Advert) -> None:
        """Take in one advert: the hot path, once per packet."""
        self._adverts += 1
        self._last_ms = advert.heard_ms
        if advert.heard_ms >= self._forget_at_ms:
            self._known.clear()
            self.telemetry.forget(advert.heard_ms)
            self._forget_at_ms = advert.heard_ms + FORGET_MS
        part = _only_part(advert)
        named = self._known.get(part) or self._passing(advert, part)
        if named is None:
            return
        self._beacons_passed += 1
        kind, beacon_id, power_1m_dbm = named
        rssi_dbm = advert.rssi_dbm
        if self._offset_db and rssi_dbm < RSSI_UNKNOWN_DBM:
            rssi_dbm = max(FAINTEST_DBM, min(LOUDEST_DBM, rssi_dbm + self._offset_db))
        if self.window.add(kind, beacon_id, rssi_dbm, power_1m_dbm, advert.heard_ms):
            self._alarm.ring()

    async def report(self, spool: Spool, offer: Callable[[Stored], None]) -> None:
        """Spool what the window has to say whenever it is due, and offer it to the uplink, until closed."""
        while not self._closing:
            await self._alarm.wait(self.window.due_ms())
            now_ms = self._clock.boot_ms()
            await self._spool(self.window.take(now_ms), spool, offer, now_ms)
        now_ms = self._clock.boot_ms()
        await self._spool(self.window.flush(now_ms), spool, offer, now_ms)
        self.closed.set()

    def close(self) -> None:
        """Let `report` end, once everything heard is spooled."""
        self._closing = True
        self._alarm.ring()

    def totals(self) -> Heard:
        """How much was heard since the start, and when last."""
        return Heard(self._adverts, self._beacons_passed + self._beacons_filtered, self._last_ms)

    def counts(self) -> dict[str, int]:
        """What became of the adverts; how many claimed to be a frame and were none, by what was wrong."""
        return {
            "adverts": self._adverts,
            "beacons_heard": self._beacons_passed + self._beacons_filtered,
            "beacons_filtered": self._beacons_filtered,
            **{f"malformed_{kind}": count for kind, count in self._malformed.items()},
        }

    async def _spool(
        self, sightings: list[Sighting], spool: Spool, offer: Callable[[Stored], None], now_ms: int
    ) -> None:
        self._counters["sightings"] += len(sightings)
        self._counters["packets_beyond_window"] = self.window.dropped
        sightings = self.telemetry.beside(sightings, now_ms)
        for start in range(0, len(sightings), BATCH_SIGHTINGS):
            stored = await spool.append(sightings[start : start + BATCH_SIGHTINGS], now_ms)
            if stored is not None:
                offer(stored)

    def _passing(self, advert: Advert, part: Part | None) -> Named | None:
        """Who sent this, where it says so and the filter lets it pass; known from now on by its only `part`."""
        frame = decode(advert.manufacturer_data, advert.service_data, self._malformed)
        named = None if frame is None else identity(frame)
        if named is None:
            self.telemetry.hear(advert, frame)
            return None
        kind, beacon_id, _ = named
        if not self.filter.passes(kind, beacon_id):
            self._withhold(kind, beacon_id, advert)
            return None
        self.telemetry.names(advert.address, kind, beacon_id)
        if part is not None:
            if len(self._known) >= KNOWN_PARTS:
                self._known.clear()
            self._known[part] = named
        return named

    def _withhold(self, kind: IdKind, beacon_id: bytes, advert: Advert) -> None:
        self._beacons_filtered += 1
        if self.filter.installing:
            name = f"{NAMES[kind]} {beacon_id.hex()}"
            self.heard.pop(name, None)
            self.heard[name] = (advert.rssi_dbm, advert.heard_ms)
            if len(self.heard) > SHOWN_HEARD:
                del self.heard[next(iter(self.heard))]


def _only_part(advert: Advert) -> Part | None:
    """What an advert says, if it is but one thing."""
    if len(advert.manufacturer_data) + len(advert.service_data) != 1:
        return None
    if advert.service_data:
        return next(iter(advert.service_data.items()))
    return next(iter(advert.manufacturer_data.items()))
