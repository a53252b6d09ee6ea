"""A clock is followed from what was heard, a recorded id moves nothing, and what was outrun is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beacons import eid
from beacons.ids import IdKind, padded
from beacons.registry import Beacon
from push.registry.drift import SLACK_MS, Clocks, enter
from push.registry.resolver import Found, Resolver
from push.registry.rows import ID
from push.registry.tags import UNKNOWN, tags_of

T0_MS = 1_700_000_000_000
KEY = bytes(range(16))
EXPONENT = 8
PERIOD_MS = 1000 << EXPONENT
TOLERANCE_MS = 60_000
BOUND_MS = 200_000


class Ear:
    """One beacon, heard by somebody who learns."""

    def __init__(self, *, staff: bool = False) -> None:
        beacon = Beacon(
            id="b", role="tag", format="eid", exponent=EXPONENT, counter_at_ms=T0_MS, shopper="ann", staff=staff
        )
        self.resolver = Resolver(tags_of([beacon], {"b": KEY}), tolerance_ms=TOLERANCE_MS)
        self.clocks = Clocks(self.resolver, bound_ms=BOUND_MS)

    def look_up(self, raw: bytes, at_ms: int) -> Found:
        self.resolver.advance(at_ms)
        ids = np.frombuffer(padded(raw), dtype=ID)
        return self.resolver.look_up(np.array([IdKind.EID], dtype=np.uint8), ids, np.array([at_ms], dtype=np.int64))

    def hears(self, raw: bytes, at_ms: int) -> str:
        found = self.look_up(raw, at_ms)
        is_replay = self.clocks.take(found, np.array([at_ms], dtype=np.int64))
        if is_replay[0]:
            return "replay"
        return "nobody" if found.position[0] == UNKNOWN else "b"


def says(at_ms: int, off_ms: int = 0, ppm: float = 0.0) -> bytes:
    """What the beacon says, whose clock is off by so much, and more every second."""
    elapsed_ms = at_ms - T0_MS
    return eid.compute(KEY, EXPONENT, int((elapsed_ms + off_ms + elapsed_ms * ppm / 1e6) // 1000))


@settings(max_examples=30, deadline=None)
@given(off_s=st.integers(-55, 55), every_s=st.integers(1, 20))
def test_a_clock_that_is_off_is_known_to_within_what_was_heard(off_s: int, every_s: int) -> None:
    ear = Ear()
    now_ms = T0_MS + 10 * PERIOD_MS
    for at_ms in range(now_ms, now_ms + 4 * PERIOD_MS, every_s * 1000):
        assert ear.hears(says(at_ms, off_s * 1000), at_ms) == "b"
    assert abs(ear.clocks.ahead_ms(0) - off_s * 1000) <= every_s * 1000


@pytest.mark.parametrize("ppm", [-80.0, 80.0])
def test_a_clock_that_drifts_for_weeks_is_followed_beyond_the_tolerance_up_to_the_bound(ppm: float) -> None:
    ear = Ear()
    answers = []
    for step in range(1_500):
        for ago_ms in (9_000, 3_000):
            at_ms = T0_MS + 10 * PERIOD_MS + step * 2_048_000 - ago_ms
            answers.append((abs(ppm) * (at_ms - T0_MS) / 1e6, ear.hears(says(at_ms, ppm=ppm), at_ms)))
    assert {answer for off_ms, answer in answers if off_ms < BOUND_MS} == {"b"}
    assert max(off_ms for off_ms, answer in answers if answer == "b") > 3 * TOLERANCE_MS
    assert abs(ear.clocks.ahead_ms(0)) <= BOUND_MS


def test_a_recorded_id_that_is_said_again_never_moves_the_clock_and_ends_with_its_tolerance() -> None:
    ear = Ear()
    end_ms = T0_MS + 11 * PERIOD_MS
    recorded = says(end_ms - 1000)
    assert ear.hears(recorded, end_ms - 1000) == "b"
    answers = [ear.hears(recorded, end_ms + s * 1000) for s in range(0, 600, 5)]
    assert answers[: TOLERANCE_MS // 5000] == ["b"] * (TOLERANCE_MS // 5000)
    assert set(answers[TOLERANCE_MS // 5000 + 1 :]) == {"nobody"}
    assert ear.clocks.ahead_ms(0) == 0


def test_an_id_of_an_earlier_window_is_refused_once_a_later_one_was_heard() -> None:
    ear = Ear()
    turn_ms = T0_MS + 11 * PERIOD_MS
    before = says(turn_ms - 1)
    assert ear.hears(before, turn_ms - 1000) == "b"
    assert ear.hears(says(turn_ms + 1), turn_ms + 1000) == "b"
    assert ear.hears(before, turn_ms + 500) == "b", "another gateway's word of the same moment"
    assert ear.hears(before, turn_ms + 2000 + SLACK_MS) == "replay"
    assert ear.hears(says(turn_ms + 10_000), turn_ms + 10_000) == "b"


def test_what_is_learned_stays_within_the_bound() -> None:
    ear = Ear()
    for window in range(10, 40):
        at_ms = T0_MS + window * PERIOD_MS - (window - 9) * 50_000
        ear.hears(says(T0_MS + window * PERIOD_MS), at_ms)
    assert ear.clocks.ahead_ms(0) == BOUND_MS


def test_a_clock_is_written_down_when_it_moved_and_taken_over_by_the_next_server() -> None:
    ear = Ear()
    turn_ms = T0_MS + 10 * PERIOD_MS
    ear.hears(says(turn_ms), turn_ms - 40_000)
    (clock,) = ear.clocks.unwritten(10)
    assert clock == ("b", T0_MS, 0, 40_000)
    assert ear.clocks.unwritten(10) == []
    ear.clocks.write_again([clock])
    assert ear.clocks.unwritten(10) == [clock]
    later = Ear()
    enter(later.resolver, [clock, clock._replace(beacon="gone")], bound_ms=BOUND_MS)
    assert later.hears(says(turn_ms), turn_ms - 90_000) == "b"
    anew = Ear()
    enter(anew.resolver, [clock._replace(zero_ms=T0_MS - 1)], bound_ms=BOUND_MS)
    assert anew.hears(says(turn_ms), turn_ms - 90_000) == "nobody", "it was registered anew"


def test_nothing_of_staff_is_written_down() -> None:
    ear = Ear(staff=True)
    turn_ms = T0_MS + 10 * PERIOD_MS
    assert ear.hears(says(turn_ms), turn_ms - 40_000) == "b"
    assert ear.clocks.unwritten(10) == []
    assert ear.clocks.ahead_ms(0) == 40_000


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-50_000, 50_000)), min_size=1, max_size=12), st.data())
def test_taking_in_at_once_is_taking_in_one_after_the_other_as_far_as_windows_go(
    heard: list[tuple[int, int]], data: st.DataObject
) -> None:
    """However sightings are spread over ticks, the newest window is known, and nothing leaves the bound."""
    ear = Ear()
    times = sorted((T0_MS + (20 + window) * PERIOD_MS + PERIOD_MS // 2 + off) for window, off in heard)
    cuts = data.draw(st.lists(st.integers(0, len(times)), max_size=3).map(sorted))
    for first, stop in zip([0, *cuts], [*cuts, len(times)], strict=True):
        part = times[first:stop]
        if part:
            ear.resolver.advance(part[-1])
        found = [ear.look_up(says(t), t) for t in part]
        joined = Found(
            np.array([f.position[0] for f in found], dtype=np.int64),
            np.array([f.window[0] for f in found], dtype=np.int64),
        )
        ear.clocks.take(joined, np.array(part, dtype=np.int64))
    assert ear.clocks.ahead_ms(0) == 0
    assert ear.clocks.heard_ms(np.array([0]))[0] == times[-1] // 1000 * 1000
    assert ear.hears(says(times[0]), times[-1] + SLACK_MS + 1000) in {"nobody", "replay", "b"}
