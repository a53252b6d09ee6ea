"""A registry in one document: its form, and what would not fit together in it. Pure."""

import re
from typing import Annotated, Final
from zoneinfo import available_timezones

import msgspec

from beacons.ids import KINDS, WIDTH
from beacons.registry import Beacon, Gateway, Store, Zone
from beacons.topics import Id
from push.model.campaigns import Campaign
from push.model.people import Purpose
from push.model.screens import Screen, StoreOffer
from push.registry import directory

TIME_ZONES: Final = available_timezones()
"""Read once, as this module is: looking into the system's files would hold up the event loop."""
Key16 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}$(?!\n)")]
Key32 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]


class GatewayIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A gateway, and its secret where the installer brings one; the server makes one otherwise."""

    gateway: Gateway
    secret: Key32 | None = None


class BeaconIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A beacon, and the identity key of a rotating one (never shown again)."""

    beacon: Beacon
    identity_key: Key16 | None = None


class ShopperIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A shopper's traits, and consents that the retailer's own records prove (with `source` saying where)."""

    id: Id
    traits: dict[str, str | int | float | bool | None] = {}
    purposes: dict[Purpose, bool] = {}
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] = "api"


class Seed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A registry in one document: what a seed file holds and `PUT /v1/registry` takes, all or nothing."""

    stores: tuple[Store, ...] = ()
    zones: tuple[Zone, ...] = ()
    gateways: tuple[GatewayIn, ...] = ()
    beacons: tuple[BeaconIn, ...] = ()
    shoppers: tuple[ShopperIn, ...] = ()
    campaigns: tuple[Campaign, ...] = ()
    screens: tuple[Screen, ...] = ()
    store_offers: tuple[StoreOffer, ...] = ()


def beacon_problem(body: BeaconIn, *, known: bool) -> str | None:
    """What does not fit in a beacon, None where all does."""
    beacon = body.beacon
    if beacon.role == "fixture" and beacon.store is None:
        return "a fixture needs a store (and a zone, to place people)"
    if beacon.format == "eid":
        return _rotating_problem(body, known=known)
    digits = 2 * WIDTH[KINDS[beacon.format]]
    if beacon.static_id is None or re.fullmatch(f"[0-9a-f]{{{digits}}}", beacon.static_id) is None:
        return f"format {beacon.format} needs a static_id of {digits} hex digits in lower case"
    return None if body.identity_key is None else f"format {beacon.format} never rotates and has no identity_key"


def _rotating_problem(body: BeaconIn, *, known: bool) -> str | None:
    if body.beacon.static_id is not None:
        return "a rotating beacon (format eid) has no static_id"
    if body.identity_key is None and not known:
        return "a rotating beacon (format eid) needs its identity_key, 32 hex digits"
    return None


def _clashes(seed: Seed, held: directory.Directory) -> set[str]:
    """Ids that a gateway and a beacon would share: presence knows the ends of radio links by id alone."""
    gateways = held.gateways.keys() | {g.gateway.id for g in seed.gateways}
    return gateways & ({b.id for b in held.beacons} | {b.beacon.id for b in seed.beacons})


def misplaced(seed: Seed, held: directory.Directory) -> list[str]:
    """What a registry names without having it (stores, zones, time zones), and ids that two kinds of place share."""
    stores = held.stores.keys() | {s.id for s in seed.stores}
    zones = held.zones.keys() | {(z.store, z.id) for z in seed.zones}
    placed: list[tuple[str, str | None, str | None]] = [
        *((f"zone {z.id}", z.store, None) for z in seed.zones),
        *((f"gateway {g.gateway.id}", g.gateway.store, g.gateway.zone) for g in seed.gateways),
        *((f"beacon {b.beacon.id}", b.beacon.store, b.beacon.zone) for b in seed.beacons),
        *((f"screen {s.id}", s.store, s.zone) for s in seed.screens),
        *((f"offer of store {o.store}", o.store, None) for o in seed.store_offers),
    ]
    return [
        *(f"{name}: a gateway and a beacon cannot share an id: both are places" for name in _clashes(seed, held)),
        *(f"store {s.id}: time_zone {s.time_zone!r} is none" for s in seed.stores if s.time_zone not in TIME_ZONES),
        *(f"{what}: there is no store {store!r}" for what, store, _ in placed if store not in {None, *stores}),
        *(f"{what}: store {store!r} has no zone {zone!r}" for what, store, zone in placed
          if store in stores and zone is not None and (store, zone) not in zones),
    ]  # fmt: skip


def warnings(seed: Seed) -> tuple[str, ...]:
    """What is allowed and yet worth a thought."""
    static = [b.beacon.id for b in seed.beacons if b.beacon.role == "tag" and b.beacon.format != "eid"]
    return tuple(
        f"tag {name} never rotates: anybody with a radio can follow it. It works only in stores with allow_static_tags."
        for name in static
    )
