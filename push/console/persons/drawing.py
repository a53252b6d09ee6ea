"""Who is who, drawn: facets in columns by how far they are from the one that stands for the person, and links. Pure.

Everything is said in SVG's own attributes, so that the picture needs neither script nor styles of its own.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

WIDE: Final = 224
HIGH: Final = 52
_ACROSS: Final = 104
_DOWN: Final = 14
_EDGE: Final = 6
MOST: Final = 60
"""Facets that are drawn; the table has them all."""


class Node(NamedTuple):
    """A facet to be drawn; `outside`: it is somebody else's."""

    id: str
    label: str
    value: str
    outside: bool = False


class Edge(NamedTuple):
    """A link to be drawn; only those that hold lead anywhere."""

    id: str
    a: str
    b: str
    holds: bool
    number: int


class Box(NamedTuple):
    """A facet in its place, in pixels."""

    node: Node
    x: int
    y: int


class Line(NamedTuple):
    """A link in its place, with where its number stands."""

    edge: Edge
    path: str
    x: float
    y: float


class Drawing(NamedTuple):
    """All of it, in a frame; `left_out` facets had no room."""

    boxes: list[Box]
    lines: list[Line]
    width: int
    height: int
    left_out: int


def draw(nodes: Sequence[Node], edges: Sequence[Edge]) -> Drawing:
    """A picture of nodes, the one that stands for the person first."""
    shown = {node.id: node for node in nodes[:MOST]}
    columns = _columns(list(shown.values()), edges)
    tallest = max(map(len, columns), default=0)
    boxes = [
        Box(shown[id_], _EDGE + n * (WIDE + _ACROSS), _EDGE + _top(len(column), tallest) + k * (HIGH + _DOWN))
        for n, column in enumerate(columns)
        for k, id_ in enumerate(column)
    ]
    at = {box.node.id: box for box in boxes}
    lines = [_line(edge, at) for edge in edges if edge.a in at and edge.b in at]
    width = 2 * _EDGE + len(columns) * WIDE + max(0, len(columns) - 1) * _ACROSS
    height = 2 * _EDGE + tallest * (HIGH + _DOWN) - _DOWN
    return Drawing(boxes, lines, width, max(height, HIGH), len(nodes) - len(shown))


def _columns(nodes: Sequence[Node], edges: Sequence[Edge]) -> list[list[str]]:
    """Ids by distance; what nothing leads to that holds stands one further than what it was said to belong to."""
    if not nodes:
        return []
    depth = _depths(nodes[0].id, {node.id for node in nodes}, edges)
    columns: defaultdict[int, list[str]] = defaultdict(list)
    for node in nodes:
        columns[depth[node.id]].append(node.id)
    return [columns[n] for n in sorted(columns)]


def _depths(root: str, ids: Collection[str], edges: Sequence[Edge]) -> Mapping[str, int]:
    depth = {root: 0}
    for holding in (True, False):
        _spread(depth, [edge for edge in edges if edge.holds or not holding])
    return {id_: depth.get(id_, 1) for id_ in ids}


def _spread(depth: dict[str, int], edges: Sequence[Edge]) -> None:
    """Each round goes one link further."""
    while True:
        reached = {
            there: depth[here] + 1
            for edge in edges
            for here, there in ((edge.a, edge.b), (edge.b, edge.a))
            if here in depth and there not in depth
        }
        if not reached:
            return
        depth.update(reached)


def _top(n: int, tallest: int) -> int:
    """Where a column begins that is shorter than the tallest: in the middle."""
    return (tallest - n) * (HIGH + _DOWN) // 2


def _line(edge: Edge, at: Mapping[str, Box]) -> Line:
    one, other = sorted((at[edge.a], at[edge.b]), key=lambda box: (box.x, box.y))
    y1, y2 = one.y + HIGH / 2, other.y + HIGH / 2
    x1 = one.x + WIDE
    if one.x == other.x:  # in one column: around the side
        bend = x1 + _ACROSS / 2
        return Line(edge, f"M{x1} {y1} C{bend} {y1} {bend} {y2} {x1} {y2}", x1 + _ACROSS * 0.375, (y1 + y2) / 2)
    x2 = other.x
    middle = (x1 + x2) / 2
    path = f"M{x1} {y1} C{middle} {y1} {middle} {y2} {x2} {y2}"
    # Beside the farther end, where lines that leave one facet together are apart.
    part = 0.72
    return Line(edge, path, *_along((x1, y1), (middle, y1), (middle, y2), (x2, y2), part))


def _along(
    start: tuple[float, float],
    lead: tuple[float, float],
    follow: tuple[float, float],
    end: tuple[float, float],
    t: float,
) -> tuple[float, float]:
    """A point of a cubic Bézier curve."""
    weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
    points = (start, lead, follow, end)
    x, y = (sum(w * point[n] for w, point in zip(weights, points, strict=True)) for n in (0, 1))
    return round(x, 1), round(y, 1)
