"""How beacons come into the registry by themselves: rotating ones by key agreement, fixed ones by the range."""

from typing import Annotated, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from beacons import eid
from beacons.provisioning import Registration, agree, misfit
from beacons.registry import Beacon
from push.api import consents, naming
from push.api.contract import OPERATOR, Call, Context, Endpoint, ProblemError
from push.api.refusals import refusing
from push.enrolment import ranges
from push.enrolment.kept import registration_key
from push.enrolment.ranges import RangeIn
from push.model.errors import UniqueError
from push.registry import editing
from push.registry.records import Hand

Public = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
Eid = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}$(?!\n)")]


class EidParameters(msgspec.Struct, frozen=True):
    """What a beacon needs of the server, hex: its X25519 public key; and the exponents of rotation that it may use."""

    service_public_key: str
    exponent_min: int
    exponent_max: int


class EidIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rotating beacon: its record, its X25519 public key, and the id that it says at a counter of `counter_s`.

    `exponent` and `counter_s` stand here, not in the record. `counter_at_ms` is when the counter was read (now, by
    default).
    """

    beacon: Beacon
    beacon_public_key: Public
    exponent: Annotated[int, msgspec.Meta(ge=0, le=15)]
    counter_s: Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
    initial_eid: Eid
    counter_at_ms: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None


class EidOut(msgspec.Struct, frozen=True):
    """A registered beacon; its identity key is never shown."""

    beacon: Beacon
    is_new: bool


class RangeOut(msgspec.Struct, frozen=True):
    """What was registered."""

    beacons: tuple[str, ...]


async def _pair(context: Context) -> X25519PrivateKey:
    return await registration_key(context.db, context.vault, context.clock)


async def get_eid(context: Context, call: Call) -> EidParameters:
    """What a beacon needs of the server for its registration."""
    del call
    public = (await _pair(context)).public_key().public_bytes_raw()
    return EidParameters(public.hex(), 0, eid.MAX_EXPONENT)


async def put_eid(context: Context, call: Call) -> EidOut:
    """Register a rotating beacon, once server and beacon are seen to agree."""
    body: EidIn = call.body
    if not call.principal.sees(body.beacon.store):
        raise ProblemError(403, "Not yours", "You are kept to some stores: a beacon of one of them was expected.")
    key = _agreed(await _pair(context), body)
    now_ms = context.clock.now_ms()
    beacon = msgspec.structs.replace(
        body.beacon,
        exponent=body.exponent,
        counter_s=body.counter_s,
        counter_at_ms=now_ms if body.counter_at_ms is None else body.counter_at_ms,
    )
    with refusing():
        async with consents.changing(context) as change:
            held = await editing.beacon(change.tx, beacon.id)
            if held is not None and not call.principal.sees(held.item.store):
                raise ProblemError(403, "Not yours", f"Beacon {beacon.id} is registered where you are not let in.")
            if beacon.shopper is not None:
                await naming.ensure_shopper(context, change, beacon.shopper, now_ms)
            hand = Hand(call.actor, now_ms)
            written = await editing.put_beacon(change.tx, beacon, hand, identity_key=key, vault=context.vault)
    await context.reload([beacon.id], others=False)
    return EidOut(beacon, written.is_new)


def _agreed(service: X25519PrivateKey, body: EidIn) -> bytes:
    """The identity key. Raises `ProblemError` 400 that says which of key, clock and exponent does not fit."""
    if body.beacon.format != "eid" or body.beacon.static_id is not None:
        raise ProblemError(400, "Does not fit", "`beacon`: format `eid`, and no `static_id`, was expected.")
    asked = Registration(
        bytes.fromhex(body.beacon_public_key), body.exponent, body.counter_s, bytes.fromhex(body.initial_eid)
    )
    try:
        key = agree(service, asked)
    except ValueError as error:
        raise ProblemError(400, "Does not fit", f"{error}.") from None
    found = misfit(key, asked)
    if found is not None:
        raise ProblemError(400, "Does not fit", f"`initial_eid`: {found.says}.")
    return key


async def put_range(context: Context, call: Call) -> RangeOut:
    """Register fixtures whose ids count up, all or none; none of them may be registered already."""
    body: RangeIn = call.body
    if not call.principal.sees(body.store):
        raise ProblemError(403, "Not yours", "You are kept to some stores, and this is none of them.")
    try:
        with refusing(call):
            made = ranges.fixtures(body)
            async with context.db.transaction() as tx:
                await ranges.register(tx, made, Hand(call.actor, context.clock.now_ms()))
    except UniqueError:  # registered just now, by somebody else
        raise ProblemError(409, "Taken", "Another beacon says one of these ids: every id is one beacon's.") from None
    names = tuple(one.id for one in made)
    await context.reload(names)
    return RangeOut(names)


_EID: Final = "/v1/provisioning/eid"
ENDPOINTS: Final = (
    Endpoint(
        "GET", _EID, OPERATOR, "What a rotating beacon needs to register", get_eid, result=EidParameters,
        role="viewer", reach="own",
    ),
    Endpoint(
        "POST", _EID, OPERATOR, "Register a rotating beacon by key agreement", put_eid, EidIn, EidOut, 201,
        role="editor", reach="own",
    ),
    Endpoint(
        "POST", "/v1/provisioning/range", OPERATOR, "Register fixtures whose ids count up", put_range, RangeIn,
        RangeOut, 201, errors=(409,), role="editor", reach="own",
    ),
)  # fmt: skip
