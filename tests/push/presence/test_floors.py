"""Floors: grids of few shapes, zones as parts of cells, walls between them; and floors that nobody drew."""

import numpy as np
import pytest

from push.model.sites import MOST_CELLS, Anchor, Place, Site
from push.presence.floors import SIZES, floor_of, shape_of, zone_at

WEST = ((0.0, 0.0), (8.0, 0.0), (8.0, 16.0), (0.0, 16.0))


def site(*places: Place, **more: object) -> Site:
    anchors = (Anchor("a", "s", "west", at_m=(2.0, 2.0)), Anchor("b", "s", "east", at_m=(14.0, 14.0)))
    return Site(**{"store": "s", "size_m": (16.0, 16.0), "places": places, "anchors": anchors} | more)  # type: ignore[arg-type]


@pytest.mark.parametrize("size_m", [(0.5, 0.5), (12.0, 9.0), (30.0, 20.0), (200.0, 5.0), (10_000.0, 10_000.0)])
def test_a_grid_has_one_of_few_shapes_and_never_too_many_cells(size_m: tuple[float, float]) -> None:
    rows, columns = shape_of(*size_m)
    floor = floor_of(site(size_m=size_m))
    assert {rows, columns} <= set(SIZES)
    assert floor.shape in {(rows, columns), shape_of(max(1.0, size_m[0]), max(1.0, size_m[1]))}
    assert rows * columns <= MOST_CELLS
    assert len(floor.inside) - floor.inside.sum() == 2 * (floor.shape[0] + floor.shape[1]) - 4


def test_cells_of_usual_stores_are_as_small_as_radio_can_tell_apart() -> None:
    for width_m in range(8, 31):
        rows, columns = shape_of(width_m, 16.0)
        assert 1.2 <= width_m / (columns - 2) <= 2.5
        assert 1.2 <= 16 / (rows - 2) <= 2.5


def test_a_zone_is_its_polygon_and_what_is_cut_counts_in_part() -> None:
    floor = floor_of(site(Place("west", WEST), Place("nook", ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)))))
    area_m2 = np.prod(floor.cell_m) * np.bincount(floor.parts.zone, floor.parts.share)
    assert area_m2[0] == pytest.approx(8 * 16)
    assert area_m2[1] == 0  # the zone above it has that ground already
    assert (zone_at(floor, 4, 8), zone_at(floor, 12, 8), zone_at(floor, 99, 8)) == ("west", None, None)
    whole = np.bincount(floor.parts.cell, floor.parts.share)
    assert whole == pytest.approx(1)


def test_zones_without_polygon_are_what_is_nearest_to_their_gateways() -> None:
    floor = floor_of(site(Place("west"), Place("east")))
    for x, y in ((1, 1), (9, 5), (7, 15), (15, 15)):
        assert zone_at(floor, x, y) == ("west" if x + y < 16 else "east")
    assert not (floor.zone[~floor.inside] >= 0).any()


def test_nobody_steps_through_a_wall_and_the_plans_edge_is_mostly_one() -> None:
    floor = floor_of(site(walls=(((8.0, -1.0), (8.0, 17.0)), ((0.0, 8.0), (8.0, 8.0)))))
    middle = floor.shape[1] // 2 - 1
    assert (floor.right[1:-1, middle] == 0).all()
    assert (floor.right[1:-1, 1:middle] == 1).all()
    assert (floor.down[middle, 1 : middle + 1] == 0).all()
    assert (floor.down[middle, middle + 1 : -1] == 1).all()
    assert 0 < floor.right[3, 0] < 0.2


def test_a_store_without_plan_or_placed_anchors_is_a_cell_for_each_zone_and_lone_anchor() -> None:
    anchors = (Anchor("a", "s", "west"), Anchor("b", "s", None), Anchor("c", "s", "gone"))
    for unplanned in (site(Place("west"), size_m=None), site(Place("west"), anchors=anchors)):
        floor = floor_of(unplanned)
        assert not floor.has_plan
        assert floor.zone[0] == 0
        assert floor.home[0] == 0
        assert zone_at(floor, 1, 1) is None
    assert floor.home.tolist() == [0, 1, 2]
    assert floor.inside.tolist() == [True, True, True, False]


def test_more_zones_and_anchors_than_cells_are_left_out() -> None:
    places = tuple(Place(f"z{n}") for n in range(MOST_CELLS + 50))
    floor = floor_of(site(*places, size_m=None))
    assert len(floor.zones) == len(floor.zone) == MOST_CELLS
    assert floor.home.tolist() == [-1, -1]
