"""A store's floor as the filter sees it: a grid of cells, zones as parts of cells, walls as steps that nobody takes.

    Site ─size─▶ grid with a margin ─polygons, or whose gateway is nearest─▶ parts ─walls─▶ passes ─▶ Floor

Around the plan lies a margin of one cell: passers-by before the window are somewhere. A store without a plan, or whose
anchors nobody placed, is a floor of one cell for each zone, and one for each anchor that belongs to none.
"""

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from beacons.registry import Point
from push.model.sites import MOST_CELLS, Anchor, Site, Wall

CELL_M: Final = 1.6
"""What a cell's side should be: less than what radio can tell apart (1.5 to 3 m), no more than two steps."""
SIZES: Final = (4, 6, 8, 10, 12, 16, 20, 24, 32, 40, 50, 100)
"""Rows or columns a grid may have: few, so that stores share shapes; cells of like floors differ by a fifth at most."""
LISTS: Final = (2, 4, 8, 16, 32, 64, 128, 256, MOST_CELLS)
"""Cells a floor without plan may have."""
DOORWAY: Final = 0.03
"""How freely people pass the plan's edge, against an open floor: a door of 2 m in 80 m of wall and window."""
FINE: Final = 5
"""Each cell is looked at in so many points by so many, for what zones it lies in."""
NOWHERE: Final = -1

Floats = npt.NDArray[np.float32]
Shorts = npt.NDArray[np.int16]
Points = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


class Parts(NamedTuple):
    """What lies in which zone, sorted by zone: `cell` (n,); `zone` (n,), `len(zones)` for none; the cell's `share`."""

    cell: Shorts
    zone: Shorts
    share: Floats


class Grid(NamedTuple):
    """Cells in rows and columns; sizes in metres."""

    shape: tuple[int, int]
    origin_m: Point
    cell_m: tuple[float, float]

    def at(self, point_m: Point) -> int | None:
        """The cell at a point, None beyond the grid."""
        column = math.floor((point_m[0] - self.origin_m[0]) / self.cell_m[0])
        row = math.floor((point_m[1] - self.origin_m[1]) / self.cell_m[1])
        is_on = 0 <= row < self.shape[0] and 0 <= column < self.shape[1]
        return row * self.shape[1] + column if is_on else None

    def points(self, fine: int) -> Points:
        """Points spread evenly over each cell, `fine` by `fine`. Shape (C, fine * fine, 2)."""
        rows, columns = self.shape
        within = (np.arange(fine) + 0.5) / fine
        x = self.origin_m[0] + (np.arange(columns)[:, None] + within) * self.cell_m[0]
        y = self.origin_m[1] + (np.arange(rows)[:, None] + within) * self.cell_m[1]
        spread = np.empty((rows, columns, fine, fine, 2))
        spread[..., 0] = x[None, :, None, :]
        spread[..., 1] = y[:, None, :, None]
        return spread.reshape(rows * columns, fine * fine, 2)


class Floor(NamedTuple):
    """The floor of a store, with C = rows * columns cells, row by row from the plan's upper left corner.

    `cell_m` is a cell's width and height, `origin_m` the corner of the first cell, outside of the plan by one cell;
    `centre_m` (C, 2) is nan where there is no plan. `zone` (C,) is the zone in which most of a cell lies, an index into
    `zones`, or -1; `parts` says it exactly. Cells that are not `inside` (C,) are margin, or no cells at all where there
    is no plan. `anchor_zone` (A,) and `home` (A,): the zone of each anchor, or -1, and its cell. `right` (rows, columns
    - 1) and `down` (rows - 1, columns): how freely people pass from a cell to the next, 0 to 1.
    """

    store: str
    shape: tuple[int, int]
    cell_m: tuple[float, float]
    origin_m: tuple[float, float]
    centre_m: Floats
    zone: Shorts
    parts: Parts
    inside: Mask
    zones: tuple[str, ...]
    anchors: tuple[Anchor, ...]
    anchor_zone: Shorts
    home: Shorts
    right: Floats
    down: Floats
    has_plan: bool


def floor_of(site: Site) -> Floor:
    """The floor of a store; never more than `MOST_CELLS` cells."""
    if site.size_m is None or all(anchor.at_m is None for anchor in site.anchors):
        return _without_plan(site)
    return _with_plan(site, site.size_m)


def zone_at(floor: Floor, x_m: float, y_m: float) -> str | None:
    """The zone in which most of the cell at a point lies; None in none, or beyond the floor."""
    if not floor.has_plan:
        return None
    cell = Grid(floor.shape, floor.origin_m, floor.cell_m).at((x_m, y_m))
    zone = NOWHERE if cell is None else int(floor.zone[cell])
    return None if zone == NOWHERE else floor.zones[zone]


