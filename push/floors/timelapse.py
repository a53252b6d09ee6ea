"""A day's floor as a film: frame by frame where people were, how many, and in which zones."""

import asyncio
from typing import Final, NamedTuple

import msgspec

from push.floors import blocks, columns, grids
from push.floors.asking import HOUR_MS, MINUTE_MS, Asking, Bins, TooMuchError, frames
from push.floors.columns import told_zones
from push.floors.few import counted, is_few, spans
from push.floors.grids import Grid
from push.floors.occupancy import STORE, of_places
from push.model.ports import Queries

MOST_FRAMES: Final = 288
"""A day in steps of five minutes."""
MOST_HOURS: Final = 25


class TimeLapse(msgspec.Struct, frozen=True, kw_only=True):
    """Frames of `every_min` minutes: of each, person-seconds by cell, row by row from the plan's upper left corner.

    `people` are different ones in the store, `zones` the same in each zone. Frames that have not begun are not there.
    `other_minutes` as in `push.floors.heat.Heat`.
    """

    rows: int
    columns: int
    cell_m: tuple[float, float]
    every_min: int
    starts_ms: tuple[int, ...]
    frames: tuple[tuple[float | None, ...], ...]
    people: tuple[int | None, ...]
    zones: dict[str, tuple[int | None, ...]]
    other_minutes: int | None
    few: bool


async def timelapse(db: Queries, asked: Asking, every_min: int = 10) -> TimeLapse:
    """Raises `TooMuchError`, `push.model.errors.DatabaseError`."""
    parts = _parts(asked, every_min)
    of = await _floor(db, asked, parts)
    visits, stays = await columns.visits(db, asked), await columns.stays(db, asked)
    there = (await asyncio.to_thread(of_places, parts, visits, stays)).people
    return TimeLapse(
        rows=of.grid.rows,
        columns=of.grid.columns,
        cell_m=(of.grid.width_m, of.grid.height_m),
        every_min=every_min,
        starts_ms=tuple(parts.starts_ms.tolist()),
        frames=of.frames,
        people=tuple(counted(there[STORE], there[STORE], exact=asked.exact)),
        zones={
            zone: tuple(counted(there[n + 1], there[n + 1], exact=asked.exact))
            for n, zone in told_zones(stays, exact=asked.exact)
        },
        other_minutes=of.other_minutes,
        few=not asked.exact and (is_few(there, exact=False) or any(None in frame for frame in of.frames)),
    )


def _parts(asked: Asking, every_min: int) -> Bins:
    from_ms, to_ms = asked.period
    if to_ms - from_ms > min(MOST_HOURS * HOUR_MS, MOST_FRAMES * every_min * MINUTE_MS):
        why = f"at most a day and {MOST_FRAMES} frames at a time: ask for a shorter period, or for longer frames"
        raise TooMuchError(why)
    return frames(asked.past, every_min * MINUTE_MS)


class _Floor(NamedTuple):
    """Cells by frame, as far as they may be told."""

    grid: Grid
    frames: tuple[tuple[float | None, ...], ...]
    other_minutes: int | None


async def _floor(db: Queries, asked: Asking, parts: Bins) -> _Floor:
    if asked.exact:
        of = await grids.added(db, asked, parts)
        return _Floor(of.grid, tuple(map(tuple, (of.person_ds / 10).tolist())), of.others)
    told = await blocks.told(db, asked, parts)
    return _Floor(told.grid, tuple(map(tuple, spans(told.person_s, told.people, exact=False))), None)
