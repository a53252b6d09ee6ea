"""A store's plan as a drawing: zones in metres, or as tiles where nobody has drawn them yet. Pure.

A drawing is `WIDTH` units wide, whatever the store measures; x grows to the right, y down, as on the floor plan.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import ceil, hypot, sqrt
from typing import Final, NamedTuple

from beacons.registry import Gateway, Zone
from push.model.sites import Wall
from push.registry.layout import Plan as Floor

WIDTH: Final = 1000.0
MARGIN: Final = 26.0
_TILE_M: Final = (10.0, 6.5)
_GAP_M: Final = 0.7
_LABEL: Final = (14.0, 24.0)
"""From the corner of the room that a name takes to its baseline."""
_LETTER: Final = 8.2
_SECOND_LINE: Final = 19.0
_FIGURE: Final = 12
"""Letters of the figure below a name."""
_KEEP_OFF: Final = 13.0
"""How far dots keep from the edge of their zone: a dot's radius and some."""
_ROUND: Final = 8.0
_TRIES: Final = 4000

Point = tuple[float, float]


class Area(NamedTuple):
    """A zone as it is drawn: its outline, where its name and its figure stand."""

    id: str
    name: str
    outline: tuple[Point, ...]
    label: Point
    middle: Point

    @property
    def path(self) -> str:
        """The outline as an SVG path, its corners rounded."""
        corners = zip(
            (self.outline[-1], *self.outline[:-1]), self.outline, (*self.outline[1:], self.outline[0]), strict=True
        )
        steps = []
        for before, corner, after in corners:
            (ax, ay), (bx, by) = _toward(corner, before), _toward(corner, after)
            steps.append(f"L{ax:g},{ay:g} Q{corner[0]:g},{corner[1]:g} {bx:g},{by:g}")
        return "M" + " ".join(steps)[1:] + " Z"


def _toward(corner: Point, other: Point) -> Point:
    """Where the rounding of a corner begins, on the way to the next one."""
    far = hypot(other[0] - corner[0], other[1] - corner[1])
    part = min(_ROUND, far / 2) / far if far else 0.0
    return (
        round(corner[0] + part * (other[0] - corner[0]), 1),
        round(corner[1] + part * (other[1] - corner[1]), 1),
    )


class Plan(NamedTuple):
    """A drawing; `is_drawn` where it shows metres: a zone's outline is the store's own, or its floor has a size."""

    height: float
    areas: tuple[Area, ...]
    gateways: Mapping[str, Point]
    is_drawn: bool
    origin: Point
    """Where the floor's upper left corner is, and how many units a metre takes."""
    unit: float
    size: Point | None = None
    """How wide and how high the floor is drawn, where that is known."""
    walls: str = ""
    """All walls as one SVG path."""

    def point(self, x_m: float, y_m: float) -> Point:
        """A place on the floor as units of the drawing."""
        return round(self.origin[0] + x_m * self.unit, 1), round(self.origin[1] + y_m * self.unit, 1)


def plan(zones: Sequence[Zone], gateways: Sequence[Gateway], floor: Floor | None = None) -> Plan:
    """The drawing of a store. Zones that nobody has drawn are tiles, below the floor that somebody has."""
    drawn = {zone.id: tuple(zone.polygon_m) for zone in zones if len(zone.polygon_m) > 2}  # noqa: PLR2004 - an area
    tiled = [zone.id for zone in zones if zone.id not in drawn]
    sheet = [] if floor is None else [(0.0, 0.0), (floor.width_m, floor.height_m)]
    metres = [p for outline in drawn.values() for p in outline] + sheet
    outlines = {**drawn, **_tiles(tiled, metres)}
    placed = {g.id: _place(g, outlines, drawn, is_metric=bool(metres)) for g in gateways}
    scaled = _Scale([p for outline in outlines.values() for p in outline] + sheet + [p for p in placed.values() if p])
    areas = tuple(_area(zone, tuple(map(scaled.point, outlines[zone.id]))) for zone in zones)
    at = {gateway: scaled.point(p) for gateway, p in placed.items() if p is not None}
    return Plan(
        height=scaled.height,
        areas=areas,
        gateways=_apart(at),
        is_drawn=bool(metres),
        origin=scaled.point((0.0, 0.0)),
        unit=scaled.factor,
        size=None if floor is None else scaled.span((floor.width_m, floor.height_m)),
        walls="" if floor is None else _walls(floor.walls, scaled),
    )


