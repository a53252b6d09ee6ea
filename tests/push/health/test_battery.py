"""When a battery will be empty: right where it can be known, and not said where it cannot."""

import itertools

import numpy as np
import pytest

from firmware_sim.battery import Battery, left_mv
from push.health.battery import COIN, Day, curve_of, forecast, since_new, slopes, used
from push.health.settings import DAY_MS
from push.health.telemetry import Reading
from push.health.voltages import LATELY, Voltages

CELL = Battery(capacity_mah=225.0)
PER_DAY_S = 86_400


def drained(days: int, from_used: float, interval_s: float = 0.5, noise_mv: float = 4.0, seed: int = 1) -> list[Day]:
    """Daily medians of a simulated cell, which is an instrument of its own (`firmware_sim.battery`)."""
    rng = np.random.default_rng(seed)
    cell = Battery(capacity_mah=CELL.capacity_mah, used=from_used)
    per_day = PER_DAY_S / interval_s
    return [
        Day(d * DAY_MS, left_mv(cell, int(d * per_day), d * PER_DAY_S) + rng.normal(0, noise_mv)) for d in range(days)
    ]


def empty_day(from_used: float, interval_s: float = 0.5) -> float:
    """When the simulated cell is empty, in days."""
    cell = Battery(capacity_mah=CELL.capacity_mah, used=from_used)
    per_day = PER_DAY_S / interval_s
    return next(d for d in itertools.count() if left_mv(cell, int(d * per_day), d * PER_DAY_S) <= cell.cutoff_mv)


@pytest.mark.parametrize(("from_used", "days"), [(0.3, 60), (0.5, 60), (0.6, 40), (0.7, 21)])
@pytest.mark.parametrize("seed", range(5))
def test_a_steady_beacon_is_foreseen_within_its_interval(from_used: float, days: int, seed: int) -> None:
    truth_ms = empty_day(from_used) * DAY_MS
    found = forecast(drained(days, from_used, seed=seed), "CR2032")
    assert found.empty_ms is not None, found.why
    assert found.from_ms is not None
    assert found.to_ms is not None
    assert found.from_ms - 3 * DAY_MS <= truth_ms <= found.to_ms + 3 * DAY_MS
    left_ms = truth_ms - (days - 1) * DAY_MS
    assert abs(found.empty_ms - truth_ms) <= max(0.2 * left_ms, 5 * DAY_MS)


def test_cold_nights_do_not_bend_it() -> None:
    days = drained(40, 0.6)
    cold = [Day(d.day_ms, d.battery_mv - 150) if i % 5 == 2 else d for i, d in enumerate(days)]
    truth_ms = empty_day(0.6) * DAY_MS
    found = forecast(cold, "CR2477")
    assert found.empty_ms is not None
    assert abs(found.empty_ms - truth_ms) <= 0.25 * (truth_ms - 39 * DAY_MS)


def test_it_is_not_known_yet_with_few_days_or_without_a_fall() -> None:
    few = forecast(drained(9, 0.6), "CR2032")
    assert (few.empty_ms, few.why) == (None, "9 of 10 days are known")
    none = forecast([], "CR2032")
    assert (none.empty_ms, none.used) == (None, 0.0)
    flat = [Day(d * DAY_MS, 2900.0 + d % 3) for d in range(60)]
    assert forecast(flat, "").why == "its voltage does not fall yet"
    rising = [Day(d * DAY_MS, 2700.0 + d) for d in range(30)]
    assert forecast(rising, "").empty_ms is None


def test_a_new_cell_begins_anew() -> None:
    worn = drained(30, 0.7)
    fresh = [Day(d.day_ms + 30 * DAY_MS, d.battery_mv) for d in drained(5, 0.0)]
    assert since_new([*worn, *fresh], COIN) == fresh
    assert forecast([*worn, *fresh], "CR2032").why == "5 of 10 days are known"


def test_two_alkaline_cells_fall_otherwise_than_a_coin_cell() -> None:
    assert used(curve_of("2xAA"), 2500) == pytest.approx(0.5)
    assert used(curve_of("LR03"), 2500) == pytest.approx(0.5)
    assert used(curve_of("CR2477"), 2500) > 0.85
    assert used(COIN, 9000) == 0.0
    assert used(COIN, 0) == 1.0


def test_the_slope_is_the_median_of_all_pairs_between_its_bounds() -> None:
    at = [float(d) for d in range(20)]
    low, slope, high = slopes(at, [0.01 * t for t in at])
    assert (low, slope, high) == pytest.approx((0.01, 0.01, 0.01))
    rng = np.random.default_rng(3)
    low, slope, high = slopes(at, [0.01 * t + float(rng.normal(0, 0.01)) for t in at])
    assert low < slope < high
    assert low < 0.01 < high


def test_a_days_median_counts_and_one_bad_reading_does_not() -> None:
    book = Voltages()
    book.take([Reading("b1", n * 600_000, 2900) for n in range(LATELY - 1)])
    assert book.lately_mv("b1") is None, "too few to say"
    book.take([Reading("b1", 5 * 600_000, 1200), Reading("b1", 6 * 600_000, 2902)])
    assert book.lately_mv("b1") == 2900
    assert book.days("b1") == [Day(0, 2900)]
    book.take([Reading("b1", DAY_MS + 1, 2880)])
    assert book.days("b1") == [Day(0, 2900), Day(DAY_MS, 2880)]
    assert book.changed() == {"b1": Day(DAY_MS, 2880)}
    assert book.changed() == {}
    book.unwritten(["b1", "gone"])
    assert book.changed().keys() == {"b1"}
