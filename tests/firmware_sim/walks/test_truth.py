import numpy as np

from firmware_sim.market import market
from firmware_sim.walkers import Step, Walker
from firmware_sim.walks.truth import depths_m, entries_ms, exits_ms, truth_of, was_near

SQUARE = ((0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0))


def test_depth_is_the_distance_to_the_edge_and_negative_outside() -> None:
    points = np.array([[2.0, 2.0], [1.0, 2.0], [6.0, 2.0], [7.0, 8.0], [-1.0, 2.0]])
    assert np.allclose(depths_m(points, SQUARE), [2, 1, -2, -5, -1])


def test_a_zone_is_entered_by_staying_and_left_by_staying_away() -> None:
    """From the door to the tills, where she stays; into the café for two seconds only; out by the door."""
    floor = market()
    zones = {zone.id: n for n, zone in enumerate(floor.zones)}
    track = (
        Step(0, 12, -6), Step(5000, 12, 0), Step(11_000, 12, 9), Step(41_000, 12, 9), Step(44_000, 12, 13.5),
        Step(46_000, 12, 13.5), Step(49_000, 12, 9), Step(60_000, 12, 0), Step(66_000, 12, -6),
    )  # fmt: skip
    truth = truth_of(Walker(id="w", track=track, entered_ms=5000), floor)
    assert truth.left_ms == 60_000
    (tills_ms,) = entries_ms(truth, zones["tills"])  # the second time she only walks through
    assert 9_600 <= tills_ms <= 9_800  # 7 m in
    assert entries_ms(truth, zones["cafe"]) == []
    (left_ms,) = exits_ms(truth, zones["entrance"])
    assert 9_600 <= left_ms <= 9_800
    assert exits_ms(truth, zones["cafe"]) == []  # her visit ends too soon to tell
    assert was_near(truth, zones["cafe"], 40_000, 42_600, 1.5)
    assert not was_near(truth, zones["cafe"], 35_000, 40_000, 1.5)
