"""What retail operations call to register stores, zones, gateways, beacons, shoppers and campaigns."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from beacons.registry import Gateway, Store, Zone
from beacons.wire import SECRET_BYTES
from push.api import consents
from push.api.contract import OPERATOR, Call, Context, Endpoint, ProblemError
from push.api.seed import BeaconIn, GatewayIn, Seed, ShopperIn, beacon_problem, misplaced, warnings
from push.campaigns.render import TemplateError, check
from push.model.campaigns import Campaign
from push.model.errors import UniqueError
from push.model.people import Purpose, Shopper
from push.model.ports import Transaction
from push.model.screens import Screen, StoreOffer
from push.profiles import people
from push.registry import directory, screens
from push.registry.audit import audit

MOST_NAMED: Final = 10


class GatewayOut(msgspec.Struct, frozen=True):
    """A registered gateway; the secret of a new one is shown this once."""

    gateway: Gateway
    secret: str | None


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
    problem = beacon_problem(body, known=context.presence.directory.tags.has_key(body.beacon.id))
    if problem is not None:
        raise ProblemError(400, "Does not fit", f"beacon {body.beacon.id}: {problem}")
    if body.beacon.shopper is not None:
        await people.ensure_shopper(tx, body.beacon.shopper, context.clock.now_ms())
    key = None if body.identity_key is None else bytes.fromhex(body.identity_key)
    await directory.put_beacon(tx, body.beacon, key, context.vault)


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


async def put_screen(tx: Transaction, context: Context, screen: Screen) -> None:
    """Register or change a screen."""
    await screens.put_screen(tx, screen, context.clock.now_ms())


async def put_store_offer(tx: Transaction, context: Context, offer: StoreOffer) -> None:
    """Set what the screens of a store offer."""
    del context
    await screens.put_store_offer(tx, offer)


Writer = Callable[[Transaction, Context, Any], Awaitable[object]]
_PARTS: Final[tuple[tuple[str, Writer], ...]] = (
    ("stores", put_store),
    ("zones", put_zone),
    ("gateways", put_gateway),
    ("shoppers", put_shopper),
    ("beacons", put_beacon),
    ("campaigns", put_campaign),
    ("screens", put_screen),
    ("store_offers", put_store_offer),
)


async def put_seed(context: Context, seed: Seed, actor: str) -> Stored:
    """Take over a whole registry in one transaction, and bring it into force."""
    unknown = misplaced(seed, context.presence.directory)
    if unknown:
        raise ProblemError(400, "Does not fit", f"{'; '.join(unknown[:MOST_NAMED])}.")
    counts: dict[str, int] = {}
    try:
        async with consents.changing(context, _asked(seed)) as tx:
            for part, writer in _PARTS:
                for item in getattr(seed, part):
                    await writer(tx, context, item)
                counts[part] = len(getattr(seed, part))
            await audit(
                tx, actor, "put registry", ", ".join(f"{n} {k}" for k, n in counts.items()), context.clock.now_ms()
            )
    except UniqueError:
        raise ProblemError(
            409, "Taken", "Another beacon says the same static_id; every id must be one beacon's."
        ) from None
    await context.reload([b.beacon.id for b in seed.beacons], others=set(filter(counts.get, counts)) != {"beacons"})
    return Stored(counts, warnings(seed))


def _asked(seed: Seed) -> dict[str, dict[Purpose, bool]]:
    """What shoppers were asked; one that is listed twice, both times."""
    asked: dict[str, dict[Purpose, bool]] = {}
    for shopper in seed.shoppers:
        asked.setdefault(shopper.id, {}).update(shopper.purposes)
    return asked


async def put_registry(context: Context, call: Call) -> Stored:
    """Take over a whole registry, all or nothing."""
    return await put_seed(context, call.body, _actor(call))


def _actor(call: Call) -> str:
    return f"{call.principal.scope}:{call.principal.subject}"


def one(part: str, name: str, path_keys: tuple[str, ...]) -> Callable[[Context, Call], Awaitable[object]]:
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
    unknown = misplaced(Seed(gateways=(body,)), context.presence.directory)
    if unknown:
        raise ProblemError(400, "Does not fit", f"{'; '.join(unknown)}.")
    async with context.db.transaction() as tx:
        secret = await put_gateway(tx, context, body)
        await audit(tx, _actor(call), "put gateway", body.gateway.id, context.clock.now_ms())
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
        beacons=tuple(BeaconIn(b) for b in await directory.beacons(context.db)),
        campaigns=tuple(msgspec.json.decode(r["definition"], type=Campaign) for r in rows),
        screens=tuple(held.screens.values()),
        store_offers=tuple(StoreOffer(store=store, offer=offer) for store, offer in held.store_offers.items()),
    )


ENDPOINTS: Final = (
    Endpoint("GET", "/v1/registry", OPERATOR, "The registry", get_registry, result=Seed),
    Endpoint(
        "PUT",
        "/v1/registry",
        OPERATOR,
        "Take over a registry, all or nothing",
        put_registry,
        Seed,
        Stored,
        errors=(409,),
    ),
    Endpoint("PUT", "/v1/stores/{id}", OPERATOR, "Put a store", one("stores", "", ("id",)), Store, Stored),
    Endpoint(
        "PUT", "/v1/stores/{store}/zones/{id}", OPERATOR, "Put a zone", one("zones", "", ("store", "id")), Zone, Stored
    ),
    Endpoint(
        "PUT", "/v1/stores/{store}/gateways/{id}", OPERATOR, "Put a gateway", put_one_gateway, GatewayIn, GatewayOut
    ),
    Endpoint(
        "PUT",
        "/v1/beacons/{id}",
        OPERATOR,
        "Put a beacon",
        one("beacons", "beacon", ("id",)),
        BeaconIn,
        Stored,
        errors=(409,),
    ),
    Endpoint("PUT", "/v1/shoppers/{id}", OPERATOR, "Put a shopper", one("shoppers", "", ("id",)), ShopperIn, Stored),
    Endpoint("PUT", "/v1/campaigns/{id}", OPERATOR, "Put a campaign", one("campaigns", "", ("id",)), Campaign, Stored),
)
