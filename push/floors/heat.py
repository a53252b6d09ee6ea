"""Where people were, cell by cell: how long all together, and how many visits came by."""

from typing import Any

import msgspec
import numpy as np

from push.floors import blocks, grids
from push.floors.asking import Asking, Bins, within
from push.floors.columns import MOST_DAYS
from push.floors.few import FEW, counted, spans
from push.floors.grids import Grid
from push.model.ports import Queries


class Heat(msgspec.Struct, frozen=True, kw_only=True):
    """A figure for each cell, row by row from the upper left corner of the plan, cells of (width, height) metres.

    Without rows the store had no plan by the end of the period, or nobody ever came. So many `minutes`, in which
    somebody was there, were added up; `other_minutes` are of another grid than the last one, and were not: None for
    whoever may not know how long somebody was there.
    """

    rows: int
    columns: int
    cell_m: tuple[float, float]
    person_s: tuple[float | None, ...]
    visits: tuple[int | None, ...]
    minutes: int | None
    other_minutes: int | None
    few: bool


async def heat(db: Queries, asked: Asking) -> Heat:
    """Raises `TooMuchError`, `push.model.errors.DatabaseError`."""
    within(asked.period, MOST_DAYS)
    from_ms, to_ms = asked.past
    whole = Bins(np.array([from_ms]), to_ms)
    return await _exactly(db, asked, whole) if asked.exact else await _told(db, asked, whole)


async def _exactly(db: Queries, asked: Asking, whole: Bins) -> Heat:
    of = await grids.added(db, asked, whole)
    return Heat(
        **_drawn(of.grid),
        person_s=tuple((of.person_ds[0] / 10).tolist()),
        visits=tuple(of.reached[0].tolist()),
        minutes=of.minutes,
        other_minutes=of.others,
        few=False,
    )


async def _told(db: Queries, asked: Asking, whole: Bins) -> Heat:
    of = await blocks.told(db, asked, whole)
    people = of.people[0]
    return Heat(
        **_drawn(of.grid),
        person_s=tuple(spans(of.person_s[0], people, exact=False)),
        visits=tuple(counted(of.reached[0], people, exact=False)),
        minutes=None,
        other_minutes=None,
        few=people.size == 0 or bool((people < FEW).any()),
    )


def _drawn(grid: Grid) -> dict[str, Any]:
    return {"rows": grid.rows, "columns": grid.columns, "cell_m": (grid.width_m, grid.height_m)}
