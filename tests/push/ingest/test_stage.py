"""Before a screen, alone, and willing: each of them is needed, and doubt is a no."""

import pytest

from beacons.registry import Gateway, Store, Zone
from push.ingest.stage import NEEDED, PresenceStage
from push.model.people import Purpose
from push.model.presence import Stranger
from push.model.screens import Screen, Sight
from push.model.sites import Rules
from push.presence.near import FRESH_MS
from push.presence.presence import Presence
from push.registry.directory import Directory
from tests.support.clocks import SettableClock
from tests.support.seeing import Sight as Seen
from tests.support.seeing import look

T0_MS = 1_700_000_000_000
DIRECTORY = Directory(
    stores={"s1": Store(id="s1", name="1"), "s2": Store(id="s2", name="2")},
    gateways={
        "shelf": Gateway(id="shelf", store="s1", zone="shoes"),
        "door": Gateway(id="door", store="s1", zone="entrance"),
        "till": Gateway(id="till", store="s2", zone="tills"),
    },
    zones={
        (store, zone): Zone(store=store, id=zone, name=zone)
        for store, zone in (("s1", "shoes"), ("s1", "entrance"), ("s2", "tills"))
    },
    screens={
        "wall": Screen(id="wall", store="s1", zone="shoes", name="Wall"),
        "mirror": Screen(id="mirror", store="s1", zone="shoes", name="Mirror"),
        "hall": Screen(id="hall", store="s1", zone="entrance", name="Hall"),
        "pay": Screen(id="pay", store="s2", zone="tills", name="Till"),
    },
)
ALONE_AT_SHOES = Sight(has_screens=True, screens=("wall", "mirror"), alone=True)


class Floor:
    """Presence and a stage on it, a moment after the start."""

    def __init__(self, directory: Directory = DIRECTORY) -> None:
        self.clock = SettableClock(T0_MS)
        self.withdrawn: set[Purpose] = set()
        self.presence = Presence()
        self.presence.use(directory.sites(Rules()))
        self.stage = PresenceStage(self.presence, lambda _, purpose: purpose not in self.withdrawn, self.clock, 0.95)
        self.stage.use(directory)
        self.clock.advance(FRESH_MS + 1)

    def hear(self, shopper: str, anchor: str = "shelf", rssi_dbm: float = -50) -> None:
        now_ms = self.clock.now_ms()
        look(self.presence, [Seen(shopper, anchor, now_ms, now_ms, rssi_dbm)], now_ms)

    def sight(self, shopper: str = "ann") -> Sight:
        return self.stage.sight(shopper, self.clock.now_ms())


def test_who_is_alone_stands_before_every_screen_of_her_zone() -> None:
    floor = Floor()
    floor.hear("ann")
    assert floor.sight() == ALONE_AT_SHOES


def test_who_is_in_no_store_or_in_one_without_screens_stands_before_none() -> None:
    floor = Floor()
    assert floor.sight() == Sight()
    bare = Floor(Directory(stores=DIRECTORY.stores, zones=DIRECTORY.zones, gateways=DIRECTORY.gateways))
    bare.hear("ann")
    assert bare.sight() == Sight()


@pytest.mark.parametrize("purpose", NEEDED)
def test_without_any_of_the_consents_she_stands_nowhere(purpose: Purpose) -> None:
    floor = Floor()
    floor.hear("ann")
    floor.withdrawn.add(purpose)
    assert floor.sight() == Sight()


def test_who_is_not_surely_there_is_not_there() -> None:
    floor = Floor()
    floor.hear("ann", rssi_dbm=-65)
    assert floor.sight() == Sight(has_screens=True)


def test_anybody_else_near_and_be_it_faintly_leaves_nobody_alone() -> None:
    floor = Floor()
    floor.hear("ann")
    floor.hear("bob", rssi_dbm=-80)
    assert floor.sight() == Sight(has_screens=True, screens=("wall", "mirror"), alone=False)
    assert floor.sight("bob") == Sight(has_screens=True)


def test_somebody_at_the_other_end_of_the_store_does_not_matter() -> None:
    floor = Floor()
    floor.hear("ann")
    floor.hear("bob", "door")
    assert floor.sight() == ALONE_AT_SHOES
    assert floor.sight("bob").screens == ("hall",)


def test_a_stranger_near_leaves_nobody_alone() -> None:
    floor = Floor()
    floor.hear("ann")
    floor.presence.note_strangers([Stranger("shelf", -75, floor.clock.now_ms())])
    assert not floor.sight().alone


def test_evidence_for_two_stores_at_once_is_evidence_for_none() -> None:
    floor = Floor()
    floor.hear("ann")
    floor.hear("ann", "till")
    assert floor.sight() == Sight(has_screens=True)


def test_who_falls_silent_is_not_there_any_more() -> None:
    floor = Floor()
    floor.hear("ann")
    floor.clock.advance(FRESH_MS + 1000)
    assert floor.sight() == Sight(has_screens=True)


def test_nobody_stands_anywhere_before_gateways_had_the_time_to_say_who_else_does() -> None:
    floor = Floor()
    moved = {**DIRECTORY.gateways, "door": Gateway(id="door", store="s1", zone="shoes")}
    floor.stage.use(
        Directory(stores=DIRECTORY.stores, zones=DIRECTORY.zones, gateways=moved, screens=DIRECTORY.screens)
    )
    floor.hear("ann")
    assert floor.sight() == ALONE_AT_SHOES, "the same gateways stand by screens as before"
    floor.stage.use(Directory(stores=DIRECTORY.stores, zones=DIRECTORY.zones, gateways=DIRECTORY.gateways, screens={}))
    floor.stage.use(DIRECTORY)
    assert floor.sight() == Sight(has_screens=True)
    floor.clock.advance(FRESH_MS + 1)
    floor.hear("ann")
    assert floor.sight() == ALONE_AT_SHOES


def test_a_clock_that_was_set_back_does_not_silence_screens_for_long() -> None:
    floor = Floor()
    floor.clock.advance(-3_600_000)
    floor.hear("ann")
    floor.sight()
    floor.clock.advance(FRESH_MS + 1)
    floor.hear("ann")
    assert floor.sight() == ALONE_AT_SHOES
