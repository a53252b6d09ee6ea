"""Minutes of a floor, added up by parts of a period."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from push.floors.asking import DAY_MS, Asking, Bins
from push.floors.few import CROWD_S
from push.floors.packing import TENTHS, VISITS, unpacked
from push.model.ports import Queries, Row

Sums = npt.NDArray[np.int64]
"""By part and cell: (parts, rows * columns)."""
_CROWD_DS: Final = CROWD_S * 10


class Grid(NamedTuple):
    """A floor's cells: so many, so large. None of them where nothing was kept."""

    rows: int = 0
    columns: int = 0
    width_m: float = 0.0
    height_m: float = 0.0


class Added(NamedTuple):
    """Minutes added up; `crowded_ds` has of each cell only those that are about five people there by themselves.

    `others` are minutes of another grid, which were not added.
    """

    grid: Grid
    person_ds: Sums
    reached: Sums
    crowded_ds: Sums
    minutes: int
    others: int


async def added(db: Queries, asked: Asking, parts: Bins) -> Added:
    """The minutes of a period that are on the grid that the store had by its end.

    That is there whether or not anybody was in the period. Raises `push.model.errors.DatabaseError`.
    """
    from_ms, to_ms = parts.starts_ms[0].item(), parts.end_ms
    latest = await db.fetch_one("floors.latest_grid", store=asked.store, to_ms=to_ms)
    found = _nothing(Grid() if latest is None else _grid(latest), parts)
    while from_ms < to_ms and latest is not None:
        until_ms = min(to_ms, from_ms + DAY_MS)
        rows = await db.fetch("floors.minutes", store=asked.store, from_ms=from_ms, to_ms=until_ms)
        found = await asyncio.to_thread(_add, found, rows, parts)
        from_ms = until_ms
    return found


def _nothing(grid: Grid, parts: Bins) -> Added:
    empty = np.zeros((parts.number, grid.rows * grid.columns), np.int64)
    return Added(grid, empty, empty.copy(), empty.copy(), 0, 0)


def _grid(row: Row) -> Grid:
    return Grid(row["grid_rows"], row["grid_columns"], row["cell_w_m"], row["cell_h_m"])


def _add(to: Added, rows: Sequence[Row], parts: Bins) -> Added:
    """With some minutes more."""
    fitting = [row for row in rows if _grid(row) == to.grid]
    for part, person_ds, reached in _cells(fitting, parts):
        to.person_ds[part] += person_ds
        to.reached[part] += reached
        to.crowded_ds[part] += np.where(person_ds > _CROWD_DS, person_ds, 0)
    return to._replace(minutes=to.minutes + len(fitting), others=to.others + len(rows) - len(fitting))


def _cells(rows: Sequence[Row], parts: Bins) -> Iterator[tuple[int, Sums, Sums]]:
    """Each minute's part, tenths of seconds and visits."""
    part = parts.of(np.array([row["minute_ms"] for row in rows], np.int64))
    for number, row in zip(part.tolist(), rows, strict=True):
        yield number, unpacked(bytes(row["person_ds"]), TENTHS), unpacked(bytes(row["reached"]), VISITS)
