"""What may be told of a floor's cells to whoever may not know every figure: whole hours and days of the clock.

Whoever may ask for any two periods may take one from the other, and what is left is a minute in which one person stood
in one square. So cells are never told of by the minute, but in blocks that are the same whatever is asked for:

- an hour that is over, in a cell to which five people came in that hour at least; or else the minutes of it that are
  about five people by themselves;
- what is left of a day that is over, in a cell to which five came in those hours at least.

No two blocks of a cell share a minute, and each is about five people. What a period is told is a sum of whole blocks,
and what one period has more than another is such a sum again.
"""

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from push.floors import grids
from push.floors.asking import MINUTE_MS, Asking, Bins, Period, bins, day, local_date
from push.floors.columns import span_of
from push.floors.few import FEW, Counts
from push.floors.grids import Added, Grid, Sums
from push.model.ports import Queries, Row

SETTLED_MS: Final = 3 * MINUTE_MS
"""So long after its end everything of an hour is written; what is told of it does not change after that."""
AFTER_MS: Final = 10 * MINUTE_MS
"""Whom nobody hears any more is held to be in the store for a while; she may come to a cell meanwhile."""

NEVER_MS: Final = np.iinfo(np.int64).max - AFTER_MS

_Flags = npt.NDArray[np.bool_]


class Told(NamedTuple):
    """What may be told, by part and cell; `people` are five where something is, else nobody."""

    grid: Grid
    person_s: npt.NDArray[np.float64]
    reached: Sums
    people: Sums


class Comer(NamedTuple):
    """Visits of one person who came more than once."""

    entered_ms: Counts
    left_ms: Counts


class _Blocks(NamedTuple):
    """Blocks with what each has of each cell, (blocks, cells), as far as it may be told."""

    starts_ms: Counts
    ends_ms: Counts
    person_ds: Sums
    reached: Sums
    is_told: _Flags


async def told(db: Queries, asked: Asking, parts: Bins) -> Told:
    """The blocks that lie within each part. Raises `TooMuchError`, `push.model.errors.DatabaseError`."""
    hours = bins(asked.past, "hour", asked.zone)
    days = bins(asked.past, "day", asked.zone)
    of = await grids.added(db, asked, hours)
    known_ms = await _known_from_ms(db, asked.store)
    comers = [
        await _comers(db, asked, *span) for span in zip(days.starts_ms.tolist(), days.ends_ms.tolist(), strict=True)
    ]
    return await asyncio.to_thread(_told, of, _Clock(asked, hours, days, known_ms), comers, parts)


async def _known_from_ms(db: Queries, store: str) -> int:
    """Since when it is known whose visits minutes are about: minutes are kept longer than these.

    Visits go by when they ended. Where the first minute is no older than the first visit, none has gone yet.
    """
    visit = await db.fetch_one("floors.oldest_visit", store=store)
    minute = await db.fetch_one("floors.oldest_minute", store=store)
    visit_ms = None if visit is None else visit["entered_ms"]
    minute_ms = None if minute is None else minute["minute_ms"]
    if visit is None or visit_ms is None or minute_ms is None:
        return NEVER_MS
    if minute_ms >= visit_ms // MINUTE_MS * MINUTE_MS:
        return 0
    return NEVER_MS if visit["left_ms"] is None else int(visit["left_ms"]) + AFTER_MS


async def _comers(db: Queries, asked: Asking, from_ms: int, to_ms: int) -> list[Comer]:
    """Who came more than once about a day."""
    around = asked._replace(period=Period(from_ms - AFTER_MS, to_ms))
    rows = await db.fetch("floors.regulars", **span_of(around))
    by_person: dict[str, list[Row]] = {}
    for row in rows:
        by_person.setdefault(row["person"], []).append(row)
    return [_comer(found) for found in by_person.values()]


def _comer(rows: Sequence[Row]) -> Comer:
    ends = [NEVER_MS if row["left_ms"] is None else row["left_ms"] for row in rows]
    return Comer(np.array([row["entered_ms"] for row in rows], np.int64), np.array(ends, np.int64))


def least_visits(comers: Sequence[Comer], from_ms: int, to_ms: int) -> int:
    """How many visits are five people's at least, whoever they were: more than those four have who came most.

    Minutes say how many visits came to a cell, and never whose.
    """
    came = [int(np.sum((one.entered_ms < to_ms) & (one.left_ms + AFTER_MS >= from_ms))) for one in comers]
    most = sorted((max(1, n) for n in came), reverse=True)[: FEW - 1]
    return 1 + sum(most) + FEW - 1 - len(most)


