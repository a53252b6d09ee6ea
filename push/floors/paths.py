"""The ways that most visits took: their first zones, one after the other."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Final, NamedTuple

import msgspec

from push.floors import columns
from push.floors.asking import Asking
from push.floors.columns import Stays
from push.floors.few import FEW
from push.model.ports import Queries

LONGEST: Final = 5
"""Zones of a path; what follows them is another shopping list for everybody."""
MOST: Final = 20


class TopPath(msgspec.Struct, frozen=True, kw_only=True):
    """The first zones of visits, in order."""

    zones: tuple[str, ...]
    visits: int


class Paths(msgspec.Struct, frozen=True, kw_only=True):
    """Most visits first. To whoever may not know what fewer than five people did, it is left out, and `few` says so."""

    paths: tuple[TopPath, ...]
    few: bool


async def paths(db: Queries, asked: Asking, most: int = MOST) -> Paths:
    """Of visits that began in the period. Raises `TooMuchError`, `push.model.errors.DatabaseError`."""
    return await asyncio.to_thread(_paths, asked, await columns.stays(db, asked), most)


def _paths(asked: Asking, stays: Stays, most: int) -> Paths:
    visits: Counter[tuple[str, ...]] = Counter()
    people: defaultdict[tuple[str, ...], set[int]] = defaultdict(set)
    for way in _ways(stays):
        visits[way.zones] += 1
        people[way.zones].add(way.person)
    told = [zones for zones in visits if asked.exact or len(people[zones]) >= FEW]
    top = sorted(told, key=lambda zones: (-visits[zones], zones))[:most]
    return Paths(
        paths=tuple(TopPath(zones=zones, visits=_number(visits[zones], exact=asked.exact)) for zones in top),
        few=not asked.exact,
    )


class _Way(NamedTuple):
    zones: tuple[str, ...]
    person: int


def _ways(stays: Stays) -> Iterator[_Way]:
    """Each visit's first zones; who comes back into a zone that she has just left has not gone anywhere."""
    new = stays.is_new
    columns_ = (stays.visit[new].tolist(), stays.zone[new].tolist(), stays.person[new].tolist())
    for _, steps in groupby(zip(*columns_, strict=True), key=itemgetter(0)):
        walked = list(steps)
        zones = [stays.zones[zone] for zone, _ in groupby(zone for _, zone, _ in walked)]
        yield _Way(tuple(zones[:LONGEST]), walked[0][2])


def _number(visits: int, *, exact: bool) -> int:
    return visits if exact else visits - visits % FEW
