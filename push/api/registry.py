"""What retail operations call to register stores, zones, gateways, beacons, shoppers and campaigns."""

import re
import secrets
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final
from zoneinfo import available_timezones

import msgspec

from beacons.ids import KINDS, WIDTH
from beacons.registry import Beacon, Gateway, Store, Zone
from beacons.topics import Id
from beacons.wire import SECRET_BYTES
from push.api import consents
from push.api.contract import OPERATOR, Call, Context, Endpoint, ProblemError
from push.campaigns.render import TemplateError, check
from push.model.campaigns import Campaign
from push.model.errors import UniqueError
from push.model.people import Purpose, Shopper
from push.model.ports import Transaction
from push.profiles import people
from push.registry import directory

TIME_ZONES: Final = available_timezones()
"""Read once, as this module is: looking into the system's files would hold up the event loop."""
MOST_NAMED: Final = 10

Key16 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}$(?!\n)")]
Key32 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]


class GatewayIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A gateway, and its secret where the installer brings one; the server makes one otherwise."""

    gateway: Gateway
    secret: Key32 | None = None


class GatewayOut(msgspec.Struct, frozen=True):
    """A registered gateway; the secret of a new one is shown this once."""

    gateway: Gateway
    secret: str | None


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


class Stored(msgspec.Struct, frozen=True):
    """What was taken over, by kind; `warnings` say what to think about."""

    counts: dict[str, int]
    warnings: tuple[str, ...] = ()


async def put_store(tx: Transaction, context: Context, store: Store) -> None:
    """Register or change a store."""
    del context
    await directory.put_store(tx, store)


async def put_zone(tx: Transaction, context: Context, zone: Zone) -> None:
    """Register or change a zone."""
    del context
    await directory.put_zone(tx, zone)


async def put_gateway(tx: Transaction, context: Context, body: GatewayIn) -> str | None:
    """Register or change a gateway; the secret of a new one."""
    known = body.gateway.id in context.presence.directory.gateways
    secret = secrets.token_bytes(SECRET_BYTES) if body.secret is None else bytes.fromhex(body.secret)
    await directory.put_gateway(tx, body.gateway, secret, context.vault)
    return None if known else secret.hex()


async def put_beacon(tx: Transaction, context: Context, body: BeaconIn) -> None:
    """Register or change a beacon. Raises `ProblemError` 400 where its parts do not fit together."""
    problem = beacon_problem(body, known=body.beacon.id in context.presence.directory.beacon_keys)
    if problem is not None:
        raise ProblemError(400, "Does not fit", f"beacon {body.beacon.id}: {problem}")
    if body.beacon.shopper is not None:
        await people.ensure_shopper(tx, body.beacon.shopper, context.clock.now_ms())
    key = None if body.identity_key is None else bytes.fromhex(body.identity_key)
    await directory.put_beacon(tx, body.beacon, key, context.vault)


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


def unknown_places(seed: Seed, held: directory.Directory) -> list[str]:
    """What a registry names without having it: stores, zones, time zones."""
    stores = held.stores.keys() | {s.id for s in seed.stores}
    zones = held.zones.keys() | {(z.store, z.id) for z in seed.zones}
    placed: list[tuple[str, str | None, str | None]] = [
        *((f"zone {z.id}", z.store, None) for z in seed.zones),
        *((f"gateway {g.gateway.id}", g.gateway.store, g.gateway.zone) for g in seed.gateways),
        *((f"beacon {b.beacon.id}", b.beacon.store, b.beacon.zone) for b in seed.beacons),
    ]
    return [
        *(f"store {s.id}: time_zone {s.time_zone!r} is none" for s in seed.stores if s.time_zone not in TIME_ZONES),
        *(f"{what}: there is no store {store!r}" for what, store, _ in placed if store not in {None, *stores}),
        *(f"{what}: store {store!r} has no zone {zone!r}" for what, store, zone in placed
          if store in stores and zone is not None and (store, zone) not in zones),
    ]  # fmt: skip


async def put_shopper(tx: Transaction, context: Context, body: ShopperIn) -> None:
    """Write a shopper's traits and proven consents."""
    await people.put_shopper(tx, Shopper(id=body.id, traits=body.traits, created_ms=context.clock.now_ms()))
    await consents.write(tx, body.id, body.purposes, body.source, context.clock.now_ms())


async def put_campaign(tx: Transaction, context: Context, campaign: Campaign) -> None:
    """Write a campaign; a changed one becomes a new version. Raises `ProblemError` 400 for a bad template."""
    try:
        check(campaign.template)
    except TemplateError as error:
        raise ProblemError(400, "Template not understood", f"campaign {campaign.id}: template.{error}") from None
    definition = msgspec.json.encode(campaign).decode()
    await tx.execute("campaigns.put", id=campaign.id, definition=definition, updated_ms=context.clock.now_ms())


Writer = Callable[[Transaction, Context, Any], Awaitable[object]]
_PARTS: Final[tuple[tuple[str, Writer], ...]] = (
    ("stores", put_store),
    ("zones", put_zone),
    ("gateways", put_gateway),
    ("shoppers", put_shopper),
    ("beacons", put_beacon),
    ("campaigns", put_campaign),
)