def shape_of(width_m: float, height_m: float) -> tuple[int, int]:
    """Rows and columns of the grid over a plan, margin included."""
    sides_m = (height_m, width_m)
    many = [min(range(len(SIZES)), key=lambda i: abs(math.log((SIZES[i] - 2) * CELL_M / side))) for side in sides_m]
    while SIZES[many[0]] * SIZES[many[1]] > MOST_CELLS:
        cells_m = [side / (SIZES[i] - 2) if i else math.inf for side, i in zip(sides_m, many, strict=True)]
        many[cells_m.index(min(cells_m))] -= 1
    return SIZES[many[0]], SIZES[many[1]]


# ------------------------------------------------------------------------------------------------------- with a plan


def _with_plan(site: Site, size_m: tuple[float, float]) -> Floor:
    width_m, height_m = (max(1.0, side) for side in size_m)
    shape = shape_of(width_m, height_m)
    cell_m = width_m / (shape[1] - 2), height_m / (shape[0] - 2)
    grid = Grid(shape, (-cell_m[0], -cell_m[1]), cell_m)
    centre_m = grid.points(1)[:, 0]
    inside: Mask = np.all((centre_m > 0) & (centre_m < (width_m, height_m)), axis=1)
    zones = tuple(place.id for place in site.places)
    parts = _parts(site, grid.points(FINE), inside)
    zone = _main_zones(parts, len(centre_m), len(zones))
    right, down = _passes(shape, centre_m, inside, site.walls)
    anchor_zone = _zones_of(site, zones)
    return Floor(
        store=site.store,
        shape=shape,
        cell_m=cell_m,
        origin_m=grid.origin_m,
        centre_m=centre_m.astype(np.float32),
        zone=zone,
        parts=parts,
        inside=inside,
        zones=zones,
        anchors=site.anchors,
        anchor_zone=anchor_zone,
        home=_homes(site.anchors, anchor_zone, zone, grid),
        right=right,
        down=down,
        has_plan=True,
    )


