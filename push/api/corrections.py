"""What is said of somebody is put right: by operators whom she asked, and by herself."""

from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from push.api.contract import DEVICE, OPERATOR, Call, Context, Endpoint, ProblemError
from push.api.own import PROOF, own_person
from push.profiles.rights import correcting
from push.profiles.rights.correcting import ACTIONS, OWN, WHY_CHARS, Correction, CorrectionError, Own
from push.registry.audit import audit

Trait = Annotated[str, Meta(min_length=1, max_length=100, description="The trait's name.")]


class CorrectionIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is so of a trait, `null` taking it away; or, with `take_back`, that what others say holds again."""

    trait: Trait
    value: Any = UNSET
    take_back: bool = False
    why: Annotated[str, Meta(max_length=WHY_CHARS, description="Why; it stands on her timeline.")] | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Raise ValueError where both are said, or neither is."""
        if self.take_back == (self.value is not UNSET):
            raise ValueError("expected `value` or `take_back`")


async def correct(context: Context, call: Call) -> None:
    """Put a trait of a person right: it holds above what anybody else says, also later."""
    if not call.body.take_back and not call.body.why:
        raise ProblemError(400, "Not understood", "`why`: the reason was expected, in a few words.")
    await _correct(context, call, call.path["id"], call.actor)


async def correct_own(context: Context, call: Call) -> None:
    """Put right what is said of whoever has this device, of the traits that are open to her."""
    shopper = await own_person(context, call)
    if call.body.trait not in context.collecting.desk.settings.own_corrections:
        raise ProblemError(403, "Not open", "The store puts this one right: `open` names those that she may.")
    await _correct(context, call, shopper, OWN)


async def _correct(context: Context, call: Call, shopper: str, by: str) -> None:
    """Raises `ProblemError` 400, 404."""
    body: CorrectionIn = call.body
    value = None if body.value is UNSET else body.value
    why = "" if body.why is UNSET else body.why
    asked = Correction(trait=body.trait, value=value, why=why, take_back=body.take_back)
    now_ms = context.clock.now_ms()
    try:
        async with context.db.transaction() as tx:
            person = await correcting.correct(tx, context.collecting.desk, shopper, asked, by, now_ms)
            if person is None:
                raise ProblemError(404, "Nobody", "There is no such shopper.")
            await audit(tx, call.actor, ACTIONS[asked.take_back], "person", now_ms, after={"shopper": person})
    except CorrectionError as error:
        raise ProblemError(400, "Does not fit", f"Expected {error}.") from None


async def own(context: Context, call: Call) -> Own:
    """What others say of whoever has this device, and what of it was corrected."""
    return await correcting.own(context.db, context.collecting.desk, await own_person(context, call))


ENDPOINTS: Final = (
    Endpoint(
        "POST", "/v1/people/{id}/corrections", OPERATOR, "Put right what is said of a person", correct, CorrectionIn,
        errors=(404,),
    ),
    Endpoint(
        "GET", "/v1/devices/{device}/traits", DEVICE, "What others say of whoever has this device", own, result=Own,
        parameters=(PROOF,), errors=(404,),
    ),
    Endpoint(
        "POST", "/v1/devices/{device}/corrections", DEVICE, "Put right what is said of whoever has this device",
        correct_own, CorrectionIn, parameters=(PROOF,), errors=(404,),
    ),
)  # fmt: skip
