"""The ledger of consent: every word on a purpose, as it was said, kept under the facet that it came under."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec

from push.model.ids import fresh
from push.model.people import Purpose
from push.model.ports import Queries, Row, Transaction

MOST: Final = 10_000
"""Words of one person that are read at once."""


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """How something was said: through what, by whom, under which words in which language, where it was asked.

    `claimed` is what somebody else says that she agreed to, which never overrides her own word; what is `pending` does
    not hold until she confirms it. `proof` is sealed under her key.
    """

    source: str
    said_by: str = ""
    version: str = ""
    locale: str = ""
    asked_on: str = ""
    claimed: bool = False
    pending: bool = False
    proof: bytes | None = None


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """One word on one purpose, at its own time in UTC ms. The same id is the same word, however often it arrives."""

    id: str
    shopper: str
    purpose: Purpose
    granted: bool
    at_ms: int
    how: Circumstances


async def keep(tx: Transaction, words: Sequence[Word]) -> None:
    """Write words down. `push.profiles.consent.settle` brings them into force."""
    await tx.execute_many("consent.say", [_row(word) for word in words])


def _row(word: Word) -> dict[str, object]:
    return {
        "id": word.id,
        "shopper": word.shopper,
        "purpose": word.purpose,
        "granted": word.granted,
        "at_ms": word.at_ms,
        **msgspec.structs.asdict(word.how),
    }


async def said_now(
    db: Queries, shopper: str, purposes: Mapping[Purpose, bool], how: Mapping[Purpose, Circumstances], now_ms: int
) -> list[Word]:
    """What somebody says now, as words that come after all that she said before, whatever a clock says.

    `how` tells the circumstances of each purpose. The transaction holds her facets, so that nobody else says anything.
    """
    at_ms = max(now_ms, await _last_ms(db, shopper, purposes) + 1)
    return [
        Word(id=fresh("con"), shopper=shopper, purpose=purpose, granted=yes, at_ms=at_ms, how=how[purpose])
        for purpose, yes in sorted(purposes.items())
    ]


async def _last_ms(db: Queries, shopper: str, purposes: Collection[Purpose]) -> int:
    row = await db.fetch_one("consent.last_ms", shopper=shopper, purposes=json.dumps(sorted(purposes)))
    return -1 if row is None or row["at_ms"] is None else int(row["at_ms"])


async def read(db: Queries, shopper: str) -> list[Row]:
    """Everything that the person of this facet said, under whichever identifier, the oldest first."""
    return await db.fetch("consent.ledger", shopper=shopper, most=MOST)
