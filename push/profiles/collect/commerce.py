"""Commerce events by the names of Segment's specification (its "E-Commerce Events"), read leniently. Pure.

What sellers' systems write into a price differs (``19.9``, ``"19.90"``, ``"1,299.00"``); what is no number is left out,
never guessed. Amounts are whole minor units of their currency.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Final, Literal

import msgspec
from babel.numbers import list_currencies

from push.model.profiles import Json, Statement

_CURRENCIES: Final[frozenset[str]] = frozenset(list_currencies())

Act = Literal[
    "searched", "listed", "clicked", "viewed", "added", "removed", "basket_viewed", "checkout", "ordered", "updated",
    "refunded", "cancelled", "wished", "unwished", "reviewed", "coupon",
]  # fmt: skip
ACTS: Final[Mapping[str, Act]] = {
    "products searched": "searched",
    "product list viewed": "listed",
    "product list filtered": "listed",
    "product clicked": "clicked",
    "product viewed": "viewed",
    "product added": "added",
    "product removed": "removed",
    "cart viewed": "basket_viewed",
    "checkout started": "checkout",
    "order completed": "ordered",
    "order updated": "updated",
    "order refunded": "refunded",
    "order cancelled": "cancelled",
    "product added to wishlist": "wished",
    "product removed from wishlist": "unwished",
    "product reviewed": "reviewed",
    "coupon applied": "coupon",
}
"""By the event's name in small letters; spaces and underscores are the same."""
CONTRACTS: Final[frozenset[Act | None]] = frozenset({"ordered", "updated", "refunded", "cancelled"})
"""What a contract of sale is made of: a seller may have to keep it whatever somebody agreed to."""
MOST_PRODUCTS: Final = 200
"""Of one event; a till's longest receipt is shorter."""
DEFAULT_CURRENCY: Final = "EUR"
_MOST_MINOR: Final = 10**12
_MOST_QUANTITY: Final = 100_000
_NO_MINOR: Final = frozenset(
    {"JPY", "KRW", "CLP", "ISK", "VND", "XAF", "XOF", "PYG", "UGX", "RWF", "KMF", "GNF", "DJF"}
)
_THREE_MINOR: Final = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
"""ISO 4217's currencies whose minor unit is none, or a thousandth; of all others it is a hundredth."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A product as an event names it; `price_minor` is of one piece, None where it is not said."""

    product: str
    sku: str = ""
    name: str = ""
    category: str = ""
    brand: str = ""
    price_minor: int | None = None
    quantity: int = 1


class Commerce(msgspec.Struct, frozen=True, kw_only=True):
    """A commerce event. `total_minor` is what was paid (or given back), None where nothing says it."""

    act: Act
    order: str = ""
    lines: tuple[Line, ...] = ()
    total_minor: int | None = None
    currency: str = DEFAULT_CURRENCY
    at_ms: int


def act_of(name: str) -> Act | None:
    """Which commerce event a name is, None where it is another's."""
    return ACTS.get(name.replace("_", " ").strip().casefold())


def read(statement: Statement, currency: str = DEFAULT_CURRENCY) -> Commerce | None:
    """A tracked statement as a commerce event, None where it is none. `currency` holds where it names none."""
    act = act_of(statement.name) if statement.kind == "track" else None
    if act is None:
        return None
    said = statement.properties
    unit = _currency(said.get("currency"), currency)
    lines = _lines(said, unit)
    return Commerce(
        act=act,
        order=_text(said.get("order_id")) or _text(said.get("orderId")),
        lines=lines,
        total_minor=_total(said, lines, unit),
        currency=unit,
        at_ms=statement.at_ms,
    )


def minor(value: Json, currency: str) -> int | None:
    """An amount in minor units, exactly as its digits say; None for what is no amount."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value).strip()
    try:
        amount = Decimal(text.replace(",", "") if "." in text else text)
    except InvalidOperation:
        return None
    if not amount.is_finite() or abs(amount) > _MOST_MINOR:
        return None
    return int((amount * 10 ** exponent(currency)).to_integral_value())


def exponent(currency: str) -> int:
    """How many decimals a currency's amounts have (ISO 4217)."""
    if currency in _NO_MINOR:
        return 0
    return 3 if currency in _THREE_MINOR else 2


def _total(said: Mapping[str, Json], lines: tuple[Line, ...], currency: str) -> int | None:
    """What an order came to: `total`, else `revenue` or `value`, else its lines together."""
    for name in ("total", "revenue", "value"):
        amount = minor(said.get(name), currency)
        if amount is not None:
            return amount
    priced = [line.price_minor * line.quantity for line in lines if line.price_minor is not None]
    return sum(priced) if priced else None


def _lines(said: Mapping[str, Json], currency: str) -> tuple[Line, ...]:
    """`products`, or the one that the event itself names."""
    many = said.get("products")
    if not isinstance(many, list):
        many = [dict(said)]
    found = (_line(one, currency) for one in many[:MOST_PRODUCTS] if isinstance(one, dict))
    return tuple(line for line in found if line is not None)


def _line(said: Mapping[str, Json], currency: str) -> Line | None:
    sku = _text(said.get("sku"))
    product = _text(said.get("product_id")) or _text(said.get("productId")) or sku
    if not product:
        return None
    return Line(
        product=product,
        sku=sku,
        name=_text(said.get("name")),
        category=_text(said.get("category")),
        brand=_text(said.get("brand")),
        price_minor=minor(said.get("price"), currency),
        quantity=_quantity(said.get("quantity")),
    )


def _quantity(value: Json) -> int:
    pieces = minor(value, "JPY")
    return min(max(pieces, 1), _MOST_QUANTITY) if pieces is not None else 1


def _currency(value: Json, otherwise: str) -> str:
    text = _text(value)
    return text.upper() if is_currency(text) else otherwise


def is_currency(text: str) -> bool:
    """Whether it is one of ISO 4217, whichever its case: each that somebody names is reckoned for itself."""
    return text.strip().upper() in _CURRENCIES


def _text(value: Json) -> str:
    """A short text; ids may come as numbers."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value).strip()[:200]
