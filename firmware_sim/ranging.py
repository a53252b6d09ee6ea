"""What an app ranges of a store's fixtures: packets in, reports out.

An iBeacon of the app's region wakes it, and an EID from the same transmitter proves the place. Nothing else is
reported: an EID without its iBeacon may be the tag of another shopper, which is nobody's business.
"""

from collections import Counter
from statistics import median_low
from typing import Final

import msgspec

from beacons import ad
from beacons.frames import Eid, Frame, IBeacon, decode, identity
from beacons.ids import NAMES
from firmware_sim.phone_api import Ranged
from firmware_sim.radio import Heard

REPEAT_MS: Final = 2000
"""A fixture that is still heard is reported again after this; iOS hands ranged beacons to apps once a second."""
COMPANY_MS: Final = 60
"""A new fixture waits this long for others, and for its own EID, before the phone speaks."""
FORGET_MS: Final = 10_000
"""A transmitter that was silent for so long is new again."""


class _Ranging(msgspec.Struct):
    rssi_dbm: list[int]
    kind: str
    id: str
    last_ms: int
    reported_ms: int | None = None


class Ranger:
    """Collects packets of one region; `take` gives what is due. Times are those of the packets' clock."""

    def __init__(self, region: bytes) -> None:
        self.malformed: Counter[str] = Counter()
        self._region = region
        self._awake: dict[str, int] = {}
        self._ranged: dict[tuple[str, str], _Ranging] = {}
        self._due_ms: int | None = None

    @property
    def due_ms(self) -> int | None:
        """When the next report is due, or None while there is nothing to say."""
        return self._due_ms

    def hear(self, heard: Heard) -> None:
        """Take a packet in."""
        frame = decode(*ad.split(heard.payload, self.malformed), self.malformed)
        if frame is None or not self._ours(heard, frame):
            return
        known = identity(frame)
        if known is None:
            return
        kind, raw = NAMES[known[0]], known[1].hex()
        entry = self._ranged.setdefault((kind, raw), _Ranging([], kind, raw, heard.at_ms))
        entry.rssi_dbm.append(heard.rssi_dbm)
        entry.last_ms = heard.at_ms
        due_ms = heard.at_ms + COMPANY_MS if entry.reported_ms is None else entry.reported_ms + REPEAT_MS
        self._due_ms = due_ms if self._due_ms is None else min(self._due_ms, due_ms)

    def take(self, now_ms: int) -> list[Ranged]:
        """All that was heard since the last report, strongest first."""
        self._due_ms = None
        fresh = [entry for entry in self._ranged.values() if entry.rssi_dbm]
        report = [
            Ranged(entry.kind, entry.id, median_low(entry.rssi_dbm), max(0, now_ms - entry.last_ms)) for entry in fresh
        ]
        for entry in fresh:
            entry.rssi_dbm.clear()
            entry.reported_ms = now_ms
        self._forget(now_ms)
        return sorted(report, key=lambda ranged: -ranged.rssi_dbm)

    def _ours(self, heard: Heard, frame: Frame) -> bool:
        if isinstance(frame, IBeacon) and frame.uuid == self._region:
            self._awake[heard.address] = heard.at_ms
            return True
        return isinstance(frame, Eid) and heard.address in self._awake

    def _forget(self, now_ms: int) -> None:
        self._awake = {address: ms for address, ms in self._awake.items() if now_ms - ms < FORGET_MS}
        self._ranged = {key: entry for key, entry in self._ranged.items() if now_ms - entry.last_ms < FORGET_MS}
