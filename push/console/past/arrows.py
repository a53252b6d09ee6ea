"""Flows between zones as arrows on the plan: each a bow to its right, as wide as many took it. Pure."""

from collections.abc import Mapping, Sequence
from math import hypot, sqrt
from typing import Final, NamedTuple

from push.console.live.shapes import Point

MOST: Final = 16
"""Arrows in one drawing: what is told apart. The table has them all."""
WIDEST: Final = 16.0
NARROWEST: Final = 1.5
LABELLED: Final = 6
"""The strongest that have their figure written on them."""
_BEND: Final = 0.16
"""How far a bow leaves the straight line, as a part of its length: there and back lie side by side."""
_HEAD: Final = 7.0
_NEAR: Final = 3.0
"""How far arrows end from the circle that they lead to."""


class Way(NamedTuple):
    """From one zone to another, and how many visits went."""

    from_zone: str
    to_zone: str
    visits: int


class Arrow(NamedTuple):
    """A way as it is drawn: a line so wide along `path`, its `head` a triangle; `at` is where its figure stands."""

    way: Way
    path: str
    head: str
    width: float
    at: Point
    is_labelled: bool


class Node(NamedTuple):
    """A zone's circle: as large as visits came there."""

    at: Point
    radius: float


def arrows(ways: Sequence[Way], places: Mapping[str, Node]) -> list[Arrow]:
    """The strongest ways between circles that are drawn, the strongest last, so that it lies on top."""
    drawn = [way for way in ways if way.from_zone in places and way.to_zone in places and way.visits > 0]
    strongest = sorted((way for way in drawn if way.from_zone != way.to_zone), key=lambda way: -way.visits)[:MOST]
    most = max((way.visits for way in strongest), default=1)
    found = [
        _arrow(way, places[way.from_zone], places[way.to_zone], most, is_labelled=n < LABELLED)
        for n, way in enumerate(strongest)
    ]
    return found[::-1]


def _arrow(way: Way, from_: Node, to: Node, most: int, *, is_labelled: bool) -> Arrow:
    start, end = from_.at, to.at
    width = round(max(NARROWEST, WIDEST * way.visits / most), 1)
    far = hypot(end[0] - start[0], end[1] - start[1]) or 1.0
    bend = ((start[1] - end[1]) * _BEND, (end[0] - start[0]) * _BEND)
    turn = ((start[0] + end[0]) / 2 + bend[0], (start[1] + end[1]) / 2 + bend[1])
    head = _HEAD + width
    begin, stop = _toward(start, turn, from_.radius), _toward(end, turn, min(to.radius + _NEAR, far / 3))
    base = _toward(stop, turn, min(head, far / 4))
    middle = ((begin[0] + 2 * turn[0] + base[0]) / 4, (begin[1] + 2 * turn[1] + base[1]) / 4)
    path = "M{:g},{:g}Q{:g},{:g} {:g},{:g}".format(*_round(begin), *_round(turn), *_round(base))
    return Arrow(way, path, _triangle(base, stop, head / 2 + width / 4), width, _round(middle), is_labelled)


def _toward(point: Point, other: Point, far: float) -> Point:
    """The point `far` on the way to another."""
    whole = hypot(other[0] - point[0], other[1] - point[1]) or 1.0
    return point[0] + far * (other[0] - point[0]) / whole, point[1] + far * (other[1] - point[1]) / whole


def _triangle(base: Point, tip: Point, half: float) -> str:
    """An arrow's head, from the middle of its base to its tip."""
    whole = hypot(tip[0] - base[0], tip[1] - base[1]) or 1.0
    x, y = half * (tip[1] - base[1]) / whole, half * (tip[0] - base[0]) / whole
    corners = (base[0] + x, base[1] - y), tip, (base[0] - x, base[1] + y)
    return "M" + "L".join("{:g},{:g}".format(*_round(corner)) for corner in corners) + "Z"


def _round(point: Point) -> Point:
    return round(point[0], 1), round(point[1], 1)


def circle(visits: int, most: int) -> float:
    """The radius of a zone's circle: its area is as many visits as came there."""
    return round(5 + 13 * sqrt(visits / most), 1) if most > 0 else 5.0
