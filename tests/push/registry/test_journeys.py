"""From store to store: how long it takes at the least."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacons.registry import Store
from push.registry.journeys import BY_ROAD_MPS, Journeys

APART_MS = 60_000
STORES = {
    "hamburg": (53.5511, 9.9937),
    "next-door": (53.5520, 9.9950),
    "altona": (53.5500, 9.9350),
    "munich": (48.1372, 11.5756),
    "nowhere": (None, None),
}


def journeys(apart_ms: int = APART_MS) -> Journeys:
    made = Journeys(apart_ms)
    made.number("nowhere")
    made.use({n: Store(id=n, name=n, latitude=at[0], longitude=at[1]) for n, at in STORES.items()})
    return made


def least_s(made: Journeys, a: str, b: str) -> float:
    [there] = made.least_ms(np.array([made.number(a)]), np.array([made.number(b)])).tolist()
    [back] = made.least_ms(np.array([made.number(b)]), np.array([made.number(a)])).tolist()
    assert there == back
    return float(there) / 1000


def test_neighbours_may_hear_the_same_beacon_and_others_take_their_way() -> None:
    made = journeys()
    assert least_s(made, "hamburg", "hamburg") == 0
    assert least_s(made, "hamburg", "next-door") == 0
    assert least_s(made, "hamburg", "altona") == pytest.approx(3_880 / BY_ROAD_MPS, rel=0.01)
    assert least_s(made, "hamburg", "munich") == pytest.approx(612_000 / 250, rel=0.01)


def test_a_store_that_is_nowhere_takes_what_is_set() -> None:
    made = journeys()
    assert least_s(made, "hamburg", "nowhere") == APART_MS / 1000
    assert least_s(made, "hamburg", "never heard of") == APART_MS / 1000
    moved = Store(id="nowhere", name="n", latitude=53.5511, longitude=9.9937)
    made.use({"nowhere": moved})
    assert least_s(made, "hamburg", "nowhere") == 0


def test_nobody_looks_where_nobody_shall() -> None:
    assert least_s(journeys(0), "hamburg", "munich") == 0


@given(st.lists(st.tuples(st.floats(-90, 90), st.floats(-180, 180)), min_size=2, max_size=6))
def test_no_way_is_negative_or_longer_than_round_the_world(places: list[tuple[float, float]]) -> None:
    made = Journeys(APART_MS)
    made.use({str(n): Store(id=str(n), name="s", latitude=a, longitude=b) for n, (a, b) in enumerate(places)})
    n = len(places)
    before, after = np.repeat(np.arange(n), n), np.tile(np.arange(n), n)
    least = made.least_ms(before, after)
    assert least.min() >= 0
    assert least.max() <= 150_000 / BY_ROAD_MPS * 1000 + 20_016_000 / 250 * 1000
