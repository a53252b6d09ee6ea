"""Short texts by position, as bytes one after the other: as Python strings, a million ids take four times as much."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

LONGEST: Final = 255
_LENGTH_BITS: Final = 8
USUAL: Final = 64
"""The longest id (`beacons.topics.Id`), in bytes: room is reserved for texts of this length."""


class Texts:
    """A column of texts. Room is reserved at once, and taken from the machine as it is filled.

    A text that is changed leaves its old bytes behind: nothing is moved, so that a thread may go on reading.
    """

    def __init__(self, capacity: int) -> None:
        self._bytes = np.zeros(capacity * USUAL, dtype=np.uint8)
        self._spans: npt.NDArray[np.uint64] = np.zeros(capacity, dtype=np.uint64)
        self._used = 0

    def has_room(self, texts: int) -> bool:
        """Whether so many can be written."""
        return self._used + texts * USUAL <= len(self._bytes)

    def __getitem__(self, position: int) -> str:
        """The text at a position; empty where none was written."""
        span = int(self._spans[position])
        start = span >> _LENGTH_BITS
        return str(self._bytes.data[start : start + (span & LONGEST)], "utf-8")

    def at(self, positions: npt.NDArray[np.int64]) -> list[str]:
        """The texts at positions."""
        spans, view = self._spans[positions], self._bytes.data
        starts = (spans >> np.uint64(_LENGTH_BITS)).tolist()
        lengths = (spans & np.uint64(LONGEST)).tolist()
        return [str(view[start : start + length], "utf-8") for start, length in zip(starts, lengths, strict=True)]

    def put(self, positions: npt.NDArray[np.int64], texts: Sequence[str]) -> None:
        """Write texts of at most 255 bytes each. Raises ValueError for a longer one, or where there is no room."""
        raw = [text.encode() for text in texts]
        lengths = np.fromiter(map(len, raw), dtype=np.uint64, count=len(raw))
        if raw and int(lengths.max()) > LONGEST:
            raise ValueError(f"a text of {int(lengths.max())} bytes: expected at most {LONGEST}")
        end = self._used + int(lengths.sum())
        if end > len(self._bytes):
            raise ValueError(f"texts have room for {len(self._bytes)} bytes, {end} are needed")
        self._bytes[self._used : end] = np.frombuffer(b"".join(raw), dtype=np.uint8)
        starts = np.uint64(self._used) + np.cumsum(lengths) - lengths
        # A span is one word, so that who reads meanwhile sees the old text or the new one.
        self._spans[positions] = starts << np.uint64(_LENGTH_BITS) | lengths
        self._used = end
