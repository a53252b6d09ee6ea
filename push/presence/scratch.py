"""Memory for the large arrays of one look, kept for the next: whoever asks under a name gets the same place again.

Asked of the system anew for each block of people, half a megabyte here and there comes and goes page by page: with an
unlucky layout of the heap that is ten page faults for each person and second, and half of the filter's time.
"""

from math import prod
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T", bound=np.generic)
Floats = npt.NDArray[np.float32]


class Scratch:
    """Arrays by name. What is in one holds until somebody asks for the same name: for one thread, and one look."""

    def __init__(self) -> None:
        self._held: dict[str, npt.NDArray[Any]] = {}

    def floats(self, name: str, *shape: int) -> Floats:
        """An array of a shape, with anything in it."""
        return self._of(name, shape, np.dtype(np.float32))

    def zeros(self, name: str, *shape: int) -> Floats:
        """An array of a shape, all zeros."""
        found = self.floats(name, *shape)
        found.fill(0)
        return found

    def taken(self, name: str, table: npt.NDArray[T], rows: npt.NDArray[np.integer]) -> npt.NDArray[T]:
        """Some rows (n, …) of a table (m, …) without gaps. Shape (n, …, …); of one name, always of one type."""
        found = self._of(name, (*rows.shape, *table.shape[1:]), table.dtype)
        # "clip" takes them straight to where they belong; "raise" would go through a copy.
        return table.take(rows, axis=0, out=found, mode="clip")

    def _of(self, name: str, shape: tuple[int, ...], kind: np.dtype[T]) -> npt.NDArray[T]:
        many = prod(shape)
        held = self._held.get(name)
        if held is None or len(held) < many:
            held = self._held[name] = np.empty(many, dtype=kind)
        found: npt.NDArray[T] = held[:many].reshape(shape)
        return found
