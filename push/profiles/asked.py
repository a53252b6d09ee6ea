"""What people were asked, under which words: once for each version of a text, and how these words are taken."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from push.model.people import Purpose
from push.model.ports import Queries, Row, Transaction
from push.profiles.purposes.book import Purposes

WEEK_MS: Final = 7 * 86_400_000
MONDAY_MS: Final = 4 * 86_400_000
"""The first Monday after 1970 began: weeks are counted from one (ISO 8601)."""
WEEKS: Final = 26
"""How far back it is told how texts were taken."""
FEWEST: Final = 5
"""Groups of fewer people are told as that, and nothing more exact."""
Few = Literal["fewer than 5"]
Untold = Literal["not told"]
FEW: Final[Few] = "fewer than 5"
UNTOLD: Final[Untold] = "not told"
"""Of a number that would tell another, which is of few people."""
Figure = int | Few | Untold


class Asking(NamedTuple):
    """How something was asked: the versions of its words by purpose, their language, where, and in which country."""

    versions: Mapping[Purpose, str]
    locale: str
    asked_on: str
    country: str = ""


class Taken(NamedTuple):
    """How words were taken by those who were asked in one week, beginning on a Monday (UTC), in one country.

    `granted` is who ever said yes, and of these `withdrawn` who took it back later; `denied` who only said no;
    `ignored` who said nothing.
    """

    purpose: Purpose
    version: str
    country: str
    week_ms: int
    asked: Figure
    granted: Figure
    denied: Figure
    ignored: Figure
    withdrawn: Figure


def current(asking: Asking, purposes: Purposes) -> Asking:
    """What was asked in words that are asked at present: no other is counted, and nobody can make versions up."""
    versions = {name: version for name, version in asking.versions.items() if purposes.counts(name, version)}
    return asking._replace(versions=versions)


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


async def take_back(tx: Transaction, shopper: str, purposes: Collection[Purpose], now_ms: int) -> None:
    """Note that somebody withdrew what she had said yes to, wherever she said so."""
    if purposes:
        await tx.execute(
            "consent.withdrawn", shopper=shopper, purposes=json.dumps(sorted(purposes)), answered_ms=now_ms
        )


def _row(shopper: str, purpose: Purpose, asking: Asking, now_ms: int) -> dict[str, object]:
    return {
        "shopper": shopper,
        "purpose": purpose,
        "version": asking.versions[purpose],
        "locale": asking.locale,
        "asked_on": asking.asked_on,
        "country": asking.country,
        "asked_ms": now_ms,
    }


async def versions(db: Queries, shopper: str) -> frozenset[tuple[str, str]]:
    """What a person was asked under any of her identifiers: purposes, each with the version of its words."""
    return frozenset((row["purpose"], row["version"]) for row in await db.fetch("consent.asked", shopper=shopper))


async def fold(tx: Transaction, shoppers: str) -> None:
    """Before people (a JSON list of facets) are erased: add how they took their texts to what is known of nobody."""
    await tx.execute("consent.fold_acceptance", shoppers=shoppers)


async def acceptance(db: Queries, now_ms: int) -> Sequence[Taken]:
    """How every version of every text was taken, by week and country; the latest weeks first."""
    since_ms = now_ms - WEEKS * WEEK_MS
    return [_taken(row) for row in await db.fetch("consent.acceptance", since_ms=since_ms, since=_week(since_ms))]


def _week(at_ms: int) -> int:
    return (at_ms - MONDAY_MS) // WEEK_MS


def _taken(row: Row) -> Taken:
    asked, granted, denied, withdrawn = (int(row[name]) for name in ("asked", "granted", "denied", "withdrawn"))
    shown = masked([granted, denied, asked - granted - denied]) if asked >= FEWEST else [FEW] * 3
    kept = masked([withdrawn, granted - withdrawn])[0] if isinstance(shown[0], int) else _hidden(withdrawn)
    return Taken(
        purpose=row["purpose"],
        version=row["version"],
        country=row["country"],
        week_ms=int(row["week"]) * WEEK_MS + MONDAY_MS,
        asked=asked if asked >= FEWEST else FEW,
        granted=shown[0],
        denied=shown[1],
        ignored=shown[2],
        withdrawn=kept,
    )


def masked(parts: Sequence[int]) -> list[Figure]:
    """Parts of a known sum, those of fewer than `FEWEST` people hidden.

    Where it is one alone, so is the next: otherwise the others would say what is hidden.
    """
    order = sorted(range(len(parts)), key=lambda place: parts[place])
    hidden = {place for place in order if parts[place] < FEWEST}
    if len(hidden) == 1:
        hidden = set(order[:2])
    return [_hidden(number) if place in hidden else number for place, number in enumerate(parts)]


def _hidden(number: int) -> Figure:
    return FEW if number < FEWEST else UNTOLD
