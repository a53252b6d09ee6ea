"""Cells of a minute as they are kept: little-endian numbers, deflated (RFC 1950)."""

import zlib
from typing import Final

import numpy as np
import numpy.typing as npt

Cells = npt.NDArray[np.int64]
"""A number for each cell, row by row: (rows * columns,)."""
TENTHS: Final = "<u4"
VISITS: Final = "<u2"
_FAST: Final = 1
"""zlib's level: a minute of 400 cells takes some microseconds, and more saves little of so few bytes."""


def packed(cells: Cells, kind: str) -> bytes:
    """Cells as they are kept; what does not fit any more stays at the most that does."""
    most = np.iinfo(kind).max
    return zlib.compress(np.clip(cells, 0, most).astype(kind).tobytes(), _FAST)


def unpacked(kept: bytes, kind: str) -> Cells:
    """What `packed` made."""
    return raw(zlib.decompress(kept), kind)


def raw(cells: bytes, kind: str) -> Cells:
    """Cells as presence tells them."""
    return np.frombuffer(cells, kind).astype(np.int64)