class _Clock(NamedTuple):
    """The hours and days of what is asked; since `known_ms` it is known whose visits there were."""

    asked: Asking
    hours: Bins
    days: Bins
    known_ms: int

    def is_settled(self, starts_ms: Counts, ends_ms: Counts) -> _Flags:
        """Which of these spans nothing is added to any more, all of whose visits are known."""
        found: _Flags = (ends_ms <= self.asked.now_ms - SETTLED_MS) & (starts_ms >= self.known_ms)
        return found

    def are_whole(self) -> tuple[_Flags, _Flags]:
        """Which hours and which days are whole: the first and the last may be cut."""
        from_ms, to_ms = self.asked.period
        hours = (self.hours.ends_ms <= to_ms) & (self.hours.starts_ms >= from_ms)
        whole = [day(local_date(at_ms, self.asked.zone), self.asked.zone) for at_ms in self.days.starts_ms.tolist()]
        ends = zip(whole, self.days.starts_ms.tolist(), self.days.ends_ms.tolist(), strict=True)
        return hours, np.array([span == (start, end) for span, start, end in ends], bool)


def _told(of: Added, clock: _Clock, comers: Sequence[Sequence[Comer]], parts: Bins) -> Told:
    day_of = clock.days.of(clock.hours.starts_ms)
    hours = _hours(of, clock, comers, day_of)
    days = _days(of, clock, comers, day_of, ~hours.is_told)
    cells = of.person_ds.shape[1]
    shape = parts.number, cells
    found = Told(of.grid, np.zeros(shape), np.zeros(shape, np.int64), np.zeros(shape, np.int64))
    for blocks in (hours, days):
        _add(found, blocks, parts)
    return found


def _hours(of: Added, clock: _Clock, comers: Sequence[Sequence[Comer]], day_of: Counts) -> _Blocks:
    starts_ms, ends_ms = clock.hours.starts_ms, clock.hours.ends_ms
    spans = zip(day_of.tolist(), starts_ms.tolist(), ends_ms.tolist(), strict=True)
    least = np.array([least_visits(comers[n], start, end) for n, start, end in spans])
    is_crowd = of.reached >= least[:, None]
    is_settled = (clock.is_settled(starts_ms, ends_ms) & clock.are_whole()[0])[:, None]
    person_ds = np.where(is_crowd, of.person_ds, of.crowded_ds)
    return _Blocks(starts_ms, ends_ms, person_ds, of.reached, is_settled & (is_crowd | (of.crowded_ds > 0)))


def _days(of: Added, clock: _Clock, comers: Sequence[Sequence[Comer]], day_of: Counts, is_left: _Flags) -> _Blocks:
    """Of each day the hours that are not told one by one."""
    starts_ms, ends_ms = clock.days.starts_ms, clock.days.ends_ms
    person_ds, reached = (np.zeros((clock.days.number, is_left.shape[1]), np.int64) for _ in range(2))
    np.add.at(person_ds, day_of, np.where(is_left, of.person_ds, 0))
    np.add.at(reached, day_of, np.where(is_left, of.reached, 0))
    spans = zip(comers, starts_ms.tolist(), ends_ms.tolist(), strict=True)
    least = np.array([least_visits(who, start, end) for who, start, end in spans])
    is_settled = (clock.is_settled(starts_ms, ends_ms) & clock.are_whole()[1])[:, None]
    return _Blocks(starts_ms, ends_ms, person_ds, reached, is_settled & (reached >= least[:, None]))


def _add(to: Told, blocks: _Blocks, parts: Bins) -> None:
    """Blocks that lie within one part, to that part."""
    number = parts.of(blocks.starts_ms)
    lies = (number >= 0) & (blocks.ends_ms <= parts.ends_ms[np.maximum(number, 0)])
    for n in np.flatnonzero(lies).tolist():
        at, is_told = number[n], blocks.is_told[n]
        to.person_s[at] += np.where(is_told, blocks.person_ds[n], 0) / 10
        to.reached[at] += np.where(is_told, blocks.reached[n], 0)
        to.people[at] = np.where(is_told, FEW, to.people[at])
