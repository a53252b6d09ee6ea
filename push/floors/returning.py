"""Who is new, and who has been here before: as far back as visits are kept."""

import asyncio
from typing import Literal

import msgspec
import numpy as np

from push.floors import columns
from push.floors.asking import Asking, Bins, bins
from push.floors.columns import Visits
from push.floors.few import FEW, Counts, counted, distinct
from push.model.ports import Queries


class Visitors(msgspec.Struct, frozen=True, kw_only=True):
    """Visits that began, by how many people; those of people who were new to the store, and of others."""

    visits: int | None
    people: int | None
    new: int | None
    returning: int | None
    few: bool


class Returning(msgspec.Struct, frozen=True, kw_only=True):
    """Over the period and, where asked for, part by part of it."""

    whole: Visitors
    starts_ms: tuple[int, ...] = ()
    by: tuple[Visitors, ...] = ()


async def returning(db: Queries, asked: Asking, every: Literal["hour", "day"] | None = None) -> Returning:
    """Of visits that began in the period. Raises `TooMuchError`, `push.model.errors.DatabaseError`."""
    parts = None if every is None else bins(asked.past, every, asked.zone)
    return await asyncio.to_thread(_returning, asked, parts, await columns.visits(db, asked))


def _returning(asked: Asking, parts: Bins | None, visits: Visits) -> Returning:
    from_ms, to_ms = asked.past
    [whole] = _visitors(visits, Bins(np.array([from_ms]), to_ms), exact=asked.exact)
    if parts is None:
        return Returning(whole=whole)
    by = _visitors(visits, parts, exact=asked.exact)
    return Returning(whole=whole, starts_ms=tuple(parts.starts_ms.tolist()), by=by)


def _visitors(visits: Visits, parts: Bins, *, exact: bool) -> tuple[Visitors, ...]:
    part = parts.of(visits.entered_ms)
    people = distinct(part[visits.is_new], visits.person[visits.is_new], parts.number)

    def told(which: Counts, about: Counts) -> list[int | None]:
        return counted(np.bincount(part[which], minlength=parts.number), about, exact=exact)

    first, again = visits.is_new & ~visits.is_again, visits.is_new & visits.is_again
    figures = zip(
        told(np.flatnonzero(visits.is_new), people),
        counted(people, people, exact=exact),
        told(np.flatnonzero(first), distinct(part[first], visits.person[first], parts.number)),
        told(np.flatnonzero(again), distinct(part[again], visits.person[again], parts.number)),
        (not exact and n < FEW for n in people.tolist()),
        strict=True,
    )
    return tuple(Visitors(visits=v, people=p, new=n, returning=r, few=few) for v, p, n, r, few in figures)
