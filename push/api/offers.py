"""An offer as it is when she opens it: live stock and price, never dearer than promised, and gone when it should be."""

import asyncio
from typing import Final, Literal

import msgspec

from push.api import inbox
from push.api.contract import DEVICE, Call, Context, Endpoint, ProblemError, own_device
from push.api.messages import MessageOut
from push.campaigns import content, opening, prices, promise, receipts, slots
from push.campaigns.opening import GoneError, Promised, Seen
from push.campaigns.promise import Promise
from push.model.campaigns import Campaign
from push.model.decisions import Receipt
from push.model.ports import Row
from push.profiles import consent, keys, people, permits
from push.profiles.permits import Check

_NOTHING: Final = "Show nothing."


class OfferedProduct(msgspec.Struct, frozen=True, kw_only=True):
    """A product of an offer: `price` is what it costs her, as her language writes it; `price_minor` in cents, or yen.

    `was` is there only where the lowest price of the 30 days before bears it; `left` is how many the store has, None
    where that is not certain.
    """

    id: str
    name: str
    brand: str
    url: str
    image: str
    price: str
    price_minor: int | None
    currency: str
    was: str | None = None
    left: int | None = None


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it is now. `state`: as it was promised; cheaper by now; or sold out, with another in its place.

    `product` is None where the message is about none. In place of what sold out the message is about another.
    """

    message: MessageOut
    state: Literal["as_promised", "cheaper", "swapped"] = "as_promised"
    product: OfferedProduct | None = None


async def get_offer(context: Context, call: Call) -> Offer:
    """What a message offers, now that she opens it. Raises `ProblemError` 404, 410."""
    message = await inbox.get_message(context, call)
    row = await context.db.fetch_one("inbox.delivery", delivery=call.path["delivery"], device=own_device(call))
    if row is None:
        raise ProblemError(404, "Unknown message", "This device's shopper has no delivery of this id.")
    promised = promise.read(message.data) if row["campaign"] else None
    await _refuse_ended(context, row, promised)
    if promised is None:
        return Offer(message=message)
    about = await _about(context, row, promised)
    means = context.deciding.content
    try:
        seen = await opening.look(context.db, means.goods, about, context.clock.now_ms() - means.stock_ms)
    except GoneError as gone:
        raise ProblemError(410, "Gone", f"Of this offer nothing is left: {gone}. {_NOTHING}") from None
    return await _offer(context, call, message, promised.store, seen)


async def _refuse_ended(context: Context, row: Row, promised: Promise | None) -> None:
    """Raises `ProblemError` 410 where it was used, or somebody silenced it."""
    if await context.db.fetch_one("offers.redeemed", message=row["message"]) is not None:
        raise ProblemError(410, "Gone", f"This offer was used. {_NOTHING}")
    store = "" if promised is None else promised.store
    scopes = {"all", f"campaign:{row['campaign']}", f"store:{store}"} if row["campaign"] else set()
    if scopes & {stop["scope"] for stop in await context.db.fetch("campaigns.stopped")}:
        raise ProblemError(410, "Gone", f"This offer was stopped. {_NOTHING}")


async def _about(context: Context, row: Row, promised: Promise) -> Promised:
    """What it rests on: the pick of the campaign as it stood then, and what was known of her when it was chosen."""
    decided = None
    if row["decision"] is not None:
        decided = await context.db.fetch_one("campaigns.decision", id=row["decision"])
    if decided is None:
        return Promised(promised)
    await keys.look_for(context.keyring, [decided])
    receipt = receipts.unseal(context.keyring, decided)
    campaign = await _campaign(context, receipt)
    if campaign is None or receipt.inputs is None:
        return Promised(promised)
    pick = campaign.pick or content.picked(campaign, slots.options(campaign, receipt.decision.variant))
    if not await _may_be_profiled(context, row["shopper"]):
        return Promised(promised, pick)
    person = receipt.inputs.person
    return Promised(promised, pick, frozenset(bought.product for bought in person.bought), person.facts)


async def _may_be_profiled(context: Context, shopper: str) -> bool:
    """Whether what was known of her when it was chosen may still be used; that this was looked at is kept."""
    now_ms = context.clock.now_ms()
    async with context.db.transaction() as tx:
        granted = await consent.granted(tx, shopper)
        permit = permits.to_profile(shopper, granted, now_ms)
        await permits.keep(tx, [Check(shopper, "profiling", "words", permit is not None)], now_ms)
    return permit is not None


async def _campaign(context: Context, receipt: Receipt) -> Campaign | None:
    name = receipt.decision.campaign
    version = next((each.version for each in receipt.decision.considered if each.campaign == name), None)
    found = await context.db.fetch_one("campaigns.version", campaign=name, version=version)
    return None if found is None else msgspec.json.decode(found["definition"], type=Campaign)


async def _offer(context: Context, call: Call, message: MessageOut, store: str, seen: Seen) -> Offer:
    device = await people.device(context.db, own_device(call))
    locale = message.locale or ("" if device is None else device.locale)
    product = await asyncio.to_thread(_product, seen, store, locale)  # babel reads a locale of the disk
    if seen.state != "swapped":
        return Offer(message=message, state=seen.state, product=product)
    said = msgspec.structs.replace(
        message,
        title=product.name,
        body=f"{opening.swapped(locale)} {product.name}, {product.price}".rstrip(", "),
        url=product.url or None,
        image=product.image or None,
        actions=(),
        data={**message.data, **promise.kept_with(seen.kept, store)},
    )
    return Offer(message=said, state=seen.state, product=product)


def _product(seen: Seen, store: str, locale: str) -> OfferedProduct:
    product, price = seen.kept.product, seen.price
    less = prices.reduction(seen.kept) if price.minor == product.price_minor else None
    return OfferedProduct(
        id=product.id,
        name=product.name,
        brand=product.brand,
        url=product.url,
        image=product.image,
        price=prices.money(price.minor, price.currency, locale),
        price_minor=price.minor,
        currency=price.currency,
        was=None if less is None else prices.money(less.was_minor, price.currency, locale),
        left=seen.kept.stock.get(store) if store and seen.is_certain else None,
    )


ENDPOINTS: Final = (
    Endpoint(
        "GET", "/v1/devices/{device}/messages/{delivery}/offer", DEVICE, "What it offers, as it is now", get_offer,
        result=Offer, errors=(404, 410),
    ),
)  # fmt: skip
