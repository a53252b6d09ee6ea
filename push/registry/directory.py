"""The registry: written through transactions, read as one immutable snapshot."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, TypeVar

import msgspec

from beacons.registry import Beacon, Gateway, Store, Zone
from beacons.wire import GatewayConfig, Key, key_of
from push.model.ports import Queries, Transaction
from push.model.screens import Offer, Screen
from push.model.sites import Anchor, Place, Rules, Site
from push.model.sites import Anchor as Placed
from push.model.sources import Source
from push.model.vault import Vault
from push.registry import layout, loading, remote, rules, screens, sources
from push.registry.layout import Plan
from push.registry.records import NOBODY, Hand, columns, record, relabel
from push.registry.regions import Region, regions_of
from push.registry.remote import Remote
from push.registry.rules import Ruled, StoreRules, settled
from push.registry.sites import anchors_of, places_of, site_of
from push.registry.tags import STAFF, Tags

T = TypeVar("T", bound=msgspec.Struct)


class Directory(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What is registered, as it stood at one commit. `keys` are each gateway's, the current one first.

    What is derived from it is derived once: a chain's tags are too many to go through for every call.
    """

    stores: dict[str, Store] = {}
    zones: dict[tuple[str, str], Zone] = {}
    gateways: dict[str, Gateway] = {}
    keys: dict[str, tuple[Key, ...]] = {}
    config_versions: dict[str, int] = {}
    remote: Remote = Remote()
    tags: Tags = msgspec.field(default_factory=Tags)
    """Every registered beacon, in columns. They are live: a single change is entered in them."""
    fixtures: tuple[Beacon, ...] = ()
    """Beacons that are mounted at a place."""
    screens: dict[str, Screen] = {}
    store_offers: dict[str, Offer] = {}
    plans: dict[str, Plan] = {}
    """The floors of stores in metres, with their walls."""
    ruled: Ruled = Ruled()
    """What stores and zones say of how people come and go."""
    sources: tuple[Source, ...] = ()
    """Whom stores believe of other people's gateways."""

    def sites(self, default: Rules) -> Mapping[str, Site]:
        """Every store as presence sees it, by id; `default` is what the server is configured to."""
        if default not in self._sites:
            self._sites[default] = {store: self._site(store, default) for store in self.stores}
        return self._sites[default]

    def _site(self, store: str, default: Rules) -> Site:
        held = settled(self.ruled.stores.get(store, StoreRules()), default)
        return site_of(store, held, self.plans.get(store), self._places.get(store, ()), self._placed.get(store, ()))

    @cached_property
    def _sites(self) -> dict[Rules, Mapping[str, Site]]:
        return {}

    @cached_property
    def _places(self) -> Mapping[str, tuple[Place, ...]]:
        return places_of(self.zones.values(), self.ruled)

    @cached_property
    def _placed(self) -> Mapping[str, tuple[Placed, ...]]:
        return anchors_of(self.gateways.values(), self.fixtures, self.unheeded)

    @cached_property
    def unheeded(self) -> frozenset[str]:
        """Gateways of other people whose word triggers nothing."""
        return frozenset(g for source in self.sources if not source.triggers for g in source.gateways.values())

    @cached_property
    def anchors(self) -> Mapping[str, Anchor]:
        """Gateways and fixtures by id: the known ends of radio links."""
        return {anchor.id: anchor for of_store in self._placed.values() for anchor in of_store}

    @cached_property
    def _filter(self) -> GatewayConfig:
        """What every gateway lets through: each registered static id but staff's, which it drops."""
        tags = self.tags
        static = tags.static()
        is_staff = tags.flags[static] & STAFF != 0
        passed, dropped = static[~is_staff], static[is_staff]
        return GatewayConfig(
            version=1,
            pass_kind=tags.kind[passed].tobytes(),
            pass_id=tags.code[passed].tobytes(),
            drop_kind=tags.kind[dropped].tobytes(),
            drop_id=tags.code[dropped].tobytes(),
        )

    @cached_property
    def screens_of(self) -> Mapping[str, tuple[Screen, ...]]:
        """The screens of each store that has any."""
        found: dict[str, tuple[Screen, ...]] = {}
        for screen in self.screens.values():
            found[screen.store] = (*found.get(screen.store, ()), screen)
        return found

    @cached_property
    def gateways_by_screens(self) -> frozenset[str]:
        """Gateways in a zone with a screen: there it matters who else is near."""
        places = {(screen.store, screen.zone) for screen in self.screens.values()}
        return frozenset(g.id for g in self.gateways.values() if (g.store, g.zone) in places)

    @cached_property
    def regions(self) -> Mapping[str, tuple[Region, ...]]:
        """What apps wait for, by store."""
        return regions_of(self.fixtures)

    def derive(self) -> "Directory":
        """Derive now what takes a look at every beacon: for a thread, before the snapshot is used."""
        _ = self._filter, self.anchors, self.regions, self._places, self._placed
        return self

    def gateway_config(self, gateway: str) -> GatewayConfig:
        """What a gateway is told."""
        placed, version = self.gateways[gateway], self.config_versions.get(gateway, 1)
        told = self.remote.of(placed.store, gateway).applied(self._filter)
        return msgspec.structs.replace(told, version=version, radio_offset_db=placed.radio_offset_db)

    def static_tag_stores(self) -> frozenset[str]:
        """Stores that explicitly allow tags which never rotate."""
        return frozenset(s.id for s in self.stores.values() if s.allow_static_tags)


