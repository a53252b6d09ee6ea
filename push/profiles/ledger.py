"""The ledger of consent: turning points of what was said on each purpose, kept under the facet that they came under."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from push.model.ids import fresh
from push.model.people import Purpose
from push.model.ports import Queries, Row, Transaction
from push.profiles import turning
from push.profiles.turning import Run
from push.profiles.words import Circumstances, Word

__all__ = ("Bound", "Circumstances", "Word", "keep", "read", "said_now")

MOST: Final = 10_000
"""Words of one person that are read at once."""
DAY_MS: Final = 86_400_000
UNPROVEN: Final = "publishable"
"""Who anybody may be: a key that ships in an app or page."""


class Bound(NamedTuple):
    """How often a day what is said of a person may turn by the word of a publishable key. Refusals always may."""

    now_ms: int
    turns_per_day: int


async def keep(tx: Transaction, words: Sequence[Word], bound: Bound | None = None) -> int:
    """Write down what of these words turns anything; how many were not taken, as too many are turned in a day.

    A word that says what its facet said last adds nothing but its time. `push.profiles.consent.settle` brings words
    into force.
    """
    if not words:
        return 0
    shoppers = json.dumps(sorted({word.shopper for word in words}))
    await tx.fetch("consent.facets", shoppers=shoppers)  # nobody else writes of them until this transaction ends
    purposes = json.dumps(sorted({word.purpose for word in words}))
    present = [_run(row) for row in await tx.fetch("consent.runs", shoppers=shoppers, purposes=purposes)]
    book = _Book(present, bound, await _turned(tx, words, bound))
    refused = sum(not book.take(word) for word in sorted(words, key=lambda one: (one.at_ms, one.id)))
    await _write(tx, present, book.runs)
    return refused


class _Book:
    """The tracks of some facets, in memory; each word of a batch is put in its place."""

    def __init__(self, present: Iterable[Run], bound: Bound | None, turned: Counter[str]) -> None:
        self._tracks: dict[tuple[str, str, bool, bool], list[Run]] = {}
        for run in present:
            self._tracks.setdefault(turning.track(run.word), []).append(run)
        for track in self._tracks.values():
            track.sort(key=turning.begin)
        self._bound = bound
        self._turned = turned

    @property
    def runs(self) -> Iterable[Run]:
        return (run for track in self._tracks.values() for run in track)

    def take(self, word: Word) -> bool:
        before = self._tracks.get(turning.track(word), [])
        after = turning.insert(before, word, 0 if self._bound is None else self._bound.now_ms)
        turned = len(after) - len(before)
        if turned and self._is_too_much(word, turned):
            return False
        self._turned[word.shopper] += turned
        self._tracks[turning.track(word)] = after
        return True

    def _is_too_much(self, word: Word, turned: int) -> bool:
        if self._bound is None or not word.granted or word.how.said_by != UNPROVEN:
            return False
        return self._turned[word.shopper] + turned > self._bound.turns_per_day


async def _turned(tx: Transaction, words: Sequence[Word], bound: Bound | None) -> Counter[str]:
    """How often what these people said was turned within a day by keys that anybody may have, by facet."""
    shoppers = sorted({word.shopper for word in words if word.how.said_by == UNPROVEN})
    if bound is None or not shoppers:
        return Counter()
    rows = await tx.fetch(
        "consent.turned", shoppers=json.dumps(shoppers), said_by=UNPROVEN, since_ms=bound.now_ms - DAY_MS
    )
    return Counter({row["shopper"]: int(row["turned"]) for row in rows})


async def _write(tx: Transaction, present: Sequence[Run], runs: Iterable[Run]) -> None:
    known = {run.word.id: run for run in present}
    changed = [run for run in runs if known.get(run.word.id) != run]
    await tx.execute_many("consent.say", [_row(run) for run in changed if run.word.id not in known])
    await tx.execute_many(
        "consent.say_again",
        [
            {"id": run.word.id, "at_ms": run.word.at_ms, "again_ms": run.again_ms}
            for run in changed
            if run.word.id in known
        ],
    )


def _row(run: Run) -> dict[str, object]:
    word = run.word
    return {
        "id": word.id,
        "shopper": word.shopper,
        "purpose": word.purpose,
        "granted": word.granted,
        "at_ms": word.at_ms,
        "again_ms": run.again_ms,
        "kept_ms": run.kept_ms,
        **msgspec.structs.asdict(word.how),
    }


def _run(row: Row) -> Run:
    how = Circumstances(
        source=row["source"],
        said_by=row["said_by"],
        version=row["version"],
        locale=row["locale"],
        asked_on=row["asked_on"],
        claimed=bool(row["claimed"]),
        pending=bool(row["pending"]),
        proof=row["proof"],
    )
    word = Word(
        id=row["id"],
        shopper=row["shopper"],
        purpose=row["purpose"],
        granted=bool(row["granted"]),
        at_ms=row["at_ms"],
        how=how,
    )
    return Run(word, row["again_ms"], row["kept_ms"])


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
    """Every turn of what the person of this facet said, under whichever identifier, the oldest first."""
    return await db.fetch("consent.ledger", shopper=shopper, most=MOST)
