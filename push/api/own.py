"""A person's own calls, from her own device: those that take what is kept of her along, change it, or erase it."""

from typing import Final

from push.api.collect import USER_TOKEN
from push.api.contract import Call, Context, Parameter, ProblemError, own_device
from push.model.profiles import Identifier
from push.profiles import people
from push.profiles.identity import vouched

PROOF: Final = Parameter(
    USER_TOKEN, "header", "A token of your back end that says who the user is: for a device that others registered."
)
USER: Final = "user_id"
_NEXT: Final = (
    "This device was registered for its shopper, or linked with her, by somebody else. Send a token of your back end "
    f"that says who the user is in a header `{USER_TOKEN}`, or have an admin do it."
)


async def own_person(context: Context, call: Call) -> str:
    """Whose device this is, once she proved that she is that person. Raises `ProblemError` 403, 404."""
    name = own_device(call)
    device = await people.device(context.db, name)
    if device is None:
        raise ProblemError(404, "Unknown device", "Register the device again with POST /v1/devices.")
    user = await _user(context, call.headers.get(USER_TOKEN, ""))
    if not await vouched.speaks_for_her(context.db, context.vault, name, user):
        raise ProblemError(403, "Not proven", _NEXT)
    return device.shopper


async def _user(context: Context, token: str) -> Identifier | None:
    """Whom a token names, None where it proves nothing."""
    proof = await context.collecting.proven(token, context.clock.now_ms()) if token else None
    if proof is None:
        return None
    return context.collecting.desk.kinds.normalised(USER, proof.user)[0]
