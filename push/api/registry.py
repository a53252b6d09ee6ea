"""What retail operations call to take over a registry at once, and to register shoppers and campaigns."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

import msgspec

from beacons.registry import Store, Zone
from beacons.wire import SECRET_BYTES
from push.api import consents, naming
from push.api.campaigns import refuse_unreadable
from push.api.consents import Change
from push.api.contract import OPERATOR, Call, Context, Endpoint, ProblemError
from push.api.purposes import refuse_unknown
from push.api.refusals import as_problem
from push.api.seed import (
    BeaconIn,
    GatewayIn,
    Seed,
    ShopperIn,
    Stored,
    StorePlan,
    StorePresence,
    ZonePresence,
    static_tag_warnings,
)
from push.campaigns import lifecycle, records
from push.campaigns.lifecycle import By
from push.model.campaigns import Campaign
from push.model.errors import MisfitError, RegistryError, UniqueError
from push.model.ports import Transaction
from push.model.screens import Screen, StoreOffer
from push.profiles import registered
from push.registry import checks, directory, editing, plans, rules_editing, screens
from push.registry.audit import audit
from push.registry.records import Hand
from push.registry.rules_editing import Where

MOST_NAMED: Final = 10


class _Writing(NamedTuple):
    """One seed being taken over."""

    tx: Transaction
    context: Context
    hand: Hand
    change: Change


async def put_store(to: _Writing, store: Store) -> None:
    """Register or change a store."""
    await editing.put_store(to.tx, store, to.hand)


async def put_zone(to: _Writing, zone: Zone) -> None:
    """Register or change a zone."""
    await editing.put_zone(to.tx, zone, to.hand)


async def put_plan(to: _Writing, body: StorePlan) -> None:
    """Give a store a plan, or change its size and walls."""
    await plans.put_plan(to.tx, body.store, body.plan, to.hand)


async def put_presence(to: _Writing, body: StorePresence) -> None:
    """Say by which rules people come and go in a store."""
    where, default = Where(body.store), to.context.rules
    await rules_editing.put(to.tx, where, body.rules, to.hand, default=default)


async def put_zone_presence(to: _Writing, body: ZonePresence) -> None:
    """Say by which rules people come and go in a zone."""
    where, default = Where(body.store, body.zone), to.context.rules
    await rules_editing.put(to.tx, where, body.rules, to.hand, default=default)


async def put_gateway(to: _Writing, body: GatewayIn) -> None:
    """Register or change a gateway."""
    secret = secrets.token_bytes(SECRET_BYTES) if body.secret is None else bytes.fromhex(body.secret)
    await editing.put_gateway(to.tx, body.gateway, to.hand, secret=secret, vault=to.context.vault)


async def put_beacon(to: _Writing, body: BeaconIn) -> None:
    """Register or change a beacon."""
    if body.beacon.shopper is not None:
        await naming.ensure_shopper(to.context, to.change, body.beacon.shopper, to.hand.at_ms)
    key = None if body.identity_key is None else bytes.fromhex(body.identity_key)
    await editing.put_beacon(to.tx, body.beacon, to.hand, identity_key=key, vault=to.context.vault)


async def put_shopper(to: _Writing, body: ShopperIn) -> None:
    """Write a shopper's traits and proven consents."""
    await registered.put(to.tx, to.context.keyring, body.id, body.traits, to.hand.at_ms)
    await naming.link_named(to.context, to.change, body.id, to.hand.at_ms)
    await to.change.write(body.id, body.purposes, body.source, to.hand.at_ms)


async def put_campaign(to: _Writing, campaign: Campaign) -> None:
    """Put a campaign into force; a changed one becomes a new version. Raises `ProblemError` 400 for a bad template."""
    refuse_unreadable(campaign)
    await lifecycle.put_live(to.tx, campaign, By(to.hand.actor, to.hand.at_ms))


async def put_screen(to: _Writing, screen: Screen) -> None:
    """Register or change a screen."""
    checks.refuse(f"screen {screen.id}", await checks.place_faults(to.tx, screen.store, screen.zone))
    await screens.put_screen(to.tx, screen, to.hand.at_ms)


async def put_store_offer(to: _Writing, offer: StoreOffer) -> None:
    """Set what the screens of a store offer."""
    checks.refuse(f"offer of store {offer.store}", await checks.place_faults(to.tx, offer.store))
    await screens.put_store_offer(to.tx, offer)


Writer = Callable[[_Writing, Any], Awaitable[None]]
_ABSENT: Final = 404
_PARTS: Final[tuple[tuple[str, Writer], ...]] = (
    ("stores", put_store),
    ("plans", put_plan),
    ("zones", put_zone),
    ("presence", put_presence),
    ("zone_presence", put_zone_presence),
    ("gateways", put_gateway),
    ("shoppers", put_shopper),
    ("beacons", put_beacon),
    ("campaigns", put_campaign),
    ("screens", put_screen),
    ("store_offers", put_store_offer),
)


