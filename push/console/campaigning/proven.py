"""What came of a campaign, in words: whom it reached, and whether more buy than of those who are kept from it."""

from typing import NamedTuple

from push.campaigns.proof import Arm, Lift
from push.campaigns.results import Results
from push.console import words


class Proven(NamedTuple):
    """Labels with figures, and what follows from them in a sentence."""

    lines: tuple[tuple[str, str], ...]
    says: str


def proven(found: Results, *, exact: bool, is_compared: bool) -> Proven:
    """Results as they are told; `exact`: also of few people. `is_compared`: whether anybody is kept from it now."""
    told = (
        ("Reached", found.reached),
        ("Shown to", found.shown),
        ("Opened by", found.opened),
        ("Used by", found.redeemed),
    )
    lines = [(label, words.people(n, exact=exact)) for label, n in told]
    arms = (("Bought, who may get it", found.treated), ("Bought, who are kept from it", found.holdout))
    lines += [(label, _bought(arm, exact=exact)) for label, arm in arms if arm.people]
    if found.too_soon:
        lines.append(("Too soon to tell of", words.people(found.too_soon, exact=exact)))
    return Proven(tuple(lines), _says(found, is_compared=is_compared))


def _bought(arm: Arm, *, exact: bool) -> str:
    if not exact and arm.people < words.FEW:
        return words.FEWER
    return f"{arm.bought / arm.people:.1%} of {words.number(arm.people)}"


def _says(found: Results, *, is_compared: bool) -> str:
    if found.lift is not None:
        return _lifted(found.lift, found.within_days)
    if not (is_compared or found.holdout.people):
        return "Nobody is kept from it, so what it brings cannot be told. Hold out a share of people to compare."
    return "Too few people yet to compare those who may get it with those who are kept from it."


def _lifted(lift: Lift, days: int) -> str:
    low, high = (f"{end * 100:+.1f}" for end in (lift.low, lift.high))
    span = f"Of 100 people, between {low} and {high} more buy within {days} days where it may speak."
    if not lift.is_sure:
        return f"{span} That may be nothing at all."
    return span if lift.low > 0 else f"{span} It costs buyers."
