"""What happened on a floor, as it is drawn and told: pure."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacons.registry import Zone
from push.console.live.shapes import plan
from push.console.past import arrows, curve, heat, lapse, period, told
from push.console.past.arrows import Node, Way
from push.console.past.heat import Cells
from push.console.past.lapse import Day
from push.console.words import NOTHING
from push.registry.layout import Plan

BERLIN = ZoneInfo("Europe/Berlin")
NOW_MS = int(datetime(2026, 11, 22, 12, 30, tzinfo=BERLIN).timestamp() * 1000)
HOUR_MS = 3_600_000
HALL = Zone(store="s", id="hall", name="Hall", polygon_m=((0, 0), (20, 0), (20, 10), (0, 10)))
PLAN = plan([HALL], [], Plan(width_m=20, height_m=10))
MAYBE = st.none() | st.integers(0, 60)


def local(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, BERLIN).strftime("%d.%m. %H:%M")


@pytest.mark.parametrize(
    ("asked", "begins", "ends"),
    [
        ({}, "22.11. 00:00", "23.11. 00:00"),
        ({"day": "2026-11-20", "from": "10", "to": "14"}, "20.11. 10:00", "20.11. 14:00"),
        ({"from": "14", "to": "10"}, "22.11. 10:00", "22.11. 14:00"),
        ({"from": "9", "to": "9"}, "22.11. 09:00", "22.11. 10:00"),
        ({"from": "24", "to": "24"}, "22.11. 23:00", "23.11. 00:00"),
        ({"days": "7", "from": "10"}, "16.11. 00:00", "23.11. 00:00"),
        ({"day": "2027-01-01"}, "22.11. 00:00", "23.11. 00:00"),
        ({"day": "soon", "days": "¹", "from": "-1", "to": "٣"}, "22.11. 00:00", "23.11. 00:00"),
    ],
)
def test_an_address_asks_for_hours_of_the_stores_own_clock(asked: dict[str, str], begins: str, ends: str) -> None:
    span = period.read(asked, NOW_MS, BERLIN)
    assert (local(span.from_ms), local(span.to_ms)) == (begins, ends)
    assert period.read(span.query, NOW_MS, BERLIN) == span, "the address that it makes says the same"


def test_a_day_on_which_the_clocks_are_changed_is_longer() -> None:
    span = period.read({"day": "2026-10-25"}, NOW_MS, BERLIN)
    assert span.to_ms - span.from_ms == 25 * HOUR_MS


def test_one_goes_on_by_as_much_as_is_shown_and_not_beyond_today() -> None:
    week = period.read({"day": "2026-11-15", "days": "7"}, NOW_MS, BERLIN)
    steps = period.steps(week, "/heat", {"days": "7"})
    assert steps == ("/heat?days=7&day=2026-11-08", "/heat?days=7&day=2026-11-22")
    assert period.steps(period.read({}, NOW_MS, UTC), "/heat", {}).after == ""
    assert week.day == date(2026, 11, 15)


def test_squares_lie_on_the_floor_and_are_the_darker_the_more() -> None:
    values = [None, 0, 1, 4, 9, 16, 25, 36]
    drawn = heat.squares(values, Cells(2, 4, (5.0, 5.0)), PLAN, heat.top(values))
    assert [one.level for one in drawn] == [None, 0, 2, 3, 5, 6, 8, 9]
    assert PLAN.size is not None
    left, top = PLAN.origin
    assert (drawn[0].x, drawn[0].y) == (left, top)
    assert drawn[-1].x + drawn[-1].width == pytest.approx(left + PLAN.size[0], abs=0.2)
    assert drawn[-1].y + drawn[-1].height == pytest.approx(top + PLAN.size[1], abs=0.2)


def test_ways_there_and_back_lie_side_by_side_and_the_strongest_on_top() -> None:
    nodes = {"a": Node((100.0, 100.0), 8.0), "b": Node((500.0, 100.0), 8.0), "c": Node((100.0, 100.0), 8.0)}
    ways = [Way("a", "b", 40), Way("b", "a", 10), Way("a", "a", 99), Way("a", "gone", 99), Way("c", "a", 1)]
    drawn = arrows.arrows(ways, nodes)
    assert [one.way.visits for one in drawn] == [1, 10, 40]
    there, back = drawn[2], drawn[1]
    assert there.at[1] > 100 > back.at[1]
    assert there.width == 4 * back.width


def test_figures_on_arrows_do_not_cover_each_other_or_names() -> None:
    """Six ways through the middle of a square: their middles lie on one spot."""
    corners = {"n": (500.0, 0.0), "e": (900.0, 300.0), "s": (500.0, 600.0), "w": (100.0, 300.0)}
    nodes = {zone: Node(at, 8.0) for zone, at in corners.items()}
    ways = [Way(a, b, 40 + n) for n, (a, b) in enumerate(map(tuple, ("ns", "sn", "we", "ew", "ne", "sw")))]
    name = (515.0, 295.0)
    at = [one.at for one in arrows.arrows(ways, nodes, [name]) if one.is_labelled]
    assert len(at) == 6
    spots = [*at, name]
    apart = [(abs(a[0] - b[0]), abs(a[1] - b[1])) for n, a in enumerate(spots) for b in spots[:n]]
    assert all(x >= 43 or y >= 19 for x, y in apart)


@given(st.lists(MAYBE, max_size=30))
def test_bars_and_curve_stay_in_their_frame_and_draw_nothing_of_what_is_not_told(values: list[int | None]) -> None:
    drawn = curve.bars(values, [True] * len(values))
    assert all(one.y >= 0 and one.height <= curve.HEIGHT for one in drawn)
    assert all(one.height == 0 for one in drawn if not one.value)
    runs = sum(value is not None and (n == 0 or values[n - 1] is None) for n, value in enumerate(values))
    assert curve.area(values).count("M") == runs


def test_a_time_lapse_begins_and_ends_with_somebody_and_is_told_hour_by_hour() -> None:
    quarters = [n * HOUR_MS // 4 for n in range(8)]
    cells = [(0.0, 60.0 * n, None, 0.0) for n in range(8)]
    whole = Day(quarters, [None, 0, 6, 9, 12, 7, None, 0], {"hall": [None, 0, 5, 0, 9, 7, None, 0]}, cells)
    day = lapse.lively(whole)
    assert (day.starts_ms[0], len(day.starts_ms)) == (2 * HOUR_MS // 4, 4)
    assert lapse.fullest(day) == 2
    assert lapse.shades(day, "hall") == "5055"
    scale = lapse.scale(day.cells)
    assert [lapse.levels(frame, scale) for frame in day.cells] == ["6-", "7-", "9-", "9-"]
    told_hours = lapse.hours(day, lambda at_ms: at_ms // HOUR_MS)
    assert [(hour.people, hour.zone, hour.in_zone) for hour in told_hours] == [(9, None, None), (12, "hall", 9)]
    assert lapse.lively(Day(quarters, [None] * 8, {}, [])).people == ()


@given(MAYBE)
def test_whoever_may_not_know_all_is_told_of_no_fewer_than_five(n: int | None) -> None:
    text = told.count(None if n is None or n < 5 else n - n % 5, exact=False)
    assert text == "fewer than 5" or int(text.removesuffix("+")) >= 5


def test_times_are_said_as_exactly_as_they_matter() -> None:
    said = [told.lasting(s) for s in (None, 41.6, 250, 240, 1450, 3600, 4500)]
    assert said == [NOTHING, "42 s", "4 min 10 s", "4 min", "24 min", "1 h", "1 h 15 min"]
    assert [told.together(s) for s in (150, 6120)] == ["2 min 30 s", "1.7 h"]
