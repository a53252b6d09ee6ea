"""How people went from zone to zone: visits that began in a period, from each stay to the next."""

import asyncio
from typing import NamedTuple

import msgspec
import numpy as np

from push.floors import columns
from push.floors.asking import Asking
from push.floors.columns import Flags, Stays
from push.floors.dwell import quantiles
from push.floors.few import Counts, counted, distinct, spans
from push.model.ports import Queries


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """Visits that went from one zone to another next, and how long that took between leaving and coming in."""

    from_zone: str
    to_zone: str
    visits: int
    median_s: float | None


class Share(msgspec.Struct, frozen=True):
    """Visits that began, or ended, in a zone."""

    zone: str
    visits: int


class Flows(msgspec.Struct, frozen=True, kw_only=True):
    """Most visits first. To whoever may not know what fewer than five people did, it is left out, and `few` says so."""

    visits: int | None
    """Visits that came to any zone."""
    flows: tuple[Flow, ...]
    first: tuple[Share, ...]
    last: tuple[Share, ...]
    """Of visits that are over."""
    few: bool


async def flows(db: Queries, asked: Asking) -> Flows:
    """Raises `TooMuchError`, `push.model.errors.DatabaseError`."""
    return await asyncio.to_thread(_flows, asked, await columns.stays(db, asked))


class _Groups(NamedTuple):
    """Visits by group, as columns of one length: whose each is."""

    group: Counts
    visit: Counts
    person: Counts
    groups: int


def _flows(asked: Asking, stays: Stays) -> Flows:
    same = stays.visit[1:] == stays.visit[:-1]
    first, last = np.append(True, ~same), np.append(~same, True)
    first, last = first[: same.size + 1] & stays.is_new, last & stays.is_new & stays.is_over
    starts, ends = _at(stays, first), _at(stays, last)
    everybody = distinct(np.zeros_like(starts.person), starts.person, 1)
    steps = np.flatnonzero(same & (stays.zone[1:] != stays.zone[:-1]) & stays.is_new[1:])
    return Flows(
        visits=counted(np.array([starts.visit.size]), everybody, exact=asked.exact)[0],
        flows=_between(stays, steps, exact=asked.exact),
        first=tuple(Share(stays.zones[n], visits) for n, visits in _told(starts, exact=asked.exact)),
        last=tuple(Share(stays.zones[n], visits) for n, visits in _told(ends, exact=asked.exact)),
        few=not asked.exact,
    )


def _at(stays: Stays, which: Flags) -> _Groups:
    """Stays by their zone."""
    return _Groups(stays.zone[which], stays.visit[which], stays.person[which], len(stays.zones))


def _pairs(stays: Stays, steps: Counts) -> _Groups:
    """Steps from a stay to the next, by the pair of their zones."""
    zones = len(stays.zones)
    return _Groups(stays.zone[steps] * zones + stays.zone[steps + 1], stays.visit[steps], stays.person[steps], zones**2)


def _between(stays: Stays, steps: Counts, *, exact: bool) -> tuple[Flow, ...]:
    pairs, zones = _pairs(stays, steps), len(stays.zones)
    gap_s = np.maximum(0, stays.entered_ms[steps + 1] - stays.left_ms[steps]) / 1000
    median_s = spans(quantiles(pairs.group, gap_s, pairs.groups)[0], _people(pairs), exact=exact)
    return tuple(
        Flow(from_zone=stays.zones[n // zones], to_zone=stays.zones[n % zones], visits=visits, median_s=median_s[n])
        for n, visits in _told(pairs, exact=exact)
    )


def _told(of: _Groups, *, exact: bool) -> list[tuple[int, int]]:
    """Groups with how many visits are in them, as far as that may be told; most visits first."""
    visits = counted(distinct(of.group, of.visit, of.groups), _people(of), exact=exact)
    return sorted(((n, found) for n, found in enumerate(visits) if found), key=lambda one: (-one[1], one[0]))


def _people(of: _Groups) -> Counts:
    return distinct(of.group, of.person, of.groups)
