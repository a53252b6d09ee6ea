from collections import Counter
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.faults import duplicate, lose, lose_in_bursts, reorder, skewed, stamped
from firmware_sim.radio import Heard


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_same_seed_breaks_the_same() -> None:
    def broken(seed: int) -> list[int]:
        draws = rng(seed)
        return list(reorder(duplicate(lose(range(1000), 0.2, draws), 0.2, draws), 5, draws))

    assert broken(1) == broken(1)
    assert broken(1) != broken(2)


def test_loss_takes_its_share() -> None:
    kept = list(lose(range(20_000), 0.3, rng()))
    assert len(kept) == pytest.approx(14_000, rel=0.02)
    assert kept == sorted(kept)


def test_bursts_take_their_share_in_long_pieces() -> None:
    kept = set(lose_in_bursts(range(100_000), 0.2, 8, rng()))
    runs = [len(list(run)) for lost, run in groupby(n not in kept for n in range(100_000)) if lost]
    assert sum(runs) / 100_000 == pytest.approx(0.2, abs=0.02)
    assert np.mean(runs) == pytest.approx(8, rel=0.1)


@pytest.mark.parametrize(("share", "length"), [(1.0, 2), (-0.1, 2), (0.1, 0.5)])
def test_impossible_bursts_are_refused(share: float, length: float) -> None:
    with pytest.raises(ValueError, match="expected 0 <= share < 1"):
        list(lose_in_bursts([], share, length, rng()))


def test_duplicates_come_next_to_their_originals() -> None:
    doubled = list(duplicate(range(10_000), 0.1, rng()))
    assert doubled == sorted(doubled)
    assert sum(count == 2 for count in Counter(doubled).values()) == pytest.approx(1000, rel=0.15)


@given(st.integers(0, 20), st.integers(0, 200), st.integers(0, 2**32))
def test_reordering_loses_nothing_and_reaches_no_further_than_told(reach: int, count: int, seed: int) -> None:
    shuffled = list(reorder(range(count), reach, rng(seed)))
    assert sorted(shuffled) == list(range(count))
    for place, item in enumerate(shuffled):
        assert all(item - earlier <= reach for earlier in shuffled[place + 1 :] if earlier < item)


def test_reordering_does_reorder() -> None:
    assert list(reorder(range(100), 3, rng())) != list(range(100))
    assert list(reorder(range(100), 0, rng())) == list(range(100))


def test_a_wrong_clock_is_wrong_from_the_start_and_grows_worse() -> None:
    true_ms = 1000.0
    wrong = skewed(lambda: true_ms, offset_ms=-50, drift_ppm=100)
    assert wrong() == 950
    true_ms += 3_600_000
    assert wrong() == pytest.approx(true_ms - 50 + 360)


def test_packets_carry_the_time_of_the_wrong_clock() -> None:
    packets = [Heard("g", "a", -60, b"", at_ms) for at_ms in (1000, 2000, 1_001_000)]
    assert [h.at_ms for h in stamped(packets, 500, 1000)] == [1500, 2501, 1_002_500]
