"""A hash table in numpy columns: from an id on the air to the beacons and windows that it may be.

Rows lie in buckets of sixteen; each may lie in two, and goes to the emptier one (Azar, Broder, Karlin, Upfal 1999:
with two choices buckets fill evenly). A look-up compares all rows of two buckets, however many there are. What has
ended is freed in place, so that the table stays as large as what is valid; where it gets crowded, a roomier one is
built beside it.
"""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from push.registry.rows import Rows, Words
from push.registry.tags import UNKNOWN, Ints, Mask

WAYS: Final = 16
FILL: Final = 0.8
"""The share of rows that may be in use before buckets get full."""
_LEAST_BUCKETS: Final = 8
_HALF: Final = np.uint64(32)
_LOW: Final = np.uint64(0xFFFFFFFF)


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
        self._word: Words = np.zeros((buckets, WAYS), dtype=np.uint64)
        self._position: npt.NDArray[np.int32] = np.full((buckets, WAYS), UNKNOWN, dtype=np.int32)
        self._window: npt.NDArray[np.uint32] = np.zeros((buckets, WAYS), dtype=np.uint32)

    @property
    def size(self) -> int:
        """Slots, free ones included."""
        return int(self._word.size)

    def __len__(self) -> int:
        """Rows held, ended ones included."""
        return int(np.count_nonzero(self._position != UNKNOWN))

    def _buckets(self, words: Words) -> tuple[Ints, Ints]:
        """The two buckets of a word, from its halves, scaled to the number of buckets."""
        count = np.uint64(len(self._word))
        return ((words >> _HALF) * count >> _HALF).astype(np.int64), ((words & _LOW) * count >> _HALF).astype(np.int64)

    def find(self, words: Words) -> Candidates:
        """Every row with one of these ids; what it is valid for is for the caller to say."""
        parts = [self._found(words, bucket) for bucket in self._buckets(words)]
        return Candidates(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def _found(self, words: Words, bucket: Ints) -> Candidates:
        # Flat, and by `take`: a third of the time of indices in two dimensions.
        hit = np.flatnonzero(self._word.take(bucket, axis=0) == words[:, None])
        asked = hit // WAYS
        slot = bucket[asked] * WAYS + hit % WAYS
        position = self._position.reshape(-1)[slot].astype(np.int64)
        held = position != UNKNOWN
        return Candidates(asked[held], position[held], self._window.reshape(-1)[slot[held]])

    def add(self, rows: Rows) -> Mask:
        """Put rows in, once; whether each is there now. One that is not has met two buckets that are full."""
        placed = self._has(rows)
        waiting = np.flatnonzero(~placed)
        buckets = np.stack(self._buckets(rows.word), axis=1)
        while len(waiting):
            free = self._position[buckets[waiting]] == UNKNOWN
            emptier = np.argmax(np.count_nonzero(free, axis=2), axis=1)
            which = np.arange(len(waiting))
            bucket, way = buckets[waiting, emptier], np.argmax(free[which, emptier], axis=1)
            fits = free[which, emptier, way]
            waiting, bucket, way = waiting[fits], bucket[fits], way[fits]
            self._put(bucket, way, rows, waiting)
            # Several may have gone to one slot: the last one has it.
            got = (self._position[bucket, way] == rows.position[waiting]) & (
                self._window[bucket, way] == rows.window[waiting]
            )
            placed[waiting[got]] = True
            waiting = waiting[~got]
        return placed

    def _put(self, bucket: Ints, way: Ints, rows: Rows, which: Ints) -> None:
        self._word[bucket, way] = rows.word[which]
        self._window[bucket, way] = rows.window[which]
        self._position[bucket, way] = rows.position[which]

    def _has(self, rows: Rows) -> Mask:
        found = self.find(rows.word)
        same = (rows.position[found.asked] == found.position) & (rows.window[found.asked] == found.window)
        there = np.zeros(len(rows.word), dtype=bool)
        there[found.asked[same]] = True
        return there

    def held(self, first: int, stop: int) -> Slots:
        """The rows in a range of slots."""
        slot = first + np.flatnonzero(self._position.reshape(-1)[first:stop] != UNKNOWN)
        return Slots(
            slot,
            Rows(self._word.reshape(-1)[slot], self._position.reshape(-1)[slot], self._window.reshape(-1)[slot]),
        )

    def free(self, ended: Slots) -> None:
        """Let go of rows that still lie where they lay."""
        slot, rows = ended
        position, window = self._position.reshape(-1), self._window.reshape(-1)
        same = (position[slot] == rows.position) & (window[slot] == rows.window)
        position[slot[same]] = UNKNOWN
