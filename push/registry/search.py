"""Beacons whose clocks are far from what is known of them: they lost power, and count from somewhere else.

An id that belongs to nobody may be theirs. Ids of strangers are kept in memory for ten minutes at most, and looked for,
slice by slice in a thread, among the windows that a beacon may be in that was silent for long: around the one that it
should be in, after a restart at 0, and after one at what was registered.

A recorded id that is said again while its beacon is silent looks like a clock that went back. So one id proves nothing:
a beacon is on **trial** until its ids have turned, window after window, at the pace of its own clock. Two windows are
asked of a clock that is ahead, whose ids nobody can have heard before; three of one that went back. Who recorded three
windows in a row, and says them again in their rhythm while the beacon is away, is taken for it: radio alone cannot
tell.
"""

from collections import Counter
from typing import Final, NamedTuple

import msgspec
import numpy as np

from beacons.ids import IdKind
from push.registry.drift import Clocks
from push.registry.past import matches
from push.registry.resolver import Resolver
from push.registry.rows import Rows, Words, near, rotating_rows
from push.registry.tags import Ints

KEPT_MS: Final = 600_000
"""How long an id of a stranger is kept in memory, whatever comes of it."""
MOST_KEPT: Final = 4_096
MOST_NOTED: Final = 1_000
"""Ids that one call takes in."""
MOST_TRIALS: Final = 1_000
MOST_WINDOWS: Final = 4_096
"""Windows that are looked at either way, and after a restart: what turns every few seconds is not found a day off."""
LOOKED_AT: Final = 2_048
"""Positions that one slice looks at."""
SLICE_IDS: Final = 1 << 16
"""Ids that are computed in one slice: some hundredths of a second in a thread."""
AHEAD_WINDOWS: Final = 2
BACK_WINDOWS: Final = 3
SLACK_MS: Final = 5_000
"""How far gateways may disagree about when something was heard."""
_FILTER_BITS: Final = np.uint64((1 << 20) - 1)


class Hit(NamedTuple):
    """An id of nobody's that a silent beacon would say in a window."""

    word: int
    position: int
    window: int


class Correction(NamedTuple):
    """A beacon whose counter read 0 at another time than was known."""

    position: int
    zero_ms: int


class Trial(msgspec.Struct):
    """A beacon whose clock may be another one: when its counter would have read 0, as far as was heard."""

    position: int
    windows: set[int]
    needed: int
    least_ms: int
    most_ms: int
    until_ms: int


