"""Whether a campaign does anything: who may get it against who is kept from it, by an interval to look at daily. Pure.

The interval is an asymptotic confidence sequence for the difference of two shares, by Robbins' mixture of normals with
the variance that was seen: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and
asymptotic confidence sequences", Annals of Statistics 52 (2024), arXiv 2103.06476. The same margin and the same scale
are in their own implementation (the R package drconfseq, `std_conjmix_margin` and `best_rho2_approx`). It holds at all
times at once: however often somebody looks, and whenever she stops, the true difference was ever outside with a
probability of about `ALPHA`.
"""

from math import log, sqrt
from typing import Final

import msgspec

ALPHA: Final = 0.05
TIGHT_AT: Final = 2_000
"""People of both arms at which the interval is at its tightest for what it may miss; before and after it is wider."""
LEAST: Final = 50
"""People of each arm, without whom nothing is said: what holds for many need not for few."""
LEAST_BUYERS: Final = 8
"""As many as the smaller arm would have if both bought alike: below, sums do not yet behave as those of many do."""


class Arm(msgspec.Struct, frozen=True, kw_only=True):
    """People who reached a campaign, and how many of them bought within the time."""

    people: int
    bought: int

    @property
    def share(self) -> float:
        """Of them who bought; smoothed by one who did and one who did not, so that none is ever quite sure."""
        return (self.bought + 1) / (self.people + 2)


class Lift(msgspec.Struct, frozen=True, kw_only=True):
    """How much larger the share of buyers is where it may speak, from -1 to 1, and between what that is to be expected.

    `is_sure` is whether 0 is outside.
    """

    difference: float
    low: float
    high: float

    @property
    def is_sure(self) -> bool:
        """Whether it makes a difference, whichever."""
        return not self.low <= 0.0 <= self.high


def compare(treated: Arm, holdout: Arm) -> Lift | None:
    """The difference with its interval; None where there are too few yet."""
    fewest, people = min(treated.people, holdout.people), treated.people + holdout.people
    if fewest < LEAST or (treated.bought + holdout.bought) * fewest < LEAST_BUYERS * people:
        return None
    difference = treated.bought / treated.people - holdout.bought / holdout.people
    # What one person more tells, on the scale of the mean over all: arms of a few weigh as much as arms of many.
    variance = people * sum(arm.share * (1 - arm.share) / arm.people for arm in (treated, holdout))
    half = sqrt(variance) * radius(people)
    return Lift(difference=difference, low=max(-1.0, difference - half), high=min(1.0, difference + half))


def radius(people: int) -> float:
    """Half of the interval's width after so many people, for a variance of 1."""
    # The mixture's scale that is about best at TIGHT_AT: rho^2 = (-2 log a + log(1 - 2 log a)) / t.
    scale = (-2 * log(ALPHA) + log(1 - 2 * log(ALPHA))) / TIGHT_AT
    spread = people * scale + 1
    return sqrt(2 * spread / (people * people * scale) * log(sqrt(spread) / ALPHA))
