"""A time-lapse: every frame of a day as the page's script draws it, and the day hour by hour as a table. Pure."""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Final, NamedTuple

from push.console.live.mask import shade
from push.console.past import heat

Counts = Sequence[int | None]
Amounts = Sequence[float | None]
HIDDEN: Final = "-"
"""A cell of which too little is known to be told; others are their level, one digit."""


class Day(NamedTuple):
    """Frames of a day: when each begins, people in the store and in its zones, and the cells of a floor."""

    starts_ms: Sequence[int]
    people: Counts
    zones: Mapping[str, Counts]
    cells: Sequence[Amounts]


class Scale(NamedTuple):
    """How dark cells are: those that are ever drawn, and how much stands for the darkest."""

    numbers: list[int]
    most: float


def lively(day: Day) -> Day:
    """From the first frame in which anybody is told of to the last; nothing where nobody is."""
    told = [n for n, people in enumerate(day.people) if people]
    if not told:
        return Day((), (), {}, ())
    part = slice(told[0], told[-1] + 1)
    zones = {zone: counts[part] for zone, counts in day.zones.items()}
    return Day(day.starts_ms[part], day.people[part], zones, day.cells[part])


def fullest(day: Day) -> int:
    """The frame in which most people were."""
    return max(range(len(day.people)), key=lambda n: day.people[n] or 0, default=0)


def scale(cells: Sequence[Amounts]) -> Scale:
    """One for the whole day, so that its frames can be compared."""
    numbers = [n for n, values in enumerate(zip(*cells, strict=True)) if any(value != 0 for value in values)]
    return Scale(numbers, max((heat.top(frame) for frame in cells), default=0.0))


def levels(frame: Amounts, of: Scale) -> str:
    """A frame's cells, one letter for each of those that are ever drawn."""
    drawn = (heat.level(frame[n], of.most) for n in of.numbers)
    return "".join(HIDDEN if level is None else str(level) for level in drawn)


def shades(day: Day, zone: str) -> str:
    """A zone's shade in each frame, one digit for each."""
    pairs = zip(day.zones[zone], day.people, strict=True)
    return "".join(str(shade(count, people)) for count, people in pairs)


class Hour(NamedTuple):
    """An hour of the day: the most people in any of its frames, and the zone with most of them then."""

    at_ms: int
    people: int | None
    zone: str | None
    in_zone: int | None


def hours(day: Day, hour_of: Callable[[int], int]) -> list[Hour]:
    """The day by the hours that its clock shows; `hour_of` reads them from times in ms."""
    numbered = groupby(range(len(day.starts_ms)), key=lambda n: hour_of(day.starts_ms[n]))
    return [_hour(day, list(frames)) for _, frames in numbered]


def _hour(day: Day, frames: Sequence[int]) -> Hour:
    best = max(frames, key=lambda n: day.people[n] or 0)
    there = {zone: count for zone, counts in day.zones.items() if (count := counts[best])}
    zone = max(there, key=lambda one: there[one], default=None)
    return Hour(day.starts_ms[frames[0]], day.people[best], zone, None if zone is None else there[zone])