async def put_seed(context: Context, seed: Seed, actor: str) -> Stored:
    """Take over a whole registry in one transaction, and bring it into force."""
    unknown = unknown_places(seed, context.presence.directory)
    if unknown:
        raise ProblemError(400, "Does not fit", f"{'; '.join(unknown[:MOST_NAMED])}.")
    counts: dict[str, int] = {}
    try:
        async with context.db.transaction() as tx:
            for part, writer in _PARTS:
                for item in getattr(seed, part):
                    await writer(tx, context, item)
                counts[part] = len(getattr(seed, part))
            await directory.audit(
                tx, actor, "put registry", ", ".join(f"{n} {k}" for k, n in counts.items()), context.clock.now_ms()
            )
    except UniqueError:
        raise ProblemError(
            409, "Taken", "Another beacon says the same static_id; every id must be one beacon's."
        ) from None
    for shopper in seed.shoppers:
        await consents.bring_into_force(context, shopper.id, shopper.purposes)
    await context.reload()
    return Stored(counts, warnings(seed))


def warnings(seed: Seed) -> tuple[str, ...]:
    """What is allowed and yet worth a thought."""
    static = [b.beacon.id for b in seed.beacons if b.beacon.role == "tag" and b.beacon.format != "eid"]
    return tuple(
        f"tag {name} never rotates: anybody with a radio can follow it. It works only in stores with allow_static_tags."
        for name in static
    )


async def put_registry(context: Context, call: Call) -> Stored:
    """Take over a whole registry, all or nothing."""
    return await put_seed(context, call.body, _actor(call))


def _actor(call: Call) -> str:
    return f"{call.principal.scope}:{call.principal.subject}"


def _one(part: str, name: str, path_keys: tuple[str, ...]) -> Callable[[Context, Call], Awaitable[object]]:
    """The handler that writes one item, whose path must say the same as its body."""

    async def handle(context: Context, call: Call) -> object:
        item = getattr(call.body, name) if name else call.body
        for key in path_keys:
            field = key if hasattr(item, key) else "id"
            if getattr(item, field) != call.path[key]:
                detail = f"The path says {key} {call.path[key]!r}, the body {getattr(item, field)!r}."
                raise ProblemError(400, "Path and body disagree", detail)
        return await put_seed(context, Seed(**{part: (call.body,)}), _actor(call))

    return handle


async def put_one_gateway(context: Context, call: Call) -> GatewayOut:
    """Register or change a gateway; a new one's secret is in the answer, this once."""
    body: GatewayIn = call.body
    if (body.gateway.store, body.gateway.id) != (call.path["store"], call.path["id"]):
        raise ProblemError(400, "Path and body disagree", "`store` and `id` in path and body must be the same.")
    unknown = unknown_places(Seed(gateways=(body,)), context.presence.directory)
    if unknown:
        raise ProblemError(400, "Does not fit", f"{'; '.join(unknown)}.")
    async with context.db.transaction() as tx:
        secret = await put_gateway(tx, context, body)
        await directory.audit(tx, _actor(call), "put gateway", body.gateway.id, context.clock.now_ms())
    await context.reload()
    return GatewayOut(body.gateway, secret)


async def get_registry(context: Context, call: Call) -> Seed:
    """Stores, zones, gateways, beacons and campaigns as they stand; no secret, no person."""
    del call
    held = context.presence.directory
    rows = await context.db.fetch("campaigns.all")
    return Seed(
        stores=tuple(held.stores.values()),
        zones=tuple(held.zones.values()),
        gateways=tuple(GatewayIn(g) for g in held.gateways.values()),
        beacons=tuple(BeaconIn(b) for b in held.beacons),
        campaigns=tuple(msgspec.json.decode(r["definition"], type=Campaign) for r in rows),
    )


ENDPOINTS: Final = (
    Endpoint("GET", "/v1/registry", OPERATOR, "The registry", get_registry, result=Seed),
    Endpoint("PUT", "/v1/registry", OPERATOR, "Take over a registry, all or nothing", put_registry, Seed, Stored),
    Endpoint("PUT", "/v1/stores/{id}", OPERATOR, "Put a store", _one("stores", "", ("id",)), Store, Stored),
    Endpoint(
        "PUT", "/v1/stores/{store}/zones/{id}", OPERATOR, "Put a zone", _one("zones", "", ("store", "id")), Zone, Stored
    ),
    Endpoint(
        "PUT", "/v1/stores/{store}/gateways/{id}", OPERATOR, "Put a gateway", put_one_gateway, GatewayIn, GatewayOut
    ),
    Endpoint("PUT", "/v1/beacons/{id}", OPERATOR, "Put a beacon", _one("beacons", "beacon", ("id",)), BeaconIn, Stored),
    Endpoint("PUT", "/v1/shoppers/{id}", OPERATOR, "Put a shopper", _one("shoppers", "", ("id",)), ShopperIn, Stored),
    Endpoint("PUT", "/v1/campaigns/{id}", OPERATOR, "Put a campaign", _one("campaigns", "", ("id",)), Campaign, Stored),
)
