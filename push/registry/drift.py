"""What rotating beacons' clocks are learned to be, from which windows their ids were heard in, and when.

An id heard before its window begins by what is known of its beacon's clock says that this clock is ahead; one heard
after its window ended says that it is behind. Either moves what is known by no more than it must, so that the next
look-up, and the tolerance around it, are centred on the beacon's own clock.

Nobody else can say an id before its beacon does: being early counts at once. Being late is also what a recorded id
looks like that somebody says again, so it counts only when a later window of the same beacon is heard; and once that is
heard, the earlier ones are refused for good. All that is learned stays within a bound of what was registered.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from beacons.ids import IdKind
from push.registry.resolver import Found, Resolver
from push.registry.rows import begins, ends, low, near
from push.registry.tags import STAFF, UNKNOWN, Ints, Mask

SLACK_MS: Final = 5_000
"""Gateways' clocks agree to much better than this: an older window heard so long after a newer one is a replay."""
STEP_MS: Final = 1_000
"""A clock is written down again when it has moved to another of these steps."""
_HELD: Final = np.dtype([(name, np.uint32) for name in ("window", "since_s", "heard_s")])
"""Of each beacon side by side: of a million, each is where nothing was read lately."""


class Clock(NamedTuple):
    """What is written down of a beacon's clock; times as `push.registry.tags.Tags` has them.

    `zero_ms` is as registered: a beacon that was registered anew has nothing to do with it.
    """

    beacon: str
    zero_ms: int
    moved_ms: int
    ahead_ms: int


class _News(NamedTuple):
    """The newest window heard of each beacon, first and last time: columns of one length."""

    position: Ints
    window: Ints
    first_ms: Ints
    last_ms: Ints


