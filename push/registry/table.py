"""A hash table in numpy columns: from an id on the air to the beacons and windows that it may be.

Rows lie in buckets of sixteen; each may lie in two, and goes to the emptier one (Azar, Broder, Karlin, Upfal 1999:
with two choices buckets fill evenly). A look-up compares half of the word of all rows in two buckets, each a line of
the processor's cache, and looks at the rest where it is the same. What has ended is freed in place, so that the table
stays as large as what is valid; where it gets crowded, a roomier one is built beside it.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from push.model import lines
from push.registry.rows import Rows, Words
from push.registry.tags import UNKNOWN, Ints, Mask

WAYS: Final = 16
FILL: Final = 0.8
"""The share of rows that may be in use before buckets get full."""
_LEAST_BUCKETS: Final = 8
_HALF: Final = np.uint64(32)
_LOW: Final = np.uint64(0xFFFFFFFF)
_REST: Final = np.dtype([("high", np.uint32), ("position", np.int32), ("window", np.uint32)])
"""Of a row, side by side: all of it is looked at, or nothing. Twelve bytes, so that a row takes sixteen."""
Half = npt.NDArray[np.uint32]


class Candidates(NamedTuple):
    """Rows whose id was asked for: which of those asked, whose, and in which window."""

    asked: Ints
    position: Ints
    window: npt.NDArray[np.uint32]


class Slots(NamedTuple):
    """Rows and where they lie."""

    slot: Ints
    rows: Rows


class Table:
    """Rows that are found by their words."""

    def __init__(self, room: int = 0) -> None:
        buckets = max(_LEAST_BUCKETS, int(room / (WAYS * FILL)) + 1)
        self._low: Half = lines.zeros(buckets * WAYS, np.dtype(np.uint32)).reshape(-1, WAYS)
        self._rest: npt.NDArray[np.void] = np.zeros(buckets * WAYS, dtype=_REST)
        self._high: Half = self._rest["high"]
        self._position: npt.NDArray[np.int32] = self._rest["position"]
        self._window: npt.NDArray[np.uint32] = self._rest["window"]
        self._position[:] = UNKNOWN

    @property
    def size(self) -> int:
        """Slots, free ones included."""
        return int(self._low.size)

    def __len__(self) -> int:
        """Rows held, ended ones included."""
        return int(np.count_nonzero(self._position != UNKNOWN))

    def _buckets(self, words: Words) -> tuple[Ints, Ints]:
        """The two buckets of a word, from its halves, scaled to the number of buckets."""
        count = np.uint64(len(self._low))
        return ((words >> _HALF) * count >> _HALF).astype(np.int64), ((words & _LOW) * count >> _HALF).astype(np.int64)

    def find(self, words: Words) -> Candidates:
        """Every row with one of these ids; what it is valid for is for the caller to say."""
        halves = _halves(words)
        parts = [self._found(*halves, bucket) for bucket in self._buckets(words)]
        return Candidates(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def _found(self, high: Half, low: Half, bucket: Ints) -> Candidates:
        # Flat, and by `take`: a third of the time of indices in two dimensions.
        hit = np.flatnonzero(self._low.take(bucket, axis=0) == low[:, None])
        asked = hit // WAYS
        rest = self._rest.take(bucket[asked] * WAYS + hit % WAYS)
        held = (rest["position"] != UNKNOWN) & (rest["high"] == high[asked])
        return Candidates(asked[held], rest["position"][held].astype(np.int64), rest["window"][held])

    def add(self, rows: Rows) -> Mask:
        """Put rows in, once; whether each is there now. One that is not has met two buckets that are full."""
        placed = self._has(rows)
        waiting = np.flatnonzero(~placed)
        buckets = np.stack(self._buckets(rows.word), axis=1)
        while len(waiting):
            free = self._position.reshape(-1, WAYS)[buckets[waiting]] == UNKNOWN
            emptier = np.argmax(np.count_nonzero(free, axis=2), axis=1)
            which = np.arange(len(waiting))
            bucket, way = buckets[waiting, emptier], np.argmax(free[which, emptier], axis=1)
            fits = free[which, emptier, way]
            waiting, bucket, way = waiting[fits], bucket[fits], way[fits]
            slot = bucket * WAYS + way
            self._put(slot, rows, waiting)
            # Several may have gone to one slot: the last one has it.
            got = (self._position[slot] == rows.position[waiting]) & (self._window[slot] == rows.window[waiting])
            placed[waiting[got]] = True
            waiting = waiting[~got]
        return placed

    def _put(self, slot: Ints, rows: Rows, which: Ints) -> None:
        self._high[slot], self._low.reshape(-1)[slot] = _halves(rows.word[which])
        self._window[slot], self._position[slot] = rows.window[which], rows.position[which]

    def _has(self, rows: Rows) -> Mask:
        found = self.find(rows.word)
        same = (rows.position[found.asked] == found.position) & (rows.window[found.asked] == found.window)
        there = np.zeros(len(rows.word), dtype=bool)
        there[found.asked[same]] = True
        return there

    def held(self, first: int, stop: int) -> Slots:
        """The rows in a range of slots."""
        slot = first + np.flatnonzero(self._position[first:stop] != UNKNOWN)
        word = self._high[slot].astype(np.uint64) << _HALF | self._low.reshape(-1)[slot]
        return Slots(slot, Rows(word, self._position[slot], self._window[slot]))

    def free(self, ended: Slots) -> None:
        """Let go of rows that still lie where they lay."""
        slot, rows = ended
        same = (self._position[slot] == rows.position) & (self._window[slot] == rows.window)
        self._position[slot[same]] = UNKNOWN


def _halves(words: Words) -> tuple[Half, Half]:
    """The high and the low half of words."""
    return (words >> _HALF).astype(np.uint32), (words & _LOW).astype(np.uint32)