def _parts(site: Site, points_m: Points, inside: Mask) -> Parts:
    """Which cells lie in which zones, and how far: polygons first, beyond them whose gateway is nearest."""
    cells, fine, _ = points_m.shape
    none = len(site.places)
    zone = _by_polygon(site, points_m.reshape(-1, 2)).reshape(cells, fine)
    nearest = _by_gateway(site, points_m.reshape(-1, 2)).reshape(cells, fine)
    zone = np.where((zone == NOWHERE) & inside[:, None], nearest, zone)
    zone[zone == NOWHERE] = none
    key, count = np.unique(zone * cells + np.arange(cells)[:, None], return_counts=True)
    return Parts(
        cell=(key % cells).astype(np.int16),
        zone=(key // cells).astype(np.int16),
        share=(count / fine).astype(np.float32),
    )


def _by_polygon(site: Site, points_m: Points) -> npt.NDArray[np.int64]:
    """The first zone in whose polygon each point lies, or -1. Shape (n,)."""
    zone = np.full(len(points_m), NOWHERE)
    for number, place in reversed(list(enumerate(site.places))):
        if place.polygon_m:
            zone[_is_in(place.polygon_m, points_m)] = number
    return zone


def _is_in(polygon_m: tuple[Point, ...], points_m: Points) -> Mask:
    """Whether points lie in a polygon: a ray from each crosses its edges an odd number of times."""
    x, y = points_m.T
    inside = np.zeros(len(points_m), dtype=bool)
    for (x1, y1), (x2, y2) in zip(polygon_m, (*polygon_m[1:], polygon_m[0]), strict=True):
        if y1 != y2:
            inside ^= ((y1 > y) != (y2 > y)) & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return inside


def _by_gateway(site: Site, points_m: Points) -> npt.NDArray[np.int64]:
    """The zone of the gateway nearest to each point, where that zone has no polygon; -1 elsewhere. Shape (n,)."""
    drawn = {place.id for place in site.places if place.polygon_m}
    numbers = {place.id: number for number, place in enumerate(site.places) if place.id not in drawn}
    placed = [a for a in site.anchors if a.at_m is not None]
    placed = [a for a in placed if not a.is_fixture] or placed
    at_m = np.array([a.at_m for a in placed], dtype=np.float64)
    zones = np.array([numbers.get(a.zone or "", NOWHERE) for a in placed])
    distance = ((points_m[:, None] - at_m) ** 2).sum(axis=2)
    found: npt.NDArray[np.int64] = zones[distance.argmin(axis=1)]
    return found


def _main_zones(parts: Parts, cells: int, zones: int) -> Shorts:
    """The zone in which most of each cell lies, -1 where that is none. Shape (C,)."""
    share = np.zeros((cells, zones + 1), dtype=np.float32)
    share[parts.cell, parts.zone] = parts.share
    main = share.argmax(axis=1)
    return np.where(main == zones, NOWHERE, main).astype(np.int16)


def _passes(shape: tuple[int, int], centre_m: Points, inside: Mask, walls: tuple[Wall, ...]) -> tuple[Floats, Floats]:
    """How freely people pass to the cell to the right, and to the one below."""
    at = centre_m.reshape(*shape, 2)
    within = inside.reshape(shape)
    right = _open(at[:, :-1], at[:, 1:], walls) * np.where(within[:, :-1] != within[:, 1:], DOORWAY, 1)
    down = _open(at[:-1], at[1:], walls) * np.where(within[:-1] != within[1:], DOORWAY, 1)
    return right.astype(np.float32), down.astype(np.float32)


def _open(start_m: Points, end_m: Points, walls: tuple[Wall, ...]) -> npt.NDArray[np.float64]:
    """1 where no wall stands between two points, 0 where one does. Shapes (..., 2), (..., 2), (...)."""
    free = np.ones(start_m.shape[:-1])
    for (ax, ay), (bx, by) in walls:
        a, b = np.array([ax, ay]), np.array([bx, by])
        sides = (_side(a, b, start_m) > 0) != (_side(a, b, end_m) > 0)
        free[sides & ((_side(start_m, end_m, a) > 0) != (_side(start_m, end_m, b) > 0))] = 0
    return free


def _side(a: Points, b: Points, point: Points) -> npt.NDArray[np.float64]:
    """Above 0 where a point lies to the left of the line from a to b. Shape (...)."""
    toward, off = b - a, point - a
    side: npt.NDArray[np.float64] = toward[..., 0] * off[..., 1] - toward[..., 1] * off[..., 0]
    return side


def _homes(anchors: tuple[Anchor, ...], anchor_zone: Shorts, zone: Shorts, grid: Grid) -> Shorts:
    """The cell of each anchor: where it is placed; otherwise one in the midst of its zone; -1 where there is none."""
    homes = []
    for anchor, own in zip(anchors, anchor_zone, strict=True):
        of_zone = np.flatnonzero(zone == own) if own != NOWHERE else np.zeros(0, dtype=np.int64)
        middle = int(of_zone[len(of_zone) // 2]) if len(of_zone) else NOWHERE
        cell = None if anchor.at_m is None else grid.at(anchor.at_m)
        homes.append(middle if cell is None else cell)
    return np.array(homes, dtype=np.int16)


def _zones_of(site: Site, zones: tuple[str, ...]) -> Shorts:
    numbers = {zone: number for number, zone in enumerate(zones)}
    return np.array([numbers.get(a.zone or "", NOWHERE) for a in site.anchors], dtype=np.int16)


# ---------------------------------------------------------------------------------------------------- without a plan


def _without_plan(site: Site) -> Floor:
    """A cell for each zone, then one for each anchor of none, as many as there is room for."""
    zones = tuple(place.id for place in site.places[:MOST_CELLS])
    anchor_zone = _zones_of(site, zones)
    home = anchor_zone.copy()
    alone = np.flatnonzero(home == NOWHERE)[: MOST_CELLS - len(zones)]
    home[alone] = len(zones) + np.arange(len(alone))
    used = max(1, len(zones) + len(alone))
    cells = next(size for size in LISTS if size >= used)
    zone = np.full(cells, NOWHERE, dtype=np.int16)
    zone[: len(zones)] = np.arange(len(zones))
    return Floor(
        store=site.store,
        shape=(1, cells),
        cell_m=(0.0, 0.0),
        origin_m=(0.0, 0.0),
        centre_m=np.full((cells, 2), np.nan, dtype=np.float32),
        zone=zone,
        parts=Parts(
            cell=np.arange(cells, dtype=np.int16),
            zone=np.minimum(np.arange(cells), len(zones)).astype(np.int16),
            share=np.ones(cells, dtype=np.float32),
        ),
        inside=np.arange(cells) < used,
        zones=zones,
        anchors=site.anchors,
        anchor_zone=anchor_zone,
        home=home,
        right=np.ones((1, cells - 1), dtype=np.float32),
        down=np.ones((0, cells), dtype=np.float32),
        has_plan=False,
    )
