"""A product: what travels and what is kept of it."""

import re
from typing import Annotated, Final

import msgspec

from beacons.topics import Id
from push.model.errors import Fault, MisfitError

MOST_QUANTITY: Final = 1_000_000_000
Text = Annotated[str, msgspec.Meta(max_length=200)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Minor = Annotated[int, msgspec.Meta(ge=0, le=10**15)]
"""An amount in the currency's smallest unit (ISO 4217): cents, or yen."""
Currency = Annotated[str, msgspec.Meta(pattern=r"^([A-Z]{3})?$(?!\n)")]
Url = Annotated[str, msgspec.Meta(max_length=2048, pattern=r"^(https?://[^\s]+)?$(?!\n)")]
Quantity = Annotated[int, msgspec.Meta(ge=0, le=MOST_QUANTITY)]
_BETWEEN: Final = re.compile(r"\s*[>/|]\s*")


class Product(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that is sold. `category` is a path, the widest first.

    `price_minor` is what it costs now, `regular_minor` what its maker recommends or it costs without an offer; both in
    `currency`. What is `sensitive` never becomes a feature, segment, message or screen.
    """

    id: Id
    sku: Text = ""
    name: Name
    category: Annotated[tuple[Name, ...], msgspec.Meta(max_length=8)] = ()
    brand: Text = ""
    price_minor: Minor | None = None
    regular_minor: Minor | None = None
    currency: Currency = ""
    url: Url = ""
    image: Url = ""
    attributes: Annotated[dict[Name, Text], msgspec.Meta(max_length=50)] = {}
    sensitive: bool = False


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A product as it is kept, and who changed it last.

    `lowest_minor` is the lowest price of the 30 days before the present one began to hold, in the same currency; None
    where it had none then. A reduction has to name it (Directive 98/6/EC, Article 6a).
    """

    product: Product
    price_from_ms: int | None
    lowest_minor: int | None
    stock: dict[str, int]
    """How many a store has, by store."""
    revision: int
    changed_by: str
    changed_ms: int


def refuse(product: Product) -> None:
    """Raises `MisfitError` where what it says does not fit together."""
    if not product.currency and (product.price_minor is not None or product.regular_minor is not None):
        text = "currency: a price was given, so its currency was expected, like EUR"
        raise MisfitError(f"product {product.id}", (Fault("currency", text),))


def path_of(category: str) -> tuple[str, ...]:
    """A category as one text, as events have it (``Shoes > Running``, ``Shoes/Running``), as a path."""
    return tuple(part for part in _BETWEEN.split(category.strip()) if part)