def _tiles(zones: Sequence[str], metres: Sequence[Point]) -> dict[str, tuple[Point, ...]]:
    """A rectangle for each zone, in rows, below what lies where in metres."""
    if not zones:
        return {}
    columns = max(1, min(len(zones), ceil(sqrt(len(zones) * 1.4))))
    top = max((y for _, y in metres), default=-_GAP_M) + _GAP_M
    left = min((x for x, _ in metres), default=0.0)
    span = max((x for x, _ in metres), default=0.0) - left
    grow = max(1.0, span / (columns * (_TILE_M[0] + _GAP_M)))
    found: dict[str, tuple[Point, ...]] = {}
    for n, zone in enumerate(zones):
        x = left + (n % columns) * (_TILE_M[0] + _GAP_M) * grow
        y = top + (n // columns) * (_TILE_M[1] + _GAP_M) * grow
        right, bottom = x + _TILE_M[0] * grow, y + _TILE_M[1] * grow
        found[zone] = ((x, y), (right, y), (right, bottom), (x, bottom))
    return found


def _place(
    gateway: Gateway,
    outlines: Mapping[str, Sequence[Point]],
    drawn: Mapping[str, Sequence[Point]],
    *,
    is_metric: bool,
) -> Point | None:
    """Where a gateway hangs: where somebody put it, or on the upper edge of its zone's tile."""
    if is_metric and (gateway.x_m or gateway.y_m):
        return gateway.x_m, gateway.y_m
    outline = outlines.get(gateway.zone or "")
    if outline is not None and gateway.zone not in drawn:
        xs, ys = [x for x, _ in outline], [y for _, y in outline]
        return max(xs) - 0.12 * (max(xs) - min(xs)), min(ys)
    return outline[0] if outline else None


class _Scale:
    """From metres to the drawing."""

    def __init__(self, points: Sequence[Point]) -> None:
        xs, ys = [x for x, _ in points] or [0.0, 1.0], [y for _, y in points] or [0.0, 0.5]
        self._left, self._top = min(xs), min(ys)
        self.factor = (WIDTH - 2 * MARGIN) / max(max(xs) - self._left, (max(ys) - self._top) / 2, 0.001)
        self.height = round((max(ys) - self._top) * self.factor + 2 * MARGIN, 1)

    def point(self, point: Point) -> Point:
        """A point in metres as units of the drawing."""
        return (
            round((point[0] - self._left) * self.factor + MARGIN, 1),
            round((point[1] - self._top) * self.factor + MARGIN, 1),
        )

    def span(self, size: Point) -> Point:
        """A width and a height in metres as units of the drawing."""
        return round(size[0] * self.factor, 1), round(size[1] * self.factor, 1)


def _walls(walls: Sequence[Wall], scaled: _Scale) -> str:
    return " ".join("M{:g},{:g}L{:g},{:g}".format(*scaled.point(a), *scaled.point(b)) for a, b in walls)


def _apart(at: Mapping[str, Point]) -> dict[str, Point]:
    """Gateways that would cover each other, side by side."""
    taken: dict[Point, int] = {}
    found = {}
    for gateway, (x, y) in at.items():
        nth = taken.get((x, y), 0)
        taken[x, y] = nth + 1
        found[gateway] = (x - 26 * nth, y)
    return found


def _area(zone: Zone, outline: tuple[Point, ...]) -> Area:
    ys = [y for _, y in outline]
    middle_y = (min(ys) + max(ys)) / 2
    spans = _spans(outline, middle_y) or [(outline[0][0], outline[0][0])]
    left, right = max(spans, key=lambda span: span[1] - span[0])
    return Area(zone.id, zone.name, outline, _label(zone.name, outline), (round((left + right) / 2, 1), middle_y + 6))


def _label(name: str, outline: tuple[Point, ...]) -> Point:
    """Where a name fits: the highest line on which the zone is wide enough for it, else the corner that is highest."""
    wide = len(name) * _LETTER + 2 * _LABEL[0]
    ys = [y for _, y in outline]
    low, high = min(ys), max(ys)
    for n in range(8):
        y = low + n * (high - low) / 10
        above, below = _spans(outline, y + 1), _spans(outline, y + _LABEL[1])
        for left, right in above:
            if right - left >= wide and any(a <= left + 1 and b >= right - 1 for a, b in below):
                return round(left + _LABEL[0], 1), round(y + _LABEL[1], 1)
    x, y = min(outline, key=lambda p: (p[1], p[0]))
    return x + _LABEL[0], y + _LABEL[1]


def _spans(outline: Sequence[Point], y: float) -> list[tuple[float, float]]:
    """Where a horizontal line is inside an outline, from left to right."""
    crossings = sorted(
        x1 + (y - y1) * (x2 - x1) / (y2 - y1)
        for (x1, y1), (x2, y2) in pairwise([*outline, outline[0]])
        if (y1 <= y) != (y2 <= y)
    )
    return list(zip(crossings[::2], crossings[1::2], strict=False))


def spots(area: Area) -> Iterator[Point]:
    """Places for dots in a zone, spread evenly however many are taken (Halton's sequence), without end.

    They say in which zone somebody is, never where in it: that was not measured.
    """
    xs, ys = [x for x, _ in area.outline], [y for _, y in area.outline]
    found = []
    for n in range(1, _TRIES):
        x = min(xs) + _halton(n, 2) * (max(xs) - min(xs))
        y = min(ys) + _halton(n, 3) * (max(ys) - min(ys))
        if _is_free(area, x, y):
            found.append((round(x, 1), round(y, 1)))
            yield found[-1]
    while True:
        yield from found or [area.middle]


def is_in(area: Area, x: float, y: float, off: float = _KEEP_OFF) -> bool:
    """Whether a dot there lies within a zone, this far off its edges."""
    lines = (y - off, y, y + off)
    return all(any(a + off <= x <= b - off for a, b in _spans(area.outline, at)) for at in lines)


def _is_free(area: Area, x: float, y: float) -> bool:
    """Whether a dot fits there: off the edges, and off the name."""
    below = area.label[1] + _SECOND_LINE + _KEEP_OFF < y or y < area.label[1] - 30
    beside = x > area.label[0] + max(_FIGURE, len(area.name)) * _LETTER + 8 or x < area.label[0] - 8
    return is_in(area, x, y) and (below or beside)


def _halton(n: int, base: int) -> float:
    """The radical inverse of `n` (J. H. Halton, Numerische Mathematik 2, 1960)."""
    value, part = 0.0, 1.0
    while n:
        part /= base
        value += part * (n % base)
        n //= base
    return value
