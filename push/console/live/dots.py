"""Where dots stand: each in a place of its zone that nobody else has, while she stays. A dot's id tells nothing."""

from heapq import heappop, heappush

from push.console.live.shapes import Area, Plan, Point, spots


class _Room:
    """The places of one zone, taken from the first on, so that a zone looks evenly filled."""

    def __init__(self, area: Area) -> None:
        self._source = spots(area)
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
        self._at: dict[str, tuple[int, str, int]] = {}
        self._last_id = 0

    def use(self, drawing: Plan) -> None:
        """Take over a plan; on another one everybody is placed anew."""
        if drawing != self._plan:
            self._plan, self._rooms, self._at = drawing, {area.id: _Room(area) for area in drawing.areas}, {}

    def place(self, zone: str, visit: str) -> tuple[int, float, float]:
        """A dot's id and place, for somebody in a zone of the plan."""
        known = self._at.get(visit)
        if known is None or known[1] != zone:
            known = (self._moved(known), zone, self._rooms[zone].take())
            self._at[visit] = known
        return (known[0], *self._rooms[zone].points[known[2]])

    def keep(self, visits: set[str]) -> None:
        """Forget whoever is not there any more."""
        for visit in self._at.keys() - visits:
            _, zone, spot = self._at.pop(visit)
            self._rooms[zone].give_back(spot)

    def _moved(self, known: tuple[int, str, int] | None) -> int:
        """The id of whoever comes from elsewhere, or a new one."""
        if known is not None:
            self._rooms[known[1]].give_back(known[2])
            return known[0]
        self._last_id += 1
        return self._last_id
