"""What is said of a product and its price, as the reader's language has it, and which reductions may be told of.

A reduction is told from the lowest price of the 30 days before the present one (Directive 98/6/EC, Article 6a).
"""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from math import ceil
from typing import Final, NamedTuple

from babel import Locale, UnknownLocaleError
from babel.numbers import format_currency, get_currency_precision

from push.profiles.catalogue.product import Kept

DEFAULT_LOCALE: Final = "en"
_PERCENT: Final = r"(?P<{}>(?<![\d.,])\d{{1,3}}(?:[.,]\d{{1,2}})?)\s?(?:%|(?:per\s?cent|prozent|pour\s?cent|procent)\b)"
_OFF: Final = (
    r"off|less|cheaper|discount|reduced|rabatt|reduziert|g\u00fcnstiger|nachlass|remise|moins|sconto|descuento|korting"
)
_SAVE: Final = r"save|saving|spar\w*|\u00e9conomise\w*|risparmi\w*|ahorr\w*|bespaar\w*|minus|moins"
_CLAIM: Final = re.compile(
    rf"(?<![\w%])(?<![\d%]\s)[-\u2212\u2013]\s?{_PERCENT.format('minus')}"
    rf"|{_PERCENT.format('off')}\s*(?:{_OFF})\b"
    rf"|\b(?:{_SAVE})\s+(?:\w+\s+){{0,2}}{_PERCENT.format('save')}",
    re.IGNORECASE,
)


PERSONAL: Final[Mapping[str, str]] = {
    "en": "This offer was made for you personally, by automated means.",
    "de": "Dieses Angebot wurde automatisch für Sie persönlich erstellt.",
    "fr": "Cette offre a été établie automatiquement pour vous personnellement.",
    "es": "Esta oferta se ha creado automáticamente para usted.",
    "it": "Questa offerta è stata creata automaticamente per lei.",
    "nl": "Deze aanbieding is automatisch voor u persoonlijk gemaakt.",
}
"""Goes with a price that was made by who she is (Directive 2011/83/EU, Article 6(1)(ea))."""


class Reduction(NamedTuple):
    """How much less a product costs than it did, and what it cost."""

    was_minor: int
    percent: int


def reduction(kept: Kept) -> Reduction | None:
    """The reduction that may be told of; None where there is none, or nothing bears it."""
    price, lowest = kept.product.price_minor, kept.lowest_minor
    if price is None or lowest is None or lowest <= price:
        return None
    return Reduction(lowest, (lowest - price) * 100 // lowest)


def claimed(texts: Iterable[str]) -> int:
    """The highest reduction, in whole per cent, that texts claim: "20 % off", "-20 %", "save 20 %"; 0: none."""
    found = (match[match.lastgroup or 0] for text in texts for match in _CLAIM.finditer(text))
    return max((ceil(float(number.replace(",", "."))) for number in found), default=0)


def money(minor: int | None, currency: str, locale: str) -> str:
    """An amount as a locale writes it, "12,50 €"; empty where there is none. Reads a locale's data of the disk."""
    if minor is None or not currency:
        return ""
    digits = get_currency_precision(currency)
    return format_currency(Decimal(minor).scaleb(-digits), currency, locale=_locale(locale))


def personal(locale: str) -> str:
    """The sentence that labels a personal price."""
    return PERSONAL.get(locale.replace("_", "-").partition("-")[0].lower(), PERSONAL[DEFAULT_LOCALE])


def facts(kept: Kept, store: str, locale: str) -> dict[str, object]:
    """What templates see of a product, `left` being how many the store has. Reads as `money` does."""
    product = kept.product
    less = reduction(kept)
    said: dict[str, object] = {
        "id": product.id,
        "sku": product.sku,
        "name": product.name,
        "brand": product.brand,
        "category": product.category[-1] if product.category else "",
        "url": product.url,
        "image": product.image,
        "attributes": product.attributes,
        "price": money(product.price_minor, product.currency, locale),
        "left": kept.stock.get(store) if store else None,
    }
    if less is not None:
        said["was"] = money(less.was_minor, product.currency, locale)
        said["off"] = less.percent
    return said


def _locale(name: str) -> Locale:
    """The closest locale that there is."""
    parts = name.replace("-", "_").split("_")
    for n in range(len(parts), 0, -1):
        try:
            return Locale.parse("_".join(parts[:n]))
        except (ValueError, UnknownLocaleError):
            continue
    return Locale.parse(DEFAULT_LOCALE)
