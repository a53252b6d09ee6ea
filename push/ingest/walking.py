"""The walk test: which gateway hears this beacon, and how strongly, told live to an installer who carries it about.

Only beacons that nobody carries (fixtures, staff's, tags not handed out yet) are watched: a shopper's is not.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from push.ingest.intake import Arrived
from push.ingest.observe import Sightings
from push.registry.tags import CARRIED, GONE, PERSON, UNKNOWN, Ints, Tags

MOST_WATCHED: Final = 16
"""Beacons at a time: an installer has one in her hand."""
WATCHED_MS: Final = 30_000
"""A watch ends when nobody has asked for so long."""


class HeardBy(NamedTuple):
    """How a gateway last heard a beacon."""

    gateway: str
    rssi_dbm: int
    last_ms: int
    packets: int


class NotWatchedError(Exception):
    """Why a beacon is not watched, and what to do instead."""


class WalkTest:
    """What gateways hear of the beacons that somebody watches; state for as long as somebody does."""

    def __init__(self) -> None:
        self._heard: dict[str, dict[str, HeardBy]] = {}
        self._asked_ms: dict[str, int] = {}

    def heard(self, tags: Tags, beacon: str, now_ms: int) -> list[HeardBy]:
        """Watch a beacon from now on; what was heard of it since somebody began, the strongest first.

        Raises `NotWatchedError`.
        """
        position = tags.find(beacon)
        if position == UNKNOWN:
            raise NotWatchedError(f"No beacon is registered as {beacon}. Register it first, or check its id.")
        if tags.flags[position] & PERSON == CARRIED:
            raise NotWatchedError(f"Somebody carries {beacon}, and where she walks is hers. Take a tag of nobody's.")
        self._end(now_ms)
        if beacon not in self._asked_ms and len(self._asked_ms) >= MOST_WATCHED:
            raise NotWatchedError("Too many walk tests run now. Close another page, and try again in half a minute.")
        self._asked_ms[beacon] = now_ms
        found = self._heard.setdefault(beacon, {}).values()
        return sorted(found, key=lambda one: (-one.rssi_dbm, one.gateway))

    def _end(self, now_ms: int) -> None:
        for beacon, asked_ms in list(self._asked_ms.items()):
            if not -WATCHED_MS <= now_ms - asked_ms <= WATCHED_MS:  # or the clock was set back
                del self._asked_ms[beacon], self._heard[beacon]

    def note(self, tags: Tags, sightings: Sightings, beacons: Ints, arrived: Sequence[Arrived]) -> None:
        """Take in a tick's sightings; `beacons` are their positions in `tags`."""
        if not self._asked_ms:
            return
        watched = {tags.find(beacon): beacon for beacon in self._asked_ms}
        watched.pop(UNKNOWN, None)
        rows = np.flatnonzero(np.isin(beacons, list(watched)))
        for row in rows.tolist():
            position = int(beacons[row])
            if tags.flags[position] & GONE or tags.flags[position] & PERSON == CARRIED:  # handed out meanwhile
                continue
            self._take(watched[position], sightings, row, arrived[int(sightings.source[row])])

    def _take(self, beacon: str, sightings: Sightings, row: int, a: Arrived) -> None:
        by = self._heard[beacon]
        gateway, last_ms = a.topic.gateway, int(sightings.last_ms[row])
        before = by.get(gateway)
        if before is None or before.last_ms <= last_ms:
            by[gateway] = HeardBy(gateway, int(sightings.rssi_dbm[row]), last_ms, int(sightings.packets[row]))
