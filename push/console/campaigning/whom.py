"""Whom a campaign is for, its rule in one sentence of plain words. Pure."""

from collections.abc import Mapping
from typing import Final

from push.model.campaigns import Campaign
from push.model.rules.explain import compared, properties, words
from push.model.rules.parse import RuleError, parse
from push.model.rules.tree import All, AnyOf, Did, Fact, InSegment, Leaf, Not, Rule
from push.profiles import view

LONGEST: Final = 300
_DONE: Final[Mapping[str, str]] = {
    "Order Completed": "bought something",
    "Product Viewed": "looked at a product",
    "Product Added": "put something into the basket",
    "Product Added to Wishlist": "put something on the wish list",
    "Checkout Started": "began to pay",
    "Signed Up": "signed up",
}
"""Events that every shop has (https://segment.com/docs/connections/spec/ecommerce/v2/), as people say them."""


def whom(campaign: Campaign) -> str:
    """``bought something in the last 30 days, and not (is in the segment staff)``; everybody, where is no rule."""
    if campaign.audience is None:
        return "everybody who agreed to it"
    try:
        told = _told(parse(campaign.audience))
    except RuleError:
        return "a rule that cannot be read"
    return told if len(told) <= LONGEST else f"{told[:LONGEST]}…"


def _told(rule: Rule) -> str:
    match rule:
        case All():
            return ", and ".join(map(_inner, rule.of)) or "everybody"
        case AnyOf():
            return ", or ".join(map(_inner, rule.of)) or "nobody"
        case Not():
            return f"not ({_told(rule.of)})"
        case _:
            return _leaf(rule)


def _inner(rule: Rule) -> str:
    return f"({_told(rule)})" if isinstance(rule, All | AnyOf) and len(rule.of) > 1 else _told(rule)


def _leaf(leaf: Leaf) -> str:
    match leaf:
        case Did():
            return _did(leaf)
        case Fact():
            return f"{_fact(leaf.fact)} {compared(leaf.op, leaf.value)}"
        case InSegment():
            return f"is in the segment {leaf.segment}"
        case _:
            return words(leaf)


def _did(leaf: Did) -> str:
    done = _DONE.get(leaf.event, f"did “{leaf.event}”")
    times = "" if leaf.least == 1 else f" at least {leaf.least} times"
    within = "" if leaf.within_days is None else f" in the last {leaf.within_days:g} days"
    return f"{done}{times}{within}{properties(leaf)}"


def _fact(name: str) -> str:
    """What is compared: what the fact means, or its own name where whoever told it gave it one."""
    if name in view.FACTS:
        return f"“{view.FACTS[name].meaning}”"
    if name.startswith(view.LAST):
        return f"the last time of “{name.removeprefix(view.LAST)}”"
    return name.removeprefix(view.TRAITS)
