"""What came of a campaign: whom it reached, what they did of it, and who bought, against those who are kept from it."""

import json
from collections.abc import Mapping
from typing import Final

import msgspec

from push.campaigns.proof import Arm, Lift, compare
from push.model.ports import Queries
from push.profiles.collect.commerce import ACTS

DAY_MS: Final = 86_400_000
WITHIN_DAYS: Final = 14
"""For how long a purchase counts, from the first time on that she came so far, held out or not."""
MOST_DAYS: Final = 90
NOBODY: Final = Arm(people=0, bought=0)


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """People, each counted once. `reached` were sent something; of them it was `shown` to, `opened` and `redeemed` by.

    `treated` may get it and `holdout` are kept from it, as far as `within_days` have passed since each first came so
    far; `too_soon` are those of whom they have not. `lift` is how many more buy, None while there are too few; `sure`
    whether it differs from nothing.
    """

    campaign: str
    within_days: int
    reached: int
    shown: int
    opened: int
    redeemed: int
    treated: Arm
    holdout: Arm
    too_soon: int
    lift: Lift | None
    sure: bool


async def results(db: Queries, campaign: str, within_days: int, now_ms: int) -> Results:
    """What came of a campaign by now, as far as it is kept. Raises `push.model.errors.DatabaseError`."""
    told = await db.fetch_one("results.told", campaign=campaign) or {}
    rows = await db.fetch(
        "results.arms", campaign=campaign, within_ms=within_days * DAY_MS, now_ms=now_ms, names=_ORDERED
    )
    arms = {row["arm"]: Arm(people=row["people"], bought=row["bought"]) for row in rows}
    treated, holdout = arms.get("treated", NOBODY), arms.get("holdout", NOBODY)
    lift = compare(treated, holdout)
    return Results(
        campaign=campaign,
        within_days=within_days,
        reached=_number(told, "reached"),
        shown=_number(told, "shown"),
        opened=_number(told, "opened"),
        redeemed=_number(told, "redeemed"),
        treated=treated,
        holdout=holdout,
        too_soon=sum(row["too_soon"] for row in rows),
        lift=lift,
        sure=lift is not None and lift.is_sure,
    )


def _number(row: Mapping[str, int | None], name: str) -> int:
    return row.get(name) or 0


_ORDERED: Final = json.dumps(sorted(name for name, act in ACTS.items() if act == "ordered"))
"""How a purchase is called, in small letters and with spaces."""
