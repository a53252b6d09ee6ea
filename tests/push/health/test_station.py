"""The station on fleets that are hardly any: whatever is registered, a minute ends."""

import pytest

from beacons.registry import Beacon, Gateway, Store
from push.health.settings import HealthSettings
from push.health.station import Station
from push.model.health import Arrival, Cloned
from push.registry.directory import Directory
from push.registry.tags import tags_of

T0_MS = 1_800_000_000_000
MINUTE_MS = 60_000


@pytest.mark.parametrize("fixtures", [0, 1, 2])
@pytest.mark.parametrize("gateways", [0, 1, 2])
def test_minutes_end_however_few_there_are(fixtures: int, gateways: int) -> None:
    beacons = tuple(
        Beacon(id=f"b{n}", role="fixture", format="uid", static_id=f"{n:032x}", store="s1") for n in range(fixtures)
    )
    directory = Directory(
        stores={"s1": Store(id="s1", name="S")},
        gateways={f"g{n}": Gateway(id=f"g{n}", store="s1") for n in range(gateways)},
        tags=tags_of(beacons, {}),
        fixtures=beacons,
    )
    station = Station(HealthSettings(never_heard_after_min=5, grace_s=0))
    station.use(directory, T0_MS)
    station.watch.listen(T0_MS)
    station.watch.cloned([Cloned("a card", T0_MS, ("s1", "s2"))])
    found = set()
    for minute in range(1, 30):
        now_ms = T0_MS + minute * MINUTE_MS
        station.watch.arrived([Arrival("g0", now_ms, 10, 5), Arrival("nobody", now_ms, None, None)])
        found |= {(f.kind, f.subject) for f in station.turn(now_ms).opened}
    expected = {("cloned", "a card")} | ({("never_connected", "g1")} if gateways == 2 else set())
    assert found == expected
    assert station.facts(T0_MS).now_ms == T0_MS


def test_nothing_is_found_before_anything_is_registered() -> None:
    station = Station(HealthSettings(grace_s=0))
    assert station.turn(T0_MS).opened == []
