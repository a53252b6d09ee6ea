"""How members go through a store: from zone to zone on the plan, where visits begin and end, and who comes again."""

from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

from push.console.context import Answer, ConsoleContext, Shown, Visit
from push.console.live.shapes import Point
from push.console.pages import past
from push.console.pages.past import Look
from push.console.past import arrows, told
from push.console.past.arrows import Arrow, Node, Way
from push.floors.asking import TooMuchError
from push.floors.flows import Flows, Share
from push.floors.flows import flows as flows_of
from push.floors.paths import Paths, paths
from push.floors.returning import Visitors, returning

MOST_ROWS: Final = 40
MOST_PATHS: Final = 10
_NAME: Final = 60.0
"""How wide a zone's name is in the drawing, about."""


class FlowRow(NamedTuple):
    """A line of the table."""

    from_name: str
    to_name: str
    visits: str
    share: int
    between: str


class Labelled(NamedTuple):
    """An arrow, and what it says."""

    arrow: Arrow
    figure: str
    text: str


class Line(NamedTuple):
    """Where visits begin or end, or which way they take; `share` in percent of the first of them."""

    words: tuple[str, ...]
    visits: str
    share: int


class Comers(NamedTuple):
    """Visits of those who come for the first time, and of those who were here before."""

    new: str
    returning: str
    new_share: int | None


class _Found(NamedTuple):
    flows: Flows
    paths: Paths
    visitors: Visitors


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """The page."""
    seen = await past.look(console, visit)
    try:
        async with console.figuring:
            found = await _find(console, seen)
    except TooMuchError as error:
        raise past.too_much(visit, error) from None
    ways = [Way(one.from_zone, one.to_zone, one.visits) for one in found.flows.flows]
    nodes = _nodes(seen, ways, found.flows.first)
    values = {
        **past.framed(console, visit, seen, "flows", "flows", "paths", "returning"),
        "title": _title(seen, found.flows),
        "arrows": [_labelled(seen, one) for one in arrows.arrows(ways, nodes, _written(seen))],
        "nodes": nodes.values(),
        "rows": _rows(seen, found.flows),
        "more": max(0, len(found.flows.flows) - MOST_ROWS),
        "first": _lines(seen, found.flows.first),
        "last": _lines(seen, found.flows.last),
        "paths": _paths(seen, found.paths),
        "comers": _comers(found.visitors, exact=seen.exact),
        "visits": told.count(found.flows.visits, exact=seen.exact),
        "in_fives": "" if seen.exact else told.IN_FIVES,
    }
    return Shown("flows.html", values)


async def _find(console: ConsoleContext, seen: Look) -> _Found:
    return _Found(
        await flows_of(console.db, seen.asking),
        await paths(console.db, seen.asking, MOST_PATHS),
        (await returning(console.db, seen.asking)).whole,
    )


def _title(seen: Look, found: Flows) -> str:
    strongest = next((one for one in found.flows if one.from_zone != one.to_zone and one.visits), None)
    if strongest is not None:
        return f"The way most taken is from {seen.name(strongest.from_zone)} to {seen.name(strongest.to_zone)}"
    if found.visits == 0:
        return "Nobody was seen in a zone in this time"
    return "Nobody went from zone to zone" if seen.exact else "Too few members to say which way they go"


def _labelled(seen: Look, arrow: Arrow) -> Labelled:
    figure = told.count(arrow.way.visits, exact=seen.exact)
    ends = f"{seen.name(arrow.way.from_zone)} to {seen.name(arrow.way.to_zone)}"
    return Labelled(arrow, figure, f"{ends}: {figure} {'visit' if figure == '1' else 'visits'}")


def _written(seen: Look) -> list[Point]:
    """Where zones' names stand, about: they begin at a zone's label."""
    return [(area.label[0] + _NAME / 2, area.label[1]) for area in seen.plan.areas]


def _nodes(seen: Look, ways: Sequence[Way], first: Sequence[Share]) -> dict[str, Node]:
    came = Counter({one.zone: one.visits for one in first})
    for way in ways:
        came[way.to_zone] += way.visits
    most = max(came.values(), default=0)
    return {area.id: Node(area.middle, arrows.circle(came[area.id], most)) for area in seen.plan.areas}


def _rows(seen: Look, found: Flows) -> list[FlowRow]:
    most = max((one.visits for one in found.flows), default=0) or 1
    return [
        FlowRow(
            seen.name(one.from_zone),
            seen.name(one.to_zone),
            told.count(one.visits, exact=seen.exact),
            100 * one.visits // most,
            told.lasting(one.median_s),
        )
        for one in found.flows[:MOST_ROWS]
    ]


def _lines(seen: Look, found: Sequence[Share]) -> list[Line]:
    most = max((one.visits for one in found), default=0) or 1
    ordered = sorted(found, key=lambda one: -one.visits)
    return [
        Line((seen.name(one.zone),), told.count(one.visits, exact=seen.exact), 100 * one.visits // most)
        for one in ordered
    ]


def _paths(seen: Look, found: Paths) -> list[Line]:
    most = max((one.visits for one in found.paths), default=0) or 1

    return [
        Line(
            tuple(seen.name(zone) for zone in one.zones),
            told.count(one.visits, exact=seen.exact),
            100 * one.visits // most,
        )
        for one in found.paths
    ]


def _comers(found: Visitors, *, exact: bool) -> Comers:
    """Shares only of what is told."""
    share = None
    if found.new is not None and found.returning is not None and found.new + found.returning:
        share = round(100 * found.new / (found.new + found.returning))
    return Comers(told.count(found.new, exact=exact), told.count(found.returning, exact=exact), share)
