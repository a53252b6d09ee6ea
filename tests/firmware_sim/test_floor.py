from itertools import pairwise

import msgspec
import numpy as np
import pytest

from beacons.frames import IBeacon
from beacons.registry import Beacon, Gateway, Zone
from firmware_sim import builds
from firmware_sim.firmware import Fixed, Rotating
from firmware_sim.floor import SIM_UUID, contains, distance_m, hamburg, path, spot, zone_at, zone_of

FLOOR = hamburg()


def test_zones_cover_the_plan_without_overlap() -> None:
    rng = np.random.default_rng(1)
    for x, y in rng.uniform((0, 0), (FLOOR.width_m, FLOOR.depth_m), (3000, 2)):
        assert sum(contains(zone.polygon_m, (x, y)) for zone in FLOOR.zones) == 1


def test_the_street_is_in_no_zone() -> None:
    assert zone_at(FLOOR, (12, -0.1)) is None
    assert zone_at(FLOOR, (12, 0.1)) == "entrance"


def test_gateways_and_fixtures_stand_in_the_zones_that_they_name() -> None:
    assert len(FLOOR.gateways) == 4
    assert {f.wake.zone for f in FLOOR.fixtures} == {zone.id for zone in FLOOR.zones}
    things: list[Gateway | Beacon] = [*FLOOR.gateways]
    things += [beacon for f in FLOOR.fixtures for beacon in (f.wake, f.proof)]
    for thing in things:
        assert zone_at(FLOOR, (thing.x_m, thing.y_m)) == thing.zone
        assert thing.store == FLOOR.store.id


def test_a_fixture_wakes_with_an_ibeacon_of_the_common_region_and_proves_with_an_eid() -> None:
    minors = set()
    for fixture in FLOOR.fixtures:
        wake, prove = builds.fixture(fixture).pattern
        assert isinstance(wake, Fixed)
        assert isinstance(wake.frame, IBeacon)
        assert wake.frame.uuid == SIM_UUID
        minors.add(wake.frame.minor)
        assert isinstance(prove, Rotating)
    assert len(minors) == len(FLOOR.fixtures)
    assert len({f.identity_key for f in FLOOR.fixtures}) == len(FLOOR.fixtures)


def test_keys_follow_the_seed() -> None:
    assert hamburg() == hamburg()
    assert hamburg(seed=2).fixtures[0].identity_key != FLOOR.fixtures[0].identity_key


@pytest.mark.parametrize("zone", FLOOR.zones, ids=lambda zone: zone.id)
def test_spots_lie_in_their_zone(zone: Zone) -> None:
    rng = np.random.default_rng(1)
    for _ in range(100):
        assert zone_at(FLOOR, spot(zone, rng)) == zone.id


def test_a_zone_too_narrow_to_stop_in_is_refused() -> None:
    narrow = msgspec.structs.replace(FLOOR.zones[0], polygon_m=((0, 0), (5, 0), (5, 0.5), (0, 0.5)))
    with pytest.raises(ValueError, match="too narrow"):
        spot(narrow, np.random.default_rng(1))


def test_paths_end_at_their_goal_and_go_round_the_desk() -> None:
    across = path(FLOOR, (3.0, 3.0), (21.0, 15.0))
    assert across[-1] == (21.0, 15.0)
    points = [(3.0, 3.0), *across]
    for a, b in pairwise(points):
        for share in np.linspace(0, 1, 20):
            at = (a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1]))
            assert zone_at(FLOOR, at) != "tills"


def test_a_short_way_is_walked_straight() -> None:
    assert path(FLOOR, (3.0, 3.0), (3.5, 3.5)) == [(3.5, 3.5)]


def test_zones_are_found_by_id() -> None:
    assert zone_of(FLOOR, "cafe").name == "Café"
    with pytest.raises(KeyError):
        zone_of(FLOOR, "cellar")


def test_distances_are_metres() -> None:
    assert distance_m((0, 0), (3, 4)) == 5
