"""What an offer is when it is opened: live stock and price, for no more than was promised, or its next best.

Promise ▶ still there? ─yes▶ at the lower of both prices
                       └no▶ the next best of the same pick ─none▶ GoneError
"""

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

import msgspec

from push.campaigns import picks
from push.campaigns.picks import NothingError, Want
from push.campaigns.promise import Promise
from push.model.campaigns import Pick
from push.model.ports import Queries
from push.profiles.catalogue import goods
from push.profiles.catalogue.product import Kept
from push.profiles.derived.reading import Goods

State = Literal["as_promised", "cheaper", "swapped"]
SWAPPED: Final[Mapping[str, str]] = {
    "en": "What we offered you has sold out. In its place:",
    "de": "Unser Angebot ist inzwischen ausverkauft. Stattdessen:",
    "fr": "Notre offre est épuisée. À la place :",
    "es": "Lo que le ofrecimos se ha agotado. En su lugar:",
    "it": "Quello che le abbiamo offerto è esaurito. Al suo posto:",
    "nl": "Wat we u aanboden is uitverkocht. In plaats daarvan:",
}


class GoneError(Exception):
    """An offer that is none any more, and nothing takes its place."""


class Promised(NamedTuple):
    """What was promised, by which pick, to whom: what she owned, and the facts of hers that it went by."""

    promise: Promise
    pick: Pick | None = None
    owned: frozenset[str] = frozenset()
    facts: Mapping[str, Any] = {}


class Seen(NamedTuple):
    """A product as it is now, and what it costs her; `is_certain` is whether its stock was told lately."""

    state: State
    kept: Kept
    price: "Price"
    is_certain: bool


class Price(NamedTuple):
    """In minor units of a currency; None: it has no price."""

    minor: int | None
    currency: str


async def look(db: Queries, shelves: Goods, promised: Promised, heard_ms: int) -> Seen:
    """An offer as it is now; what stores told of their stock before `heard_ms` is not certain. Raises `GoneError`."""
    there = await _there(db, shelves, promised)
    if there is None:
        return await _next(db, shelves, promised, heard_ms)
    price = _price(promised.promise, there)
    told = promised.promise.price_minor
    is_cheaper = told is not None and price.minor != told
    is_certain = await _is_told(db, promised.promise.store, heard_ms)
    return Seen("cheaper" if is_cheaper else "as_promised", there, price, is_certain)


async def _there(db: Queries, shelves: Goods, promised: Promised) -> Kept | None:
    """The product itself, where it may still be offered."""
    name, store = promised.promise.product, promised.promise.store
    kept = (await goods.some(db, [name])).get(name)
    known = shelves.look([name])
    if kept is None or kept.product.sensitive or (name in known and known[name].sensitive):
        return None
    pieces = kept.stock.get(store, 0) if store else sum(kept.stock.values())
    return kept if pieces > 0 or not (promised.pick or Pick(among="list")).in_stock else None


async def _next(db: Queries, shelves: Goods, promised: Promised, heard_ms: int) -> Seen:
    """What takes its place. Raises `GoneError`."""
    promise = promised.promise
    if promised.pick is None:
        raise GoneError("it has sold out")
    pick = msgspec.structs.replace(promised.pick, not_owned=True)  # so that what sold out is left out
    owned = promised.owned if promised.pick.not_owned else frozenset()
    want = Want(pick, promise.store, owned | {promise.product}, promised.facts, heard_ms)
    try:
        [name] = await picks.ranked(db, shelves, want, 1)
    except NothingError:
        raise GoneError("it has sold out, and nothing takes its place") from None
    kept = (await goods.some(db, [name])).get(name)
    if kept is None:
        raise GoneError("it has sold out, and what takes its place was taken out of sale just now")
    return Seen("swapped", kept, Price(kept.product.price_minor, kept.product.currency), is_certain=True)


def _price(promise: Promise, kept: Kept) -> Price:
    """What it costs her: never more than was promised. In another currency nothing can be compared."""
    live, told = Price(kept.product.price_minor, kept.product.currency), Price(promise.price_minor, promise.currency)
    if told.minor is None:
        return live
    is_less = live.minor is not None and live.currency == told.currency and live.minor < told.minor
    return live if is_less else told


async def _is_told(db: Queries, store: str, heard_ms: int) -> bool:
    row = await db.fetch_one("picks.heard", store=store)
    return row is not None and row["heard_ms"] is not None and row["heard_ms"] >= heard_ms


def swapped(locale: str) -> str:
    """The sentence that says that another product took the place of what was offered."""
    return SWAPPED.get(locale.replace("_", "-").partition("-")[0].lower(), SWAPPED["en"])
