"""Reductions that are claimed: each is borne by the lowest price of 30 days, of every product that it may be about.

Directive 98/6/EC, Article 6a. What a coupon takes off her own purchase is no such reduction; it is labelled as personal
where not everybody gets it (Directive 2011/83/EU, Article 6(1)(ea)).
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from push.campaigns import prices
from push.campaigns.check_words import slots_in, spoken
from push.campaigns.findings import Finding, found
from push.campaigns.known import Known, named_pools, named_products
from push.model.campaigns import Campaign

_TAG: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_UNKNOWN: Final = "99"
"""Stands for a number that is only known when it is said: as a claim, more than anything bears."""
_COUNTED: Final = re.compile(r"\{\{[^}]*\bproducts?\b[^}]*\}\}")
"""Numbers of products themselves, which are true when they are said."""
_LABEL_CHARS: Final = 100
"""Which the sentence takes that labels a personal price."""
_BODY: Final = 2000


class _Claim(NamedTuple):
    """A reduction that a text claims, in per cent, and the product that its option is about, where it says one."""

    field: str
    percent: int
    product: str | None


def faults(campaign: Campaign, known: Known, now_ms: int) -> Iterator[Finding]:
    """Claims that nothing bears."""
    del now_ms
    if named_pools(campaign):
        return
    for claim in _claims(campaign):
        products = {claim.product} if claim.product else named_products(campaign)
        if not products:
            yield found(claim.field, f"{_said(claim)}, and nothing says of which product: its price cannot bear it")
        for product in sorted(products):
            yield from _unborne(claim, product, known)


def _said(claim: _Claim) -> str:
    return "it says a reduction" if claim.percent == int(_UNKNOWN) else f"it says {claim.percent} % off"


def _unborne(claim: _Claim, product: str, known: Known) -> Iterator[Finding]:
    kept = known.products.get(product)
    less = None if kept is None else prices.reduction(kept)
    borne = 0 if less is None else less.percent
    if kept is not None and claim.percent > borne:
        bears = f"the lowest price of the 30 days before bears {borne} %" if borne else "it was no dearer in 30 days"
        yield found(claim.field, f"{_said(claim)}, and of {product} {bears}")


def _claims(campaign: Campaign) -> Iterator[_Claim]:
    """Each claim once, with what fills a text's slots."""
    seen = set()
    for field, text in spoken(campaign):
        for filled, product in _filled(campaign, text):
            percent = prices.claimed([filled])
            if percent and (key := (field, percent, product)) not in seen:
                seen.add(key)
                yield _Claim(*key)


def _filled(campaign: Campaign, text: str) -> Iterator[tuple[str, str | None]]:
    """A text with each option in its slot in turn; other numbers that are not known yet stand for the worst."""
    named = slots_in(text)
    if not named:
        yield _plain(text), None
    for slot in campaign.slots:
        if slot.name in named:
            tag = re.compile(rf"\{{\{{[^}}]*\b{re.escape(slot.name)}\b[^}}]*\}}\}}")
            for option in slot.options:
                for said in {option.text, *option.texts.values()}:
                    yield _plain(said.join(tag.split(text))), option.product


def _plain(text: str) -> str:
    return _TAG.sub(lambda match: _UNKNOWN if match[0].startswith("{{") else " ", _COUNTED.sub(" ", text))


def warnings(campaign: Campaign, known: Known, now_ms: int) -> Iterator[Finding]:
    """Where the sentence that labels a personal price may find no room."""
    del known, now_ms
    if not named_pools(campaign) or campaign.audience is None:
        return
    for field, text in spoken(campaign):
        if field.endswith(".body") and "coupon.personal" not in text and len(text) > _BODY - _LABEL_CHARS:
            yield found(field, "a price that not everybody gets is labelled as personal: leave room for that sentence")