class Search:
    """Looks for clocks that are far off. `look` may run in a thread; everything else belongs to the loop."""

    def __init__(self, resolver: Resolver, clocks: Clocks, *, range_ms: int, silent_ms: int) -> None:
        self._resolver = resolver
        self._clocks = clocks
        self._range_ms = range_ms
        self._silent_ms = silent_ms
        self._kept: dict[int, tuple[int, int]] = {}
        self._trials: dict[int, Trial] = {}
        self._watched: dict[int, tuple[int, int]] = {}
        self._asked: Words = np.zeros(0, dtype=np.uint64)
        self._filter = np.zeros(int(_FILTER_BITS) + 1, dtype=bool)
        self._searched: set[int] = set()
        self._cursor = 0
        self.counts: Counter[str] = Counter()

    @property
    def kept(self) -> int:
        """Ids of strangers in memory."""
        return len(self._kept)

    def note(self, words: Words, heard_ms: Ints, now_ms: int) -> list[Correction]:
        """Take in ids that belong to nobody; what they prove."""
        if not self._range_ms:
            return []
        self._forget(now_ms)
        if not len(words):
            return []
        proven = []
        once, where = np.unique(words, return_index=True)
        self.counts["strangers_beyond"] += max(0, len(once) - MOST_NOTED)
        for word, at_ms in zip(once[:MOST_NOTED].tolist(), heard_ms[where[:MOST_NOTED]].tolist(), strict=True):
            if word in self._watched:
                proven += self._heard(*self._watched[word], at_ms)
            elif word in self._kept:
                self._kept[word] = (self._kept[word][0], at_ms)
            elif len(self._kept) < MOST_KEPT:
                self._kept[word] = (at_ms, at_ms)
            else:
                self.counts["strangers_beyond"] += 1
        return proven

    def _forget(self, now_ms: int) -> None:
        for word, (first_ms, _) in tuple(self._kept.items()):
            if 0 <= now_ms - first_ms < KEPT_MS:
                break  # they were taken in in the order of their times, or nearly
            del self._kept[word]
            self._searched.discard(word)
        for position in [p for p, trial in self._trials.items() if now_ms > trial.until_ms]:
            self._end(position, "trials_expired")

    # ------------------------------------------------------------------------------------------------ looking

    def begin(self) -> bool:
        """Begin to look for what has not been looked for; whether there is anything, or a look still goes on."""
        if self._cursor or len(self._asked):
            return True
        new = [word for word in self._kept if word not in self._searched]
        self._asked = np.sort(np.array(new, dtype=np.uint64))
        self._filter[:] = False
        self._filter[self._asked & _FILTER_BITS] = True
        return bool(new)

    def look(self, now_ms: int) -> tuple[list[Hit], int]:
        """One slice: who of those silent may have said what was asked for, and where the next slice begins."""
        tags, start = self._resolver.tags, self._cursor
        stop = min(start + LOOKED_AT, tags.used)
        positions = start + np.flatnonzero(tags.kind[start:stop] == IdKind.EID)
        positions = positions[self._clocks.heard_ms(positions) < now_ms - self._silent_ms]
        parts = self._windows(positions, now_ms)
        fits = int(np.searchsorted(np.cumsum(np.sum([many for _, many in parts], axis=0)), SLICE_IDS)) + 1
        hits = [hit for first, many in parts for hit in self._hits(positions[:fits], first[:fits], many[:fits])]
        return hits, int(positions[fits]) if fits < len(positions) else stop

    def _windows(self, positions: Ints, now_ms: int) -> list[tuple[Ints, Ints]]:
        """First windows and how many: around the one that it should be in; from 0; from where it was registered."""
        tags = self._resolver.tags
        exponent = tags.exponent[positions].astype(np.int64)
        reach = np.minimum(MOST_WINDOWS, (self._range_ms // 1000 >> exponent) + 1)
        here = self._resolver.windows(positions, now_ms)
        registered = tags.counter_s[positions].astype(np.int64) >> exponent
        first = np.maximum(0, here - reach)
        return [
            (first, np.maximum(0, here + reach + 1 - first)),
            (np.zeros(len(positions), dtype=np.int64), reach),
            (registered, np.where(registered > 0, reach, 0)),
        ]

    def _hits(self, positions: Ints, first: Ints, many: Ints) -> list[Hit]:
        rows = rotating_rows(self._resolver.tags, positions, first, many)
        maybe = np.flatnonzero(self._filter[rows.word & _FILTER_BITS])
        rows = Rows(rows.word[maybe], rows.position[maybe], rows.window[maybe])
        found = matches(self._asked, rows)
        return [Hit(int(rows.word[r]), int(rows.position[r]), int(rows.window[r])) for r in found.row.tolist()]

    def apply(self, looked: tuple[list[Hit], int]) -> None:
        """Put those who were found on trial; after the last slice, what was looked for counts as searched."""
        hits, self._cursor = looked
        for hit in hits:
            if hit.word in self._kept and hit.position not in self._trials and len(self._trials) < MOST_TRIALS:
                self._try(hit, *self._kept[hit.word])
        if self._cursor >= self._resolver.tags.used:
            self._searched |= set(self._asked.tolist()) & self._kept.keys()
            self._asked, self._cursor = self._asked[:0], 0

    # ------------------------------------------------------------------------------------------------ trials

    def resolved(self, positions: Ints) -> None:
        """These were heard by the clocks that are known of them: they are on trial no more."""
        if self._trials:
            for position in self._trials.keys() & set(positions.tolist()):
                self._end(position, "trials_refused")

    def _try(self, hit: Hit, first_ms: int, last_ms: int) -> None:
        position = np.array([hit.position], dtype=np.int64)
        here = self._resolver.windows(position, first_ms)
        window = int(near(np.array([hit.window], dtype=np.uint32), here)[0])
        if window < 0:
            window = hit.window
        period_ms = 1000 << int(self._resolver.tags.exponent[hit.position])
        needed = AHEAD_WINDOWS if window > int(here[0]) else BACK_WINDOWS
        until_ms = last_ms + (needed + 1) * period_ms + KEPT_MS
        trial = Trial(hit.position, {window}, needed, -(2**62), 2**62, until_ms)
        self._trials[hit.position] = trial
        self.counts["trials"] += 1
        watched = rotating_rows(
            self._resolver.tags, position, np.array([window], dtype=np.int64), np.array([2 * needed], dtype=np.int64)
        )
        for i, word in enumerate(watched.word.tolist()):
            self._watched[word] = (hit.position, window + i)
        self._narrow(trial, window, first_ms)
        self._narrow(trial, window, last_ms)

    def _narrow(self, trial: Trial, window: int, at_ms: int) -> None:
        """When the counter read 0, so that it is in this window at this time."""
        period_ms = 1000 << int(self._resolver.tags.exponent[trial.position])
        trial.least_ms = max(trial.least_ms, at_ms - (window + 1) * period_ms)
        trial.most_ms = min(trial.most_ms, at_ms - window * period_ms)

    def _heard(self, position: int, window: int, at_ms: int) -> list[Correction]:
        """Hear one on trial; its new clock, where it has advanced often enough, at its own pace."""
        trial = self._trials[position]
        self._narrow(trial, window, at_ms)
        if trial.least_ms > trial.most_ms + SLACK_MS:
            self._end(position, "trials_refused")
            return []
        trial.windows.add(window)
        if len(trial.windows) < trial.needed or trial.most_ms - trial.least_ms > self._resolver.tolerance_ms:
            return []
        self._end(position, "clocks_corrected")
        return [Correction(position, (trial.least_ms + trial.most_ms) // 2)]

    def _end(self, position: int, count: str) -> None:
        self.counts[count] += 1
        del self._trials[position]
        self._watched = {word: about for word, about in self._watched.items() if about[0] != position}
