"""Zones as polygons in metres: does one have a shape, lie on its plan, and leave its neighbours alone?"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

from beacons.registry import Point, Zone

MOST_POINTS: Final = 64
LEAST_AREA_M2: Final = 0.1
MOST_SHARED: Final = 0.05
"""Of the smaller of two zones: neighbours drawn by hand share a sliver; of more, people would stand in both."""
EDGE_M: Final = 0.01
"""How far outside the plan a point may lie: what was drawn at its very edge, rounded."""
_FLAT_M2: Final = 1e-7
"""Three points that span less lie on one line."""

Polygon = Sequence[Point]
Segment = tuple[Point, Point]


def problems(zone: Zone, others: Iterable[Zone], plan_m: tuple[float, float] | None) -> list[str]:
    """What does not fit in a zone, beside the other zones of its store and on a plan of that width and height.

    A zone without any point has no shape yet, and fits everywhere.
    """
    if not zone.polygon_m:
        return []
    alone = shape_problem(zone.polygon_m) or plan_problem(zone.polygon_m, plan_m)
    if alone is not None:
        return [alone]
    return [
        f"it shares {100 * share:.0f} % with zone {other.id} ({other.name}): people there would be in both; "
        f"at most {100 * MOST_SHARED:.0f} % of the smaller one was expected"
        for other in others
        if other.id != zone.id and (share := shared(zone.polygon_m, other.polygon_m)) > MOST_SHARED
    ]


def shape_problem(polygon: Polygon) -> str | None:
    """Why points in their order enclose no area that could be a zone; None where they do."""
    if not 3 <= len(polygon) <= MOST_POINTS:  # noqa: PLR2004 - the corners of a triangle
        return f"a zone has 3 to {MOST_POINTS} points, these are {len(polygon)}"
    for number, segment in enumerate(_edges(polygon), start=1):
        if segment[0] == segment[1]:
            return f"point {number} is there twice in a row (the last leads back to the first by itself)"
    crossing = _crossing(polygon)
    if crossing is not None:
        return "its edges {} and {} cross or touch: the outline of a zone does not meet itself".format(*crossing)
    if abs(area_m2(polygon)) < LEAST_AREA_M2:
        return f"it has {abs(area_m2(polygon)):.2f} square metres, at least {LEAST_AREA_M2:g} were expected"
    return None


def plan_problem(polygon: Polygon, plan_m: tuple[float, float] | None) -> str | None:
    """Which point lies outside the plan; None where none does."""
    if plan_m is None:
        return None
    width, height = plan_m
    for number, (x, y) in enumerate(polygon, start=1):
        if not (-EDGE_M <= x <= width + EDGE_M and -EDGE_M <= y <= height + EDGE_M):
            return f"point {number} ({x:g}, {y:g}) lies outside the plan of {width:g} by {height:g} m"
    return None


def area_m2(polygon: Polygon) -> float:
    """The enclosed area, negative where the points run clockwise (the shoelace formula)."""
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in _edges(polygon)) / 2


def shared(one: Polygon, other: Polygon) -> float:
    """Which part of the smaller of two simple polygons the other covers, 0 to 1."""
    if not one or not other or _are_apart(one, other):
        return 0.0
    smaller = min(abs(area_m2(one)), abs(area_m2(other)))
    return overlap_m2(one, other) / smaller if smaller > 0 else 0.0


def overlap_m2(one: Polygon, other: Polygon) -> float:
    """The area that two simple polygons have in common.

    Between two neighbouring heights at which an edge ends or two cross, both are made of trapezoids, whose common width
    grows evenly: its value half-way, times the height, is the area.
    """
    heights = sorted({y for _, y in (*one, *other)} | set(_meetings(one, other)))
    total = 0.0
    for low, high in pairwise(heights):
        middle = (low + high) / 2
        total += (high - low) * _common_m(_spans(one, middle), _spans(other, middle))
    return total


def _edges(polygon: Polygon) -> Iterator[Segment]:
    return zip(polygon, (*polygon[1:], *polygon[:1]), strict=True)


def _are_apart(one: Polygon, other: Polygon) -> bool:
    """Whether the boxes around them do not even touch."""
    return any(
        max(p[axis] for p in a) <= min(p[axis] for p in b) for axis in (0, 1) for a, b in ((one, other), (other, one))
    )


def _crossing(polygon: Polygon) -> tuple[int, int] | None:
    """Two edges (from 1) that meet where they should not; None where there are none."""
    edges = list(_edges(polygon))
    for i, edge in enumerate(edges):
        for j in range(i + 1, len(edges)):
            are_neighbours = j == i + 1 or (i == 0 and j == len(edges) - 1)
            if _fold_back(edge, edges[j]) if are_neighbours else _meet(edge, edges[j]):
                return i + 1, j + 1
    return None


def _turn(a: Point, b: Point, c: Point) -> int:
    """Which way a, b, c turn: 1 left, -1 right, 0 straight."""
    cross = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    return 0 if abs(cross) < _FLAT_M2 else (1 if cross > 0 else -1)


def _meet(one: Segment, other: Segment) -> bool:
    """Whether two segments have a point in common."""
    turns = (_turn(*one, other[0]), _turn(*one, other[1]), _turn(*other, one[0]), _turn(*other, one[1]))
    if turns[0] != turns[1] and turns[2] != turns[3] and 0 not in turns:
        return True
    on = ((one, other[0]), (one, other[1]), (other, one[0]), (other, one[1]))
    return any(turn == 0 and _in_box(*where) for turn, where in zip(turns, on, strict=True))


def _in_box(segment: Segment, point: Point) -> bool:
    return all(
        min(segment[0][axis], segment[1][axis]) <= point[axis] <= max(segment[0][axis], segment[1][axis])
        for axis in (0, 1)
    )


def _fold_back(one: Segment, other: Segment) -> bool:
    """Whether neighbours, which share a point, run back over each other."""
    shared_point, a, b = (one[1], one[0], other[1]) if one[1] == other[0] else (one[0], one[1], other[0])
    if _turn(a, shared_point, b) != 0:
        return False
    return (a[0] - shared_point[0]) * (b[0] - shared_point[0]) + (a[1] - shared_point[1]) * (b[1] - shared_point[1]) > 0


def _meetings(one: Polygon, other: Polygon) -> Iterator[float]:
    """The heights at which edges of one cross edges of the other."""
    edges = list(_edges(other))
    for (ax, ay), (bx, by) in _edges(one):
        for (cx, cy), (dx, dy) in edges:
            slant = (bx - ax) * (dy - cy) - (by - ay) * (dx - cx)
            if slant == 0:
                continue  # side by side: they end at heights of their own
            along = ((cx - ax) * (dy - cy) - (cy - ay) * (dx - cx)) / slant
            if 0 <= along <= 1:
                yield ay + along * (by - ay)


def _spans(polygon: Polygon, height: float) -> list[tuple[float, float]]:
    """From where to where a polygon reaches at a height at which none of its edges ends."""
    at = sorted(
        ax + (height - ay) / (by - ay) * (bx - ax)
        for (ax, ay), (bx, by) in _edges(polygon)
        if min(ay, by) < height < max(ay, by)
    )
    return list(zip(at[::2], at[1::2], strict=False))


def _common_m(one: Sequence[tuple[float, float]], other: Sequence[tuple[float, float]]) -> float:
    return sum(max(0.0, min(b, d) - max(a, c)) for a, b in one for c, d in other)
