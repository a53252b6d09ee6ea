"""Cards and fobs in people's hands: claimed by their code, in the app or at the till, and revoked when lost.

Claiming links a tag to its shopper and changes no consent: without `location` it is still not located.
"""

from typing import Annotated, Final

import msgspec

from beacons.topics import Id
from push.api import consents, naming
from push.api.apps import shopper_of
from push.api.contract import DEVICE, OPERATOR, SENDER, Call, Context, Endpoint, Parameter, ProblemError, own_device
from push.api.enrolment import asked_host
from push.enrolment import claims, limits
from push.enrolment.claims import ClaimedError, NoSuchCodeError
from push.enrolment.limits import TooManyError, Who
from push.model.ports import Transaction
from push.registry import editing
from push.registry.records import Hand

Code = Annotated[str, msgspec.Meta(max_length=64)]
_APPS_OWN: Final = "tag_"
"""How tags begin that `POST /v1/devices/{id}/tag` issued: nobody else can carry them on."""


class CardClaimIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The code on a card or fob."""

    code: Code


class TillClaimIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The code on a card or fob, and whose it becomes."""

    code: Code
    shopper: Id


class Claimed(msgspec.Struct, frozen=True):
    """A tag that is hers now."""

    beacon: str


class OwnTag(msgspec.Struct, frozen=True):
    """A tag of hers; one that is not `rotating` is located only in stores that allow it."""

    beacon: str
    rotating: bool


class CardsIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Tags that are to be handed out."""

    beacons: Annotated[tuple[Id, ...], msgspec.Meta(min_length=1, max_length=claims.MOST)]


class CardOut(msgspec.Struct, frozen=True):
    """A tag's code, shown this once, and what its QR code is to say."""

    beacon: str
    code: str
    url: str


async def make_codes(context: Context, call: Call) -> list[CardOut]:
    """New codes for tags that somebody may own; the ones before end."""
    wanted = tuple(dict.fromkeys(call.body.beacons))
    async with context.db.transaction() as tx:
        known = {row["id"]: row for row in await claims.tags(tx, msgspec.json.encode(wanted).decode())}
        missing = [name for name in wanted if name not in known or not call.principal.sees(known[name]["store"])]
        if missing:
            raise ProblemError(404, "Not there", f"There is no tag {missing[0]} that somebody could own.")
        cards = await claims.make_codes(tx, wanted, Hand(call.actor, context.clock.now_ms()))
    host = asked_host(call)
    return [CardOut(card.beacon, card.code, context.site.claim_url(card.code, host)) for card in cards]


async def claim_own(context: Context, call: Call) -> Claimed:
    """Make a card or fob the device's shopper's."""
    device = own_device(call)
    shopper = await shopper_of(context, device)
    return await _claim(context, call, call.body.code, shopper, Who(device, limits.DEVICE))


async def claim_at_till(context: Context, call: Call) -> Claimed:
    """Make a card or fob a shopper's, as somebody at the till was asked to."""
    body: TillClaimIn = call.body
    return await _claim(context, call, body.code, body.shopper, Who(call.actor, limits.TILL))


async def _claim(context: Context, call: Call, code: str, shopper: str, who: Who) -> Claimed:
    """Raises `ProblemError` 404, 409, 429."""
    now_ms, tried = context.clock.now_ms(), context.site.claim_limits
    try:
        tried.attempt(who, now_ms)
        async with consents.changing(context) as change:
            await naming.ensure_shopper(context, change, shopper, now_ms)
            beacon = await claims.claim(change.tx, code, shopper, Hand(call.actor, now_ms))
            await _refuse_unseen(change.tx, call, beacon)
    except TooManyError as error:
        headers = {"Retry-After": str(error.after_s)}
        raise ProblemError(429, "Too often", "Too many codes were wrong. Try again later.", headers) from None
    except NoSuchCodeError:
        raise ProblemError(404, "No such code", "No card or fob has this code: look at it once more.") from None
    except ClaimedError:
        detail = "This card or fob is somebody's already. Whoever has it must release it first."
        raise ProblemError(409, "Taken", detail) from None
    tried.passed(who)
    await context.reload([beacon], others=False)
    return Claimed(beacon)


async def _refuse_unseen(tx: Transaction, call: Call, beacon: str) -> None:
    """Of a store that the caller does not see, no code is one; nothing is kept then. Raises `NoSuchCodeError`."""
    held = await editing.beacon(tx, beacon)
    if held is None or not call.principal.sees(held.item.store):
        raise NoSuchCodeError


async def list_own(context: Context, call: Call) -> list[OwnTag]:
    """The tags that are hers, her phone's own among them."""
    shopper = await shopper_of(context, own_device(call))
    rows = await context.db.fetch("provisioning.tags_of", shopper=shopper)
    return [OwnTag(row["id"], row["format"] == "eid") for row in rows if not row["staff"]]


async def give_up_own(context: Context, call: Call) -> None:
    """Make a tag of hers nobody's: with `lost`, its code is worth nothing either."""
    shopper = await shopper_of(context, own_device(call))
    await _give_up(context, call, shopper)


async def give_up(context: Context, call: Call) -> None:
    """Make a tag nobody's, for whoever lost it or handed it back."""
    held = await editing.beacon(context.db, call.path["id"])
    if held is None or held.item.shopper is None or not call.principal.sees(held.item.store):
        raise ProblemError(404, "Not there", f"Nobody has a tag {call.path['id']}.")
    await _give_up(context, call, held.item.shopper)


async def _give_up(context: Context, call: Call, shopper: str) -> None:
    """Raises `ProblemError` 404."""
    tag, hand = call.path["id"], Hand(call.actor, context.clock.now_ms())
    async with context.db.transaction() as tx:
        was_hers = await claims.release(tx, tag, shopper, hand, lost=call.query.get("lost") == "true")
        if was_hers and tag.startswith(_APPS_OWN):
            await editing.delete_beacon(tx, tag, hand)
    if not was_hers:
        raise ProblemError(404, "Not there", f"There is no such tag of hers: {tag}.")
    await context.reload([tag], others=False)


_LOST: Final = Parameter(
    "lost", "query", "`true`: whoever finds it cannot claim it with the code on it.",
    {"type": "string", "enum": ["true", "false"]},
)  # fmt: skip
ENDPOINTS: Final = (
    Endpoint(
        "POST", "/v1/provisioning/claims", OPERATOR, "Make codes for cards and fobs", make_codes, CardsIn,
        list[CardOut], 201, errors=(404,), role="admin", reach="own",
    ),
    Endpoint(
        "POST", "/v1/devices/{device}/claims", DEVICE, "Claim a card or fob", claim_own, CardClaimIn, Claimed,
        errors=(404, 409, 429),
    ),
    Endpoint(
        "POST", "/v1/claims", SENDER, "Claim a card or fob for a shopper", claim_at_till, TillClaimIn, Claimed,
        errors=(404, 409, 429), role="editor", reach="own",
    ),
    Endpoint(
        "GET", "/v1/devices/{device}/tags", DEVICE, "Her tags", list_own, result=list[OwnTag], errors=(404,)
    ),
    Endpoint(
        "DELETE", "/v1/devices/{device}/tags/{id}", DEVICE, "Give a tag up, or revoke a lost one", give_up_own,
        parameters=(_LOST,), errors=(404,),
    ),
    Endpoint(
        "DELETE", "/v1/tags/{id}", OPERATOR, "Give a shopper's tag up, or revoke a lost one", give_up,
        parameters=(_LOST,), errors=(404,), role="editor", reach="own",
    ),
)  # fmt: skip
