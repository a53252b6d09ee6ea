"""Stores, zones, gateways and beacons, one by one: read with their revision, written unless somebody was faster."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec

from beacons.registry import Gateway, Store, Zone
from beacons.wire import SECRET_BYTES
from push.api import consents, naming
from push.api.contract import OPERATOR, Call, Context, Endpoint, Parameter, ProblemError, Reply
from push.api.masks import shown
from push.api.queries import asked, parameters
from push.api.refusals import CONDITIONS, IF_MATCH, expected, refusing, tag
from push.api.seed import BeaconIn, GatewayIn, Stored, static_tag_warnings
from push.campaigns import mentions
from push.campaigns.mentions import NamedError, Thing
from push.model.errors import UniqueError
from push.model.ports import Transaction
from push.registry import editing
from push.registry.editing import Held, Written
from push.registry.listing import BeaconRecord, GatewayRecord, StoreRecord
from push.registry.records import Hand, Signed


class ZoneRecord(Signed, frozen=True, kw_only=True):
    """A zone, and who changed it last."""

    zone: Zone


class GatewayOut(msgspec.Struct, frozen=True):
    """A registered gateway; the secret of a new one is shown this once."""

    gateway: Gateway
    secret: str | None


def hand(context: Context, call: Call) -> Hand:
    """Who changes something, now."""
    return Hand(call.actor, context.clock.now_ms())


# --- reading ----------------------------------------------------------------------------------------------------------


def _shown(held: Held | None, subject: str, of: Callable[[Held], object]) -> Reply:
    """Raises `ProblemError` 404."""
    if held is None:
        raise ProblemError(404, "Not there", f"There is no {subject}.")
    return Reply(of(held), headers=tag(held.signed.revision))


def _signed(held: Held) -> dict[str, Any]:
    return msgspec.structs.asdict(held.signed)


async def get_store(context: Context, call: Call) -> Reply:
    """A store."""
    name = call.path["id"]
    held = await editing.store(context.db, name)
    return _shown(held, f"store {name}", lambda h: StoreRecord(store=h.item, **_signed(h)))


async def get_zone(context: Context, call: Call) -> Reply:
    """A zone."""
    store, name = call.path["store"], call.path["id"]
    held = await editing.zone(context.db, store, name)
    return _shown(held, f"zone {name} in store {store}", lambda h: ZoneRecord(zone=h.item, **_signed(h)))


async def get_zones(context: Context, call: Call) -> list[ZoneRecord]:
    """The zones of a store. Raises `ProblemError` 404."""
    store = call.path["store"]
    found = [ZoneRecord(zone=held.item, **_signed(held)) for held in await editing.zones(context.db, store)]
    if not found and await editing.store(context.db, store) is None:
        raise ProblemError(404, "Not there", f"There is no store {store}.")
    return found


async def _gateway(context: Context, call: Call) -> Held | None:
    """The gateway in the path; one of another store is none of this one's."""
    held = await editing.gateway(context.db, call.path["id"])
    return held if held is not None and held.item.store == call.path["store"] else None


async def get_gateway(context: Context, call: Call) -> Reply:
    """A gateway."""
    subject = f"gateway {call.path['id']} in store {call.path['store']}"
    return _shown(await _gateway(context, call), subject, lambda h: GatewayRecord(gateway=h.item, **_signed(h)))


async def _beacon(context: Context, call: Call) -> Held | None:
    """The beacon in the path, where it is one that the caller sees."""
    held = await editing.beacon(context.db, call.path["id"])
    return held if held is not None and call.principal.sees(held.item.store) else None


async def get_beacon(context: Context, call: Call) -> Reply:
    """A beacon; never its key."""
    held = await _beacon(context, call)
    subject = f"beacon {call.path['id']}"
    return _shown(held, subject, lambda h: shown(call.principal, BeaconRecord(beacon=h.item, **_signed(h))))


# --- writing ----------------------------------------------------------------------------------------------------------


def agree(call: Call, item: object, *keys: str) -> None:
    """Raises `ProblemError` 400 where path and body say another thing."""
    for key in keys:
        if getattr(item, key) != call.path[key]:
            detail = f"The path says {key} {call.path[key]!r}, the body {getattr(item, key)!r}."
            raise ProblemError(400, "Path and body disagree", detail)


