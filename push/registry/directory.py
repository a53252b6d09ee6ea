"""The registry: written through transactions, read as one immutable snapshot."""

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final, TypeVar

import msgspec

from beacons.registry import Beacon, Gateway, Store, Zone
from beacons.wire import GatewayConfig, Key, key_of
from push.model.ports import Queries, Transaction
from push.model.presence import Anchor
from push.model.screens import Offer, Screen
from push.model.vault import Vault
from push.registry import loading, screens
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
    tags: Tags = msgspec.field(default_factory=Tags)
    """Every registered beacon, in columns. They are live: a single change is entered in them."""
    fixtures: tuple[Beacon, ...] = ()
    """Beacons that are mounted at a place."""
    screens: dict[str, Screen] = {}
    store_offers: dict[str, Offer] = {}

    @cached_property
    def anchors(self) -> Mapping[str, Anchor]:
        """Gateways and fixtures by id: the known ends of radio links."""
        places = {g.id: Anchor(g.id, g.store, g.zone) for g in self.gateways.values()}
        return places | {
            b.id: Anchor(b.id, b.store, b.zone, forgeable=b.format != "eid")
            for b in self.fixtures
            if b.store is not None
        }

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

    def derive(self) -> "Directory":
        """Derive now what takes a look at every beacon: for a thread, before the snapshot is used."""
        _ = self._filter, self.anchors
        return self

    def gateway_config(self, gateway: str) -> GatewayConfig:
        """What a gateway is told."""
        version, offset_db = self.config_versions.get(gateway, 1), self.gateways[gateway].radio_offset_db
        return msgspec.structs.replace(self._filter, version=version, radio_offset_db=offset_db)

    def static_tag_stores(self) -> frozenset[str]:
        """Stores that explicitly allow tags which never rotate."""
        return frozenset(s.id for s in self.stores.values() if s.allow_static_tags)


async def load(db: Queries, vault: Vault, tags: Tags | None = None) -> Directory:
    """The snapshot of the last commit; with `tags`, all but these, which are up to date already.

    Raises `push.model.vault.SealError` under a wrong master key.
    """
    gateways = await db.fetch("registry.gateways")
    return Directory(
        stores={r["id"]: _struct(Store, r) for r in await db.fetch("registry.stores")},
        zones={(r["store"], r["id"]): _zone(r) for r in await db.fetch("registry.zones")},
        gateways={r["id"]: _struct(Gateway, r) for r in gateways},
        keys={r["id"]: _gateway_keys(r, vault) for r in gateways},
        config_versions={r["id"]: r["config_version"] for r in gateways},
        tags=await loading.load(db, vault) if tags is None else tags,
        fixtures=tuple(_struct(Beacon, r) for r in await db.fetch("resolver.fixtures")),
        screens=await screens.screens(db),
        store_offers=await screens.store_offers(db),
    )


async def beacons(db: Queries) -> tuple[Beacon, ...]:
    """Every registered beacon as it stands in the database: for small registries, and for documents of all of it."""
    return tuple(_struct(Beacon, r) for r in await db.fetch("registry.beacons"))


_LISTS: Final = frozenset({"opening", "days", "labels"})
"""Fields that are kept as JSON."""


def _struct(kind: type[T], row: Mapping[str, Any]) -> T:
    fields = {f: json.loads(row[f]) if f in _LISTS else row[f] for f in kind.__struct_fields__}
    return msgspec.convert(fields, kind, strict=False)


def _columns(item: msgspec.Struct) -> dict[str, Any]:
    """A record as its columns."""
    fields = msgspec.structs.asdict(item)
    return {f: msgspec.json.encode(value).decode() if f in _LISTS else value for f, value in fields.items()}


def _zone(row: Mapping[str, Any]) -> Zone:
    return msgspec.convert({**row, "polygon_m": json.loads(row["polygon_m"])}, Zone)


def _gateway_keys(row: Mapping[str, Any], vault: Vault) -> tuple[Key, ...]:
    context = f"gateway:{row['id']}"
    sealed = (row["secret_sealed"], row["previous_sealed"])
    return tuple(key_of(vault.open(value, context)) for value in sealed if value is not None)


async def put_store(tx: Transaction, store: Store) -> None:
    """Register a store, or change it."""
    await tx.execute("registry.put_store", **_columns(store))


async def put_zone(tx: Transaction, zone: Zone) -> None:
    """Register a zone, or change it."""
    values = msgspec.structs.asdict(zone)
    await tx.execute("registry.put_zone", **{**values, "polygon_m": json.dumps(zone.polygon_m)})


async def put_gateway(tx: Transaction, gateway: Gateway, secret: bytes, vault: Vault) -> None:
    """Register a gateway with its secret, or change it; a known gateway keeps the secret it has."""
    sealed = vault.seal(secret, f"gateway:{gateway.id}")
    await tx.execute("registry.put_gateway", **_columns(gateway), secret_sealed=sealed)


async def put_beacon(tx: Transaction, beacon: Beacon, identity_key: bytes | None, vault: Vault) -> None:
    """Register a beacon, or change it; without a key a known one keeps the key it has."""
    sealed = None if identity_key is None else vault.seal(identity_key, f"beacon:{beacon.id}")
    before = await tx.fetch_one("registry.said_by", id=beacon.id)
    await tx.execute("registry.put_beacon", **_columns(beacon), key_sealed=sealed)
    if beacon.static_id is not None or (before is not None and before["static_id"] is not None):
        await tx.execute("registry.bump_config")
