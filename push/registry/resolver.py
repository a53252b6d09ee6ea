"""From an id on the air, at the time it was heard, to a registered beacon.

A table holds what is valid about now: static ids for good, rotating ones for their windows. Each beacon's next windows
are computed before they begin, in slices off the loop; a look-up is one vectorised probe that costs the same however
many people are registered. The table says which window of which beacon an id is; the beacon's own clock, with what was
learned of it, and the tolerance say when that window was.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from beacons.ids import IdKind
from push.registry.rows import Ids, Rows, chosen, is_longer, low, near, raw_bytes, rotating_rows, static_rows, words
from push.registry.table import Slots, Table
from push.registry.tags import SILENT, UNKNOWN, Bytes, Change, Ints, Mask, Tags

AHEAD_MS: Final = 60_000
"""Windows are in the table this long before they begin: a slice a second has time to catch up."""
BEHIND_MS: Final = 40_000
"""Windows stay this long after they end: what was heard earlier resolves off the hot path."""
CHUNK_S: Final = 900
"""Windows computed in one go cover about this much time, so that few key set-ups serve many windows."""
SCAN: Final = 1 << 17
"""Positions that are looked at for one slice: in a registry of a million, each every eight seconds."""
BLOCK: Final = 1 << 13
"""Positions that are looked at in one go."""
ROWS_EACH: Final = 8
"""Windows in one slice for each beacon that may be in it: those that turn fastest have a thousand at once."""
SWEEPS: Final = 64
"""Slices in which the whole table is looked through for what has ended."""
BULK: Final = 1 << 13
"""Beacons in one slice where nobody is waiting for the loop."""


class Found(NamedTuple):
    """Where the beacons stand that said what was asked for (`UNKNOWN`: nobody here at that time), and their windows."""

    position: Ints
    window: Ints


class Match(NamedTuple):
    """Beacons that may have said what was asked for, and the lowest bits of the windows in which they would have."""

    position: Ints
    window: npt.NDArray[np.uint32]


class Due(NamedTuple):
    """Windows to compute: of which beacons, from which one on, and how many."""

    positions: Ints
    first: Ints
    many: Ints

    def cut(self, most: int) -> "Due":
        """The first ones."""
        return Due(self.positions[:most], self.first[:most], self.many[:most])


class Slice(NamedTuple):
    """Windows that were due: computed beside the table, ready to be entered; and what in the table has ended."""

    positions: Ints
    next: Ints
    rows: Rows
    ended: Slots
    roomier: Table | None
    version: int
    fresh: int


class Resolver:
    """The table of registered ids, advanced as each beacon's own window turns.

    `tolerance_ms` is how far a beacon's clock may be off, either way, from what is known of it. `prepare` may
    run in a thread; everything else belongs to the loop.
    """

    def __init__(self, tags: Tags, *, tolerance_ms: int) -> None:
        self.tags = tags
        self.tolerance_ms = tolerance_ms
        self.ahead_ms: npt.NDArray[np.int32] = np.zeros(tags.capacity, dtype=np.int32)
        """How far each beacon's clock was learned to be ahead of `Tags.zero_ms`."""
        self._next: npt.NDArray[np.uint32] = np.zeros(tags.capacity, dtype=np.uint32)
        self._table = Table(self._expected())
        self._cursor = self._swept = self._version = 0
        self._is_crowded = False
        self._fresh: list[int] = []
        self._table.add(static_rows(tags, tags.static()))

    def _expected(self) -> int:
        """Rows that the table will hold, where clocks were started at all times; else it grows once."""
        of_exponent = np.bincount(self.tags.exponent[self.tags.rotating()], minlength=16)
        exponents = np.arange(len(of_exponent), dtype=np.int64)
        span_s = (AHEAD_MS + 2 * BEHIND_MS + 2 * self.tolerance_ms) // 1000
        each = span_s / (1 << exponents) + 1.1 + _extra(exponents)
        return len(self.tags.static()) + int(np.sum(of_exponent * each))

    def windows(self, positions: Ints, at_ms: Ints | int) -> Ints:
        """The windows that beacons' clocks are in at a time; negative before they began to count."""
        return self._windows(positions, [at_ms])[0]

    def _windows(self, positions: Ints, times_ms: Sequence[Ints | int]) -> list[Ints]:
        """The same at several times."""
        zero_ms = self.tags.zero_ms[positions] - self.ahead_ms[positions]
        exponent = self.tags.exponent[positions]
        counters_s: list[Ints] = [(np.asarray(at_ms, dtype=np.int64) - zero_ms) // 1000 for at_ms in times_ms]
        return [counter_s >> exponent for counter_s in counters_s]

    # ------------------------------------------------------------------------------------------------ look-ups

    def find(self, kind: Bytes, ids: Ids, heard_ms: Ints) -> Ints:
        """Positions in `tags`, `UNKNOWN` where an id belongs to nobody here at its time."""
        return self.look_up(kind, ids, heard_ms).position

    def look_up(self, kind: Bytes, ids: Ids, heard_ms: Ints) -> Found:
        """The beacons that ids belong to at their times. Arrays of one length n."""
        asked, position, window = self._table.find(words(kind, ids))
        whole, valid = self.judge(kind[asked], raw_bytes(ids)[asked], heard_ms[asked], Match(position, window))
        found = Found(np.full(len(ids), UNKNOWN, dtype=np.int64), np.zeros(len(ids), dtype=np.int64))
        found.position[asked[valid]] = position[valid]
        found.window[asked[valid]] = whole[valid]
        return found

    def judge(self, kind: Bytes, raw: Bytes, heard_ms: Ints, match: Match) -> tuple[Ints, Mask]:
        """The windows that matches are about, and whether they are what was asked for then.

        A static id is, byte for byte; a rotating one inside its window.
        """
        position, times_ms = match.position, (heard_ms, heard_ms - self.tolerance_ms, heard_ms + self.tolerance_ms)
        now, first, last = self._windows(position, times_ms)
        window = near(match.window, now)
        says_it = (first <= window) & (window <= last) & ~is_longer(raw)
        static = np.flatnonzero(kind != IdKind.EID)
        says_it[static] = np.all(self.tags.code[position[static]] == raw[static], axis=1)
        valid: Mask = (self.tags.kind[position] == kind) & (kind != SILENT) & says_it
        return window, valid

    # ------------------------------------------------------------------------------------------ the table turns

    def prepare(self, now_ms: int, most: int) -> Slice:
        """The next slice: of at most `most` beacons whose windows must be known by now. Changes no answer."""
        version, fresh = self._version, self._fresh[:most]
        # Somebody waits for beacons that are new; all others are looked at ahead of their time.
        due, taken = self._due_fresh(fresh, now_ms) if fresh else (self._due(now_ms, most), 0)
        rows = rotating_rows(self.tags, due.positions, due.first, due.many)
        roomier = self._rebuilt(now_ms, len(rows.word)) if self._is_crowded else None
        ended = self._ended(now_ms, 0 if fresh else self._table.size // SWEEPS + 1)
        return Slice(due.positions, due.first + due.many, rows, ended, roomier, version, taken)

    def _due_fresh(self, fresh: list[int], now_ms: int) -> tuple[Due, int]:
        """Of beacons that are new, as many as fit into a slice; and how many of them are dealt with then."""
        due = self._due_among(np.array(fresh, dtype=np.int64), now_ms)
        fits = _fitting(due, len(fresh))
        is_all = len(fits.positions) == len(due.positions)
        return fits, len(fresh) if is_all else fresh.index(int(fits.positions[-1])) + 1

    def _due(self, now_ms: int, most: int) -> Due:
        """The next beacons in turn."""
        parts = [Due(*(np.zeros(0, dtype=np.int64) for _ in range(3)))]
        found, looked, used = 0, 0, self.tags.used
        while found < most and looked < min(SCAN, used):
            start = self._cursor if self._cursor < used else 0
            stop = min(start + BLOCK, used)
            part = self._due_among(start + np.flatnonzero(self.tags.kind[start:stop] == IdKind.EID), now_ms)
            part = part.cut(most - found)
            found += len(part.positions)
            self._cursor = stop if found < most else int(part.positions[-1]) + 1
            looked += stop - start
            parts.append(part)
        positions = np.concatenate([part.positions for part in parts])
        due = Due(positions, np.concatenate([p.first for p in parts]), np.concatenate([p.many for p in parts]))
        return _fitting(due, most)

    def _due_among(self, positions: Ints, now_ms: int) -> Due:
        """A beacon is due where the last window known is about to end, or where all are ahead: a clock set back."""
        positions = positions[self.tags.kind[positions] == IdKind.EID]
        last = np.maximum(0, self.windows(positions, now_ms + AHEAD_MS + self.tolerance_ms))
        extra = _extra(self.tags.exponent[positions].astype(np.int64))
        following = near(self._next[positions], last)
        due = (following <= last) | (following > last + extra + 1)
        positions, last, extra, following = positions[due], last[due], extra[due], following[due]
        first = np.maximum(0, self.windows(positions, now_ms - BEHIND_MS - self.tolerance_ms))
        first = np.where(following <= last, np.maximum(first, following), first)
        return Due(positions, first, last - first + 1 + extra)

    def _ended(self, now_ms: int, part: int) -> Slots:
        """What has ended in the next part of the table."""
        first = self._swept if self._swept < self._table.size else 0
        self._swept = first + part
        held = self._table.held(first, first + part)
        ended = ~self._is_alive(held.rows, now_ms)
        return Slots(held.slot[ended], chosen(held.rows, ended))

    def _is_alive(self, rows: Rows, now_ms: int) -> Mask:
        position = rows.position.astype(np.int64)
        kind = self.tags.kind[position]
        oldest = self.windows(position, now_ms - 2 * BEHIND_MS - self.tolerance_ms)
        window = near(rows.window, oldest)
        is_current = (oldest <= window) & (window < near(self._next[position], window))
        alive: Mask = (kind != SILENT) & ((kind != IdKind.EID) | is_current)
        return alive

    def _rebuilt(self, now_ms: int, more: int) -> Table:
        """A table with half as much room again as is needed now, and for so many more rows."""
        static, held = static_rows(self.tags, self.tags.static()), self._table.held(0, self._table.size).rows
        rotating = chosen(held, self._is_alive(held, now_ms) & (self.tags.kind[held.position] == IdKind.EID))
        rows = len(static.word) + len(rotating.word) + more
        table = Table(rows + rows // 2)
        while not (np.all(table.add(static)) and np.all(table.add(rotating))):
            table = Table(table.size)
        return table

    def apply(self, ready: Slice) -> None:
        """Enter a slice. Beacons whose windows found no room come first in the next: it brings a roomier table."""
        if ready.roomier is not None and ready.version == self._version:
            self._table, self._is_crowded = ready.roomier, False
        else:
            self._table.free(ready.ended)
        placed = self._table.add(ready.rows)
        self._is_crowded |= not np.all(placed)
        entered = ~np.isin(ready.positions, ready.rows.position[~placed])
        self._next[ready.positions[entered]] = low(ready.next[entered])
        self._fresh[: ready.fresh] = ready.positions[~entered].tolist()

    def advance(self, now_ms: int) -> None:
        """Compute and enter everything that is due, in one go: for start-up and tests."""
        idle = 0
        while idle <= self.tags.used // SCAN:
            ready = self.prepare(now_ms, BULK)
            self.apply(ready)
            idle = 0 if len(ready.positions) else idle + 1

    def change(self, change: Change, now_ms: int) -> Ints:
        """Take over a change of what is registered, planned by `Tags.plan`; the new positions.

        Static ids resolve from now on; rotating ones with the next slice, before all others. Raises ValueError where
        `Tags.has_room` would have said no.
        """
        new = self.tags.apply(change)
        self._next[new] = low(np.maximum(0, self.windows(new, now_ms - BEHIND_MS - self.tolerance_ms)))
        is_rotating = self.tags.kind[new] == IdKind.EID
        self._fresh += new[is_rotating].tolist()
        static = new[~is_rotating & (self.tags.kind[new] != SILENT)]
        self._is_crowded |= not np.all(self._table.add(static_rows(self.tags, static)))
        self._version += 1
        return new

    @property
    def is_behind(self) -> bool:
        """Whether new beacons wait for their first windows, or the table for more room."""
        return bool(self._fresh) or self._is_crowded


def _fitting(due: Due, most: int) -> Due:
    """As many as fit into a slice for `most` beacons, and at least one."""
    return due.cut(max(1, int(np.searchsorted(np.cumsum(due.many), ROWS_EACH * most))))


def _extra(exponents: Ints) -> Ints:
    """Windows computed beyond the last one that is needed."""
    extra: Ints = np.maximum(1, CHUNK_S >> exponents) - 1
    return extra
