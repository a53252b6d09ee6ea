"""How many people were at places, part by part of a period: different ones, on average, at most at once. Pure."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from push.floors.asking import Bins, TooMuchError
from push.floors.few import Counts, distinct

MOST_PARTS: Final = 3_000_000
"""Parts in which people were, added up: twice what a very busy store has in a day by minutes or a month by hours."""

Seconds = npt.NDArray[np.float64]


class Times(NamedTuple):
    """Who was where from when to when; columns of one length n. `place` and `person` are numbers from 0 on."""

    place: Counts
    person: Counts
    from_ms: Counts
    to_ms: Counts


class Levels(NamedTuple):
    """By place and part: (places, parts)."""

    people: Counts
    mean: Seconds
    most: Counts


def levels(times: Times, places: int, bins: Bins) -> Levels:
    """Whoever is there in a part for any time counts in it. Raises `TooMuchError`."""
    begin, end = int(bins.starts_ms[0]), bins.end_ms
    to_ms = np.maximum(times.to_ms, times.from_ms + 1)  # seen once is there for a moment
    is_in = (times.from_ms < end) & (to_ms > begin)
    inside = Times(
        times.place[is_in],
        times.person[is_in],
        np.maximum(times.from_ms[is_in], begin),
        np.minimum(to_ms[is_in], end),
    )
    if _touched(inside, bins).sum() > MOST_PARTS:
        raise TooMuchError("so many people were there for so long: ask for a shorter period, or for longer parts")
    found = [_at_place(inside, place, bins) for place in range(places)]
    return Levels(*map(np.stack, zip(*found, strict=True)))


def _touched(times: Times, bins: Bins) -> Counts:
    """In how many parts each was."""
    return bins.of(times.to_ms - 1) - bins.of(times.from_ms) + 1


def _at_place(all_: Times, place: int, bins: Bins) -> tuple[Counts, Seconds, Counts]:
    """One place's people, how many there are on average, and at once at most, by part."""
    here = all_.place == place
    times = Times(*(column[here] for column in all_))
    people, seconds = _parts(times, bins)
    return people, seconds / ((bins.ends_ms - bins.starts_ms) / 1000), _at_once(times, bins)


def _parts(times: Times, bins: Bins) -> tuple[Counts, Seconds]:
    """Different people and their seconds, by part: a row for each part that each time touches."""
    first, lengths = bins.of(times.from_ms), _touched(times, bins)
    row = np.repeat(np.arange(first.size), lengths)
    part = first[row] + np.arange(row.size) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    from_ms = np.maximum(times.from_ms[row], bins.starts_ms[part])
    seconds = (np.minimum(times.to_ms[row], bins.ends_ms[part]) - from_ms) / 1000
    people = distinct(part, times.person[row], bins.number)
    in_all: Seconds = np.bincount(part, seconds, bins.number).astype(np.float64)
    return people, in_all


_LEAVES, _BEGINS, _COMES = 0, 1, 2
"""In this order at one time: who leaves as a part begins was not in it."""


def _at_once(times: Times, bins: Bins) -> Counts:
    """How many were there at once at most, by part."""
    at_ms = np.concatenate((times.to_ms, bins.starts_ms, times.from_ms))
    kind = np.repeat([_LEAVES, _BEGINS, _COMES], [times.to_ms.size, bins.number, times.from_ms.size])
    order = np.lexsort((kind, at_ms))
    there = np.cumsum((kind - 1)[order])
    return np.maximum.reduceat(there, np.flatnonzero(kind[order] == _BEGINS))