class Clocks:
    """The clocks of all rotating beacons, by position. `bound_ms` is how far what is learned may be from registered."""

    def __init__(self, resolver: Resolver, *, bound_ms: int) -> None:
        capacity = resolver.tags.capacity
        self._resolver = resolver
        self._bound_ms = bound_ms
        held = np.zeros(capacity, dtype=_HELD)
        self._window: npt.NDArray[np.uint32] = held["window"]
        self._since_s: npt.NDArray[np.uint32] = held["since_s"]
        self._heard_s: npt.NDArray[np.uint32] = held["heard_s"]
        self._late_ms: npt.NDArray[np.int32] = np.zeros(capacity, dtype=np.int32)
        self._unwritten: set[int] = set()

    def heard_ms(self, positions: Ints) -> Ints:
        """When beacons were heard last, to the second; 0 where they were not since the start."""
        return self._heard_s[positions].astype(np.int64) * 1000

    def ahead_ms(self, position: int) -> int:
        """How far a beacon's clock is learned to be ahead of what was registered."""
        return int(self._resolver.ahead_ms[position]) + self._resolver.tags.moved_ms.get(position, 0)

    def take(self, found: Found, heard_ms: Ints) -> Mask:
        """Learn from ids that were looked up; which of them are replays, to be refused. Arrays of one length."""
        is_replay = np.zeros(len(heard_ms), dtype=bool)
        rows = np.flatnonzero((found.position != UNKNOWN) & (self._resolver.tags.kind[found.position] == IdKind.EID))
        position, window, at_ms = found.position[rows], found.window[rows], heard_ms[rows]
        is_known, newest = self._heard_s[position] != 0, near(self._window[position], window)
        since_ms = self._since_s[position].astype(np.int64) * 1000
        refused = is_known & (window < newest) & (at_ms > since_ms + SLACK_MS)
        is_replay[rows[refused]] = True
        begins_ms, ends_ms = self._bounds(position, window)
        tells = ~is_known | (window > newest) | (at_ms < begins_ms) | (at_ms >= ends_ms)
        if refused.any():
            position, window, at_ms, tells = (column[~refused] for column in (position, window, at_ms, tells))
        if np.any(tells):
            self._learn(_newest(position[tells], window[tells], at_ms[tells]))
        np.maximum.at(self._heard_s, position, (np.maximum(at_ms, 1000) // 1000).astype(np.uint32))
        return is_replay

    def _bounds(self, position: Ints, window: Ints) -> tuple[Ints, Ints]:
        """When windows begin and end by what is known of their beacons' clocks."""
        tags = self._resolver.tags
        zero_ms = tags.zero_ms[position] - self._resolver.ahead_ms[position]
        exponent = tags.exponent[position]
        begins: Ints = zero_ms + 1000 * np.left_shift(window, exponent, dtype=np.int64)
        return begins, begins + np.left_shift(np.int64(1000), exponent, dtype=np.int64)

    def _learn(self, news: _News) -> None:
        newest = near(self._window[news.position], news.window)
        is_known = self._heard_s[news.position] != 0
        news = _News(*(column[~is_known | (news.window >= newest)] for column in news))
        is_known = self._heard_s[news.position] != 0
        is_later = ~is_known | (news.window > near(self._window[news.position], news.window))
        turned = news.position[is_later]
        self._move(turned, -self._late_ms[turned].astype(np.int64))
        self._write_late(turned, np.zeros(len(turned), dtype=np.int64))
        self._window[turned] = low(news.window[is_later])
        self._since_s[turned] = np.maximum(news.first_ms[is_later], 0) // 1000
        begins_ms, _ = self._bounds(news.position, news.window)
        self._move(news.position, np.maximum(0, begins_ms - news.first_ms))
        _, ends_ms = self._bounds(news.position, news.window)
        late_ms = np.clip(news.last_ms - ends_ms + 1, self._late_ms[news.position], 2 * self._resolver.tolerance_ms)
        self._write_late(news.position, late_ms)

    def _write_late(self, position: Ints, late_ms: Ints) -> None:
        """Most clocks are never late: pages of the column that nobody writes take no memory."""
        differs = self._late_ms[position] != late_ms
        self._late_ms[position[differs]] = late_ms[differs]

    def _move(self, position: Ints, by_ms: Ints) -> None:
        """Move clocks, each by so much, within the bound."""
        position, by_ms = position[by_ms != 0], by_ms[by_ms != 0]
        before = self._resolver.ahead_ms[position]
        after = np.clip(before + by_ms, -self._bound_ms, self._bound_ms)
        self._resolver.ahead_ms[position] = after
        stepped = (after // STEP_MS != before // STEP_MS) & (self._resolver.tags.flags[position] & STAFF == 0)
        self._unwritten.update(position[stepped].tolist())

    def note(self, position: int) -> None:
        """Have a clock written down that was corrected otherwise."""
        if not self._resolver.tags.flags[position] & STAFF:
            self._unwritten.add(position)

    def unwritten(self, most: int) -> list[Clock]:
        """Clocks to write down, at most so many; they count as written. Nothing of staff is."""
        taken = [self._unwritten.pop() for _ in range(min(most, len(self._unwritten)))]
        tags = self._resolver.tags
        return [
            Clock(tags.id(p), tags.registered_ms(p), tags.moved_ms.get(p, 0), int(self._resolver.ahead_ms[p]))
            for p in taken
            if tags.kind[p] == IdKind.EID
        ]

    def write_again(self, clocks: Iterable[Clock]) -> None:
        """What could not be written after all."""
        found = (self._resolver.tags.find(clock.beacon) for clock in clocks)
        self._unwritten.update(position for position in found if position != UNKNOWN)


def enter(resolver: Resolver, clocks: Iterable[Clock], *, bound_ms: int) -> None:
    """Take over what was written down, before the resolver's first windows are computed."""
    tags = resolver.tags
    for clock in clocks:
        position = tags.find(clock.beacon)
        if position != UNKNOWN and tags.zero_ms[position] == clock.zero_ms:
            tags.zero_ms[position] -= clock.moved_ms
            if clock.moved_ms:
                tags.moved_ms[position] = clock.moved_ms
            resolver.ahead_ms[position] = min(bound_ms, max(-bound_ms, clock.ahead_ms))


def _newest(position: Ints, window: Ints, at_ms: Ints) -> _News:
    """Of each beacon the newest window, with the first and the last time it was heard in it."""
    order = np.lexsort((at_ms, window, position))
    position, window, at_ms = position[order], window[order], at_ms[order]
    starts, last = np.flatnonzero(begins(position, window)), np.flatnonzero(ends(position))
    first = starts[np.searchsorted(starts, last, side="right") - 1]
    return _News(position[last], window[last], at_ms[first], at_ms[last])
