"""Zones: what encloses an area is taken, what crosses itself is not, and what two share is what one would measure."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacons.registry import Point, Zone
from push.registry.zones import area_m2, overlap_m2, plan_problem, problems, shape_problem, shared

SQUARE = ((0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0))
Polygon = tuple[Point, ...]


def star(seed: int, points: int, at: Point = (0.0, 0.0)) -> Polygon:
    """Around a point, each corner at an angle of its own: never crosses itself, rarely convex."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    turns = [(n + 0.8 * chance.random()) / points * math.tau for n in range(points)]
    return tuple(
        (at[0] + r * math.cos(turn), at[1] + r * math.sin(turn))
        for turn, r in ((turn, 1 + 9 * chance.random()) for turn in turns)
    )


stars = st.builds(
    star,
    st.integers(0, 2**32),
    st.integers(5, 24),
    st.tuples(st.floats(-8, 8), st.floats(-8, 8)),
)


def is_inside(polygon: Polygon, x: float, y: float) -> bool:
    """By counting edges to the right."""
    found = False
    for (ax, ay), (bx, by) in zip(polygon, (*polygon[1:], polygon[0]), strict=True):
        if (ay > y) != (by > y) and x < ax + (y - ay) / (by - ay) * (bx - ax):
            found = not found
    return found


@given(stars)
def test_what_goes_around_a_point_is_a_zone_and_so_it_is_turned_about(polygon: Polygon) -> None:
    assert shape_problem(polygon) is None
    assert shape_problem(polygon[::-1]) is None
    assert area_m2(polygon) == pytest.approx(-area_m2(polygon[::-1]))


@given(stars, st.data())
def test_two_corners_exchanged_cross_or_leave_another_area(polygon: Polygon, data: st.DataObject) -> None:
    i = data.draw(st.integers(0, len(polygon) - 1))
    j = data.draw(
        st.integers(0, len(polygon) - 1).filter(lambda n: min((n - i) % len(polygon), (i - n) % len(polygon)) > 1)
    )
    mixed = list(polygon)
    mixed[i], mixed[j] = mixed[j], mixed[i]
    assert shape_problem(mixed) is not None or abs(area_m2(mixed)) != pytest.approx(area_m2(polygon))


@given(stars, stars, st.integers(0, 2**32))
def test_what_two_share_is_what_darts_say(one: Polygon, other: Polygon, seed: int) -> None:
    chance, darts, side = random.Random(seed), 2000, 40.0  # noqa: S311 - no secret
    hits = 0
    for _ in range(darts):
        x, y = (chance.uniform(-side / 2, side / 2) for _ in range(2))
        hits += is_inside(one, x, y) and is_inside(other, x, y)
    assert overlap_m2(one, other) == pytest.approx(hits / darts * side**2, abs=6 * side**2 * 0.5 / math.sqrt(darts))


@given(stars, stars)
def test_sharing_has_no_order_and_never_exceeds_the_smaller(one: Polygon, other: Polygon) -> None:
    common = overlap_m2(one, other)
    assert common == pytest.approx(overlap_m2(other, one), abs=1e-6)
    assert -1e-9 <= common <= min(area_m2(one), area_m2(other)) + 1e-6
    assert shared(one, one) == pytest.approx(1)


@given(stars)
def test_all_of_it_is_shared_with_what_surrounds_it(polygon: Polygon) -> None:
    around = ((-30.0, -30.0), (30.0, -30.0), (30.0, 30.0), (-30.0, 30.0))
    assert overlap_m2(polygon, around) == pytest.approx(area_m2(polygon))


@pytest.mark.parametrize(
    ("polygon", "said"),
    [
        (SQUARE[:2], "3 to 64 points, these are 2"),
        (tuple((float(n), float(n * n)) for n in range(65)), "these are 65"),
        (((0, 0), (10, 10), (10, 0), (0, 10)), "cross or touch"),
        (((0, 0), (10, 0), (10, 10), (5, 0), (0, 10)), "cross or touch"),
        (((0, 0), (10, 0), (4, 0), (4, 5)), "cross or touch"),
        ((*SQUARE, SQUARE[0]), "twice in a row"),
        (((0, 0), (0.1, 0), (0.1, 0.1)), "square metres, at least 0.1"),
        (((0, 0), (5, 5), (9, 9)), "cross or touch"),
    ],
)
def test_what_encloses_nothing_is_refused_with_what_was_expected(polygon: Polygon, said: str) -> None:
    assert said in (shape_problem(polygon) or "")


def test_a_zone_lies_on_its_plan_but_for_a_hair() -> None:
    assert plan_problem(SQUARE, None) is None
    assert plan_problem(SQUARE, (10, 9.995)) is None
    assert plan_problem(SQUARE, (10, 9)) == "point 3 (10, 10) lies outside the plan of 10 by 9 m"


def zone(name: str, x: float, width: float = 10) -> Zone:
    polygon = ((x, 0.0), (x + width, 0.0), (x + width, 10.0), (x, 10.0))
    return Zone(store="s1", id=name, name=name.title(), polygon_m=polygon)


def test_neighbours_may_share_a_sliver_and_no_more() -> None:
    door = zone("door", 0)
    assert problems(zone("till", 10), [door], None) == []
    assert problems(zone("till", 9.6), [door], None) == []
    [told] = problems(zone("till", 9), [door], None)
    assert "10 % with zone door (Door)" in told
    assert "at most 5 %" in told


def test_a_zone_inside_another_is_refused_and_one_that_is_moved_is_not_its_own_neighbour() -> None:
    hall, shelf = zone("hall", 0, 50), zone("shelf", 5, 2)
    assert "100 % with zone hall" in problems(shelf, [hall], None)[0]
    assert problems(zone("hall", 1, 50), [hall], None) == []


def test_a_zone_without_a_shape_fits_everywhere() -> None:
    bare = Zone(store="s1", id="bare", name="Bare")
    assert problems(bare, [zone("hall", 0)], (1, 1)) == []
    assert problems(zone("hall", 0), [bare], None) == []
