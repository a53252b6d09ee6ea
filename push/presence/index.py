"""Rows by 64-bit key, in columns: open addressing with linear probing, so that all of a tick are found in a few passes.

Keys are hashes, so that they are evenly spread already.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from push.model import lines

Keys = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int32]

NOBODY: Final = -1
_EMPTY: Final = np.uint64(0)
_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)
"""2^64 over the golden ratio (Knuth, The Art of Computer Programming 3, 6.4): neighbours come to lie far apart."""
_LEAST: Final = 1 << 10
_PLACES: Final = np.dtype([("key", np.uint64), ("row", np.int32)], align=True)
"""Side by side: of a million people, each is where nothing was read lately."""


def key_of(subject: Keys, site: Rows) -> Keys:
    """A person in a store: what stands for both; never 0."""
    keys: Keys = subject ^ ((site.astype(np.uint64) + np.uint64(1)) * _SPREAD)
    return np.where(keys == _EMPTY, _SPREAD, keys)


class Index:
    """Keys and their rows; at most a quarter full, so that next to all are found at once."""

    def __init__(self) -> None:
        self._lay(_LEAST)
        self._used = 0

    def _lay(self, places: int) -> None:
        self._places: npt.NDArray[np.void] = lines.zeros(places, _PLACES)
        self._keys: Keys = self._places["key"]
        self._rows: Rows = self._places["row"]

    def find(self, keys: Keys) -> Rows:
        """The rows of keys, `NOBODY` where there is none. Shape (n,)."""
        at = self._home(keys)
        held = self._places.take(at)
        found: Rows = np.where(held["key"] == keys, held["row"], np.int32(NOBODY))
        todo = np.flatnonzero((held["key"] != keys) & (held["key"] != _EMPTY))
        while len(todo):
            at[todo] = (at[todo] + 1) & (len(self._keys) - 1)
            held, wanted = self._places.take(at[todo]), keys[todo]
            hit = held["key"] == wanted
            found[todo[hit]] = held["row"][hit]
            todo = todo[~hit & (held["key"] != _EMPTY)]
        return found

    def put(self, keys: Keys, rows: Rows) -> None:
        """Enter keys that are not there yet, each once."""
        while 4 * (self._used + len(keys)) > len(self._keys):
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
        self._lay(2 * len(self._keys))
        self._place(keys, rows)

    def _place(self, keys: Keys, rows: Rows) -> None:
        """Each into the first free place from its home on; where several want one, the others go on."""
        at, todo = self._home(keys), np.arange(len(keys))
        while len(todo):
            free = self._keys[at] == _EMPTY
            self._keys[at[free]], self._rows[at[free]] = keys[todo[free]], rows[todo[free]]
            lost = self._keys[at] != keys[todo]
            todo, at = todo[lost], (at[lost] + 1) & (len(self._keys) - 1)
