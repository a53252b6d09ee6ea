"""A store's plan as a drawing: drawn zones, tiles for the others, and places for dots."""

from itertools import islice

import pytest

from beacons.registry import Gateway, Zone
from push.console.live.dots import Dots
from push.console.live.shapes import WIDTH, Area, plan, spots

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
    assert dots.place("hall", "visit-1") == first != second
    moved = dots.place("hook", "visit-1")
    assert moved[0] == first[0]
    assert dots.place("hall", "visit-3")[1:] == first[1:]
    dots.keep({"visit-2"})
    assert dots.place("hook", "visit-4")[1:] == moved[1:]
