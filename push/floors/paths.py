"""The ways that most visits took: their first zones, one after the other."""

import asyncio
from typing import Final, NamedTuple

import msgspec
import numpy as np

from push.floors import columns
from push.floors.asking import Asking
from push.floors.columns import Stays
from push.floors.few import FEW, Counts, distinct
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
    ways = _ways(stays)
    told = np.flatnonzero(ways.people >= (1 if asked.exact else FEW))
    top = told[np.argsort(-ways.visits[told], kind="stable")[:most]]
    return Paths(
        paths=tuple(
            TopPath(zones=_names(stays, code), visits=_number(visits, exact=asked.exact))
            for code, visits in zip(ways.code[top].tolist(), ways.visits[top].tolist(), strict=True)
        ),
        few=not asked.exact,
    )


def _names(stays: Stays, code: int) -> tuple[str, ...]:
    """The zones of a way."""
    base = len(stays.zones) + 1
    digits = [code // base**n % base for n in reversed(range(LONGEST))]
    return tuple(stays.zones[digit - 1] for digit in digits if digit)


class _Ways(NamedTuple):
    """Different ways, in order: how many visits took each, and how many people.

    `code` has the zones' numbers from 1 on as its digits, the first one highest: 6,000 zones fit.
    """

    code: Counts
    visits: Counts
    people: Counts


def _ways(stays: Stays) -> _Ways:
    """Of visits that are new; who comes back into a zone that she has just left has not gone anywhere."""
    visit, zone, person = (column[stays.is_new] for column in (stays.visit, stays.zone, stays.person))
    begins = np.append(True, visit[1:] != visit[:-1])[: visit.size]
    moves = begins | np.append(True, zone[1:] != zone[:-1])[: zone.size]
    visit, zone, person, begins = visit[moves], zone[moves], person[moves], begins[moves]
    starts = np.flatnonzero(begins)
    number = np.cumsum(begins) - 1
    step = np.arange(visit.size) - starts[number]
    is_first = step < LONGEST
    digits = (zone + 1) * (len(stays.zones) + 1) ** np.maximum(LONGEST - 1 - step, 0)
    codes = np.zeros(starts.size, np.int64)
    np.add.at(codes, number[is_first], digits[is_first])
    code, way = np.unique(codes, return_inverse=True)
    return _Ways(code, np.bincount(way, minlength=code.size), distinct(way, person[starts], code.size))


def _number(visits: int, *, exact: bool) -> int:
    return visits if exact else visits - visits % FEW
