"""Where members spend their time: a heat map of a floor over some hours or weeks, and the same as a table of zones."""

from typing import Final, Literal, NamedTuple

from push.console import times
from push.console.context import Answer, ConsoleContext, Shown, Visit
from push.console.pages import past
from push.console.pages.past import Look
from push.console.past import curve, heat, told
from push.console.past.curve import Bar
from push.console.past.heat import Cells, Square
from push.console.words import NOTHING
from push.floors.asking import TooMuchError
from push.floors.dwell import Dwell, Dwells, dwell
from push.floors.heat import Heat
from push.floors.heat import heat as heat_of
from push.floors.occupancy import Occupancy, Series, occupancy

By = Literal["time", "visits"]
_MEASURES: Final[tuple[tuple[By, str], ...]] = (("time", "Time spent"), ("visits", "Visits"))
_DAY_HOURS: Final = 24


class ZoneRow(NamedTuple):
    """A zone's line of the table; `share` is of the zone where most are at once, in percent."""

    name: str
    at_once: str
    share: int
    members: str
    stays: str
    median: str
    p90: str


class Map(NamedTuple):
    """The squares, what the darkest one means, and whether some are hidden or not drawn."""

    squares: list[Square]
    darkest: str
    is_hidden: bool
    other_minutes: int


class _Found(NamedTuple):
    """What happened in the time that was chosen, and by parts of the whole of it."""

    heat: Heat
    dwells: Dwells
    levels: Occupancy
    parts: Occupancy


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """The page."""
    seen = await past.look(console, visit)
    by: By = "visits" if visit.query.get("by") == "visits" else "time"
    try:
        async with console.figuring:
            found = await _find(console, seen)
    except TooMuchError as error:
        raise past.too_much(visit, error) from None
    zones = _rows(seen, found)
    values = {
        **past.framed(console, visit, seen, "heat", "heat", "dwell", "occupancy"),
        "title": _title(seen, found),
        "by": by,
        "measures": _MEASURES,
        "map": drawn(seen, found.heat, by),
        "bars": _bars(seen, found.parts),
        "zones": zones,
        "whole": _figures(seen, found),
        "in_fives": "" if seen.exact else told.IN_FIVES,
    }
    return Shown("heat.html", values)


async def _find(console: ConsoleContext, seen: Look) -> _Found:
    levels = await occupancy(console.db, seen.asking, "day")
    return _Found(
        await heat_of(console.db, seen.asking),
        await dwell(console.db, seen.asking),
        levels,
        await occupancy(console.db, seen.whole, "hour") if seen.span.days == 1 else levels,
    )


def _mean(series: Series | None) -> float | None:
    """How many were there at once, on average over what is told."""
    known = [] if series is None else [value for value in series.mean if value is not None]
    return sum(known) / len(known) if known else None


class Rank(NamedTuple):
    """What zones are ordered by: how many are there at once, or at least how many came."""

    by_zone: dict[str, float]
    is_mean: bool


def _rank(found: _Found) -> Rank:
    """By members at once; where fewer than five are anywhere, and that is not told, by all who came."""
    means = {zone: _mean(series) for zone, series in found.levels.zones.items()}
    if any(means.values()):
        return Rank({zone: mean or 0.0 for zone, mean in means.items()}, is_mean=True)
    return Rank({zone: float(one.people or 0) for zone, one in found.dwells.zones.items()}, is_mean=False)


def _title(seen: Look, found: _Found) -> str:
    rank = _rank(found)
    if any(rank.by_zone.values()):
        first = seen.name(max(rank.by_zone, key=lambda zone: rank.by_zone[zone]))
        return f"Members spend most time in {first}" if rank.is_mean else f"Most members come to {first}"
    if found.dwells.store.visits == 0:
        return "Nobody was seen in this time"
    return "Too few members to say where they spend their time"


def _rows(seen: Look, found: _Found) -> list[ZoneRow]:
    """Zones, those first in which most are."""
    rank, zones = _rank(found).by_zone, {*found.levels.zones, *found.dwells.zones}
    most = max(rank.values(), default=0.0) or 1.0
    order = sorted(zones, key=lambda zone: (-rank.get(zone, 0.0), seen.name(zone).casefold()))
    return [_row(seen, found, zone, round(100 * rank.get(zone, 0.0) / most)) for zone in order]


def _row(seen: Look, found: _Found, zone: str, share: int) -> ZoneRow:
    one: Dwell | None = found.dwells.zones.get(zone)
    return ZoneRow(
        name=seen.name(zone),
        at_once=told.mean(_mean(found.levels.zones.get(zone)), exact=seen.exact),
        share=share,
        members=NOTHING if one is None else told.count(one.people, exact=seen.exact),
        stays=NOTHING if one is None else told.count(one.stays, exact=seen.exact),
        median=NOTHING if one is None else told.lasting(one.median_s),
        p90=NOTHING if one is None else told.lasting(one.p90_s),
    )


def _figures(seen: Look, found: _Found) -> list[tuple[str, str]]:
    """The store's own figures, each with what it means."""
    store = found.dwells.store
    most = max((value for value in found.parts.store.most if value is not None), default=None)
    begun = "on this day" if seen.span.days == 1 else "in these days"
    return [
        (
            told.count(store.people, exact=seen.exact),
            f"members, on {told.count(store.visits, exact=seen.exact)} visits",
        ),
        (told.count(most, exact=seen.exact), f"at once at most, {begun}"),
        (told.lasting(store.median_s), "half of the visits last longer"),
        (told.lasting(store.p90_s), "one in ten lasts longer"),
    ]


def drawn(seen: Look, found: Heat, by: By) -> Map | None:
    """The map; None where nothing was kept of the floor."""
    values = found.visits if by == "visits" else found.person_s
    if not found.rows or not seen.plan.size:
        return None
    most = heat.top(values)
    grid = Cells(found.rows, found.columns, found.cell_m)
    square = "{} by {} m".format(*(round(side, 1) for side in found.cell_m))
    amount = f"{told.count(round(most), exact=seen.exact)} visits" if by == "visits" else told.together(most)
    return Map(
        squares=[one for one in heat.squares(values, grid, seen.plan, most) if one.level != 0],
        darkest=f"{amount} in one square of {square}" if most else "",
        is_hidden=any(value is None for value in values),
        other_minutes=found.other_minutes or 0,
    )


class Part(NamedTuple):
    """A bar with its name and what it says."""

    bar: Bar
    label: str
    text: str


def _bars(seen: Look, found: Occupancy) -> list[Part]:
    """People by hour of the day, or by day; hours to come are empty."""
    values: list[int | None] = list(found.store.people)
    starts = list(found.starts_ms)
    while seen.span.days == 1 and len(starts) < _DAY_HOURS:
        starts.append(starts[-1] + 3_600_000 if starts else seen.span.from_ms)
        values.append(0)
    chosen = [seen.span.from_ms <= at_ms < seen.span.to_ms for at_ms in starts]
    labels = [times.clock(at, seen.zone) if seen.span.days == 1 else times.date_tiny(at, seen.zone) for at in starts]
    return [
        Part(bar, label, told.count(bar.value, exact=seen.exact))
        for bar, label in zip(curve.bars(values, chosen), labels, strict=True)
    ]
