"""Columns that begin where a line of the processor's cache does: a record as long as a line is then read in one go."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

LINE_BYTES: Final = 64
"""Of x86-64 and of most ARM cores; where lines are longer, a record lies in one as well."""


def zeros(many: int, kind: np.dtype[Any]) -> npt.NDArray[Any]:
    """So many records, all zeros. Memory that nobody writes is not taken."""
    held = np.zeros(many * kind.itemsize + LINE_BYTES, dtype=np.uint8)
    first = -held.ctypes.data % LINE_BYTES
    found: npt.NDArray[Any] = held[first : first + many * kind.itemsize].view(kind)
    return found
