"""From an id on the air, at the time it was heard, to a registered beacon.

A hash table in numpy columns (id, beacon, valid from, valid to) holds what is valid about now: static ids
for good, rotating ones for their window and the tolerance of their clock. Each beacon's next windows are
computed before they begin, in slices off the loop; a look-up is one vectorised probe that costs the same
however many people are registered.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from beacons import eid
from beacons.ids import ID_BYTES, KINDS, IdKind, padded
from beacons.registry import Beacon

UNKNOWN: Final = -1
AHEAD_MS: Final = 60_000
"""Windows are in the table this long before they begin: a slice a second has time to catch up."""
BEHIND_MS: Final = 40_000
"""Windows stay this long after they end: sightings older than 30 s trigger nothing and resolve off the hot path."""
CHUNK_S: Final = 900
"""Windows computed in one go cover about this much time, so that few key set-ups serve many windows."""
MAX_CHUNK: Final = 1024
FOREVER_MS: Final = 2**60

_ID: Final = np.dtype(f"V{ID_BYTES}")
Ids = npt.NDArray[np.void]
Ints = npt.NDArray[np.int64]


class Rotating(NamedTuple):
    """A beacon whose id turns: its place in the registry, and its clock."""

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


class Rows(NamedTuple):
    """Ids with their validity, as columns of one length."""

    kind: npt.NDArray[np.uint8]
    id: Ids
    beacon: Ints
    from_ms: Ints
    to_ms: Ints


class Work(NamedTuple):
    """Windows to compute: one (position, first window, count) for each beacon of a slice."""

    parts: tuple[tuple[int, int, int], ...]


def _keys(kind: npt.NDArray[np.uint8], ids: Ids) -> npt.NDArray[np.uint64]:
    """A well-mixed 64-bit hash of kind and id (multiply and xor-shift; constants of splitmix64, Vigna 2015)."""
    words = np.zeros((len(ids), 3), dtype="<u8")
    words.view(np.uint8).reshape(len(ids), 24)[:, :ID_BYTES] = np.ascontiguousarray(ids).view(np.uint8).reshape(-1, 20)
    with np.errstate(over="ignore"):
        mixed = words[:, 0] ^ (words[:, 1] * np.uint64(0x9E3779B97F4A7C15)) ^ (words[:, 2] << np.uint64(7))
        mixed += kind.astype(np.uint64)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    result: npt.NDArray[np.uint64] = mixed ^ (mixed >> np.uint64(31))
    return result


class Table:
    """Open addressing over rows; grows by doubling, forgets by being built anew without what has ended."""

    def __init__(self) -> None:
        self._rows = _empty()
        self._keys = np.zeros(0, dtype=np.uint64)
        self._slots: Ints = np.full(16, UNKNOWN, dtype=np.int64)

    def __len__(self) -> int:
        """Rows held, ended ones included."""
        return len(self._rows.kind)

    def add(self, rows: Rows) -> None:
        """Append rows and index them."""
        first = len(self)
        self._rows = _joined([self._rows, rows])
        self._keys = np.concatenate([self._keys, _keys(rows.kind, rows.id)])
        if 2 * len(self) > len(self._slots):
            self._reindex()
        else:
            self._index(np.arange(first, len(self)))

    def drop_ended(self, before_ms: int) -> None:
        """Build the table anew without rows that ended before a time, once they are half of it."""
        alive = self._rows.to_ms >= before_ms
        if 2 * int(alive.sum()) < len(self):
            rows = self._rows
            self._rows = Rows(
                rows.kind[alive], rows.id[alive], rows.beacon[alive], rows.from_ms[alive], rows.to_ms[alive]
            )
            self._keys = self._keys[alive]
            self._reindex()

    def _reindex(self) -> None:
        size = 16
        while size < 4 * len(self):
            size *= 2
        self._slots = np.full(size, UNKNOWN, dtype=np.int64)
        self._index(np.arange(len(self)))

    def _index(self, rows: Ints) -> None:
        """Give every row the first free slot after its hash; rows that race for one slot go on probing."""
        mask = np.uint64(len(self._slots) - 1)
        at = (self._keys[rows] & mask).astype(np.int64)
        while len(rows):
            free = self._slots[at] == UNKNOWN
            self._slots[at[free]] = rows[free]
            lost = self._slots[at] != rows
            rows, at = rows[lost], (at[lost] + 1) & int(mask)

    def find(self, kind: npt.NDArray[np.uint8], ids: Ids, heard_ms: Ints) -> Ints:
        """The beacon of each id at its time, `UNKNOWN` where there is none. Arrays of one length n."""
        found = np.full(len(ids), UNKNOWN, dtype=np.int64)
        if not len(self):
            return found
        keys = _keys(kind, ids)
        mask = len(self._slots) - 1
        at = (keys & np.uint64(mask)).astype(np.int64)
        open_ = np.arange(len(ids))
        rows = self._rows
        while len(open_):
            row = self._slots[at]
            taken = row != UNKNOWN
            open_, at, row = open_[taken], at[taken], row[taken]
            same = (self._keys[row] == keys[open_]) & (rows.kind[row] == kind[open_]) & (rows.id[row] == ids[open_])
            hit = same & (rows.from_ms[row] <= heard_ms[open_]) & (heard_ms[open_] < rows.to_ms[row])
            found[open_[hit]] = rows.beacon[row[hit]]
            open_, at = open_[~hit], (at[~hit] + 1) & mask
        return found


def _joined(parts: Sequence[Rows]) -> Rows:
    return Rows(
        np.concatenate([p.kind for p in parts]),
        np.concatenate([p.id for p in parts]),
        np.concatenate([p.beacon for p in parts]),
        np.concatenate([p.from_ms for p in parts]),
        np.concatenate([p.to_ms for p in parts]),
    )


def _empty() -> Rows:
    ints = np.zeros(0, dtype=np.int64)
    return Rows(np.zeros(0, dtype=np.uint8), np.zeros(0, dtype=_ID), ints, ints, ints)


def _static_rows(beacons: Sequence[Beacon]) -> Rows:
    listed = [(i, b) for i, b in enumerate(beacons) if b.static_id is not None]
    n = len(listed)
    raw = b"".join(padded(bytes.fromhex(b.static_id or "")) for _, b in listed)
    return Rows(
        np.array([KINDS[b.format] for _, b in listed], dtype=np.uint8),
        np.frombuffer(raw, dtype=_ID),
        np.array([i for i, _ in listed], dtype=np.int64),
        np.zeros(n, dtype=np.int64),
        np.full(n, FOREVER_MS, dtype=np.int64),
    )


class Resolver:
    """The table of registered ids, advanced as each beacon's own window turns.

    `tolerance_ms` is how far a beacon's clock may be off either way. Positions in `beacons` are what a
    look-up returns.
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
        self._due_ms: Ints = np.zeros(len(self._rotating), dtype=np.int64)
        self._table = Table()
        self._table.add(_static_rows(self.beacons))

    def plan(self, now_ms: int, most: int) -> Work:
        """The next slice: at most `most` beacons whose windows must be computed by now."""
        due = np.flatnonzero(self._due_ms <= now_ms + AHEAD_MS + self._tolerance_ms)[:most]
        return Work(tuple(self._part(int(i), now_ms) for i in due))

    def _part(self, i: int, now_ms: int) -> tuple[int, int, int]:
        beacon = self._rotating[i]
        oldest = beacon.window(now_ms - BEHIND_MS - self._tolerance_ms)
        first = max(oldest, int(self._next[i]))
        last = beacon.window(now_ms + AHEAD_MS + self._tolerance_ms)
        chunk = min(MAX_CHUNK, max(1, CHUNK_S >> beacon.exponent))
        return i, first, max(1, last - first) + chunk

    def compute(self, work: Work) -> Rows:
        """The rows of a slice: pure, so that it may run in a thread."""
        return _joined([_empty(), *(self._windows(*part) for part in work.parts)])

    def _windows(self, i: int, first: int, count: int) -> Rows:
        beacon = self._rotating[i]
        raw = np.frombuffer(eid.compute_many(beacon.key, beacon.exponent, first, count), dtype="V8")
        ids = np.zeros(count, dtype=_ID)
        ids.view(np.uint8).reshape(count, ID_BYTES)[:, :8] = raw.view(np.uint8).reshape(count, 8)
        begins = beacon.begins_ms(first) + (np.arange(count, dtype=np.int64) << beacon.exponent) * 1000
        return Rows(
            np.full(count, IdKind.EID, dtype=np.uint8),
            ids,
            np.full(count, beacon.beacon, dtype=np.int64),
            begins - self._tolerance_ms,
            begins + (1000 << beacon.exponent) + self._tolerance_ms,
        )

    def apply(self, work: Work, rows: Rows, now_ms: int) -> None:
        """Put a computed slice into the table, and let go of what has ended."""
        if not work.parts:
            return
        self._table.drop_ended(now_ms - BEHIND_MS)
        self._table.add(rows)
        for i, first, count in work.parts:
            self._next[i] = first + count
            self._due_ms[i] = self._rotating[i].begins_ms(first + count)

    def advance(self, now_ms: int) -> None:
        """Compute and apply everything that is due, in one go: for start-up and tests."""
        while (work := self.plan(now_ms, most=4096)).parts:
            self.apply(work, self.compute(work), now_ms)

    def find(self, kind: npt.NDArray[np.uint8], ids: Ids, heard_ms: Ints) -> Ints:
        """Positions in `beacons`, `UNKNOWN` where an id belongs to nobody here at its time."""
        return self._table.find(kind, ids, heard_ms)

    def find_past(self, kind: npt.NDArray[np.uint8], ids: Ids, heard_ms: Ints) -> Ints:
        """As `find`, for ids heard before what the table holds: a table of just that past. Slow, for a thread."""
        if not len(ids):
            return np.zeros(0, dtype=np.int64)
        lo, hi = int(heard_ms.min()) - self._tolerance_ms, int(heard_ms.max()) + self._tolerance_ms
        table = Table()
        table.add(_static_rows(self.beacons))
        for i, beacon in enumerate(self._rotating):
            first, last = beacon.window(lo), beacon.window(hi)
            table.add(self._windows(i, first, last - first + 1))
        return table.find(kind, ids, heard_ms)
