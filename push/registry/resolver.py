"""From an id on the air, at the time it was heard, to a registered beacon.

A table holds what is valid about now: static ids for good, rotating ones for their window and the tolerance of
their clock. Each beacon's next windows are computed before they begin, in slices off the loop; a look-up is one
vectorised probe that costs the same however many people are registered.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from beacons import eid
from beacons.ids import ID_BYTES, KINDS, IdKind, padded
from beacons.registry import Beacon
from push.registry.table import ID, UNKNOWN, Ids, Ints, Kinds, Rows, Table, joined

AHEAD_MS: Final = 60_000
"""Windows are in the table this long before they begin: a slice a second has time to catch up."""
BEHIND_MS: Final = 40_000
"""Windows stay this long after they end: what was heard earlier resolves off the hot path."""
CHUNK_S: Final = 900
"""Windows computed in one go cover about this much time, so that few key set-ups serve many windows."""
MAX_CHUNK: Final = 1024
PAST_SPAN_MS: Final = 15 * 60_000
"""Past times this close together are looked up in one table."""
PAST_BLOCK: Final = 1024
"""Beacons in one table of the past: bounds its memory."""
FOREVER_MS: Final = 2**60


class Rotating(NamedTuple):
    """A beacon whose id turns: its place in the registry, and its clock. Windows are counted without wrapping."""

    beacon: int
    key: bytes
    exponent: int
    counter_s: int
    counter_at_ms: int

    def window(self, at_ms: int) -> int:
        """The number of the window that its clock is in at a time."""
        return max(0, self.counter_s + (at_ms - self.counter_at_ms) // 1000) >> self.exponent

    def begins_ms(self, window: int) -> int:
        """When a window begins."""
        return self.counter_at_ms + ((window << self.exponent) - self.counter_s) * 1000

    def rows(self, first: int, count: int, tolerance_ms: int) -> Rows:
        """The ids of `count` windows, valid for their window and a clock that is off by up to `tolerance_ms`."""
        wrapped = first % (1 << (eid.COUNTER_BITS - self.exponent))
        raw = np.frombuffer(eid.compute_many(self.key, self.exponent, wrapped, count), dtype=np.uint8)
        ids = np.zeros((count, ID_BYTES), dtype=np.uint8)
        ids[:, : eid.EID_BYTES] = raw.reshape(count, eid.EID_BYTES)
        begins = self.begins_ms(first) + (np.arange(count, dtype=np.int64) << self.exponent) * 1000
        return Rows(
            np.full(count, IdKind.EID, dtype=np.uint8),
            ids.reshape(-1).view(ID),
            np.full(count, self.beacon, dtype=np.int32),
            begins - tolerance_ms,
            begins + (1000 << self.exponent) + tolerance_ms,
        )


class Work(NamedTuple):
    """Windows to compute at a time: one (position, first window, count) for each beacon of a slice."""

    parts: tuple[tuple[int, int, int], ...]
    now_ms: int


class Computed(NamedTuple):
    """The rows of a slice; and where `full` had no room for them, the table that has."""

    rows: Rows
    full: Table | None = None
    roomier: Table | None = None


def _static_rows(beacons: Sequence[Beacon]) -> Rows:
    """A rotating beacon has no static id, whatever its record says: that would be one that never turns."""
    listed = [(i, b.format, b.static_id) for i, b in enumerate(beacons) if b.static_id and b.format != "eid"]
    n = len(listed)
    return Rows(
        np.array([KINDS[form] for _, form, _ in listed], dtype=np.uint8),
        np.frombuffer(b"".join(padded(bytes.fromhex(text)) for _, _, text in listed), dtype=ID),
        np.array([i for i, _, _ in listed], dtype=np.int32),
        np.full(n, -FOREVER_MS, dtype=np.int64),
        np.full(n, FOREVER_MS, dtype=np.int64),
    )


class Resolver:
    """The table of registered ids, advanced as each beacon's own window turns.

    `tolerance_ms` is how far a beacon's clock may be off either way. Positions in `beacons` are what a
    look-up returns. `plan` and `apply` belong to the loop; `compute` and `find_past` may run in a thread.
    """

    def __init__(self, beacons: Sequence[Beacon], keys: dict[str, bytes], *, tolerance_ms: int) -> None:
        self.beacons = tuple(beacons)
        self._tolerance_ms = tolerance_ms
        self._rotating = [
            Rotating(i, keys[b.id], b.exponent, b.counter_s, b.counter_at_ms)
            for i, b in enumerate(beacons)
            if b.format == "eid" and b.id in keys
        ]
        self._next: Ints = np.full(len(self._rotating), -1, dtype=np.int64)
        self._due_ms: Ints = np.full(len(self._rotating), -FOREVER_MS, dtype=np.int64)
        self._planned_ms = -FOREVER_MS
        self._table = Table().roomier(_static_rows(self.beacons), -FOREVER_MS)

    def plan(self, now_ms: int, most: int) -> Work:
        """The next slice: at most `most` beacons whose windows must be computed by now."""
        if now_ms < self._planned_ms - BEHIND_MS:  # the clock was set back: windows let go of begin again
            self._next[:] = -1
            self._due_ms[:] = -FOREVER_MS
        self._planned_ms = now_ms
        due = np.flatnonzero(self._due_ms <= now_ms + AHEAD_MS + self._tolerance_ms)[:most]
        return Work(tuple(self._part(int(i), now_ms) for i in due), now_ms)

    def _part(self, i: int, now_ms: int) -> tuple[int, int, int]:
        beacon = self._rotating[i]
        oldest = beacon.window(now_ms - BEHIND_MS - self._tolerance_ms)
        first = max(oldest, int(self._next[i]))
        last = beacon.window(now_ms + AHEAD_MS + self._tolerance_ms)
        chunk = min(MAX_CHUNK, max(1, CHUNK_S >> beacon.exponent))
        return i, first, max(1, last - first) + chunk

    def compute(self, work: Work) -> Computed:
        """The rows of a slice, and the next table where this one is full. Changes nothing."""
        rows = joined([self._rotating[i].rows(first, count, self._tolerance_ms) for i, first, count in work.parts])
        table = self._table
        if table.has_room(len(rows.kind)):
            return Computed(rows)
        return Computed(rows, table, table.roomier(rows, work.now_ms - BEHIND_MS))

    def apply(self, work: Work, computed: Computed) -> None:
        """Put a computed slice into the table."""
        if computed.roomier is not None and computed.full is self._table:
            self._table = computed.roomier
        elif self._table.has_room(len(computed.rows.kind)):
            self._table.add(computed.rows)
        else:
            self._table = self._table.roomier(computed.rows, work.now_ms - BEHIND_MS)
        for i, first, count in work.parts:
            self._next[i] = first + count
            self._due_ms[i] = self._rotating[i].begins_ms(first + count)

    def advance(self, now_ms: int) -> None:
        """Compute and apply everything that is due, in one go: for start-up and tests."""
        while (work := self.plan(now_ms, most=4096)).parts:
            self.apply(work, self.compute(work))

    def find(self, kind: Kinds, ids: Ids, heard_ms: Ints) -> Ints:
        """Positions in `beacons`, `UNKNOWN` where an id belongs to nobody here at its time."""
        return self._table.find(kind, ids, heard_ms)

    def find_past(self, kind: Kinds, ids: Ids, heard_ms: Ints) -> Ints:
        """As `find`, for ids heard before what the table holds. Slow, for a thread: its cost grows with the registry.

        Windows are computed for the times asked for alone, however far apart these are.
        """
        found = Table().roomier(_static_rows(self.beacons), -FOREVER_MS).find(kind, ids, heard_ms)
        asked = np.flatnonzero((found == UNKNOWN) & (kind == IdKind.EID))
        for span in _spans(asked, heard_ms):
            lo, hi = int(heard_ms[span].min()), int(heard_ms[span].max())
            for table in self._past(lo - self._tolerance_ms, hi + self._tolerance_ms):
                there = table.find(kind[span], ids[span], heard_ms[span])
                found[span[there != UNKNOWN]] = there[there != UNKNOWN]
        return found

    def _past(self, lo_ms: int, hi_ms: int) -> Iterator[Table]:
        """Tables of the windows between two times, each for some of the beacons."""
        for begin in range(0, len(self._rotating), PAST_BLOCK):
            block = self._rotating[begin : begin + PAST_BLOCK]
            spans = [(b, b.window(lo_ms), b.window(hi_ms)) for b in block]
            rows = joined([b.rows(first, last - first + 1, self._tolerance_ms) for b, first, last in spans])
            yield Table().roomier(rows, -FOREVER_MS)


def _spans(asked: Ints, heard_ms: Ints) -> Iterator[Ints]:
    """`asked` split so that the times of each part lie within `PAST_SPAN_MS`."""
    asked = asked[np.argsort(heard_ms[asked], kind="stable")]
    while len(asked):
        end = int(np.searchsorted(heard_ms[asked], heard_ms[asked[0]] + PAST_SPAN_MS, side="right"))
        yield asked[:end]
        asked = asked[end:]
