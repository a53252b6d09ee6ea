"""How long people stay: visits in a store and stays in its zones that began in a period, until now where they go on."""

import asyncio
from itertools import islice
from typing import Final, Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from push.floors import columns
from push.floors.asking import Asking, Bins, bins
from push.floors.columns import Stays, Visits, told_zones
from push.floors.few import FEW, Counts, counted, distinct, spans
from push.model.ports import Queries

PARTS: Final = (0.5, 0.9)
"""The median, and what nine of ten do not exceed."""
Seconds = npt.NDArray[np.float64]


class Dwell(msgspec.Struct, frozen=True, kw_only=True):
    """How often, by how many, and how long in seconds (None as well where there was nothing)."""

    stays: int | None
    visits: int | None
    people: int | None
    median_s: float | None
    p90_s: float | None
    few: bool


class Dwells(msgspec.Struct, frozen=True, kw_only=True):
    """Of the store (whole visits) and of each zone, over the period and, where asked for, part by part of it."""

    store: Dwell
    zones: dict[str, Dwell]
    starts_ms: tuple[int, ...] = ()
    store_by: tuple[Dwell, ...] = ()
    zones_by: dict[str, tuple[Dwell, ...]] = {}


async def dwell(db: Queries, asked: Asking, every: Literal["hour", "day"] | None = None) -> Dwells:
    """Raises `TooMuchError`, `push.model.errors.DatabaseError`."""
    parts = None if every is None else bins(asked.past, every, asked.zone)
    visits, stays = await columns.visits(db, asked), await columns.stays(db, asked)
    return await asyncio.to_thread(_dwells, asked, parts, visits, stays)


def _dwells(asked: Asking, parts: Bins | None, visits: Visits, stays: Stays) -> Dwells:
    from_ms, to_ms = asked.past
    whole = Bins(np.array([from_ms]), to_ms)
    [store], zones = _by(whole, visits, stays, exact=asked.exact)
    found = Dwells(store=store, zones={zone: one for zone, [one] in zones.items()})
    if parts is None:
        return found
    store_by, zones_by = _by(parts, visits, stays, exact=asked.exact)
    starts_ms = tuple(parts.starts_ms.tolist())
    return msgspec.structs.replace(found, starts_ms=starts_ms, store_by=store_by, zones_by=zones_by)


class _Times(NamedTuple):
    """Who was at which of so many places from when to when, and in which visit; columns of one length."""

    place: Counts
    visit: Counts
    person: Counts
    entered_ms: Counts
    left_ms: Counts
    places: int


_By = tuple[tuple[Dwell, ...], dict[str, tuple[Dwell, ...]]]


def _by(parts: Bins, visits: Visits, stays: Stays, *, exact: bool) -> _By:
    """Of the store and of each zone, a figure for each part; a stay counts where it began."""
    whole = np.zeros_like(visits.person)
    store = _Times(whole, np.arange(whole.size), visits.person, visits.entered_ms, visits.left_ms, 1)
    zones = _Times(stays.zone, stays.visit, stays.person, stays.entered_ms, stays.left_ms, len(stays.zones))
    by_zone = _grouped(parts, zones, exact=exact)
    return _grouped(parts, store, exact=exact)[0], {zone: by_zone[n] for n, zone in told_zones(stays, exact=exact)}


def _grouped(parts: Bins, of: _Times, *, exact: bool) -> list[tuple[Dwell, ...]]:
    """Figures of each place, part by part."""
    began = (of.entered_ms >= parts.starts_ms[0]) & (of.entered_ms < parts.end_ms)
    group = of.place[began] * parts.number + parts.of(of.entered_ms[began])
    seconds = (of.left_ms - of.entered_ms)[began] / 1000
    groups = of.places * parts.number
    people = distinct(group, of.person[began], groups)
    figures = zip(
        counted(np.bincount(group, minlength=groups), people, exact=exact),
        counted(distinct(group, of.visit[began], groups), people, exact=exact),
        counted(people, people, exact=exact),
        *(spans(part, people, exact=exact) for part in quantiles(group, seconds, groups)),
        (not exact and n < FEW for n in people.tolist()),
        strict=True,
    )
    found = iter([Dwell(stays=s, visits=v, people=n, median_s=m, p90_s=p, few=few) for s, v, n, m, p, few in figures])
    return [tuple(islice(found, parts.number)) for _ in range(of.places)]


def quantiles(group: Counts, seconds: Seconds, groups: int) -> list[Seconds]:
    """The `PARTS` of each group's values, on straight lines between neighbours; NaN where it is empty.

    As numpy does it by default: Hyndman and Fan (1996), definition 7.
    """
    ordered = seconds[np.lexsort((seconds, group))]
    number = np.bincount(group, minlength=groups)
    first = np.cumsum(number) - number
    found = []
    for part in PARTS:
        at = first + part * np.maximum(number - 1, 0)
        low = np.floor(at).astype(np.int64)
        value = np.full(groups, np.nan)
        there = number > 0
        lower, upper = low[there], np.ceil(at[there]).astype(np.int64)
        value[there] = ordered[lower] + (at[there] - lower) * (ordered[upper] - ordered[lower])
        found.append(value)
    return found
