from hypothesis import given
from hypothesis import strategies as st

from gateway.watchdog import LAST_PAUSE_MS, Step, Watchdog, pause_ms, remedy

SILENCE_MS = 90_000


def test_silence_escalates_step_by_step() -> None:
    dog = Watchdog(SILENCE_MS, 0)
    assert dog.step(SILENCE_MS - 1) is None
    assert [dog.step(n * SILENCE_MS) for n in range(1, 5)] == [Step.RESTART, Step.POWER_CYCLE, Step.EXIT, Step.EXIT]


def test_each_remedy_gets_its_time() -> None:
    dog = Watchdog(SILENCE_MS, 0)
    assert dog.step(300_000) is Step.RESTART
    assert dog.step(300_001) is None
    assert dog.due_in_ms(300_001) == SILENCE_MS - 1
    assert dog.step(300_000 + SILENCE_MS) is Step.POWER_CYCLE


def test_one_packet_takes_the_ladder_back_to_its_foot() -> None:
    dog = Watchdog(SILENCE_MS, 0)
    dog.step(SILENCE_MS)
    dog.step(2 * SILENCE_MS)
    dog.heard(2 * SILENCE_MS + 1)
    assert dog.step(3 * SILENCE_MS) is None
    assert dog.step(3 * SILENCE_MS + 1) is Step.RESTART


def test_a_second_failed_start_resets_the_adapter_once() -> None:
    assert [remedy(failures) for failures in range(6)] == [None, None, Step.POWER_CYCLE, None, None, None]


def test_pauses_grow_and_stay_bounded() -> None:
    pauses = [pause_ms(attempts) for attempts in range(2000)]
    assert pauses == sorted(pauses)
    assert 0 < pauses[0] < pauses[-1] == LAST_PAUSE_MS


@given(st.lists(st.integers(0, 60_000), max_size=50))
def test_nothing_is_done_while_packets_keep_coming(gaps_ms: list[int]) -> None:
    dog = Watchdog(SILENCE_MS, 0)
    now_ms = 0
    for gap_ms in gaps_ms:
        now_ms += gap_ms
        assert dog.step(now_ms) is None
        dog.heard(now_ms)
