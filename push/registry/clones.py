"""One beacon heard in two stores within less time than the way from one to the other takes: a copy, or a relay.

Within a store this cannot be told from a gateway's view. What is found lasts until the beacon has been quiet about it
for a while; meanwhile nothing that it says may place anybody.
"""

from collections import Counter, deque
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from push.registry.journeys import Journeys
from push.registry.rows import begins, ends
from push.registry.tags import GONE, UNKNOWN, Ints, Mask, Tags

MOST: Final = 1_000
"""Alarms that are remembered, the latest ones, and beacons that are held back at a time."""
_HELD: Final = np.dtype([("store", np.int32), ("at_s", np.uint32)])


class CloneAlarm(msgspec.Struct, frozen=True, kw_only=True):
    """A beacon in two stores at once: how often it was heard so, and when, to the second."""

    beacon: str
    stores: tuple[str, ...]
    first_ms: int
    last_ms: int
    apart_ms: int
    times: int = 1


class Clones:
    """Where every beacon was heard last, and which ones cannot have been there."""

    def __init__(self, tags: Tags, *, journeys: Journeys, quiet_ms: int) -> None:
        self._tags = tags
        self.journeys = journeys
        self._quiet_ms = quiet_ms
        held = np.zeros(tags.capacity, dtype=_HELD)
        self._store: npt.NDArray[np.int32] = held["store"]
        self._at_s: npt.NDArray[np.uint32] = held["at_s"]
        self._held: dict[int, CloneAlarm] = {}
        self.past: deque[CloneAlarm] = deque(maxlen=MOST)
        """Alarms that are over."""
        self.counts: Counter[str] = Counter()

    @property
    def alarms(self) -> tuple[CloneAlarm, ...]:
        """Alarms that stand, as far as what was heard tells."""
        return tuple(self._held.values())

    def observe(self, positions: Ints, stores: Ints, heard_ms: Ints, now_ms: int) -> tuple[list[CloneAlarm], Mask]:
        """Take in what was heard where and when: new alarms, and which rows are of beacons that are held back.

        Columns of one length; positions may be `UNKNOWN`, stores are numbers of `Journeys`.
        """
        self._let_go(now_ms)
        rows = np.flatnonzero(positions != UNKNOWN)
        rows = rows[self._went(positions[rows], stores[rows], heard_ms[rows])]
        raised = self._follow(positions[rows], stores[rows], heard_ms[rows]) if len(rows) else []
        return raised, self._is_held(positions)

    def _went(self, position: Ints, store: Ints, heard_ms: Ints) -> Mask:
        """Which rows are of beacons that some row has elsewhere than they were; of the others, when they were heard."""
        elsewhere = self._store[position] != store
        went: Mask = np.isin(position, position[elsewhere]) if elsewhere.any() else elsewhere
        stayed = position[~went]
        self._at_s[stayed] = 0
        np.maximum.at(self._at_s, stayed, _seconds(heard_ms[~went]).astype(np.uint32))
        return went

    def _follow(self, position: Ints, store: Ints, heard_ms: Ints) -> list[CloneAlarm]:
        """Take in the ways of beacons, in order of time; new alarms."""
        order = np.lexsort((heard_ms, position))
        position, store, at_s = position[order], store[order], _seconds(heard_ms[order])
        is_first, is_last = begins(position), ends(position)
        before, before_s = np.empty_like(store), np.empty_like(at_s)
        before[1:], before_s[1:] = store[:-1], at_s[:-1]
        before[is_first], before_s[is_first] = self._store[position[is_first]], self._at_s[position[is_first]]
        self._store[position[is_last]] = store[is_last]
        self._at_s[position[is_last]] = at_s[is_last]
        moved = np.flatnonzero((before != store) & (before_s != 0))
        columns = (position[moved], before[moved], store[moved], 1000 * before_s[moved], 1000 * at_s[moved])
        return self._clashes(*columns) if len(moved) else []

    def _clashes(self, position: Ints, before: Ints, store: Ints, before_ms: Ints, at_ms: Ints) -> list[CloneAlarm]:
        """New alarms of beacons that came from another store sooner than they can have."""
        clashes = np.flatnonzero(np.abs(at_ms - before_ms) < self.journeys.least_ms(before, store))
        columns = (position, before, store, before_ms, at_ms)
        found = zip(*(column[clashes].tolist() for column in columns), strict=True)
        raised = [self._alarm(p, (a, b), (a_ms, b_ms)) for p, a, b, a_ms, b_ms in found]
        return [alarm for alarm in raised if alarm is not None]

    def _is_held(self, positions: Ints) -> Mask:
        if not self._held:
            return np.zeros(len(positions), dtype=bool)
        return np.isin(positions, np.fromiter(self._held, dtype=np.int64, count=len(self._held)))

    def _alarm(self, position: int, stores: tuple[int, int], times_ms: tuple[int, int]) -> CloneAlarm | None:
        """Raise an alarm, or prolong the one that stands; the new one."""
        names, (first_ms, last_ms) = [self.journeys.names[number] for number in stores], sorted(times_ms)
        known = self._held.get(position)
        if known is not None:
            self._held[position] = msgspec.structs.replace(
                known,
                stores=tuple(sorted({*known.stores, *names})),
                last_ms=max(known.last_ms, last_ms),
                apart_ms=min(known.apart_ms, last_ms - first_ms),
                times=known.times + 1,
            )
            return None
        self.counts["cloned"] += 1
        if len(self._held) >= MOST:
            self.counts["cloned_beyond"] += 1
            return None
        alarm = CloneAlarm(
            beacon=self._tags.id(position),
            stores=tuple(sorted(names)),
            first_ms=first_ms,
            last_ms=last_ms,
            apart_ms=last_ms - first_ms,
        )
        self._held[position] = alarm
        return alarm

    def _let_go(self, now_ms: int) -> None:
        """End alarms that nothing was heard of for long enough, and those of beacons that are registered no more."""
        for position, alarm in tuple(self._held.items()):
            if abs(now_ms - alarm.last_ms) >= self._quiet_ms or self._tags.flags[position] & GONE:
                self.past.append(self._held.pop(position))


def _seconds(heard_ms: Ints) -> Ints:
    found: Ints = np.maximum(heard_ms, 0) // 1000
    return found
