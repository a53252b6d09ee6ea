"""How many people were in a store and its zones, now and part by part of a period: from visits and stays."""

import asyncio
from typing import Final

import msgspec
import numpy as np

from push.floors import columns
from push.floors.asking import Asking, Bins, Every, bins
from push.floors.columns import Stays, Visits, told_zones
from push.floors.few import counted, distinct, is_few
from push.floors.levels import Levels, Times, levels
from push.model.ports import Queries

STORE: Final = 0
"""The number of the store among its places; zones follow."""


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """People, part by part: different ones, at once on average, and at once at most; None where it is not told."""

    people: tuple[int | None, ...]
    mean: tuple[float | None, ...]
    most: tuple[int | None, ...]
    few: bool


class Now(msgspec.Struct, frozen=True, kw_only=True):
    """Who is there at this moment."""

    at_ms: int
    people: int | None
    zones: dict[str, int | None]
    few: bool


class Occupancy(msgspec.Struct, frozen=True, kw_only=True):
    """`now` is None where the period is over, or has not begun; parts that have not begun are not there."""

    now: Now | None
    starts_ms: tuple[int, ...]
    store: Series
    zones: dict[str, Series]


async def occupancy(db: Queries, asked: Asking, every: Every = "hour") -> Occupancy:
    """Raises `TooMuchError`, `push.model.errors.DatabaseError`."""
    parts = bins(asked.past, every, asked.zone)
    visits, stays = await columns.visits(db, asked), await columns.stays(db, asked)
    return await asyncio.to_thread(_occupancy, asked, parts, visits, stays)


def _occupancy(asked: Asking, parts: Bins, visits: Visits, stays: Stays) -> Occupancy:
    found = of_places(parts, visits, stays)
    return Occupancy(
        now=_now(asked, visits, stays),
        starts_ms=tuple(parts.starts_ms.tolist()),
        store=_series(found, STORE, exact=asked.exact),
        zones={zone: _series(found, n + 1, exact=asked.exact) for n, zone in told_zones(stays, exact=asked.exact)},
    )


def of_places(parts: Bins, visits: Visits, stays: Stays) -> Levels:
    """Levels of the store, then of its zones."""
    times = Times(
        np.concatenate((np.zeros_like(visits.person), stays.zone + 1)),
        np.concatenate((visits.person, stays.person)),
        np.concatenate((visits.entered_ms, stays.entered_ms)),
        np.concatenate((visits.left_ms, stays.left_ms)),
    )
    return levels(times, len(stays.zones) + 1, parts)


def _series(of: Levels, place: int, *, exact: bool) -> Series:
    people = of.people[place]
    return Series(
        people=tuple(counted(people, people, exact=exact)),
        mean=tuple(counted(of.mean[place], people, exact=exact)),
        most=tuple(counted(of.most[place], people, exact=exact)),
        few=is_few(people, exact=exact),
    )


def _now(asked: Asking, visits: Visits, stays: Stays) -> Now | None:
    """Whoever has come and not left."""
    from_ms, to_ms = asked.period
    if not from_ms <= asked.now_ms < to_ms:
        return None
    there = distinct(np.zeros(int(visits.is_open.sum()), np.int64), visits.person[visits.is_open], 1)
    zones = distinct(stays.zone[stays.is_open], stays.person[stays.is_open], len(stays.zones))
    told = counted(zones, zones, exact=asked.exact)
    return Now(
        at_ms=asked.now_ms,
        people=counted(there, there, exact=asked.exact)[0],
        zones={zone: told[n] for n, zone in told_zones(stays, exact=asked.exact)},
        few=is_few(np.append(there, zones), exact=asked.exact),
    )
