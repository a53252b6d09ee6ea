"""Visits and stays of a period as columns: read in one go, each with a number for whose it is."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from push.floors.asking import DAY_MS, HOUR_MS, Asking, TooMuchError, within
from push.floors.few import Counts
from push.model.ports import Queries, Row

MOST_DAYS: Final = 31
MOST_ROWS: Final = 1_000_000
"""Visits, or stays, that are looked at for one answer: 28 days with 7,000 visits each, of five stays."""
SOME_MS: Final = 6 * HOUR_MS
"""Begun visits of so much time are read at once: few milliseconds for whatever else runs."""
OPEN: Final = -1
"""No time: it goes on."""
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


Part = TypeVar("Part", Visits, Stays)


async def visits(db: Queries, asked: Asking) -> Visits:
    """Visits that touch the period. Raises `TooMuchError`, `push.model.errors.DatabaseError`."""
    person = _Numbers()
    parts = await _fetched(db, "floors.visits", asked, lambda row: _visits(row, person, asked))
    return await asyncio.to_thread(_joined_visits, parts)


def _visits(row: Row, person: "_Numbers", asked: Asking) -> Visits:
    entered_ms, left_ms = _integers(row.get("entered_ms")), _maybe(row.get("left_ms"))
    return Visits(
        person=person.of(row.get("person")),
        entered_ms=entered_ms,
        left_ms=_ends(entered_ms, left_ms, asked.now_ms),
        is_open=left_ms == OPEN,
        is_again=_integers(row.get("again")) > 0,
        is_new=entered_ms >= asked.period.from_ms,
    )


async def stays(db: Queries, asked: Asking) -> Stays:
    """Stays of these visits. Raises `TooMuchError`, `push.model.errors.DatabaseError`."""
    registered = await registered_zones(db, asked.store)
    numbers = _OfStays(_Numbers(), _Numbers(), _Numbers(registered))
    parts = await _fetched(db, "floors.stays", asked, lambda row: _stays(row, numbers, asked))
    return await asyncio.to_thread(_joined_stays, parts, numbers.zone.names, len(registered))


class _OfStays(NamedTuple):
    visit: "_Numbers"
    person: "_Numbers"
    zone: "_Numbers"


def _stays(row: Row, numbers: _OfStays, asked: Asking) -> Stays:
    entered_ms, left_ms = _integers(row.get("entered_ms")), _maybe(row.get("left_ms"))
    return Stays(
        zones=(),
        registered=0,
        visit=numbers.visit.of(row.get("visit")),
        person=numbers.person.of(row.get("person")),
        zone=numbers.zone.of(row.get("zone")),
        entered_ms=entered_ms,
        left_ms=_ends(entered_ms, left_ms, asked.now_ms),
        is_open=left_ms == OPEN,
        is_new=_integers(row.get("came_ms")) >= asked.period.from_ms,
        is_over=_maybe(row.get("went_ms")) != OPEN,
    )


def _joined_visits(parts: Sequence[Visits]) -> Visits:
    columns: Any = map(np.concatenate, zip(*parts, strict=True))
    found = Visits(*columns)
    order = np.argsort(found.entered_ms, kind="stable")
    ordered: Any = (column[order] for column in found)
    return Visits(*ordered)


def _joined_stays(parts: Sequence[Stays], zones: tuple[str, ...], registered: int) -> Stays:
    """Visit by visit, each in its order; zones that are not registered by their ids."""
    columns: Any = [np.concatenate(column) for column in zip(*(part[2:] for part in parts), strict=True)]
    gone = sorted(zones[registered:])
    number = np.array([*range(registered), *(registered + gone.index(zone) for zone in zones[registered:])], np.int64)
    found = Stays((*zones[:registered], *gone), registered, *columns)
    order = np.lexsort((found.entered_ms, found.visit))
    found = found._replace(zone=number[found.zone])
    ordered: Any = (column[order] for column in found[2:])
    return Stays(*found[:2], *ordered)


async def registered_zones(db: Queries, store: str) -> tuple[str, ...]:
    """The zones of a store, by their ids. Raises `push.model.errors.DatabaseError`."""
    return tuple(row["id"] for row in await db.fetch("floors.zones", store=store))


def told_zones(stays: Stays, *, exact: bool) -> list[tuple[int, str]]:
    """Zones with their numbers, whatever happened there; those of before only to whoever may know that somebody was."""
    return list(enumerate(stays.zones if exact else stays.zones[: stays.registered]))


async def _fetched(db: Queries, name: str, asked: Asking, read: Callable[[Row], Part]) -> list[Part]:
    """Columns by when their visits began, some hours at a time: whoever else reads, or counts, is let in between."""
    within(asked.period, MOST_DAYS)
    found: list[Part] = []
    many, (from_ms, to_ms) = 0, asked.past
    for since_ms in range(from_ms - BEFORE_MS, to_ms, SOME_MS):
        began = {"since_ms": since_ms, "to_ms": min(to_ms, since_ms + SOME_MS)}
        row = await db.fetch_one(name, store=asked.store, from_ms=from_ms, **began)
        found.append(await asyncio.to_thread(read, row or {}))
        many += len(found[-1].entered_ms)
        if many > MOST_ROWS:
            raise TooMuchError(f"more than {MOST_ROWS:,} rows lie in this period: ask for a shorter one")
    return found


def span_of(asked: Asking) -> dict[str, object]:
    """The parameters by which statements find the visits that touch the period as far as it is over."""
    from_ms, to_ms = asked.past
    return {"store": asked.store, "since_ms": from_ms - BEFORE_MS, "from_ms": from_ms, "to_ms": to_ms}


def _integers(column: str | None) -> Counts:
    return np.array(msgspec.json.decode(column or "[]", type=list[int]), np.int64)


def _maybe(column: str | None) -> Counts:
    """Times, `OPEN` where there is none yet."""
    found = msgspec.json.decode(column or "[]", type=list[int | None])
    return np.array([OPEN if value is None else value for value in found], np.int64)


def _ends(entered_ms: Counts, left_ms: Counts, now_ms: int) -> Counts:
    """When each ended, now where it goes on; never before it began."""
    return np.maximum(entered_ms, np.where(left_ms == OPEN, now_ms, left_ms))


class _Numbers:
    """A number for each name, from 0 on in the order in which they come."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._numbers = {name: n for n, name in enumerate(names)}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._numbers)

    def of(self, column: str | None) -> Counts:
        """The numbers of a column of names."""
        numbers = self._numbers
        names = msgspec.json.decode(column or "[]", type=list[str])
        return np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int64)
