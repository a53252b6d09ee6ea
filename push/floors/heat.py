"""Where people were, cell by cell: how long all together, and how many visits came by."""

import msgspec
import numpy as np

from push.floors import grids
from push.floors.asking import Asking, Bins, within
from push.floors.columns import MOST_DAYS
from push.floors.few import FEW, counted, spans
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
    of = await grids.added(db, asked, Bins(np.array([from_ms]), to_ms))
    least = 0 if asked.exact else await grids.least_visits(db, asked)
    told, grid = grids.telling(of, least, exact=asked.exact), of.grid
    people = told.people[0]
    return Heat(
        rows=grid.rows,
        columns=grid.columns,
        cell_m=(grid.width_m, grid.height_m),
        person_s=tuple(spans(told.person_s[0], people, exact=asked.exact)),
        visits=tuple(counted(of.reached[0], people, exact=asked.exact)),
        minutes=of.minutes if asked.exact else None,
        other_minutes=of.others if asked.exact else None,
        few=not asked.exact and (people.size == 0 or bool((people < FEW).any())),
    )
