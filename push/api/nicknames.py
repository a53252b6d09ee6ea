"""What screens may call a person: chosen by herself, on her own device."""

from typing import Annotated, Final

import msgspec

from push.api.apps import shopper_of
from push.api.contract import DEVICE, Call, Context, Endpoint, ProblemError, own_device
from push.api.own import PROOF, own_person
from push.profiles import consent, nicknames


class Nickname(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """1 to 20 letters, digits and spaces of any script, with at least one letter."""

    nickname: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]


async def get_nickname(context: Context, call: Call) -> Nickname:
    """The nickname that the device's shopper chose."""
    found = await nicknames.of(context.db, context.keyring, await shopper_of(context, own_device(call)))
    if found is None:
        raise ProblemError(404, "No nickname", "None is set, so no screen greets: PUT one here.")
    return Nickname(found)


async def put_nickname(context: Context, call: Call) -> Nickname:
    """Choose a nickname; it comes back as screens will show it."""
    body: Nickname = call.body
    shopper = await own_person(context, call)
    try:
        nickname = nicknames.cleaned(body.nickname)
    except nicknames.NicknameError as error:
        raise ProblemError(400, "Not a nickname", str(error)) from None
    async with context.db.transaction() as tx:
        if "screen" not in await consent.granted_for_decision(tx, shopper):
            raise ProblemError(409, "Not agreed", "Ask for the purpose `screen` first: PUT /v1/devices/{id}/consent.")
        await nicknames.put(tx, context.keyring, shopper, nickname, context.clock.now_ms())
    context.screens.take_off(shopper)
    return Nickname(nickname)


async def delete_nickname(context: Context, call: Call) -> None:
    """Erase the nickname: no screen greets any more, from this moment on."""
    shopper = await shopper_of(context, own_device(call))
    async with context.db.transaction() as tx:
        await nicknames.forget(tx, shopper)
    context.screens.take_off(shopper)


_PATH: Final = "/v1/devices/{device}/nickname"
ENDPOINTS: Final = (
    Endpoint("GET", _PATH, DEVICE, "What screens may call her", get_nickname, result=Nickname, errors=(404,)),
    Endpoint(
        "PUT",
        _PATH,
        DEVICE,
        "Let screens call her so",
        put_nickname,
        Nickname,
        Nickname,
        errors=(404, 409),
        parameters=(PROOF,),
    ),
    Endpoint("DELETE", _PATH, DEVICE, "Let screens call her nothing", delete_nickname, errors=(404,)),
)
