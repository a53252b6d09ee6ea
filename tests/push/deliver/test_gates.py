"""A gate opens while all is well, narrows for who is busy or slow, closes for who is down; a lane keeps its share."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from push.deliver.gates import FIRST_WIDTH, SHARES, Answer, Gate, Gates, GateSettings, Outcome
from push.model.delivery import Lane

SETTINGS = GateSettings(widest=64, failures=3, closed_ms=1000, longest_closed_ms=30_000)


def answered(
    gate: Gate, outcome: Outcome, now_ms: int, *, took_ms: int = 20, retry_after_ms: int | None = None
) -> None:
    gate.enter()
    gate.leave(Answer(outcome, took_ms, retry_after_ms, outcome), now_ms, 0.5)


def test_it_widens_while_answers_come_and_no_further_than_it_may() -> None:
    gate = Gate(SETTINGS)
    widths = []
    for n in range(5000):
        answered(gate, "good", n)
        widths.append(gate.width)
    assert widths == sorted(widths)
    assert gate.width == SETTINGS.widest


def test_a_busy_service_halves_it_once_for_all_that_were_inside() -> None:
    gate = Gate(SETTINGS)
    for _ in range(8):
        gate.enter()
    for _ in range(8):
        gate.leave(Answer("busy", 100), 1000, 0.5)
    assert gate.width == FIRST_WIDTH / 2
    answered(gate, "busy", 2000, took_ms=100)
    assert gate.width == FIRST_WIDTH / 4


def test_what_a_service_asks_for_it_gets() -> None:
    gate = Gate(SETTINGS)
    answered(gate, "busy", 1000, retry_after_ms=7000)
    assert [gate.room(Lane.MOMENT, now_ms) for now_ms in (1001, 7999)] == [0, 0]
    assert gate.room(Lane.MOMENT, 8000) > 0


def test_and_not_for_longer_than_we_are_patient() -> None:
    gate = Gate(SETTINGS)
    answered(gate, "busy", 1000, retry_after_ms=10**12)
    assert gate.closed_until_ms == 1000 + SETTINGS.longest_closed_ms


def test_a_slow_answer_narrows_it_a_little() -> None:
    gate = Gate(SETTINGS)
    for n in range(50):
        answered(gate, "good", n * 100, took_ms=60)
    before = gate.width
    answered(gate, "good", 20_000, took_ms=2000)
    assert gate.width < before


def test_failures_in_a_row_close_it_for_longer_each_time_and_one_goes_through_to_see() -> None:
    gate, now_ms = Gate(SETTINGS), 0
    for _ in range(3):
        answered(gate, "down", now_ms)
    waits = []
    for _ in range(4):
        assert not gate.is_open(now_ms)
        waits.append(gate.closed_until_ms - now_ms)
        now_ms = gate.closed_until_ms
        assert gate.room(Lane.BULK, now_ms) == 1
        answered(gate, "down", now_ms)
    assert waits == sorted(waits)
    assert waits[-1] >= 7 * waits[0]
    now_ms = gate.closed_until_ms
    answered(gate, "good", now_ms)
    assert gate.room(Lane.MOMENT, now_ms) > 1
    assert gate.reason is None


def test_a_failure_between_answers_closes_nothing() -> None:
    gate = Gate(SETTINGS)
    for n in range(20):
        answered(gate, "down" if n % 3 else "good", n)
    assert gate.is_open(20)


def test_a_refused_credential_closes_it_at_once_and_says_why() -> None:
    gates = Gates(SETTINGS, 100)
    answered(gates.gate("fcm/shop/"), "refused", 1000)
    assert gates.room("fcm/shop/", Lane.MOMENT, 1001) == 0
    assert gates.troubles(1001) == {"fcm/shop/": "refused"}
    assert gates.room("fcm/other/", Lane.MOMENT, 1001) > 0


def test_a_mail_out_leaves_room_for_moments() -> None:
    gates = Gates(GateSettings(widest=64), 8)
    gates.inside = 6
    assert gates.room("email/shop/", Lane.BULK, 0) == 0
    assert gates.room("email/shop/", Lane.SERVICE, 0) == 1
    assert gates.room("inapp/default/", Lane.MOMENT, 0) == 2
    gate = gates.gate("fcm/shop/")
    gate.inside = int(gate.width * SHARES[Lane.BULK])
    gates.inside = 0
    assert gates.room("fcm/shop/", Lane.BULK, 0) == 0
    assert gates.room("fcm/shop/", Lane.MOMENT, 0) > 0


OUTCOMES = st.sampled_from(["good", "busy", "down", "refused", "idle"])


@given(
    st.lists(
        st.tuples(OUTCOMES, st.integers(0, 60_000), st.none() | st.integers(0, 10**9), st.floats(0, 0.999)),
        max_size=200,
    )
)
def test_whatever_comes_it_stays_within_its_bounds_and_opens_again(
    answers: list[tuple[Outcome, int, int | None, float]],
) -> None:
    gate, now_ms = Gate(SETTINGS), 0
    for outcome, took_ms, retry_after_ms, luck in answers:
        gate.enter()
        now_ms += took_ms
        gate.leave(Answer(outcome, took_ms, retry_after_ms), now_ms, luck)
        assert 1 <= gate.width <= SETTINGS.widest
        assert gate.inside == 0
        assert gate.closed_until_ms <= now_ms + SETTINGS.longest_closed_ms
    assert gate.room(Lane.BULK, now_ms + SETTINGS.longest_closed_ms) >= 1


@pytest.mark.parametrize("lane", Lane)
def test_our_own_ways_have_no_gate(lane: Lane) -> None:
    gates = Gates(SETTINGS, 16)
    assert gates.room("inapp/default/", lane, 0) == int(16 * SHARES[lane])
