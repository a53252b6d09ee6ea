"""Minutes of a floor, added up by parts of a period; and how many people their sums are about at least."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from push.floors.asking import DAY_MS, MINUTE_MS, Asking, Bins
from push.floors.columns import span_of
from push.floors.few import CROWD_S, FEW
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
    if not asked.exact:
        from_ms = max(from_ms, await _known_from_ms(db, asked))
    found = _nothing(Grid() if latest is None else _grid(latest), parts)
    while from_ms < to_ms and latest is not None:
        until_ms = min(to_ms, from_ms + DAY_MS)
        rows = await db.fetch("floors.minutes", store=asked.store, from_ms=from_ms, to_ms=until_ms)
        found = await asyncio.to_thread(_add, found, rows, parts)
        from_ms = until_ms
    return found


async def _known_from_ms(db: Queries, asked: Asking) -> int:
    """Since when it is known whose visits minutes are about: minutes are kept longer than these."""
    row = await db.fetch_one("floors.oldest_visit", store=asked.store)
    oldest_ms = None if row is None else row["entered_ms"]
    return asked.now_ms if oldest_ms is None else int(oldest_ms) // MINUTE_MS * MINUTE_MS


async def least_visits(db: Queries, asked: Asking) -> int:
    """How many visits are five people's at least, whoever they were: more than those have who came most.

    Minutes say how many visits came to a cell, and never whose. Raises `push.model.errors.DatabaseError`.
    """
    rows = await db.fetch("floors.regulars", **span_of(asked), most=FEW - 1)
    return max(FEW, 1 + sum(int(row["visits"]) for row in rows))


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


class Telling(NamedTuple):
    """What may be told of sums: seconds, and how many people they are about as far as it matters, five or nobody."""

    person_s: npt.NDArray[np.float64]
    people: Sums


def telling(of: Added, least: int, *, exact: bool) -> Telling:
    """Everything where five people came by for sure; elsewhere minutes that are about five by themselves."""
    is_known = (of.reached >= max(1, least)) | exact
    person_ds = np.where(is_known, of.person_ds, of.crowded_ds)
    return Telling(person_ds / 10, np.where(is_known | (of.crowded_ds > 0), FEW, 0))
