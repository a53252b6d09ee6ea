"""A customer logs in on a device: its own token proves the device, one of the retailer's back end who she is."""

from typing import Final

import msgspec

from push.api.collect import USER_TOKEN
from push.api.contract import DEVICE, Call, Context, Endpoint, Parameter, ProblemError, own_device
from push.model.errors import OverloadedError
from push.model.ids import derived
from push.model.profiles import Identifier, Statement
from push.profiles import people
from push.profiles.collect.intake import FullError
from push.profiles.collect.who import Proof
from push.profiles.identity import facets
from push.profiles.identity.facets import DEVICE as DEVICE_KIND
from push.profiles.identity.kinds import Kinds

_TOKEN: Final = Parameter(USER_TOKEN, "header", "A token of your back end that says who the user is.")
_NAMES: Final = (("user_id", "user"), ("email", "email"), ("phone", "phone"))


class Login(msgspec.Struct, frozen=True):
    """Whether the device is hers now; else it is somebody else's, and is to be registered anew first."""

    hers: bool


async def log_in(context: Context, call: Call) -> Login:
    """Let a device be the customer's whom a user token names. Raises `ProblemError` 403, 404, `OverloadedError`."""
    name, now_ms = own_device(call), context.clock.now_ms()
    if await people.device(context.db, name) is None:
        raise ProblemError(404, "Unknown device", "Register the device again with POST /v1/devices.")
    proof = await context.collecting.proven(call.headers.get(USER_TOKEN, ""), now_ms)
    named = () if proof is None else _named(proof, context.collecting.desk.kinds)
    if not named:
        raise ProblemError(403, "Not proven", f"A header `{USER_TOKEN}` with a token of your back end was expected.")
    device = Identifier(DEVICE_KIND, name)
    await _say(context, _statement(device, named, now_ms))
    return Login(hers=await _are_one(context, device, named[0]))


def _named(proof: Proof, kinds: Kinds) -> tuple[Identifier, ...]:
    """What a token says that she is known by, her user id first; nothing where that is nobody's."""
    values = {kind: getattr(proof, field) for kind, field in _NAMES}
    found = [kinds.normalised(kind, value)[0] for kind, value in values.items() if value]
    known = tuple(one for one in found if one is not None)
    return known if known and known[0].kind == _NAMES[0][0] else ()


def _statement(device: Identifier, named: tuple[Identifier, ...], now_ms: int) -> Statement:
    """That they are one; the same login is the same statement, however often it is said."""
    user, *others = named
    source = f"device:{device.value}"
    return Statement(
        id=derived("stm", source, "login", *(f"{one.kind}:{one.value}" for one in named)),
        home=user,
        also=(device, *others),
        kind="identify",
        source=source,
        authority="proven",
        at_ms=now_ms,
        received_ms=now_ms,
    )


async def _say(context: Context, statement: Statement) -> None:
    """Raises `OverloadedError`."""
    try:
        await context.collecting.intake.take([statement])
    except FullError as error:
        raise OverloadedError("statements") from error


async def _are_one(context: Context, device: Identifier, user: Identifier) -> bool:
    """Whether the rules let them be one person."""
    vault = context.vault
    ends = {one for one in [await facets.find(context.db, vault, each) for each in (device, user)] if one is not None}
    return len(set((await facets.persons(context.db, ends)).values())) == 1


ENDPOINTS: Final = (
    Endpoint(
        "PUT", "/v1/devices/{device}/user", DEVICE, "Log a customer in on a device", log_in, result=Login,
        parameters=(_TOKEN,), errors=(404,),
    ),
)  # fmt: skip
