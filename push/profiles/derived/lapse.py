"""Whether somebody still buys: BG/NBD.

P. Fader, B. Hardie, K. Lee: "Counting Your Customers" the Easy Way: An Alternative to the Pareto/NBD Model. Marketing
Science 24(2), 2005, 275-284 (the model, and CDNOW's parameters in table 2); P(alive) as in their note of 2008,
"Computing P(alive) Using the BG/NBD Model".
"""

import math
from typing import Annotated, Final

import msgspec

Positive = Annotated[float, msgspec.Meta(gt=0, le=1e6)]
WEEK_S: Final = 7 * 86_400


class Lapse(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often people buy (a gamma distribution) and after which share of purchases they stay away (a beta one)."""

    r: Positive = 0.243
    alpha_weeks: Positive = 4.414
    a: Positive = 0.793
    b: Positive = 2.426


def alive(repeats: int, recency_weeks: float, age_weeks: float, fitted: Lapse) -> float:
    """The probability that somebody will buy again.

    Of `repeats` purchases after the first one the last was `recency_weeks` after it; `age_weeks` have passed since the
    first. After a first purchase alone the model has nobody lapse: 1.
    """
    if repeats <= 0:
        return 1.0
    waited = (fitted.r + repeats) * math.log((fitted.alpha_weeks + age_weeks) / (fitted.alpha_weeks + recency_weeks))
    odds = math.log(fitted.a / (fitted.b + repeats - 1)) + waited
    return 1 / (1 + math.exp(min(odds, 700.0)))


def rate(repeats: int, age_weeks: float, fitted: Lapse) -> float:
    """Purchases in a week of somebody who still buys: the gamma's mean, given what she did."""
    return (fitted.r + repeats) / (fitted.alpha_weeks + age_weeks)
