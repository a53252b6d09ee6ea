"""A day on the floor as a time-lapse: ten minutes a frame, drawn as squares or, for whoever may know less, as zones."""

from typing import Final, NamedTuple

from push.console import times
from push.console.context import Answer, ConsoleContext, Shown, Visit
from push.console.pages import past
from push.console.pages.past import Look
from push.console.past import curve, heat, lapse, told
from push.console.past.heat import Cells, Square
from push.console.past.lapse import Day, Scale
from push.console.words import NOTHING
from push.floors.asking import TooMuchError
from push.floors.timelapse import TimeLapse, timelapse

EVERY_MIN: Final = 10
TICKS: Final = 4
"""Parts of the curve that have their time written under them."""


class HourRow(NamedTuple):
    """A line of the table: the fullest ten minutes of an hour."""

    clock: str
    members: str
    zone: str
    in_zone: str


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """The page."""
    hourless = visit._replace(query={name: text for name, text in visit.query.items() if name == "day"})
    seen = await past.look(console, hourless, most_days=1)
    try:
        async with console.figuring:
            found = await timelapse(console.db, seen.asking, EVERY_MIN)
    except TooMuchError as error:
        raise past.too_much(visit, error) from None
    is_in_cells = seen.exact and bool(found.rows) and seen.plan.size is not None
    day = lapse.lively(Day(found.starts_ms, found.people, found.zones, found.frames if is_in_cells else ()))
    of, first = lapse.scale(day.cells), lapse.fullest(day)
    values = {
        **past.framed(console, visit, seen, "time-lapse", "timelapse"),
        "title": _title(seen, day, first),
        "has_frames": bool(day.starts_ms),
        "squares": _squares(seen, found, day, of, first),
        "zones": _zones(seen, day, first),
        "first": first,
        "clock": times.clock(day.starts_ms[first], seen.zone) if day.starts_ms else "",
        "members": told.count(day.people[first], exact=seen.exact) if day.starts_ms else "",
        "curve": curve.area(day.people),
        "ticks": _ticks(seen, day),
        "hours": _hours(seen, day),
        "data": _data(seen, day, of),
        "other_minutes": found.other_minutes if is_in_cells else 0,
        "in_fives": "" if seen.exact else told.IN_FIVES,
    }
    return Shown("timelapse.html", values)


def _title(seen: Look, day: Day, fullest: int) -> str:
    if not day.starts_ms:
        return "Nobody was seen on this day" if seen.exact else "Fewer than five members were seen at a time"
    until = "was" if seen.span.to_ms <= seen.now_ms else "has been"
    return f"The floor {until} fullest at {times.clock(day.starts_ms[fullest], seen.zone)}"


def _squares(seen: Look, found: TimeLapse, day: Day, of: Scale, frame: int) -> list[Square]:
    """The cells that are ever drawn, as they are in one frame."""
    if not day.cells:
        return []
    grid = Cells(found.rows, found.columns, found.cell_m)
    drawn = heat.squares(day.cells[frame], grid, seen.plan, of.most)
    return [drawn[n] for n in of.numbers]


def _zones(seen: Look, day: Day, frame: int) -> dict[str, tuple[str, str]]:
    """Each zone of the plan in one frame: its shade, and what it says."""
    return {
        area.id: (lapse.shades(day, area.id)[frame], _text(seen, day, area.id, frame))
        for area in seen.plan.areas
        if area.id in day.zones
    }


def _text(seen: Look, day: Day, zone: str, frame: int) -> str:
    return told.members(day.zones[zone][frame], exact=seen.exact)


def _ticks(seen: Look, day: Day) -> list[str]:
    """Times under the curve, evenly spaced from its beginning to its end."""
    if not day.starts_ms:
        return []
    begun_ms, lasts_ms = day.starts_ms[0], len(day.starts_ms) * EVERY_MIN * 60_000
    return [times.clock(begun_ms + n * lasts_ms // TICKS, seen.zone) for n in range(TICKS + 1)]


def _hours(seen: Look, day: Day) -> list[HourRow]:
    return [
        HourRow(
            times.clock(hour.at_ms, seen.zone),
            told.count(hour.people, exact=seen.exact),
            NOTHING if hour.zone is None else seen.name(hour.zone),
            "" if hour.zone is None else told.count(hour.in_zone, exact=seen.exact),
        )
        for hour in lapse.hours(day, lambda at_ms: times.local(at_ms, seen.zone).hour)
    ]


def _data(seen: Look, day: Day, of: Scale) -> dict[str, object]:
    """Every frame, as the page's script draws it."""
    zones = [area.id for area in seen.plan.areas if area.id in day.zones]
    return {
        "clocks": [times.clock(at_ms, seen.zone) for at_ms in day.starts_ms],
        "members": [told.count(people, exact=seen.exact) for people in day.people],
        "zones": {
            zone: {
                "shades": lapse.shades(day, zone),
                "texts": [_text(seen, day, zone, frame) for frame in range(len(day.starts_ms))],
            }
            for zone in zones
        },
        "opacities": [heat.opacity(level) for level in range(heat.LEVELS + 1)],
        "cells": [lapse.levels(frame, of) for frame in day.cells],
    }
