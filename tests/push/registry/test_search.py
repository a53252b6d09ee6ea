"""A clock that lost power is found by ids that advance; what is only said again is not."""

import numpy as np
import pytest

from beacons import eid
from beacons.ids import IdKind, padded
from beacons.registry import Beacon
from push.registry.drift import Clocks
from push.registry.resolver import Resolver
from push.registry.rows import ID, words
from push.registry.search import KEPT_MS, MOST_KEPT, Correction, Search
from push.registry.tags import UNKNOWN, tags_of

T0_MS = 1_700_000_000_000
HOUR_MS = 3_600_000
RANGE_MS = 24 * HOUR_MS
EXPONENT = 8
PERIOD_MS = 1000 << EXPONENT
REGISTERED_S = 5_000_000
NOW_MS = T0_MS + 40 * HOUR_MS


def key(name: str) -> bytes:
    return name.encode().ljust(16, b"\7")


class World:
    """Some beacons that nobody heard for long, and a search."""

    def __init__(self, range_ms: int = RANGE_MS, exponent: int = EXPONENT) -> None:
        self.exponent = exponent
        beacons = [
            Beacon(
                id=f"b{n}", role="tag", format="eid", exponent=exponent, counter_s=REGISTERED_S, counter_at_ms=T0_MS,
                shopper="ann",
            )
            for n in range(300)
        ]  # fmt: skip
        self.resolver = Resolver(tags_of(beacons, {b.id: key(b.id) for b in beacons}), tolerance_ms=60_000)
        self.clocks = Clocks(self.resolver, bound_ms=600_000)
        self.search = Search(self.resolver, self.clocks, range_ms=range_ms, silent_ms=600_000)

    def says(self, name: str, zero_ms: int, at_ms: int) -> bytes:
        return eid.compute(key(name), self.exponent, (at_ms - zero_ms) // 1000)

    def hears(self, raw: bytes, at_ms: int) -> list[Correction]:
        """One tick, as ingest does it, and as long a look as it takes."""
        self.resolver.advance(at_ms)
        kind, ids = np.array([IdKind.EID], dtype=np.uint8), np.frombuffer(padded(raw), dtype=ID)
        heard_ms = np.array([at_ms], dtype=np.int64)
        found = self.resolver.look_up(kind, ids, heard_ms)
        self.clocks.take(found, heard_ms)
        self.search.resolved(found.position)
        if found.position[0] != UNKNOWN:
            return []
        proven = self.search.note(words(kind, ids), heard_ms, at_ms)
        while self.search.begin():
            self.search.apply(self.search.look(at_ms))
        return proven

    def follow(self, name: str, zero_ms: int, from_ms: int, to_ms: int, step_ms: int = 20_000) -> list[Correction]:
        """Hear a beacon whose counter read 0 then, until it is found."""
        for at_ms in range(from_ms, to_ms, step_ms):
            proven = self.hears(self.says(name, zero_ms, at_ms), at_ms)
            if proven:
                return proven
        return []


@pytest.mark.parametrize(
    ("zero_ms", "windows"),
    [
        (T0_MS - REGISTERED_S * 1000 - 7 * HOUR_MS, 3),
        (T0_MS - REGISTERED_S * 1000 + 7 * HOUR_MS, 4),
        (NOW_MS - 3 * HOUR_MS, 4),
        (NOW_MS - HOUR_MS - REGISTERED_S * 1000, 4),
    ],
    ids=["ahead", "behind", "restarted at 0", "restarted as it was registered"],
)
def test_a_clock_far_off_is_found_when_its_ids_advanced(zero_ms: int, windows: int) -> None:
    world = World()
    (correction,) = world.follow("b7", zero_ms, NOW_MS, NOW_MS + windows * PERIOD_MS)
    assert world.resolver.tags.id(correction.position) == "b7"
    assert abs(correction.zero_ms - zero_ms) <= 20_000
    assert world.search.counts["clocks_corrected"] == 1
    tags = world.resolver.tags
    world.resolver.change(tags.plan_clock(*correction), NOW_MS)
    at_ms = NOW_MS + 5 * PERIOD_MS
    assert world.follow("b7", zero_ms, at_ms, at_ms + 3 * PERIOD_MS) == []
    assert world.clocks.heard_ms(np.array([tags.find("b7")]))[0] > at_ms, "it resolves"


def test_one_recorded_id_said_again_is_never_taken_for_a_clock() -> None:
    world = World()
    true_zero_ms = T0_MS - REGISTERED_S * 1000
    recorded = world.says("b7", true_zero_ms, NOW_MS - 5 * HOUR_MS)
    assert [world.hears(recorded, NOW_MS + s * 1000) for s in range(0, 6000, 20)] == [[]] * 300
    assert world.search.counts["trials"] >= 1
    assert world.search.counts["clocks_corrected"] == 0


def test_two_recorded_windows_are_not_enough_and_a_wrong_rhythm_is_refused() -> None:
    world = World()
    true_zero_ms = T0_MS - REGISTERED_S * 1000
    past_ms = NOW_MS - 5 * HOUR_MS
    first, second, third = (world.says("b7", true_zero_ms, past_ms + n * PERIOD_MS) for n in range(3))
    assert world.hears(first, NOW_MS) == world.hears(second, NOW_MS + PERIOD_MS) == []
    assert world.hears(second, NOW_MS + 2 * PERIOD_MS) == []
    assert world.hears(third, NOW_MS + 4 * PERIOD_MS) == []
    assert world.search.counts["trials_refused"] == 1
    assert world.search.counts["clocks_corrected"] == 0


def test_who_is_heard_by_the_clock_that_is_known_is_on_trial_no_more() -> None:
    world = World()
    true_zero_ms = T0_MS - REGISTERED_S * 1000
    recorded = [world.says("b7", true_zero_ms, NOW_MS - 5 * HOUR_MS + n * PERIOD_MS) for n in range(4)]
    assert world.hears(recorded[0], NOW_MS) == []
    assert world.search.counts["trials"] == 1
    assert world.follow("b7", true_zero_ms, NOW_MS + 1000, NOW_MS + 2000) == []
    assert [world.hears(raw, NOW_MS + n * PERIOD_MS) for n, raw in enumerate(recorded)] == [[]] * 4
    assert world.search.counts["clocks_corrected"] == 0


def test_who_was_heard_just_now_is_not_searched_for() -> None:
    world = World()
    true_zero_ms = T0_MS - REGISTERED_S * 1000
    world.follow("b7", true_zero_ms, NOW_MS, NOW_MS + 1000)
    assert world.follow("b7", NOW_MS - HOUR_MS, NOW_MS + 1000, NOW_MS + 500_000) == []
    assert world.search.counts["trials"] == 0


def test_strangers_are_kept_for_ten_minutes_and_no_longer() -> None:
    world = World()
    world.hears(b"stranger", NOW_MS)
    assert world.search.kept == 1
    world.hears(b"stranger", NOW_MS + KEPT_MS - 1)
    assert world.search.kept == 1
    world.search.note(np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64), NOW_MS + KEPT_MS)
    assert world.search.kept == 0


def test_more_strangers_than_memory_is_for_are_counted() -> None:
    world = World()
    for tick in range(6):
        many = np.arange(1000, dtype=np.uint64) + np.uint64(tick * 1000)
        world.search.note(many, np.full(1000, NOW_MS, dtype=np.int64), NOW_MS)
    assert world.search.kept == MOST_KEPT
    assert world.search.counts["strangers_beyond"] == 6000 - MOST_KEPT


def test_where_nobody_searches_nothing_is_kept() -> None:
    world = World(range_ms=0)
    assert world.follow("b7", NOW_MS - HOUR_MS, NOW_MS, NOW_MS + HOUR_MS) == []
    assert world.search.kept == 0


def test_fast_windows_are_looked_at_as_far_as_the_bound_allows() -> None:
    world = World(exponent=0)
    zero_ms = T0_MS - REGISTERED_S * 1000 - HOUR_MS
    assert world.follow("b7", zero_ms, NOW_MS, NOW_MS + 20_000, step_ms=1000)
