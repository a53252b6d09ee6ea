"""Where dots stand: where presence has somebody, or in a place of her zone that nobody else has.

Presence knows a place only so well, and a dot says no more: it stands somewhere within what is known, always at the
same side of it, in the zone that is most probable, and its halo is as wide as the doubt. A dot's id tells nothing.
"""

from heapq import heappop, heappush
from math import cos, pi, sin, sqrt
from typing import Final, NamedTuple

from push.console.live.shapes import WIDTH, Area, Plan, Point, is_in, spots

GOLDEN: Final = pi * (3 - sqrt(5))
"""Turned by this angle from one to the next, dots never lie in rows (H. Vogel, Mathematical Biosciences 44, 1979)."""
SPREADS: Final = 16
"""As many distances from the middle of what is known, so that those who stand together are still told apart."""
MOST_HALO: Final = 90.0
"""Units: a halo wider than that would cover the plan."""
SURE_M: Final = 4.0
"""Who is in no zone is drawn where her place is known at least so well: between zones. Else she is "somewhere"."""
_STEPS: Final = 5


class At(NamedTuple):
    """Where somebody is on the floor, in metres, and the standard deviation of that."""

    x_m: float
    y_m: float
    spread_m: float


class Stood(NamedTuple):
    """A dot as it is drawn, in units of the drawing."""

    id: int
    x: float
    y: float
    halo: float = 0.0


class _Room:
    """The places of one zone, taken from the first on, so that a zone looks evenly filled."""

    def __init__(self, area: Area) -> None:
        self._source = spots(area)
        self.area = area
        self.points: list[Point] = []
        self._free: list[int] = []

    def take(self) -> int:
        if self._free:
            return heappop(self._free)
        self.points.append(next(self._source))
        return len(self.points) - 1

    def give_back(self, spot: int) -> None:
        heappush(self._free, spot)


class Dots:
    """The dots of one store."""

    def __init__(self) -> None:
        self._plan: Plan | None = None
        self._rooms: dict[str, _Room] = {}
        self._ids: dict[str, int] = {}
        self._spots: dict[str, tuple[str, int]] = {}
        self._last_id = 0

    def use(self, drawing: Plan) -> None:
        """Take over a plan; on another one everybody is placed anew."""
        if drawing != self._plan:
            self._plan, self._rooms = drawing, {area.id: _Room(area) for area in drawing.areas}
            self._ids, self._spots = {}, {}

    def place(self, zone: str | None, visit: str, at: At | None = None) -> Stood | None:
        """The dot of somebody; None: nothing tells where to draw her."""
        if at is not None and self._plan is not None and self._plan.is_drawn and _says_where(zone, at):
            self._give_back(visit)
            return self._located(self._plan, zone, self._id(visit), at)
        if zone not in self._rooms:
            self._give_back(visit)
            return None
        return Stood(self._id(visit), *self._spot(zone, visit))

    def keep(self, visits: set[str]) -> None:
        """Forget whoever is not there any more."""
        for visit in self._ids.keys() - visits:
            self._give_back(visit)
            del self._ids[visit]

    def _id(self, visit: str) -> int:
        if visit not in self._ids:
            self._last_id += 1
            self._ids[visit] = self._last_id
        return self._ids[visit]

    def _spot(self, zone: str, visit: str) -> Point:
        if self._spots.get(visit, ("", 0))[0] != zone:
            self._give_back(visit)
            self._spots[visit] = zone, self._rooms[zone].take()
        return self._rooms[zone].points[self._spots[visit][1]]

    def _give_back(self, visit: str) -> None:
        zone, spot = self._spots.pop(visit, ("", 0))
        if zone:
            self._rooms[zone].give_back(spot)

    def _located(self, drawing: Plan, zone: str | None, id_: int, at: At) -> Stood:
        far = at.spread_m * sqrt((id_ % SPREADS + 0.5) / SPREADS)
        x, y = _on(drawing, drawing.point(at.x_m + far * cos(id_ * GOLDEN), at.y_m + far * sin(id_ * GOLDEN)))
        halo = round(min(MOST_HALO, at.spread_m * drawing.unit), 1)
        room = self._rooms.get(zone or "")
        return Stood(id_, *((x, y) if room is None else within(room.area, x, y)), halo)


def _says_where(zone: str | None, at: At) -> bool:
    return zone is not None or at.spread_m <= SURE_M


def _on(drawing: Plan, point: Point) -> Point:
    """The nearest point that the floor has: who is in the store is not beside it."""
    (left, top), (wide, high) = (
        (drawing.origin, drawing.size) if drawing.size else ((0.0, 0.0), (WIDTH, drawing.height))
    )
    return min(max(point[0], left), left + wide), min(max(point[1], top), top + high)


def within(area: Area, x: float, y: float) -> Point:
    """A point of a zone: that one, or else the first on the way from there to the zone's middle."""
    for step in range(_STEPS):
        part = step / _STEPS
        nearer = (x + part * (area.middle[0] - x), y + part * (area.middle[1] - y))
        if is_in(area, *nearer):
            return round(nearer[0], 1), round(nearer[1], 1)
    return area.middle
