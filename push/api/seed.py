"""A registry in one document: its form."""

from collections.abc import Iterable
from typing import Annotated

import msgspec

from beacons.registry import Beacon, Gateway, Store, Zone
from beacons.topics import Id
from push.model.campaigns import Campaign
from push.model.people import Purpose
from push.model.screens import Screen, StoreOffer
from push.model.sites import ZoneRules
from push.registry.layout import Plan
from push.registry.rules import StoreRules

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


class StorePlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The floor of a store, without its picture."""

    store: Id
    plan: Plan


class StorePresence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By which rules people come and go in a store, where they are not the server's."""

    store: Id
    rules: StoreRules


class ZonePresence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By which rules people come and go in a zone, where they are not its store's."""

    store: Id
    zone: Id
    rules: ZoneRules


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
    plans: tuple[StorePlan, ...] = ()
    presence: tuple[StorePresence, ...] = ()
    zone_presence: tuple[ZonePresence, ...] = ()


class Stored(msgspec.Struct, frozen=True):
    """What was taken over, by kind; `warnings` say what to think about."""

    counts: dict[str, int]
    warnings: tuple[str, ...] = ()


def static_tag_warnings(beacons: Iterable[Beacon]) -> tuple[str, ...]:
    """What is allowed and yet worth a thought."""
    static = [beacon.id for beacon in beacons if beacon.role == "tag" and beacon.format != "eid"]
    return tuple(
        f"tag {name} never rotates: anybody with a radio can follow it. It works only in stores with allow_static_tags."
        for name in static
    )
