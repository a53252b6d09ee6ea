"""What the walk test's page says of what gateways hear."""

from hypothesis import given
from hypothesis import strategies as st

from beacons.registry import Gateway
from push.console.pages.walk import FRESH_MS, Bar, bars_of, sentence
from push.ingest.walking import HeardBy

NOW_MS = 1_700_000_000_000
GATEWAYS = [Gateway(id=f"g{n}", store="s1", name=name) for n, name in enumerate(["Door", "Café", "", "Tills"])]


def test_the_strongest_that_hears_it_now_is_on_top_and_who_does_not_is_below() -> None:
    heard = [
        HeardBy("g0", -80, NOW_MS - 100, 1),
        HeardBy("g1", -62, NOW_MS - 300, 1),
        HeardBy("g2", -40, NOW_MS - FRESH_MS - 2000, 1),
        HeardBy("elsewhere", -30, NOW_MS, 1),
    ]
    bars = bars_of(GATEWAYS, heard, NOW_MS)
    assert bars == [
        Bar("g1", "Café", 66, "-62 dBm, now", is_fresh=True),
        Bar("g0", "Door", 30, "-80 dBm, now", is_fresh=True),
        Bar("g2", "g2", 100, "-40 dBm, 8 s ago", is_fresh=False),
        Bar("g3", "Tills", 0, "not heard", is_fresh=False),
    ]
    assert sentence(bars, "b1") == "Café hears it best, one more hears it too"


def test_every_state_has_its_sentence() -> None:
    heard = [HeardBy("g0", -60, NOW_MS, 1)]
    assert sentence(bars_of(GATEWAYS, heard, NOW_MS), "") == "Which beacon do you carry?"
    assert sentence(bars_of([], heard, NOW_MS), "b1") == "This store has no gateway yet"
    assert sentence(bars_of(GATEWAYS, heard, NOW_MS + 10_000), "b1") == "No gateway hears b1 now"
    assert sentence(bars_of(GATEWAYS, heard, NOW_MS), "b1") == "Door hears it best"
    everywhere = [HeardBy(g.id, -60, NOW_MS, 1) for g in GATEWAYS]
    assert sentence(bars_of(GATEWAYS, everywhere, NOW_MS), "b1") == "Café hears it best, 3 more hear it too"


@given(st.integers(-128, 127), st.integers(-(2**40), 2**40))
def test_no_strength_and_no_time_breaks_a_bar(rssi_dbm: int, ago_ms: int) -> None:
    [bar] = bars_of(GATEWAYS[:1], [HeardBy("g0", rssi_dbm, NOW_MS - ago_ms, 1)], NOW_MS)
    assert 1 <= bar.share <= 100
    assert bar.is_fresh == (ago_ms <= FRESH_MS)
