"""Who is heard here and now, for people beside the box: what `listen` shows, and what the doctor counts."""

from collections import Counter
from typing import Final, NamedTuple

import msgspec

from beacons.frames import decode, identity
from beacons.ids import NAMES
from gateway.advert import Advert
from gateway.window import RSSI_UNKNOWN_DBM

FORGET_MS: Final = 60_000
"""A minute: one walks to the shelf and back."""
MOST_IDS: Final = 2000
SMOOTH: Final = 0.25
"""Share of a new packet in the RSSI shown: steady enough to read from the ladder, and right after ten packets."""


class Row(msgspec.Struct, frozen=True):
    """One id: its format, the id in hex, smoothed and loudest RSSI, packets, and how long ago the last one came."""

    format: str
    id: str
    rssi_dbm: int
    loudest_dbm: int
    packets: int
    seen_ms: int


class _Track(NamedTuple):
    rssi_dbm: float
    loudest_dbm: int
    packets: int
    last_ms: int


class Heard:
    """What was heard in the last minute, at most `MOST_IDS` ids; pure: time comes with each call.

    `packets` counts those of everybody, beacon or not.
    """

    def __init__(self) -> None:
        self.packets = 0
        self._tracks: dict[tuple[str, str], _Track] = {}

    def hear(self, advert: Advert) -> None:
        """Take in one packet."""
        self.packets += 1
        frame = decode(advert.manufacturer_data, advert.service_data, {})
        named = None if frame is None else identity(frame)
        if named is None or advert.rssi_dbm >= RSSI_UNKNOWN_DBM:
            return
        key = (NAMES[named[0]], named[1].hex())
        before = self._tracks.pop(key, None)  # so that who was heard last stands last
        if before is None:
            self._keep(MOST_IDS - 1)
            before = _Track(advert.rssi_dbm, advert.rssi_dbm, 0, advert.heard_ms)
        smoothed = before.rssi_dbm + SMOOTH * (advert.rssi_dbm - before.rssi_dbm)
        loudest_dbm = max(before.loudest_dbm, advert.rssi_dbm)
        self._tracks[key] = _Track(smoothed, loudest_dbm, before.packets + 1, advert.heard_ms)

    def rows(self, now_ms: int) -> list[Row]:
        """Strongest first."""
        while self._tracks and now_ms - next(iter(self._tracks.values())).last_ms > FORGET_MS:
            self._keep(len(self._tracks) - 1)
        found = [
            Row(kind, name, round(track.rssi_dbm), track.loudest_dbm, track.packets, now_ms - track.last_ms)
            for (kind, name), track in self._tracks.items()
        ]
        return sorted(found, key=lambda row: (-row.rssi_dbm, row.format, row.id))

    def formats(self) -> str:
        """How many ids of which format, in words."""
        formats = Counter(kind for kind, _ in self._tracks)
        return ", ".join(f"{count} {name}" for name, count in sorted(formats.items())) or "no beacons"

    def _keep(self, most: int) -> None:
        while len(self._tracks) > most:
            del self._tracks[next(iter(self._tracks))]
