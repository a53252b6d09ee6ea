"""What it takes to be in a zone again, and to be in the store at the first look."""

import msgspec
import numpy as np
import pytest

from push.model.presence import Changes
from push.model.sites import Anchor, Place, Rules, Site
from push.presence.moments import BACK_MS, STANDS_MS, Told, place
from push.presence.presence import Presence
from tests.support.seeing import Sight, look

T0_MS = 1_700_000_000_000
LEFT, MIDDLE, RIGHT = 0, 1, 2
SITE = Site(
    store="s1",
    places=(Place("left"), Place("middle"), Place("right")),
    anchors=(Anchor("l", "s1", "left"), Anchor("m", "s1", "middle"), Anchor("r", "s1", "right")),
)


def with_her_in(site: Site) -> Presence:
    """A store, and somebody in its left zone."""
    there = Presence()
    there.use({"s1": site})
    look(there, [Sight("ann", "l", T0_MS, T0_MS, -50)], T0_MS)
    return there


def entered(there: Presence, at_ms: int, zone: int, surely: float) -> bool:
    """Whether it takes her to be in a zone, as sure as that."""
    zones = np.full((1, 5), (1 - surely) / 4, dtype=np.float32)
    zones[0, zone] = surely
    rows = np.flatnonzero(there.people.state)
    return len(place(Told(there.people, there.grounds, T0_MS + at_ms, Changes()), rows, zones)) == 1


@pytest.mark.parametrize(
    ("walks", "after_ms", "surely", "goes_back"),
    [
        (False, 8_000, 0.75, False),
        (True, 8_000, 0.6, False),
        (True, 8_000, 0.75, True),
        (True, BACK_MS + 8_000, 0.6, True),
        (False, 8_000, 0.8, True),
        (False, BACK_MS + 8_000, 0.7, True),
    ],
)
def test_she_goes_back_only_when_that_is_sure_and_where_she_stands_when_it_is_surer(
    walks: bool,  # noqa: FBT001 - a case
    after_ms: int,
    surely: float,
    goes_back: bool,  # noqa: FBT001 - a case
) -> None:
    """Here she was in another zone between."""
    there = with_her_in(SITE)
    assert entered(there, 1_000, MIDDLE, 0.7)
    assert entered(there, 2_000, RIGHT, 0.7)
    there.people.moved_ms[:] = T0_MS + (after_ms - STANDS_MS if walks else 2_000)
    assert entered(there, after_ms, LEFT, surely) == goes_back


@pytest.mark.parametrize(
    ("still_ms", "after_ms", "surely", "goes_on"),
    [
        (0, 15_000, 0.43, False),
        (0, 15_000, 0.45, True),
        (2_000, 15_000, 0.45, True),
        (5_000, 6_000, 0.54, False),
        (5_000, 6_000, 0.56, True),
        (5_000, 15_000, 0.68, False),
        (5_000, 15_000, 0.69, True),
    ],
)
def test_who_walks_is_believed_sooner_to_go_on_than_who_has_been_standing_there(
    still_ms: int,
    after_ms: int,
    surely: float,
    goes_on: bool,  # noqa: FBT001 - a case
) -> None:
    """`zone_enter` is 0.55; who came through a moment ago is not held back."""
    there = with_her_in(SITE)
    assert entered(there, 1_000, MIDDLE, 0.7)
    there.people.moved_ms[:] = T0_MS + after_ms - still_ms
    assert entered(there, after_ms, RIGHT, surely) == goes_on


def test_nobody_enters_a_zone_that_she_would_have_left_at_once() -> None:
    """Not even who walks, for whom less than `zone_enter` is enough."""
    there = with_her_in(msgspec.structs.replace(SITE, rules=Rules(zone_enter=0.5, zone_leave=0.5)))
    there.people.moved_ms[:] = T0_MS + 1_000
    assert not entered(there, 1_000, MIDDLE, 0.48)
    assert entered(there, 1_000, MIDDLE, 0.51)


@pytest.mark.parametrize(("rssi_dbm", "comes"), [(-84, False), (-60, True)])
def test_one_faint_sighting_is_not_enough_to_be_inside_at_once(rssi_dbm: float, comes: bool) -> None:  # noqa: FBT001
    there = Presence()
    hall = Place("hall", ((0, 0), (24, 0), (24, 18), (0, 18)))
    gateways = tuple(Anchor(f"g{n}", "s1", "hall", at_m=(x, 9.0)) for n, x in enumerate((4.0, 20.0)))
    there.use(
        {"s1": Site(store="s1", size_m=(24, 18), places=(hall,), anchors=gateways, rules=Rules(enter_inside=0.6))}
    )
    there.listen(there.numbers, T0_MS)
    changes = look(there, [Sight("ann", "g0", T0_MS, T0_MS, rssi_dbm)], T0_MS)
    assert bool(changes.moments) == comes
