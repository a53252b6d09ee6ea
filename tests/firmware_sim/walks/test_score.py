import numpy as np

from firmware_sim.walks.baselines import steady, strongest
from firmware_sim.walks.files import Receivers, Walk
from firmware_sim.walks.score import Answers, figures, marks, seconds_ms, together, truth_m

RECEIVERS = Receivers(("a", "b", "c"), np.array([[0.0, 0.0], [5.0, 0.0], [20.0, 0.0]]))


def walk(*lines: tuple[int, int, float, float]) -> Walk:
    """Time in ms, receiver, RSSI, x."""
    told = np.array(lines)
    at_m = np.stack([told[:, 3], np.zeros(len(told))], axis=1)
    return Walk("w", told[:, 0].astype(np.int64), told[:, 1].astype(np.int64), told[:, 2], at_m, 0)


def answers(zone: list[int], probability: list[float], x_m: list[float]) -> Answers:
    at_m = np.stack([np.array(x_m), np.zeros(len(x_m))], axis=1)
    return Answers(np.array(zone), np.array(probability), at_m, np.ones(len(zone)))


def test_every_figure_is_what_its_name_says() -> None:
    truth = np.array([[1.0, 0.0], [1.0, 0.0], [6.0, 0.0], [6.0, 0.0]])
    said = marks(answers([0, 1, 1, -1], [0.9, 0.9, 0.5, 0.2], [1.0, 3.0, 6.0, np.nan]), truth, RECEIVERS)
    found = figures(said)
    assert found.right == 0.5  # unknown is wrong
    assert found.within_6m == 0.75  # b is 4 m away
    assert found.switches_per_minute == 2 / 4 * 60
    assert found.median_error_m == 0.0
    assert found.p90_error_m is not None
    assert found.p90_error_m > 1.5
    assert found.ece is not None
    assert np.isclose(found.ece, (0.8 + 0.5 + 0.2) / 4)  # |1.8 - 1|, |0.5 - 1|, |0.2 - 0|
    assert found.seconds == 4


def test_walks_one_after_the_other_do_not_switch_between_them() -> None:
    truth = np.zeros((2, 2))
    one, other = (marks(answers([n, n], [1.0, 1.0], [0.0, 0.0]), truth, RECEIVERS) for n in (0, 1))
    assert figures(together([one, other])).switches_per_minute == 0


def test_whole_seconds_are_scored_between_what_is_known() -> None:
    one = walk((10_400, 0, -60, 0.0), (12_400, 0, -60, 2.0))
    assert seconds_ms(one).tolist() == [11_000, 12_000]
    assert np.allclose(truth_m(one, seconds_ms(one))[:, 0], [0.6, 1.6])
    assert seconds_ms(walk((10_400, 0, -60, 0.0), (10_900, 0, -60, 0.0))).tolist() == [11_000]


def test_baselines_name_the_strongest_and_the_steady_one_only_by_6_db() -> None:
    one = walk((1000, 0, -60, 0), (2000, 0, -60, 0), (2000, 1, -56, 0), (7000, 1, -56, 0), (9500, -1, -30, 0))
    at_ms = np.array([1000, 2000, 7000, 9500])
    assert strongest(one, at_ms, RECEIVERS).zone.tolist() == [0, 1, 1, -1]
    assert steady(one, at_ms, RECEIVERS).zone.tolist() == [0, 0, 1, 1]
    assert figures(marks(strongest(one, at_ms, RECEIVERS), np.zeros((4, 2)), RECEIVERS)).ece is None
