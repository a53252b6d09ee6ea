"""The interval of a campaign's effect may be looked at every day: of campaigns without any it is rarely ever sure."""

import numpy as np

from push.campaigns.proof import ALPHA, LEAST, Arm, compare

CAMPAIGNS = 200
DAYS = 60
A_DAY = 60


def looks(chance: np.random.Generator, share: float, lift: float, held_out: float) -> list[bool]:
    """Whether somebody who looks at a campaign every evening was sure of anything, evening by evening."""
    people = DAYS * A_DAY
    is_held = chance.random(people) < held_out
    bought = chance.random(people) < np.where(is_held, share, share + lift)
    at = np.arange(A_DAY, people + 1, A_DAY) - 1
    arms = [(np.cumsum(arm)[at], np.cumsum(arm & bought)[at]) for arm in (~is_held, is_held)]
    found = []
    for n in range(DAYS):
        treated, holdout = (Arm(people=int(came[n]), bought=int(of_them[n])) for came, of_them in arms)
        seen = compare(treated, holdout)
        found.append(seen is not None and seen.is_sure)
    return found


def test_campaigns_without_effect_are_rarely_ever_taken_for_some_that_have_one() -> None:
    chance = np.random.default_rng(5)
    ever = sum(any(looks(chance, 0.05, 0.0, 0.1)) for _ in range(CAMPAIGNS))
    assert ever <= ALPHA * CAMPAIGNS


def test_an_effect_that_is_there_is_found() -> None:
    chance = np.random.default_rng(6)
    assert sum(looks(chance, 0.1, 0.1, 0.3)[-1] for _ in range(20)) == 20


def test_the_interval_lies_about_the_difference_and_narrows() -> None:
    few = compare(Arm(people=900, bought=90), Arm(people=100, bought=9))
    many = compare(Arm(people=9000, bought=900), Arm(people=1000, bought=90))
    assert few is not None
    assert many is not None
    assert few.low < many.low < many.difference < many.high < few.high
    assert abs(many.difference - 0.01) < 1e-12
    assert not many.is_sure


def test_nothing_is_said_of_few() -> None:
    assert compare(Arm(people=5000, bought=500), Arm(people=LEAST - 1, bought=5)) is None
    assert compare(Arm(people=0, bought=0), Arm(people=0, bought=0)) is None
    assert compare(Arm(people=5000, bought=5), Arm(people=500, bought=0)) is None, "hardly anybody bought"
