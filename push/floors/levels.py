"""How many people were at places, part by part of a period: different ones, on average, at most at once. Pure."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from push.floors.asking import Bins, TooMuchError
from push.floors.few import Counts, distinct

MOST_PARTS: Final = 1_500_000
"""Parts in which people were, added up: what a very busy store has in a day by the minute, in 100 MB for a moment."""

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
    people, seconds = _parts(inside, places, bins)
    lengths_s = (bins.ends_ms - bins.starts_ms) / 1000
    most = np.stack([_at_once(inside, place, bins) for place in range(places)])
    return Levels(people, seconds / lengths_s, most)


def _parts(times: Times, places: int, bins: Bins) -> tuple[Counts, Seconds]:
    """Different people and their seconds, by place and part: a row for each part that each time touches."""
    first, last = bins.of(times.from_ms), bins.of(times.to_ms - 1)
    lengths = last - first + 1
    total = int(lengths.sum())
    if total > MOST_PARTS:
        raise TooMuchError("so many people were there for so long: ask for a shorter period, or for longer parts")
    row = np.repeat(np.arange(first.size), lengths)
    part = first[row] + np.arange(total) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    from_ms = np.maximum(times.from_ms[row], bins.starts_ms[part])
    seconds = (np.minimum(times.to_ms[row], bins.ends_ms[part]) - from_ms) / 1000
    group, shape = times.place[row] * bins.number + part, (places, bins.number)
    people = distinct(group, times.person[row], places * bins.number)
    in_all: Seconds = np.bincount(group, seconds, places * bins.number).astype(np.float64)
    return people.reshape(shape), in_all.reshape(shape)


_LEAVES, _BEGINS, _COMES = 0, 1, 2
"""In this order at one time: who leaves as a part begins was not in it."""


def _at_once(times: Times, place: int, bins: Bins) -> Counts:
    """How many were at a place at once at most, by part."""
    here = times.place == place
    come, leave = times.from_ms[here], times.to_ms[here]
    at_ms = np.concatenate((leave, bins.starts_ms, come))
    kind = np.repeat([_LEAVES, _BEGINS, _COMES], [leave.size, bins.number, come.size])
    order = np.lexsort((kind, at_ms))
    there = np.cumsum((kind - 1)[order])
    return np.maximum.reduceat(there, np.flatnonzero(kind[order] == _BEGINS))
