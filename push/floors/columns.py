"""Visits and stays of a period as columns: read in one go, each with a number for whose it is."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from push.floors.asking import DAY_MS, Asking, TooMuchError, within
from push.floors.few import Counts
from push.model.ports import Queries, Row

MOST_DAYS: Final = 31
MOST_ROWS: Final = 200_000
"""Visits, or stays, that are looked at for one answer."""
BEFORE_MS: Final = DAY_MS
"""A visit that began longer before the period than that does not count in it: nobody shops for a day."""
Flags = npt.NDArray[np.bool_]


class Visits(NamedTuple):
    """Visits that touch a period, in the order in which they began; columns of one length n.

    `person` numbers whoever it was, from 0 on; `left_ms` is now where she is still there (`is_open`); `is_again` where
    she had been in this store before; `is_new` where the visit began in the period.
    """

    person: Counts
    entered_ms: Counts
    left_ms: Counts
    is_open: Flags
    is_again: Flags
    is_new: Flags


class Stays(NamedTuple):
    """Their stays, visit by visit and in order; `zone` numbers `zones`, `visit` and `person` are numbers from 0 on.

    `is_new` where the visit began in the period, `is_over` where the visit is over. Of the zones the first so many are
    `registered`; the others were, when somebody was seen there.
    """

    zones: tuple[str, ...]
    registered: int
    visit: Counts
    person: Counts
    zone: Counts
    entered_ms: Counts
    left_ms: Counts
    is_open: Flags
    is_new: Flags
    is_over: Flags


async def visits(db: Queries, asked: Asking) -> Visits:
    """Visits that touch the period. Raises `TooMuchError`, `push.model.errors.DatabaseError`."""
    return await asyncio.to_thread(_visits, await _fetched(db, "floors.visits", asked), asked)


def _visits(rows: Sequence[Row], asked: Asking) -> Visits:
    return Visits(
        person=_numbered(row["person"] for row in rows),
        entered_ms=_column(rows, "entered_ms"),
        left_ms=_ends(rows, asked),
        is_open=_flags(row["left_ms"] is None for row in rows),
        is_again=_flags(row["again"] for row in rows),
        is_new=_flags(row["entered_ms"] >= asked.period.from_ms for row in rows),
    )


async def stays(db: Queries, asked: Asking) -> Stays:
    """Stays of these visits. Raises `TooMuchError`, `push.model.errors.DatabaseError`."""
    rows = await _fetched(db, "floors.stays", asked)
    registered = await registered_zones(db, asked.store)
    return await asyncio.to_thread(_stays, rows, registered, asked)


def _stays(rows: Sequence[Row], registered: tuple[str, ...], asked: Asking) -> Stays:
    zones = (*registered, *sorted({row["zone"] for row in rows} - set(registered)))
    number = {zone: n for n, zone in enumerate(zones)}
    return Stays(
        zones=zones,
        registered=len(registered),
        visit=_numbered(row["visit"] for row in rows),
        person=_numbered(row["person"] for row in rows),
        zone=np.array([number[row["zone"]] for row in rows], np.int64),
        entered_ms=_column(rows, "entered_ms"),
        left_ms=_ends(rows, asked),
        is_open=_flags(row["left_ms"] is None for row in rows),
        is_new=_flags(row["came_ms"] >= asked.period.from_ms for row in rows),
        is_over=_flags(row["went_ms"] is not None for row in rows),
    )


async def registered_zones(db: Queries, store: str) -> tuple[str, ...]:
    """The zones of a store, by their ids. Raises `push.model.errors.DatabaseError`."""
    return tuple(row["id"] for row in await db.fetch("floors.zones", store=store))


def told_zones(stays: Stays, *, exact: bool) -> list[tuple[int, str]]:
    """Zones with their numbers, whatever happened there; those of before only to whoever may know that somebody was."""
    return list(enumerate(stays.zones if exact else stays.zones[: stays.registered]))


async def _fetched(db: Queries, name: str, asked: Asking) -> Sequence[Row]:
    """Rows by when their visits began, a day at a time: whoever else reads is let in between."""
    within(asked.period, MOST_DAYS)
    rows: list[Row] = []
    from_ms, to_ms = asked.past
    for since_ms in range(from_ms - BEFORE_MS, to_ms, DAY_MS):
        began = {"since_ms": since_ms, "to_ms": min(to_ms, since_ms + DAY_MS)}
        most = MOST_ROWS + 1 - len(rows)
        rows += await db.fetch(name, store=asked.store, from_ms=from_ms, **began, most=most)
        if len(rows) > MOST_ROWS:
            raise TooMuchError(f"more than {MOST_ROWS:,} rows lie in this period: ask for a shorter one")
    return rows


def span_of(asked: Asking) -> dict[str, object]:
    """The parameters by which statements find the visits that touch the period as far as it is over."""
    from_ms, to_ms = asked.past
    return {"store": asked.store, "since_ms": from_ms - BEFORE_MS, "from_ms": from_ms, "to_ms": to_ms}


def _column(rows: Sequence[Row], name: str) -> Counts:
    return np.array([row[name] for row in rows], np.int64)


def _flags(values: Iterable[object]) -> Flags:
    return np.array(list(values), bool)


def _ends(rows: Sequence[Row], asked: Asking) -> Counts:
    """When each ended, now where it goes on; never before it began."""
    ends = (asked.now_ms if row["left_ms"] is None else row["left_ms"] for row in rows)
    return np.array([max(row["entered_ms"], end) for row, end in zip(rows, ends, strict=True)], np.int64)


def _numbered(names: Iterable[str]) -> Counts:
    """A number for each name, from 0 on in the order in which they come."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int64)
