"""Rows by 64-bit key, in columns: open addressing with linear probing, so that all of a tick are found in a few passes.

Keys are hashes, so that they are evenly spread already.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int32]

NOBODY: Final = -1
_EMPTY: Final = np.uint64(0)
_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)
"""2^64 over the golden ratio (Knuth, The Art of Computer Programming 3, 6.4): neighbours come to lie far apart."""
_LEAST: Final = 1 << 10


def key_of(subject: Keys, site: Rows) -> Keys:
    """A person in a store: what stands for both; never 0."""
    keys: Keys = subject ^ ((site.astype(np.uint64) + np.uint64(1)) * _SPREAD)
    return np.where(keys == _EMPTY, _SPREAD, keys)


class Index:
    """Keys and their rows; at most half full."""

    def __init__(self) -> None:
        self._keys: Keys = np.zeros(_LEAST, dtype=np.uint64)
        self._rows: Rows = np.full(_LEAST, NOBODY, dtype=np.int32)
        self._used = 0

    def find(self, keys: Keys) -> Rows:
        """The rows of keys, `NOBODY` where there is none. Shape (n,)."""
        found: Rows = np.full(len(keys), NOBODY, dtype=np.int32)
        at, todo = self._home(keys), np.arange(len(keys))
        while len(todo):
            held = self._keys.take(at)
            hit = held == keys.take(todo)
            found[todo[hit]] = self._rows.take(at[hit])
            on = ~hit & (held != _EMPTY)
            todo, at = todo[on], (at[on] + 1) & (len(self._keys) - 1)
        return found

    def put(self, keys: Keys, rows: Rows) -> None:
        """Enter keys that are not there yet, each once."""
        while 2 * (self._used + len(keys)) > len(self._keys):
            self._grow()
        self._place(keys, rows)
        self._used += len(keys)

    def drop(self, key: np.uint64) -> None:
        """Take out a key that is there, and close the gap: what was pushed on by it moves back."""
        mask = len(self._keys) - 1
        at = int(self._home(np.array([key], dtype=np.uint64))[0])
        while self._keys[at] != key:
            at = (at + 1) & mask
        self._used -= 1
        self._keys[at] = _EMPTY
        following = (at + 1) & mask
        while self._keys[following] != _EMPTY:
            home = int(self._home(self._keys[following : following + 1])[0])
            if (following - home) & mask >= (following - at) & mask:
                self._keys[at], self._rows[at] = self._keys[following], self._rows[following]
                self._keys[following] = _EMPTY
                at = following
            following = (following + 1) & mask

    def _home(self, keys: Keys) -> npt.NDArray[np.int64]:
        bits = np.uint64(64 - (len(self._keys) - 1).bit_length())
        return ((keys * _SPREAD) >> bits).astype(np.int64)

    def _grow(self) -> None:
        held = np.flatnonzero(self._keys != _EMPTY)
        keys, rows = self._keys[held], self._rows[held]
        self._keys = np.zeros(2 * len(self._keys), dtype=np.uint64)
        self._rows = np.full(len(self._keys), NOBODY, dtype=np.int32)
        self._place(keys, rows)

    def _place(self, keys: Keys, rows: Rows) -> None:
        """Each into the first free place from its home on; where several want one, the others go on."""
        at, todo = self._home(keys), np.arange(len(keys))
        while len(todo):
            free = self._keys[at] == _EMPTY
            self._keys[at[free]], self._rows[at[free]] = keys[todo[free]], rows[todo[free]]
            lost = self._keys[at] != keys[todo]
            todo, at = todo[lost], (at[lost] + 1) & (len(self._keys) - 1)
