"""Whose phone is near a fixture: the nearest one, twice in a row, and told once while she stays."""

from push.campaigns.approaching import Nearing
from push.model.presence import Observation
from push.model.sites import Anchor

T0_MS = 1_700_000_000_000
ANCHORS = {
    "shelf": Anchor("shelf", "s1", "shoes", is_fixture=True),
    "wall": Anchor("wall", "s1", "shoes", is_fixture=True, power_1m_dbm=-40),
    "gateway": Anchor("gateway", "s1", None),
    "old": Anchor("old", "s1", None, is_fixture=True, triggers=False),
}


def ranged(at_s: float, **rssi_dbm: float) -> tuple[list[Observation], int]:
    at_ms = T0_MS + round(at_s * 1000)
    return [Observation("ann", name, at_ms, at_ms, dbm, 1, at_ms) for name, dbm in rssi_dbm.items()], at_ms


def told(nearing: Nearing, at_s: float, **rssi_dbm: float) -> str | None:
    heard, now_ms = ranged(at_s, **rssi_dbm)
    found = nearing.near(heard, ANCHORS, now_ms)
    return None if found is None else found.id


def test_who_stands_before_a_shelf_came_near_it_once() -> None:
    nearing = Nearing()
    assert [told(nearing, at_s, shelf=-60) for at_s in (0, 0.5, 1, 2, 10)] == [None, None, "shelf", None, None]


def test_only_the_nearest_counts_by_what_it_gives_at_one_metre_and_what_is_far_does_not() -> None:
    nearing = Nearing()
    assert [told(nearing, at_s, shelf=-64, wall=-50, gateway=-30, old=-30) for at_s in (0, 2)] == [None, "shelf"]
    assert [told(nearing, at_s, wall=-47) for at_s in (4, 6)] == [None, None]
    assert [told(nearing, at_s, shelf=-66) for at_s in (8, 10)] == [None, None]


def test_who_was_elsewhere_or_silent_comes_near_anew() -> None:
    nearing = Nearing()
    assert [told(nearing, at_s, shelf=-60) for at_s in (0, 2)] == [None, "shelf"]
    assert [told(nearing, at_s, wall=-42) for at_s in (4, 6)] == [None, "wall"]
    assert [told(nearing, at_s, shelf=-60) for at_s in (8, 10, 40, 42)] == [None, "shelf", None, "shelf"]
    heard, now_ms = ranged(50, shelf=-60)
    assert nearing.near(heard, ANCHORS, now_ms + 6000) is None
