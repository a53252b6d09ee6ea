"""Who is looked at when, and where rows are found: both for as many as come."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from push.model.sites import Anchor, Place, Site
from push.presence.index import NOBODY, Index
from push.presence.presence import Presence
from tests.support.seeing import Sight, look

T0_MS = 1_700_000_000_000
SITE = Site(
    store="s1",
    places=(Place("left"), Place("right")),
    anchors=(Anchor("l", "s1", "left"), Anchor("r", "s1", "right")),
)


@pytest.mark.parametrize(("people", "glanced"), [(40, 40), (400, 100)])
def test_of_a_crowd_that_may_change_zones_a_quarter_is_looked_at_sooner(people: int, glanced: int) -> None:
    there = Presence()
    there.use({"s1": SITE})

    def hear(at_ms: int, anchor: str, rssi_dbm: float) -> None:
        now_ms = T0_MS + at_ms
        look(there, [Sight(f"p{n}", anchor, now_ms, now_ms, rssi_dbm) for n in range(people)], now_ms)

    hear(0, "l", -60)
    hear(1_100, "r", -44)
    assert np.count_nonzero(there.people.restless) == people
    look(there, [], T0_MS + 1_700)
    sooner = there.people.passed_ms == T0_MS + 1_700
    assert np.count_nonzero(sooner) == glanced


@given(st.lists(st.lists(st.integers(1, 5_000), max_size=400, unique=True), max_size=4))
def test_rows_are_found_by_key_however_many_came_and_went(parts: list[list[int]]) -> None:
    index, held = Index(), dict[int, int]()
    for part in parts:
        new = [key for key in part if key not in held]
        rows = np.arange(len(held), len(held) + len(new), dtype=np.int32)
        index.put(np.array(new, dtype=np.uint64), rows)
        held |= dict(zip(new, rows.tolist(), strict=True))
        for key in sorted(held)[::3]:
            index.drop(np.uint64(key))
            del held[key]
    asked = np.arange(1, 5_001, dtype=np.uint64)
    assert index.find(asked).tolist() == [held.get(key, NOBODY) for key in asked.tolist()]
