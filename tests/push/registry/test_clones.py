"""A beacon in two stores at once raises one alarm, and is held back until it was quiet about it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from beacons.registry import Beacon
from push.registry.clones import Clones
from push.registry.journeys import Journeys
from push.registry.tags import UNKNOWN, entries_of, tags_of

APART_MS, QUIET_MS = 60_000, 600_000
NOW_MS = 1_700_000_000_000
STORES = ("s1", "s2", "s3")
BEACONS = [Beacon(id=f"b{n}", role="tag", format="eid", counter_at_ms=n, shopper="ann") for n in range(4)]
Heard = tuple[int, int, int]


def clones() -> Clones:
    made = Clones(tags_of(BEACONS, {b.id: bytes(16) for b in BEACONS}), journeys=Journeys(APART_MS), quiet_ms=QUIET_MS)
    assert [made.journeys.number(store) for store in (*STORES, *STORES)] == [0, 1, 2, 0, 1, 2]
    return made


def observe(made: Clones, heard: list[Heard], now_ms: int) -> tuple[list[str], list[bool]]:
    """(beacon, store, time) in one tick: beacons of new alarms, and which rows are held back."""
    beacons, stores, at_ms = (np.array([row[i] for row in heard], dtype=np.int64) for i in range(3))
    alarms, held = made.observe(beacons, stores, at_ms, now_ms)
    return [alarm.beacon for alarm in alarms], held.tolist()


ticks_drawn = st.lists(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 90)), max_size=4, unique_by=lambda r: r[0]),
    max_size=8,
)


@given(ticks_drawn)
def test_alarms_are_those_that_looking_at_one_after_the_other_gives(ticks: list[list[Heard]]) -> None:
    made = clones()
    last: dict[int, tuple[int, int]] = {}
    cloned: set[int] = set()
    for tick in ticks:
        listed = [(beacon, store, NOW_MS + 1000 * t) for beacon, store, t in tick]
        before = set(cloned)
        for beacon, store, at_ms in listed:
            elsewhere, then_ms = last.get(beacon, (store, 0))
            cloned |= {beacon} if elsewhere != store and abs(at_ms - then_ms) < APART_MS else set()
            last[beacon] = (store, at_ms)
        raised, held = observe(made, [*listed, (UNKNOWN, 0, NOW_MS)], NOW_MS)
        assert set(raised) == {f"b{n}" for n in cloned - before}
        assert held == [*(beacon in cloned for beacon, _, _ in listed), False]
    assert {f"b{n}" for n in cloned} == {alarm.beacon for alarm in made.alarms}


def test_walking_from_store_to_store_raises_none() -> None:
    made = clones()
    assert observe(made, [(0, 0, NOW_MS)], NOW_MS) == ([], [False])
    assert observe(made, [(0, 1, NOW_MS + APART_MS)], NOW_MS + APART_MS) == ([], [False])
    assert made.alarms == ()


def test_two_stores_at_once_raise_one_alarm_with_its_evidence() -> None:
    made = clones()
    observe(made, [(0, 0, NOW_MS), (1, 0, NOW_MS)], NOW_MS)
    assert observe(made, [(0, 1, NOW_MS + 5000), (1, 0, NOW_MS + 5000)], NOW_MS) == (["b0"], [True, False])
    assert observe(made, [(0, 0, NOW_MS + 6000), (0, 2, NOW_MS + 7000)], NOW_MS) == ([], [True, True])
    (alarm,) = made.alarms
    assert (alarm.beacon, alarm.stores) == ("b0", ("s1", "s2", "s3"))
    assert (alarm.first_ms, alarm.last_ms, alarm.apart_ms, alarm.times) == (NOW_MS, NOW_MS + 7000, 1000, 3)
    assert made.counts["cloned"] == 1


def test_within_one_tick_counts_too() -> None:
    assert observe(clones(), [(2, 1, NOW_MS), (2, 0, NOW_MS + 10)], NOW_MS) == (["b2"], [True, True])


def test_it_is_believed_again_after_it_was_quiet() -> None:
    made = clones()
    observe(made, [(0, 0, NOW_MS), (0, 1, NOW_MS + 1000)], NOW_MS)
    later_ms = NOW_MS + 1000 + QUIET_MS
    assert observe(made, [(0, 1, later_ms - 1)], later_ms - 1) == ([], [True])
    assert observe(made, [(0, 1, later_ms)], later_ms) == ([], [False])
    assert made.alarms == ()
    assert [alarm.beacon for alarm in made.past] == ["b0"]


def test_a_beacon_that_is_registered_no_more_is_nobodys_copy() -> None:
    tags = tags_of(BEACONS, {b.id: bytes(16) for b in BEACONS})
    made = Clones(tags, journeys=Journeys(APART_MS), quiet_ms=QUIET_MS)
    numbers = [made.journeys.number(store) for store in STORES]
    assert observe(made, [(0, numbers[0], NOW_MS), (0, numbers[1], NOW_MS)], NOW_MS)[0] == ["b0"]
    tags.apply(tags.plan(entries_of([], {}), ["b0"]))
    observe(made, [], NOW_MS)
    assert made.alarms == ()


def test_where_nobody_looks_nothing_is_found() -> None:
    made = Clones(tags_of(BEACONS, {}), journeys=Journeys(0), quiet_ms=QUIET_MS)
    numbers = [made.journeys.number(store) for store in STORES]
    assert observe(made, [(0, numbers[0], NOW_MS), (0, numbers[1], NOW_MS)], NOW_MS) == ([], [False, False])