async def load(db: Queries, vault: Vault, tags: Tags | None = None) -> Directory:
    """The snapshot of the last commit; with `tags`, all but these, which are up to date already.

    Raises `push.model.vault.SealError` under a wrong master key.
    """
    gateways = await db.fetch("registry.gateways")
    return Directory(
        stores={r["id"]: record(Store, r) for r in await db.fetch("registry.stores")},
        zones={(r["store"], r["id"]): record(Zone, r) for r in await db.fetch("registry.zones")},
        gateways={r["id"]: record(Gateway, r) for r in gateways},
        keys={r["id"]: _gateway_keys(r, vault) for r in gateways},
        config_versions={r["id"]: r["config_version"] for r in gateways},
        remote=await remote.load(db),
        tags=await loading.load(db, vault) if tags is None else tags,
        fixtures=tuple(record(Beacon, r) for r in await db.fetch("resolver.fixtures")),
        screens=await screens.screens(db),
        store_offers=await screens.store_offers(db),
        plans=await layout.load(db),
        ruled=await rules.load(db),
        sources=await sources.load(db),
    )


async def beacons(db: Queries) -> tuple[Beacon, ...]:
    """Every registered beacon as it stands in the database: for small registries, and for documents of all of it."""
    return tuple(record(Beacon, r) for r in await db.fetch("registry.beacons"))


def _gateway_keys(row: Mapping[str, Any], vault: Vault) -> tuple[Key, ...]:
    context = f"gateway:{row['id']}"
    sealed = (row["secret_sealed"], row["previous_sealed"])
    return tuple(key_of(vault.open(value, context)) for value in sealed if value is not None)


async def put_store(tx: Transaction, store: Store, hand: Hand = NOBODY) -> None:
    """Register a store, or change it."""
    before = await tx.fetch_one("registry.store", id=store.id)
    await tx.execute("registry.put_store", **columns(store, hand))
    await relabel(tx, "store", store, before)


async def put_zone(tx: Transaction, zone: Zone, hand: Hand = NOBODY) -> None:
    """Register a zone, or change it."""
    await tx.execute("registry.put_zone", **columns(zone, hand))


async def put_gateway(tx: Transaction, gateway: Gateway, secret: bytes, vault: Vault, hand: Hand = NOBODY) -> None:
    """Register a gateway with its secret, or change it; a known gateway keeps the secret it has."""
    before = await tx.fetch_one("registry.gateway", id=gateway.id)
    sealed = vault.seal(secret, f"gateway:{gateway.id}")
    await tx.execute("registry.put_gateway", **columns(gateway, hand), secret_sealed=sealed)
    await relabel(tx, "gateway", gateway, before)


async def put_beacon(
    tx: Transaction, beacon: Beacon, identity_key: bytes | None, vault: Vault, hand: Hand = NOBODY
) -> None:
    """Register a beacon, or change it; without a key a known one keeps the key it has."""
    before = await tx.fetch_one("registry.beacon", id=beacon.id)
    sealed = None if identity_key is None else vault.seal(identity_key, f"beacon:{beacon.id}")
    await tx.execute("registry.put_beacon", **columns(beacon, hand), key_sealed=sealed)
    await relabel(tx, "beacon", beacon, before)
    if _filtered(columns(beacon, hand)) != _filtered(before):
        await tx.execute("registry.bump_config")


async def delete_beacon(tx: Transaction, beacon: Beacon) -> None:
    """Delete a beacon with its key and its labels."""
    await drop_labels(tx, "beacon", beacon)
    await tx.execute("registry.delete_beacon", id=beacon.id)
    if _filtered(columns(beacon, NOBODY)):
        await tx.execute("registry.bump_config")


async def drop_labels(tx: Transaction, kind: str, item: Store | Gateway | Beacon) -> None:
    """Forget the labels of what is deleted."""
    await tx.execute_many(f"registry.unlabel_{kind}", [{"label": one, "item": item.id} for one in item.labels])


def _filtered(row: Mapping[str, Any] | None) -> tuple[object, ...]:
    """What gateways' filters hold of a beacon: nothing of a rotating one."""
    if row is None or row["static_id"] is None:
        return ()
    return (row["format"], row["static_id"], bool(row["staff"]))