def _refuse_unseen(call: Call, subject: str, held: Held | None) -> None:
    """What stands in a store that the caller does not see is not hers to take. Raises `ProblemError` 403."""
    if held is not None and not call.principal.sees(held.item.store):
        raise ProblemError(403, "Not yours", f"{subject} is registered where you are not let in.")


def _stored(kind: str, written: Written, warnings: tuple[str, ...] = ()) -> Reply:
    return Reply(Stored({kind: 1}, warnings), headers=tag(written.revision))


async def put_store(context: Context, call: Call) -> Reply:
    """Register or change a store."""
    agree(call, call.body, "id")
    with refusing():
        async with context.db.transaction() as tx:
            written = await editing.put_store(tx, call.body, hand(context, call), expected(call))
    await _in_force(context, written)
    return _stored("stores", written)


async def put_zone(context: Context, call: Call) -> Reply:
    """Register or change a zone."""
    agree(call, call.body, "store", "id")
    with refusing():
        async with context.db.transaction() as tx:
            written = await editing.put_zone(tx, call.body, hand(context, call), expected(call))
    await _in_force(context, written)
    return _stored("zones", written)


async def put_gateway(context: Context, call: Call) -> Reply:
    """Register or change a gateway; a new one's secret is in the answer, this once."""
    body: GatewayIn = call.body
    agree(call, body.gateway, "store", "id")
    secret = secrets.token_bytes(SECRET_BYTES) if body.secret is None else bytes.fromhex(body.secret)
    with refusing():
        async with context.db.transaction() as tx:
            _refuse_unseen(call, f"Gateway {body.gateway.id}", await editing.gateway(tx, body.gateway.id))
            written = await editing.put_gateway(
                tx, body.gateway, hand(context, call), expected(call), secret=secret, vault=context.vault
            )
    await _in_force(context, written)
    return Reply(GatewayOut(body.gateway, secret.hex() if written.is_new else None), headers=tag(written.revision))


async def put_beacon(context: Context, call: Call) -> Reply:
    """Register or change a beacon; one that rotates keeps its key unless another comes with it."""
    body: BeaconIn = call.body
    agree(call, body.beacon, "id")
    if not call.principal.sees(body.beacon.store):
        raise ProblemError(403, "Not yours", "You are kept to some stores: a beacon of one of them was expected.")
    try:
        with refusing(call):
            async with consents.changing(context) as change:
                _refuse_unseen(call, f"Beacon {body.beacon.id}", await editing.beacon(change.tx, body.beacon.id))
                written = await _write_beacon(context, call, change)
    except UniqueError:  # registered just now, by somebody else
        raise ProblemError(409, "Taken", "Another beacon says the same static_id: every id is one beacon's.") from None
    if written.is_changed:
        await context.reload([body.beacon.id], others=False)
    return _stored("beacons", written, static_tag_warnings((body.beacon,)))


async def _write_beacon(context: Context, call: Call, change: consents.Change) -> Written:
    body: BeaconIn = call.body
    if body.beacon.shopper is not None:
        await naming.ensure_shopper(context, change, body.beacon.shopper, context.clock.now_ms())
    key = None if body.identity_key is None else bytes.fromhex(body.identity_key)
    return await editing.put_beacon(
        change.tx, body.beacon, hand(context, call), expected(call), identity_key=key, vault=context.vault
    )


async def _in_force(context: Context, written: Written) -> None:
    if written.is_changed:
        await context.reload()


# --- deleting ---------------------------------------------------------------------------------------------------------


class NamedQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether to delete what campaigns name."""

    although_named: Annotated[bool, msgspec.Meta(description="Delete it although live campaigns name it.")] = False


ALTHOUGH_NAMED: Final = parameters(NamedQuery)


async def refuse_named(tx: Transaction, call: Call, thing: Thing) -> None:
    """Raises `NamedError` where live campaigns name it, unless the caller says that she knows."""
    if asked(call, NamedQuery).although_named:
        return
    try:
        await mentions.refuse(tx, thing, call.principal.sees)
    except NamedError as error:
        raise NamedError(error.subject, f"{error.why}. `although_named=true` deletes it", error.by) from None


async def delete_store(context: Context, call: Call) -> None:
    """Delete a store with its zones, where nothing is registered there any more."""
    with refusing():
        async with context.db.transaction() as tx:
            await refuse_named(tx, call, mentions.store(call.path["id"]))
            await editing.delete_store(tx, call.path["id"], hand(context, call), expected(call))
    await context.reload()


async def delete_zone(context: Context, call: Call) -> None:
    """Delete a zone where nothing is registered any more."""
    with refusing():
        async with context.db.transaction() as tx:
            await refuse_named(tx, call, mentions.zone(call.path["store"], call.path["id"]))
            await editing.delete_zone(tx, call.path["store"], call.path["id"], hand(context, call), expected(call))
    await context.reload()


async def delete_gateway(context: Context, call: Call) -> None:
    """Delete a gateway; the broker lets it in no more."""
    with refusing():
        async with context.db.transaction() as tx:
            held = await editing.gateway(tx, call.path["id"])
            if held is not None and held.item.store != call.path["store"]:
                raise ProblemError(404, "Not there", f"There is no gateway {call.path['id']} in this store.")
            await editing.delete_gateway(tx, call.path["id"], hand(context, call), expected(call))
    await context.reload()


async def delete_beacon(context: Context, call: Call) -> None:
    """Delete a beacon; what it says is free for another."""
    name = call.path["id"]
    with refusing():
        async with context.db.transaction() as tx:
            _refuse_unseen(call, f"Beacon {name}", await editing.beacon(tx, name))
            await editing.delete_beacon(tx, name, hand(context, call), expected(call))
    await context.reload([name], others=False)


Handler = Callable[[Context, Call], Awaitable[object]]


class _Kind(NamedTuple):
    """What travels of a kind of record."""

    name: str
    body: type
    result: type
    stored: type
    puts: tuple[int, ...] = (412,)
    deletes: tuple[int, ...] = (404, 409, 412)
    """The statuses of problems that writing and deleting one may meet."""
    reach: Literal["store", "own"] = "store"
    also: tuple[Parameter, ...] = ()
    """What deleting one takes beside."""


def _three(path: str, kind: _Kind, get: Handler, put: Handler, delete: Handler) -> tuple[Endpoint, ...]:
    """How each kind of record is read, written and deleted."""
    name, reach = kind.name, kind.reach
    return (
        Endpoint("GET", path, OPERATOR, f"A {name}", get, result=kind.result, errors=(404,), reach=reach),
        Endpoint(
            "PUT", path, OPERATOR, f"Put a {name}", put, kind.body, kind.stored, parameters=CONDITIONS,
            errors=kind.puts, reach=reach,
        ),
        Endpoint(
            "DELETE", path, OPERATOR, f"Delete a {name}", delete, parameters=(IF_MATCH, *kind.also),
            errors=kind.deletes, reach=reach,
        ),
    )  # fmt: skip


_STORE: Final = _Kind("store", Store, StoreRecord, Stored, also=ALTHOUGH_NAMED)
_ZONE: Final = _Kind("zone", Zone, ZoneRecord, Stored, also=ALTHOUGH_NAMED)
_GATEWAY: Final = _Kind("gateway", GatewayIn, GatewayRecord, GatewayOut, deletes=(404, 412))
_BEACON: Final = _Kind("beacon", BeaconIn, BeaconRecord, Stored, (409, 412), (404, 412), "own")
_ZONES: Final = "/v1/stores/{store}/zones"

ENDPOINTS: Final = (
    *_three("/v1/stores/{id}", _STORE, get_store, put_store, delete_store),
    *_three(f"{_ZONES}/{{id}}", _ZONE, get_zone, put_zone, delete_zone),
    Endpoint(
        "GET", _ZONES, OPERATOR, "The zones of a store", get_zones, result=list[ZoneRecord], errors=(404,),
        reach="store",
    ),
    *_three("/v1/stores/{store}/gateways/{id}", _GATEWAY, get_gateway, put_gateway, delete_gateway),
    *_three("/v1/beacons/{id}", _BEACON, get_beacon, put_beacon, delete_beacon),
)  # fmt: skip
