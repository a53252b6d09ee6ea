"""Reductions that are claimed: each is borne by the lowest price of 30 days, of every product that it may be about.

Directive 98/6/EC, Article 6a. What a coupon takes off her own purchase is no such reduction; it is labelled as personal
where not everybody gets it (Directive 2011/83/EU, Article 6(1)(ea)).
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

from push.campaigns import prices
from push.campaigns.check_words import slots_in, spoken
from push.campaigns.findings import Finding, found
from push.campaigns.known import Known, named_pools, named_products
from push.model.campaigns import Campaign

_TAG: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_UNKNOWN: Final = "99"
"""Stands for a number that is only known when it is said: as a claim, more than anything bears."""
_COUNTED: Final = re.compile(r"\bproducts?\b")
"""Numbers of products themselves, which are true when they are said."""
MOST_FILLED: Final = 100_000
"""Texts with an option in them that are looked at: one to two seconds of work, beside everything else."""
_DIGIT: Final = re.compile(r"\d")
_AROUND: Final = 60
"""Characters on either side of a number in which a claim is made."""
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
    if next(islice(_fillings(campaign), MOST_FILLED, None), None) is not None:
        yield found("slots", f"more than {MOST_FILLED} texts with numbers come of these slots: too many to look at")
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
    for field, said, product in _fillings(campaign):
        claim = _Claim(field, prices.claimed([said]), product)
        if claim.percent and claim not in seen:
            seen.add(claim)
            yield claim


def _fillings(campaign: Campaign) -> Iterator[tuple[str, str, str | None]]:
    """Every text that a claim may be made in, with its field, and the product that its option is about."""
    for field, text in spoken(campaign):
        for said, product in _filled(campaign, _tokens(text)):
            yield field, said, product


class _Slot(NamedTuple):
    """A place in a text that options fill."""

    name: str


def _tokens(text: str) -> list[str | _Slot]:
    """A text with its slots; numbers that are only known when it is said stand for the worst."""
    found: list[str | _Slot] = []
    end = 0
    for match in _TAG.finditer(text):
        found += [text[end : match.start()], _token(match[0])]
        end = match.end()
    return [*found, text[end:]]


def _token(tag: str) -> str | _Slot:
    named = slots_in(tag)
    if named and tag.startswith("{{"):
        return _Slot(min(named))
    return _UNKNOWN if tag.startswith("{{") and not _COUNTED.search(tag) else " "


def _filled(campaign: Campaign, tokens: list[str | _Slot]) -> Iterator[tuple[str, str | None]]:
    """A text without its slots; and with each option in its slot, as far around it as a claim goes."""
    plain = [token if isinstance(token, str) else " " for token in tokens]
    yield "".join(plain), None
    slots = {slot.name: slot for slot in campaign.slots}
    for n, token in enumerate(tokens):
        if isinstance(token, _Slot) and token.name in slots:
            before, after = "".join(plain[:n])[-_AROUND:], "".join(plain[n + 1 :])[:_AROUND]
            is_numbered = _DIGIT.search(before + after) is not None
            for option in slots[token.name].options:
                for said in {option.text, *option.texts.values()}:
                    if is_numbered or _DIGIT.search(said):
                        yield f"{before}{said}{after}", option.product


def warnings(campaign: Campaign, known: Known, now_ms: int) -> Iterator[Finding]:
    """Where the sentence that labels a personal price may find no room."""
    del known, now_ms
    if not named_pools(campaign) or campaign.audience is None:
        return
    for field, text in spoken(campaign):
        if field.endswith(".body") and "coupon.personal" not in text and len(text) > _BODY - _LABEL_CHARS:
            yield found(field, "a price that not everybody gets is labelled as personal: leave room for that sentence")
