from itertools import pairwise

import numpy as np
import pytest

from firmware_sim.floor import distance_m, hamburg, zone_at
from firmware_sim.walkers import Habits, Walker, arrivals, crowd, pose

START_MS = 1_760_000_000_000
FLOOR = hamburg()


def people(count: int = 40, seed: int = 1, habits: Habits | None = None, over_ms: int = 600_000) -> list[Walker]:
    return crowd(FLOOR, arrivals(count, START_MS, over_ms, np.random.default_rng(seed)), seed, habits)


def test_the_same_seed_makes_the_same_visits() -> None:
    assert people() == people()
    assert people() != people(seed=2)


def test_arrivals_are_sorted_and_within_their_span() -> None:
    times = arrivals(200, START_MS, 60_000, np.random.default_rng(1))
    assert times == sorted(times)
    assert START_MS <= times[0] <= times[-1] < START_MS + 60_000


def test_everybody_comes_and_goes_through_the_door() -> None:
    for walker in people():
        assert walker.track[0][1:] == walker.track[-1][1:] == FLOOR.door_m
        assert walker.entered_ms == walker.from_ms


def test_nobody_runs_or_jumps() -> None:
    for walker in people():
        for a, b in pairwise(walker.track):
            assert b.at_ms > a.at_ms
            assert distance_m(a[1:], b[1:]) / ((b.at_ms - a.at_ms) / 1000) < 2.0


def test_walking_speed_is_that_of_people() -> None:
    speeds = [
        distance_m(a[1:], b[1:]) / ((b.at_ms - a.at_ms) / 1000)
        for walker in people()
        for a, b in pairwise(walker.track)
        if distance_m(a[1:], b[1:]) > 2
    ]
    assert np.median(speeds) == pytest.approx(1.2, abs=0.1)


def test_shoppers_dwell_where_they_browse() -> None:
    for walker in people():
        stood = {zone_at(FLOOR, a[1:]) for a, b in pairwise(walker.track) if a[1:] == b[1:]}
        assert stood - {"tills"}, "at least one department"
        assert "entrance" not in stood


def test_some_buy_and_they_stand_at_a_till_before_they_go() -> None:
    everyone = people(100)
    buyers = [walker for walker in everyone if walker.bought_ms is not None]
    assert 25 < len(buyers) < 55
    for walker in buyers:
        assert walker.bought_ms is not None
        at = pose(walker, walker.bought_ms)
        assert at is not None
        assert (at.x_m, at.y_m) in FLOOR.tills_m


def test_a_till_serves_one_at_a_time() -> None:
    rush = people(60, habits=Habits(buys=1.0, zones=(1, 1), stops=(1, 1), dwell_s=5), over_ms=60_000)
    served: dict[tuple[float, float], list[tuple[int, int]]] = {}
    for walker in rush:
        for a, b in pairwise(walker.track):
            if a[1:] == b[1:] and a[1:] in FLOOR.tills_m and b.at_ms == walker.bought_ms:
                served.setdefault(a[1:], []).append((a.at_ms, b.at_ms))
    assert sum(map(len, served.values())) == 60
    assert set(served) == set(FLOOR.tills_m)
    for spans in served.values():
        for (_, end), (start, _) in pairwise(sorted(spans)):
            assert start >= end


def test_people_queue_when_the_tills_are_busy() -> None:
    rush = people(30, habits=Habits(buys=1.0, zones=(1, 1), stops=(1, 1), dwell_s=5), over_ms=10_000)
    waits = [
        b.at_ms - a.at_ms for w in rush for a, b in pairwise(w.track) if a[1:] == b[1:] and a.x_m == 11 and a.y_m < 9
    ]
    assert len(waits) > 50, "moving up place by place"


def test_a_pose_lies_between_its_steps_and_faces_the_way() -> None:
    walker = people(1)[0]
    a, b = next((a, b) for a, b in pairwise(walker.track) if a[1:] != b[1:])
    middle = pose(walker, (a.at_ms + b.at_ms) / 2)
    assert middle is not None
    assert (middle.x_m, middle.y_m) == pytest.approx(((a.x_m + b.x_m) / 2, (a.y_m + b.y_m) / 2))
    assert np.cos(middle.heading_rad) == pytest.approx((b.x_m - a.x_m) / distance_m(a[1:], b[1:]))


def test_nobody_is_anywhere_before_or_after_the_visit() -> None:
    walker = people(1)[0]
    assert pose(walker, walker.from_ms - 1) is None
    assert pose(walker, walker.from_ms) is not None
    assert pose(walker, walker.until_ms) is not None
    assert pose(walker, walker.until_ms + 1) is None


def test_an_approach_begins_on_the_street() -> None:
    for walker in people(10, habits=Habits(approach_m=15)):
        assert zone_at(FLOOR, walker.track[0][1:]) is None
        assert walker.entered_ms - walker.from_ms > 5000
        at = pose(walker, walker.entered_ms)
        assert at is not None
        assert (at.x_m, at.y_m) == pytest.approx(FLOOR.door_m)
