"""Whom a campaign is for, its rule in one sentence. Pure."""

from typing import Final

from push.model.campaigns import Campaign
from push.model.rules.explain import words
from push.model.rules.parse import RuleError, parse
from push.model.rules.tree import All, AnyOf, Not, Rule

LONGEST: Final = 300


def whom(campaign: Campaign) -> str:
    """``figures.orders is at least 2, and not (is in segment staff)``; everybody, where there is no rule."""
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
            return words(rule)


def _inner(rule: Rule) -> str:
    return f"({_told(rule)})" if isinstance(rule, All | AnyOf) and len(rule.of) > 1 else _told(rule)
