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


_ALONG: Final = (0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74)
"""Where along its arrow a figure may stand, the best place first."""
_ROOM: Final = (44.0, 20.0)
"""Between the middles of two figures, across and down: so much, and neither covers the other."""


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


class _Bow(NamedTuple):
    """A quadratic curve: from where, bent towards where, to where."""

    begin: Point
    turn: Point
    end: Point

    def at(self, t: float) -> Point:
        """The point so far along it, 0 to 1."""
        x, y = (
            (1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c
            for a, b, c in zip(self.begin, self.turn, self.end, strict=True)
        )
        return x, y


def arrows(ways: Sequence[Way], places: Mapping[str, Node], written: Sequence[Point] = ()) -> list[Arrow]:
    """The strongest ways between circles that are drawn, the strongest last, so that it lies on top.

    Figures stand clear of each other and of what is `written` elsewhere, as far as their arrows let them.
    """
    drawn = [way for way in ways if way.from_zone in places and way.to_zone in places and way.visits > 0]
    strongest = sorted((way for way in drawn if way.from_zone != way.to_zone), key=lambda way: -way.visits)[:MOST]
    most = max((way.visits for way in strongest), default=1)
    found, taken = list[Arrow](), list(written)
    for n, way in enumerate(strongest):
        found.append(_arrow(way, places[way.from_zone], places[way.to_zone], most, taken if n < LABELLED else None))
        taken += [found[-1].at] if n < LABELLED else []
    return found[::-1]


def _arrow(way: Way, from_: Node, to: Node, most: int, taken: Sequence[Point] | None) -> Arrow:
    start, end = from_.at, to.at
    width = round(max(NARROWEST, WIDEST * way.visits / most), 1)
    far = hypot(end[0] - start[0], end[1] - start[1]) or 1.0
    bend = ((start[1] - end[1]) * _BEND, (end[0] - start[0]) * _BEND)
    turn = ((start[0] + end[0]) / 2 + bend[0], (start[1] + end[1]) / 2 + bend[1])
    head = _HEAD + width
    begin, stop = _toward(start, turn, from_.radius), _toward(end, turn, min(to.radius + _NEAR, far / 3))
    base = _toward(stop, turn, min(head, far / 4))
    middle = _clear(_Bow(begin, turn, base), taken or ())
    path = "M{:g},{:g}Q{:g},{:g} {:g},{:g}".format(*_round(begin), *_round(turn), *_round(base))
    return Arrow(way, path, _triangle(base, stop, head / 2 + width / 4), width, _round(middle), taken is not None)


def _clear(bow: _Bow, taken: Sequence[Point]) -> Point:
    """The first place along a bow that is clear of others; where none is, the clearest."""

    def room(at: Point) -> float:
        apart = (max(abs(at[0] - x) / _ROOM[0], abs(at[1] - y) / _ROOM[1]) for x, y in taken)
        return min(1.0, min(apart, default=1.0))

    return max(map(bow.at, _ALONG), key=room)


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
