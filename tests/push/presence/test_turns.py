"""When in the second stores' people are looked at: after their gateways have spoken, and all of them in time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from push.model.sites import Anchor, Place, Rules, Site
from push.presence import seats
from push.presence.grounds import Grounds
from push.presence.people import People
from push.presence.presence import Presence
from push.presence.turns import LEARN_MS, SECOND_MS, SLOT_MS, SLOTS, Turns
from tests.support.seeing import Sight, look

T0_MS = 1_700_000_000_000
TICK_MS = 50


def come(turns: Turns, store: int, phases_ms: list[int], from_ms: int, seconds: int) -> int:
    """Let something of a store come at these times of each second, and turns be learned; when it ended."""
    for at_ms in range(from_ms, from_ms + seconds * SECOND_MS, TICK_MS):
        here = [store] * sum(at_ms % SECOND_MS <= phase < at_ms % SECOND_MS + TICK_MS for phase in phases_ms)
        turns.note(np.array(here, dtype=np.int32), at_ms)
        turns.learn(at_ms)
    return from_ms + seconds * SECOND_MS


@given(st.integers(0, 200), st.integers(0, SECOND_MS - 1), st.integers(0, 150))
def test_a_stores_turn_comes_right_after_its_gateways_have_spoken(store: int, first_ms: int, over_ms: int) -> None:
    turns = Turns()
    spoken = [(first_ms + share * over_ms // 3) % SECOND_MS for share in range(4)]
    come(turns, store, spoken, T0_MS, 2 * LEARN_MS // SECOND_MS + 1)
    looked_ms = (int(turns.at[store]) + 1) * SLOT_MS
    waits = [(looked_ms - at_ms - 1) % SECOND_MS for at_ms in spoken]
    # A slot to its end; those who speak over more than one, one more; and what a change is worth.
    assert sum(waits) / len(waits) <= 3 * SLOT_MS


def test_a_turn_follows_gateways_that_speak_at_another_time() -> None:
    turns = Turns()
    now_ms = come(turns, 3, [120, 160, 180], T0_MS, 30)
    assert turns.at[3] == 1
    come(turns, 3, [720, 760, 780], now_ms, 40)
    assert turns.at[3] == 7


def test_stores_whose_gateways_speak_at_any_time_keep_turns_that_spread_the_work() -> None:
    turns, rng = Turns(), np.random.default_rng(4)
    before = turns.at.copy()
    for at_ms in range(T0_MS, T0_MS + 60_000, TICK_MS):
        turns.note(np.repeat(np.arange(64, dtype=np.int32), rng.poisson(4, 64)), at_ms)
        assert not turns.learn(at_ms)
    assert (turns.at == before).all()
    assert np.bincount(before[: 6 * SLOTS], minlength=SLOTS).tolist() == [6] * SLOTS


def test_a_clock_that_was_set_back_does_not_keep_turns_from_being_learned() -> None:
    turns = Turns()
    now_ms = come(turns, 0, [320], T0_MS, 30) - 3_600_000
    come(turns, 0, [820], now_ms, 40)
    assert turns.at[0] == 8


def store(name: str) -> Site:
    """A store without a plan, of two zones with a gateway each."""
    anchors = (Anchor(f"{name}-l", name, "left"), Anchor(f"{name}-r", name, "right"))
    return Site(store=name, places=(Place("left"), Place("right")), anchors=anchors)


@given(st.lists(st.integers(1, 400), min_size=5, max_size=60))
def test_everybody_is_looked_at_once_a_second_however_steps_fall(gaps_ms: list[int]) -> None:
    there = Presence()
    names = [f"s{n}" for n in range(12)]
    there.use({name: store(name) for name in names})
    look(there, [Sight(f"p-{name}", f"{name}-l", T0_MS, T0_MS, -60) for name in names], T0_MS)
    now_ms = T0_MS
    for gap_ms in gaps_ms:
        now_ms += gap_ms
        look(there, [], now_ms)
        seated = there.people.passed_ms[there.people.state > 0]
        assert len(seated) == len(names)
        assert now_ms - seated.min() < SECOND_MS + gap_ms + SLOT_MS


def test_after_a_standstill_all_are_looked_at_and_then_each_store_in_its_turn() -> None:
    there = Presence()
    names = [f"s{n}" for n in range(SLOTS)]
    there.use({name: store(name) for name in names})
    look(there, [Sight(f"p-{name}", f"{name}-l", T0_MS, T0_MS, -60) for name in names], T0_MS)
    later_ms = T0_MS + 5_000
    look(there, [], later_ms)
    rows = np.flatnonzero(there.people.state)
    assert (there.people.passed_ms[rows] == later_ms).all()
    for at_ms in range(later_ms + SLOT_MS, later_ms + SECOND_MS + 1, SLOT_MS):
        look(there, [], at_ms)
    assert sorted(there.people.passed_ms[rows].tolist()) == [later_ms + n * SLOT_MS for n in range(1, SLOTS + 1)]


def test_whose_turn_moves_is_looked_at_at_once_and_nobody_waits_longer_for_it() -> None:
    there = Presence()
    there.use({"s1": store("s1")})
    last_ms, longest_ms = T0_MS, 0
    for at_ms in range(T0_MS, T0_MS + 40_000, TICK_MS):
        phase_ms = 750 if at_ms < T0_MS + 20_000 else 50
        said = [Sight("p", "s1-l", at_ms, at_ms, -60)] if at_ms % SECOND_MS == phase_ms else []
        look(there, said, at_ms)
        rows = np.flatnonzero(there.people.state)
        if len(rows) and there.people.passed_ms[rows[0]] == at_ms:
            last_ms, longest_ms = at_ms, max(longest_ms, at_ms - last_ms)
    assert longest_ms <= SECOND_MS
    assert last_ms % SECOND_MS == SLOT_MS


def test_what_waits_is_bounded_where_turns_move_and_nobody_can_be_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    grounds, people = Grounds(Rules()), People()
    grounds.use({"s1": store("s1")}, {})
    there, none = seats.Seats(people, grounds), np.zeros(0, dtype=np.int64)
    there.make_room()
    sites = np.zeros(600, dtype=np.int32)
    there.seat(people.add(np.arange(1, 601, dtype=np.uint64), sites, ["p"] * 600, [""] * 600).astype(np.int64))
    monkeypatch.setattr(seats, "MOST_LOOKED", 0)
    for at_ms in range(T0_MS, T0_MS + 300_000, TICK_MS):
        if at_ms % SECOND_MS == 150 + 500 * (at_ms // 20_000 % 2):
            there.heard(sites, at_ms)
        assert list(there.turns(none, at_ms)) == []
    monkeypatch.setattr(seats, "MOST_LOOKED", 1_000_000)
    waited = [rows for _, rows in there.turns(none, T0_MS + 300_000)]
    assert sum(map(len, waited)) == 4 * 600  # for each of three turns, and once for having been moved


def test_a_step_may_wait_for_the_next_turn_where_somebody_is_there() -> None:
    there = Presence()
    there.use({"s1": store("s1")})
    assert there.rest_ms(T0_MS + 30) is None
    look(there, [Sight("p", "s1-l", T0_MS, T0_MS, -60)], T0_MS)
    assert there.rest_ms(T0_MS + 30) == SLOT_MS - 30
    there.forget("p", T0_MS + 40)
    assert there.rest_ms(T0_MS + 50) is None


def test_of_more_people_than_one_step_can_do_the_others_are_looked_at_in_the_next() -> None:
    there = Presence()
    there.use({"s1": store("s1")})
    look(there, [Sight(f"p{n}", "s1-l", T0_MS, T0_MS, -60) for n in range(6_000)], T0_MS)
    rows, later_ms = np.flatnonzero(there.people.state), T0_MS + 2_000
    look(there, [], later_ms)
    first = np.count_nonzero(there.people.passed_ms[rows] == later_ms)
    assert 3_000 < first < 6_000
    look(there, [], later_ms + 50)
    assert (there.people.passed_ms[rows] >= later_ms).all()
    assert np.count_nonzero(there.people.passed_ms[rows] == later_ms) == first
