"""The registry as presence needs it: for each store its floor, what listens where, and by which rules. Pure.

A gateway or fixture at x = y = 0 is one that nobody has placed: that is what a record says whose position was never
entered, and in a store's very corner nobody mounts anything. (Whoever does, says 0.01.)
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Final, TypeVar

from beacons.registry import Beacon, Gateway, Point, Zone
from push.model.sites import Anchor, Place, Rules, Site, ZoneRules
from push.registry.layout import Plan
from push.registry.rules import Ruled, in_zone

T = TypeVar("T")
_AS_ITS_STORE: Final = ZoneRules()


def anchors_of(
    gateways: Iterable[Gateway], fixtures: Iterable[Beacon], unheeded: Collection[str]
) -> dict[str, tuple[Anchor, ...]]:
    """What listens or is heard in each store; what gateways in `unheeded` hear triggers nothing."""
    found = [_of_gateway(gateway, triggers=gateway.id not in unheeded) for gateway in gateways]
    found += [_of_fixture(fixture, fixture.store) for fixture in fixtures if fixture.store is not None]
    return _by_store((anchor.store, anchor) for anchor in found)


def _of_gateway(gateway: Gateway, *, triggers: bool) -> Anchor:
    at_m = _placed(gateway.x_m, gateway.y_m)
    return Anchor(gateway.id, gateway.store, gateway.zone, at_m=at_m, triggers=triggers)


def _of_fixture(fixture: Beacon, store: str) -> Anchor:
    return Anchor(
        fixture.id,
        store,
        fixture.zone,
        forgeable=fixture.format != "eid",
        at_m=_placed(fixture.x_m, fixture.y_m),
        is_fixture=True,
        power_1m_dbm=fixture.power_1m_dbm,
    )


def _placed(x_m: float, y_m: float) -> Point | None:
    return (x_m, y_m) if x_m or y_m else None


def places_of(zones: Iterable[Zone], ruled: Ruled) -> dict[str, tuple[Place, ...]]:
    """The zones of each store, with the rules that each has of its own."""
    return _by_store(
        (zone.store, Place(zone.id, zone.polygon_m, ruled.zones.get((zone.store, zone.id), _AS_ITS_STORE)))
        for zone in zones
    )


def _by_store(pairs: Iterable[tuple[str, T]]) -> dict[str, tuple[T, ...]]:
    found: defaultdict[str, list[T]] = defaultdict(list)
    for store, item in pairs:
        found[store].append(item)
    return {store: tuple(items) for store, items in found.items()}


def site_of(store: str, rules: Rules, plan: Plan | None, places: Iterable[Place], anchors: tuple[Anchor, ...]) -> Site:
    """One store under the rules that hold in it."""
    return Site(
        store=store,
        size_m=None if plan is None else (plan.width_m, plan.height_m),
        places=tuple(_settled(place, rules) for place in places),
        walls=() if plan is None else plan.walls,
        anchors=anchors,
        rules=rules,
    )


def _settled(place: Place, rules: Rules) -> Place:
    settled = in_zone(place.rules, rules)
    return place if settled is place.rules else Place(place.id, place.polygon_m, settled)
