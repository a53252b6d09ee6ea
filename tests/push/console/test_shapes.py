"""A store's plan as a drawing: drawn zones, tiles for the others, and places for dots."""

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacons.registry import Gateway, Zone
from push.console.live.dots import MOST_HALO, SURE_M, At, Dots
from push.console.live.shapes import WIDTH, Area, plan, spots
from push.registry.layout import Plan

SQUARE = Zone(store="s", id="hall", name="Hall", polygon_m=((0, 0), (20, 0), (20, 10), (0, 10)))
HOOK = Zone(store="s", id="hook", name="Hook", polygon_m=((0, 12), (20, 12), (20, 14), (4, 14), (4, 30), (0, 30)))


def inside(area: Area, point: tuple[float, float]) -> bool:
    """By crossings, on its own."""
    x, y = point
    edges = zip(area.outline, (*area.outline[1:], area.outline[0]), strict=True)
    return (
        sum((y1 <= y) != (y2 <= y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1) for (x1, y1), (x2, y2) in edges) % 2
        == 1
    )


def test_every_drawing_is_equally_wide_and_holds_its_zones() -> None:
    drawing = plan([SQUARE, HOOK], [])
    for area in drawing.areas:
        assert all(0 <= x <= WIDTH and 0 <= y <= drawing.height for x, y in area.outline)
    assert drawing.is_drawn


@pytest.mark.parametrize("zone", [SQUARE, HOOK], ids=lambda zone: str(zone.id))
def test_dots_stand_in_their_zone_each_in_a_place_of_its_own(zone: Zone) -> None:
    area = next(area for area in plan([SQUARE, HOOK], []).areas if area.id == zone.id)
    taken = list(islice(spots(area), 40))
    assert all(inside(area, spot) for spot in taken)
    assert len(set(taken)) == 40


def test_the_name_of_a_zone_stands_in_it() -> None:
    for area in plan([SQUARE, HOOK], []).areas:
        assert inside(area, area.label)


def test_zones_that_nobody_has_drawn_are_tiles_beside_each_other() -> None:
    zones = [Zone(store="s", id=f"z{n}", name=f"Zone {n}") for n in range(5)]
    drawing = plan(zones, [Gateway(id="g", store="s", zone="z3")])
    corners = {area.outline[0] for area in drawing.areas}
    assert len(corners) == 5
    assert not drawing.is_drawn
    assert "g" in drawing.gateways


def test_a_store_without_anything_is_an_empty_drawing() -> None:
    assert plan([], []).areas == ()


def test_a_dot_keeps_its_place_and_its_number_and_gives_them_back() -> None:
    dots = Dots()
    dots.use(plan([SQUARE, HOOK], []))
    first, second = dots.place("hall", "visit-1"), dots.place("hall", "visit-2")
    assert first is not None
    assert dots.place("hall", "visit-1") == first != second
    moved = dots.place("hook", "visit-1")
    assert moved is not None
    assert moved.id == first.id
    assert dots.place("hall", "visit-3") == first._replace(id=3)
    dots.keep({"visit-2"})
    assert dots.place("hook", "visit-4") == moved._replace(id=4)
    assert dots.place(None, "visit-2") is None, "nothing tells where she is"


@given(st.floats(-5, 30), st.floats(-5, 40), st.floats(0.1, 20), st.integers(1, 40))
def test_a_dot_stands_in_its_zone_no_farther_off_than_is_known(x: float, y: float, spread: float, nth: int) -> None:
    drawing = plan([SQUARE, HOOK], [], Plan(width_m=25, height_m=32))
    dots = Dots()
    dots.use(drawing)
    for n in range(nth):
        there = dots.place("hook", f"visit-{n}", At(x, y, spread))
        between = dots.place(None, f"other-{n}", At(x, y, spread))
    assert there is not None
    assert inside(drawing.areas[1], (there.x, there.y))
    assert there.halo == pytest.approx(min(MOST_HALO, spread * drawing.unit), abs=0.1)
    assert (between is None) == (spread > SURE_M), "somewhere in the store is said, not drawn"
    if between is None:
        return
    (left, top), (wide, high) = drawing.origin, drawing.size or (0, 0)
    assert left <= between.x <= left + wide
    assert top <= between.y <= top + high
    meant = min(max(drawing.point(x, y)[0], left), left + wide)
    assert abs(between.x - meant) <= spread * drawing.unit + 1


def test_a_floor_is_drawn_as_large_as_its_plan_says_with_its_walls() -> None:
    drawing = plan([SQUARE], [], Plan(width_m=40, height_m=20, walls=(((0, 10), (20, 10)),)))
    assert drawing.size == pytest.approx((40 * drawing.unit, 20 * drawing.unit), abs=0.1)
    assert drawing.walls == "M{:g},{:g}L{:g},{:g}".format(*drawing.point(0, 10), *drawing.point(20, 10))
