"""What people were asked, under which words: once for each version of a text, and how many said yes to it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from push.model.people import Purpose
from push.model.ports import Queries, Transaction


class Asking(NamedTuple):
    """How something was asked: the versions of its words by purpose, their language, and where."""

    versions: Mapping[Purpose, str]
    locale: str
    asked_on: str


class Acceptance(NamedTuple):
    """How many were asked under a version of a text, how many answered, and how many of these said yes last."""

    purpose: Purpose
    version: str
    first_ms: int
    asked: int
    answered: int
    accepted: int


async def note(tx: Transaction, shopper: str, asking: Asking, now_ms: int) -> None:
    """Keep what somebody was shown; of what she was shown before, the first time."""
    await tx.execute_many(
        "consent.ask", [_row(shopper, purpose, asking, now_ms) for purpose in sorted(asking.versions)]
    )


async def answer(tx: Transaction, shopper: str, purposes: Mapping[Purpose, bool], asking: Asking, now_ms: int) -> None:
    """Keep what somebody answered to the words that she was shown; words of which nobody says which are not counted."""
    rows = [
        {**_row(shopper, purpose, asking, now_ms), "granted": yes}
        for purpose, yes in sorted(purposes.items())
        if purpose in asking.versions
    ]
    await tx.execute_many("consent.answer", rows)


def _row(shopper: str, purpose: Purpose, asking: Asking, now_ms: int) -> dict[str, object]:
    return {
        "shopper": shopper,
        "purpose": purpose,
        "version": asking.versions[purpose],
        "locale": asking.locale,
        "asked_on": asking.asked_on,
        "asked_ms": now_ms,
    }


async def acceptance(db: Queries) -> Sequence[Acceptance]:
    """Of every version of every text, how it was taken."""
    return [Acceptance(**row) for row in await db.fetch("consent.acceptance")]
