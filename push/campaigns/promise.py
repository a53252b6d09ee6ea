"""What a message promised of a product, kept with its content: what it costs, and where."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from push.profiles.catalogue.product import Kept

PRODUCT: Final = "product"
PRICE: Final = "price_minor"
CURRENCY: Final = "currency"
STORE: Final = "store"


class Promise(NamedTuple):
    """A product, for a price in minor units of a currency (None: none was told), in a store ("": in any)."""

    product: str
    price_minor: int | None
    currency: str
    store: str


def kept_with(kept: Kept, store: str) -> dict[str, str]:
    """What goes with a message about a product, for its app, and for when it is opened."""
    product = kept.product
    data = {PRODUCT: product.id} | ({STORE: store} if store else {})
    return data if product.price_minor is None else data | {PRICE: str(product.price_minor), CURRENCY: product.currency}


def read(data: Mapping[str, str]) -> Promise | None:
    """What was promised; None: nothing of a product. Apps' own messages may have anything under these names."""
    product, price = data.get(PRODUCT), data.get(PRICE, "")
    if not product:
        return None
    is_price = price.isascii() and price.isdecimal()
    return Promise(product, int(price) if is_price else None, data.get(CURRENCY, ""), data.get(STORE, ""))
