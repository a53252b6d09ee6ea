"""What came of a campaign, as the console tells it."""

import pytest

from push.campaigns.proof import Arm, compare
from push.campaigns.results import Results
from push.console.campaigning.proven import proven


def told(treated: Arm, holdout: Arm) -> Results:
    lift = compare(treated, holdout)
    return Results(
        campaign="c", within_days=14, reached=1240, shown=900, opened=300, redeemed=3, treated=treated, holdout=holdout,
        too_soon=7, lift=lift, sure=lift is not None and lift.is_sure,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("treated", "holdout", "says"),
    [
        (
            (9000, 1800),
            (9000, 900),
            "Of 100 people, between +8.3 and +11.7 more buy within 14 days",
        ),
        ((9000, 900), (9000, 1800), "It costs buyers."),
        ((9000, 900), (1000, 100), "That may be nothing at all."),
        ((9000, 900), (3, 1), "Too few people yet"),
        ((0, 0), (0, 0), "Nobody is kept from it"),
    ],
)
def test_what_follows_is_said_in_a_sentence(treated: tuple[int, int], holdout: tuple[int, int], says: str) -> None:
    arms = [Arm(people=people, bought=bought) for people, bought in (treated, holdout)]
    assert says in proven(told(*arms), exact=False, is_compared=False).says


def test_few_people_are_told_of_to_nobody_who_may_not_see_them() -> None:
    found = told(Arm(people=100, bought=10), Arm(people=3, bought=1))
    lines = dict(proven(found, exact=False, is_compared=True).lines)
    assert lines["Reached"] == "1,240"
    assert lines["Used by"] == lines["Bought, who are kept from it"] == "fewer than 5"
    assert lines["Bought, who may get it"] == "10.0% of 100"
    assert dict(proven(found, exact=True, is_compared=True).lines)["Used by"] == "3"
