from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import EXCHANGES, ServerTime, SystemClock, clock_name, exchange

delays = st.integers(0, 60_000)
offsets = st.integers(-(10**13), 10**13)


@given(offset_ms=offsets, sent_boot_ms=st.integers(0, 10**10), up_ms=delays, held_ms=delays, down_ms=delays)
def test_the_offset_is_never_further_off_than_half_the_round_trip(
    offset_ms: int, sent_boot_ms: int, up_ms: int, held_ms: int, down_ms: int
) -> None:
    received_ms = sent_boot_ms + offset_ms + up_ms
    found = exchange(sent_boot_ms, received_ms, received_ms + held_ms, sent_boot_ms + up_ms + held_ms + down_ms)
    assert found is not None
    assert found.round_trip_ms == up_ms + down_ms
    assert abs(found.offset_ms - offset_ms) <= (up_ms + down_ms + 1) // 2


def test_contradictory_timestamps_teach_nothing() -> None:
    time = ServerTime()
    assert not time.learn(1000, 5_000_000, 4_999_999, 1100)  # sent before received
    assert not time.learn(1000, 5_000_000, 5_000_000, 999)  # arrived before it was asked
    assert not time.learn(1000, 5_000_000, 5_000_500, 1100)  # held longer than it was away
    assert time.offset_ms(2000) is None
    assert time.skew_ms(2000, 5_000_000) is None


def test_the_quickest_recent_exchange_counts() -> None:
    time = ServerTime()
    time.learn(0, 1_000_400, 1_000_400, 500)  # 400 ms up, 100 ms down: 150 ms off
    time.learn(1000, 1_001_010, 1_001_010, 1020)  # 10 ms each way
    time.learn(2000, 1_002_900, 1_002_900, 3000)
    assert time.offset_ms(3000) == 1_000_000


def test_old_exchanges_give_way_as_the_clock_may_have_drifted() -> None:
    time = ServerTime()
    time.learn(0, 1_000_001, 1_000_001, 2)
    day_ms = 86_400_000
    time.learn(day_ms, day_ms + 1_000_520, day_ms + 1_000_520, day_ms + 40)  # 20 ms each way, and 500 ms of drift
    assert time.offset_ms(day_ms) == 1_000_500


def test_only_the_last_exchanges_are_remembered() -> None:
    time = ServerTime()
    time.learn(0, 1_000_000, 1_000_000, 0)
    for i in range(1, EXCHANGES + 1):
        time.learn(i, 2_000_000 + i + 5, 2_000_000 + i + 5, i + 10)
    assert time.offset_ms(100) == 2_000_000


def test_skew_is_how_far_the_wall_clock_is_ahead() -> None:
    time = ServerTime()
    time.learn(1000, 1_001_000, 1_001_000, 1000)
    assert time.skew_ms(2000, 1_002_000 + 3_600_000) == 3_600_000


def test_the_boot_clock_goes_forward_and_is_named() -> None:
    clock = SystemClock()
    assert clock.boot_ms() <= clock.boot_ms()
    assert clock.wall_ms() > 1_600_000_000_000
    assert clock_name("this process")
