"""A hash table in numpy columns: from an id on the air, and the time it was heard, to a beacon.

Open addressing over rows (id, beacon, valid from, valid to). One id may stand in several rows: their times tell
them apart. A table has room for a fixed number of rows; when it is full, a roomier one is built beside it, without
the rows that have ended, so that look-ups go on undisturbed and a row is copied a bounded number of times.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from beacons.ids import ID_BYTES

UNKNOWN: Final = -1
ID: Final = np.dtype(f"V{ID_BYTES}")
LEAST_ROOM: Final = 64
_WORDS: Final = 3
"""An id is hashed as this many 64-bit words."""

Ids = npt.NDArray[np.void]
Kinds = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]


class Rows(NamedTuple):
    """Ids with their validity (`from_ms` included, `to_ms` not), as columns of one length."""

    kind: Kinds
    id: Ids
    beacon: npt.NDArray[np.int32]
    from_ms: Ints
    to_ms: Ints


def no_rows(room: int = 0) -> Rows:
    """Columns with room for so many rows."""
    return Rows(
        np.zeros(room, dtype=np.uint8),
        np.zeros(room, dtype=ID),
        np.zeros(room, dtype=np.int32),
        np.zeros(room, dtype=np.int64),
        np.zeros(room, dtype=np.int64),
    )


def joined(parts: Sequence[Rows]) -> Rows:
    """All rows of `parts`, in order."""
    if not parts:
        return no_rows()
    return Rows(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _taken(rows: Rows, at: Ints) -> Rows:
    return Rows(rows.kind[at], rows.id[at], rows.beacon[at], rows.from_ms[at], rows.to_ms[at])


def hashes(kind: Kinds, ids: Ids) -> Keys:
    """A well-mixed 64-bit hash of kind and id (multiply and xor-shift; constants of splitmix64, Vigna 2015)."""
    words = np.zeros((len(ids), _WORDS), dtype="<u8")
    words.view(np.uint8).reshape(len(ids), 8 * _WORDS)[:, :ID_BYTES] = _bytes(ids)
    with np.errstate(over="ignore"):
        mixed = words[:, 0] ^ (words[:, 1] * np.uint64(0x9E3779B97F4A7C15)) ^ (words[:, 2] << np.uint64(7))
        mixed += kind.astype(np.uint64)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    result: Keys = mixed ^ (mixed >> np.uint64(31))
    return result


def _bytes(ids: Ids) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(ids).view(np.uint8).reshape(len(ids), ID_BYTES)


class Table:
    """Rows with an index over them; full when `room` is used up."""

    def __init__(self, room: int = LEAST_ROOM) -> None:
        self._rows = no_rows(room)
        self._keys: Keys = np.zeros(room, dtype=np.uint64)
        self._used = 0
        # At most half of the slots are taken, so that probes are short and always meet a free one.
        self._slots = np.full(1 << (2 * room - 1).bit_length(), UNKNOWN, dtype=np.int32)

    def __len__(self) -> int:
        """Rows held, ended ones included."""
        return self._used

    def has_room(self, rows: int) -> bool:
        """Whether so many rows can be added."""
        return self._used + rows <= len(self._keys)

    def add(self, rows: Rows) -> None:
        """Append rows and index them. Raises ValueError where there is no room."""
        if not self.has_room(len(rows.kind)):
            raise ValueError(f"a table with room for {len(self._keys)} rows holds {self._used}: no room for more")
        first, end = self._used, self._used + len(rows.kind)
        held = self._rows
        held.kind[first:end] = rows.kind
        held.id[first:end] = rows.id
        held.beacon[first:end] = rows.beacon
        held.from_ms[first:end] = rows.from_ms
        held.to_ms[first:end] = rows.to_ms
        self._keys[first:end] = hashes(rows.kind, rows.id)
        self._used = end
        self._index(np.arange(first, end, dtype=np.int32))

    def roomier(self, more: Rows, ended_before_ms: int) -> "Table":
        """A table with these rows and `more`, without what has ended, and half as much room again."""
        alive = np.flatnonzero(self._rows.to_ms[: self._used] >= ended_before_ms)
        n = len(alive) + len(more.kind)
        table = Table(max(LEAST_ROOM, n + n // 2))
        table.add(_taken(self._rows, alive))
        table.add(more)
        return table

    def _index(self, rows: npt.NDArray[np.int32]) -> None:
        """Give every row the first free slot after its hash; rows that race for one slot go on probing."""
        mask = len(self._slots) - 1
        at = (self._keys[rows] & np.uint64(mask)).astype(np.int64)
        while len(rows):
            free = self._slots[at] == UNKNOWN
            self._slots[at[free]] = rows[free]
            lost = self._slots[at] != rows
            rows, at = rows[lost], (at[lost] + 1) & mask

    def find(self, kind: Kinds, ids: Ids, heard_ms: Ints) -> Ints:
        """The beacon of each id at its time, `UNKNOWN` where there is none. Arrays of one length n."""
        found = np.full(len(ids), UNKNOWN, dtype=np.int64)
        keys = hashes(kind, ids)
        mask = len(self._slots) - 1
        at = (keys & np.uint64(mask)).astype(np.int64)
        asked = np.arange(len(ids))
        rows = self._rows
        while len(asked):
            row = self._slots[at]
            taken = row != UNKNOWN
            asked, at, row = asked[taken], at[taken], row[taken]
            same = (self._keys[row] == keys[asked]) & (rows.kind[row] == kind[asked]) & (rows.id[row] == ids[asked])
            hit = same & (rows.from_ms[row] <= heard_ms[asked]) & (heard_ms[asked] < rows.to_ms[row])
            found[asked[hit]] = rows.beacon[row[hit]]
            asked, at = asked[~hit], (at[~hit] + 1) & mask
        return found