async def put_seed(context: Context, seed: Seed, actor: str) -> Stored:
    """Take over a whole registry in one transaction, and bring it into force."""
    refuse_unknown(context, (purpose for campaign in seed.campaigns for purpose in campaign.needs))
    refuse_unknown(context, (purpose for shopper in seed.shoppers for purpose in shopper.purposes))
    counts = {part: len(getattr(seed, part)) for part, _ in _PARTS}
    try:
        async with consents.changing(context) as change:
            to = _Writing(change.tx, context, Hand(actor, context.clock.now_ms()), change)
            await _write(to, seed)
            told = ", ".join(f"{n} {k}" for k, n in counts.items() if n)
            await audit(to.tx, actor, "put registry", told or "nothing", to.hand.at_ms)
    except UniqueError:  # registered just now, by somebody else
        raise ProblemError(409, "Taken", "Another beacon says the same static_id: every id is one beacon's.") from None
    await context.reload([b.beacon.id for b in seed.beacons], others=set(filter(counts.get, counts)) != {"beacons"})
    return Stored(counts, static_tag_warnings(body.beacon for body in seed.beacons))


async def _write(to: _Writing, seed: Seed) -> None:
    """Raises `ProblemError` that names the first items which do not fit: nothing is kept then."""
    misfits: list[str] = []
    for part, writer in _PARTS:
        for item in getattr(seed, part):
            try:
                await writer(to, item)
            except MisfitError as error:
                misfits.append(str(error))
            except RegistryError as error:
                raise as_problem(error) from None
            if len(misfits) == MOST_NAMED:
                break
    if misfits:
        raise ProblemError(400, "Does not fit", f"{'; '.join(misfits[:MOST_NAMED])}")


async def put_registry(context: Context, call: Call) -> Stored:
    """Take over a whole registry, all or nothing."""
    try:
        return await put_seed(context, call.body, call.actor)
    except ProblemError as problem:
        if problem.status != _ABSENT:
            raise
        raise ProblemError(400, "Does not fit", problem.detail) from None  # what an item names is not in the path


def one(part: str, name: str, path_keys: tuple[str, ...]) -> Callable[[Context, Call], Awaitable[object]]:
    """The handler that writes one item, whose path must say the same as its body."""

    async def handle(context: Context, call: Call) -> object:
        item = getattr(call.body, name) if name else call.body
        for key in path_keys:
            field = key if hasattr(item, key) else "id"
            if getattr(item, field) != call.path[key]:
                detail = f"The path says {key} {call.path[key]!r}, the body {getattr(item, field)!r}."
                raise ProblemError(400, "Path and body disagree", detail)
        return await put_seed(context, Seed(**{part: (call.body,)}), call.actor)

    return handle


async def get_registry(context: Context, call: Call) -> Seed:
    """Stores, plans, zones, gateways, beacons and campaigns as they stand; no secret, no picture.

    Operators who are kept to some stores see those, and the campaigns that name no other; viewers, nobody's tag.
    """
    held, sees = context.presence.directory, call.principal.sees
    beacons = [b for b in await directory.beacons(context.db) if sees(b.store)]
    if not call.principal.may("editor"):
        beacons = [msgspec.structs.replace(b, shopper=None) for b in beacons]
    campaigns = await records.in_force(context.db)
    return Seed(
        stores=tuple(store for store in held.stores.values() if sees(store.id)),
        zones=tuple(zone for zone in held.zones.values() if sees(zone.store)),
        gateways=tuple(GatewayIn(g) for g in held.gateways.values() if sees(g.store)),
        beacons=tuple(BeaconIn(b) for b in beacons),
        campaigns=tuple(campaign for campaign in campaigns if all(map(sees, campaign.trigger.stores))),
        screens=tuple(screen for screen in held.screens.values() if sees(screen.store)),
        store_offers=tuple(
            StoreOffer(store=store, offer=offer) for store, offer in held.store_offers.items() if sees(store)
        ),
        plans=tuple(StorePlan(store, plan) for store, plan in held.plans.items() if sees(store)),
        presence=tuple(StorePresence(store, said) for store, said in held.ruled.stores.items() if sees(store)),
        zone_presence=tuple(
            ZonePresence(store, zone, said) for (store, zone), said in held.ruled.zones.items() if sees(store)
        ),
    )


ENDPOINTS: Final = (
    Endpoint("GET", "/v1/registry", OPERATOR, "The registry", get_registry, result=Seed, reach="own"),
    Endpoint(
        "PUT",
        "/v1/registry",
        OPERATOR,
        "Take over a registry, all or nothing",
        put_registry,
        Seed,
        Stored,
        errors=(409,),
        role="admin",
    ),
    Endpoint("PUT", "/v1/shoppers/{id}", OPERATOR, "Put a shopper", one("shoppers", "", ("id",)), ShopperIn, Stored),
)
