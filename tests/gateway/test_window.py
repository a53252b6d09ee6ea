from itertools import pairwise
from statistics import median_low

from hypothesis import given
from hypothesis import strategies as st

from beacons.columns import Sighting, pack, unpack
from gateway.window import Window, WindowTimes

EID = 4
TIMES = WindowTimes()


def heard(window: Window, at_ms: int, rssi_dbm: int = -60, name: bytes = b"aaaaaaaa") -> bool:
    return window.add(EID, name, rssi_dbm, -59, at_ms)


def play(window: Window, packets: list[tuple[int, bytes, int]], until_ms: int) -> list[tuple[int, Sighting]]:
    """Feed packets (time, id, RSSI) and take whenever something is due, as the daemon does; (taken at, sighting)."""
    said: list[tuple[int, Sighting]] = []

    def run_to(now_ms: int) -> None:
        while (due_ms := window.due_ms()) is not None and due_ms <= now_ms:
            said.extend((due_ms, sighting) for sighting in window.take(due_ms))

    for at_ms, name, rssi_dbm in packets:
        run_to(at_ms)
        heard(window, at_ms, rssi_dbm, name)
    run_to(until_ms)
    return said


def test_a_new_beacon_is_reported_soon_with_those_that_came_along() -> None:
    window = Window()
    assert heard(window, 1000, -70, b"a" * 8)
    assert not heard(window, 1030, -60, b"b" * 8)
    assert not heard(window, 1050, -66, b"a" * 8)
    assert window.due_ms() == 1080
    assert window.take(1079) == []
    first, second = window.take(1080)
    assert (first.id, first.first_ms, first.last_ms, first.packets) == (b"a" * 8, 1000, 1050, 2)
    assert (first.rssi_max_dbm, first.rssi_median_dbm, first.power_1m_dbm) == (-66, -70, -59)
    assert (second.id, second.packets) == (b"b" * 8, 1)
    assert window.due_ms() is None


def test_a_beacon_at_rest_is_reported_every_five_seconds() -> None:
    packets = [(t, b"a" * 8, -60 - t // 100 % 3) for t in range(0, 30_000, 100)]
    taken = [at_ms for at_ms, _ in play(Window(), packets, 40_000)]
    assert taken[0] == 80
    gaps = [b - a for a, b in pairwise(taken)]
    assert all(5000 <= gap <= 6100 for gap in gaps)
    assert len(taken) == 7


def test_a_moving_beacon_is_reported_every_second() -> None:
    packets = [(t, b"a" * 8, -110 + t // 100) for t in range(0, 10_000, 100)]
    taken = [at_ms for at_ms, _ in play(Window(), packets, 11_000)]
    gaps = [b - a for a, b in pairwise(taken)]
    assert all(gap <= 1100 for gap in gaps)


def test_what_moved_is_reported_without_what_was_heard_before_it_moved() -> None:
    packets = [(t, b"a" * 8, -80 if t < 3500 else -50) for t in range(0, 4500, 100)]
    said = play(Window(), packets, 4600)
    assert said[-1][1].rssi_median_dbm == -50
    assert said[-1][1].first_ms >= 3000


def test_a_beacon_that_was_away_is_news_again() -> None:
    window = Window()
    play(window, [(0, b"a" * 8, -60)], 1000)
    heard(window, 14_000)
    assert window.due_ms() == 15_000  # known still
    assert window.take(15_000)
    heard(window, 29_000)
    assert window.due_ms() == 29_080


def test_an_unknown_rssi_is_no_measurement() -> None:
    window = Window()
    assert not heard(window, 0, 127)
    assert window.due_ms() is None
    assert len(window) == 0


def test_ids_beyond_the_bound_are_dropped_and_counted_until_others_are_forgotten() -> None:
    window = Window(max_tracked=2)
    play(window, [(0, b"a" * 8, -60), (0, b"b" * 8, -60), (0, b"c" * 8, -60)], 1000)
    assert (len(window), window.dropped) == (2, 1)
    heard(window, 40_000, name=b"d" * 8)
    assert window.dropped == 1
    assert [s.id for s in window.take(40_080)] == [b"d" * 8]


def test_flush_leaves_nothing_unsaid() -> None:
    window = Window()
    play(window, [(0, b"a" * 8, -60), (200, b"a" * 8, -60)], 300)
    heard(window, 350, name=b"b" * 8)
    assert {(s.id, s.packets) for s in window.flush(360)} == {(b"a" * 8, 1), (b"b" * 8, 1)}
    assert window.due_ms() is None
    assert window.flush(370) == []


packet_streams = st.lists(
    st.tuples(st.integers(0, 40_000), st.sampled_from([bytes([c]) * 8 for c in b"abc"]), st.integers(-100, -40)),
    max_size=120,
).map(sorted)


@given(packet_streams)
def test_no_packet_is_said_twice_and_every_summary_is_true(packets: list[tuple[int, bytes, int]]) -> None:
    for _, sighting in play(Window(), packets, 60_000):
        mine = [p for p in packets if p[1] == sighting.id and sighting.first_ms <= p[0] <= sighting.last_ms]
        values = [rssi_dbm for _, _, rssi_dbm in mine]
        assert sighting.packets <= len(mine)
        assert sighting.rssi_max_dbm in values
        assert sighting.rssi_median_dbm in values
        if sighting.packets == len(mine):
            assert sighting.rssi_median_dbm == median_low(values)
            assert sighting.rssi_max_dbm == max(values)
    said = [s for _, s in play(Window(), packets, 60_000)]
    assert sum(s.packets for s in said) <= len(packets)


@given(packet_streams)
def test_whoever_is_heard_is_reported_in_time(packets: list[tuple[int, bytes, int]]) -> None:
    said = play(Window(), packets, 60_000)
    slowest_ms = TIMES.steady_ms + 2 * TIMES.changing_ms
    for at_ms, name, _ in packets:
        assert any(s.id == name and at_ms <= taken_ms <= at_ms + slowest_ms for taken_ms, s in said)
    for name in {name for _, name, _ in packets}:
        first_ms = min(t for t, n, _ in packets if n == name)
        assert any(s.id == name and taken_ms <= first_ms + TIMES.company_ms for taken_ms, s in said)


@given(packet_streams)
def test_what_the_window_says_fits_the_wire(packets: list[tuple[int, bytes, int]]) -> None:
    said = [s for _, s in play(Window(), packets, 60_000)]
    base_ms = min((s.first_ms for s in said), default=0)
    assert unpack(pack(said, base_ms), base_ms) == said
