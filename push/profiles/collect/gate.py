"""Whether what was said may be kept: only what consent covered at its own time, and still does. Pure but for reads.

The times of what happened are corrected by how long the network took, so a grant and what came right after it may stand
in the wrong order by some seconds. A refusal has no such grace.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from push.model.ports import Queries, Row
from push.model.profiles import Statement
from push.profiles.collect import commerce
from push.profiles.identity.facets import listed
from push.profiles.turning import Point, Span, points

GRACE_MS: Final = 60_000


class Word(NamedTuple):
    """What somebody said of profiling, and when."""

    at_ms: int
    granted: bool


class Gate(NamedTuple):
    """Whom of a batch may be profiled now, and what each said about it, the oldest first."""

    profiled: frozenset[str]
    words: Mapping[str, Sequence[Word]]
    keep_orders: bool

    def lets(self, statement: Statement, facet: str) -> bool:
        """Whether a statement may be kept under its facet, and counts for her profile."""
        return facet in self.profiled and covered(self.words.get(facet, ()), statement.at_ms)

    def keeps(self, statement: Statement) -> bool:
        """Whether it may be kept all the same, as what a contract needs: an order."""
        return self.keep_orders and is_of_contract(statement)


def is_of_contract(statement: Statement) -> bool:
    """Whether it is what a contract of sale is made of."""
    return statement.kind == "track" and commerce.act_of(statement.name) in commerce.CONTRACTS


def covered(words: Sequence[Word], at_ms: int) -> bool:
    """Whether the words of somebody covered a time: the last one until then, or a first one right after."""
    place = bisect_right(words, at_ms, key=lambda word: word.at_ms)
    if place:
        return words[place - 1].granted
    return bool(words) and words[0].granted and words[0].at_ms <= at_ms + GRACE_MS


async def gate(db: Queries, facets: Collection[str], *, keep_orders: bool) -> Gate:
    """The gate for what concerns these facets. Raises `push.model.errors.DatabaseError`."""
    profiled = frozenset(row["shopper"] for row in await db.fetch("collect.profiled", shoppers=listed(facets)))
    words: Mapping[str, Sequence[Word]] = {}
    if profiled:
        words = _words(await db.fetch("collect.words", shoppers=listed(profiled)))
    return Gate(profiled, words, keep_orders)


def _words(rows: Iterable[Row]) -> dict[str, list[Word]]:
    """What each said, the oldest first. What others claim counts until she spoke herself, and never after that."""
    spans: dict[str, list[Span]] = {}
    for row in rows:
        span = Span(row["at_ms"], row["again_ms"], bool(row["granted"]), bool(row["claimed"]))
        spans.setdefault(row["shopper"], []).append(span)
    return {shopper: _own(points(theirs)) for shopper, theirs in spans.items()}


def _own(said: Iterable[Point]) -> list[Word]:
    words: list[Word] = []
    spoke = False
    for point in said:
        spoke = spoke or not point.claimed
        if not (point.claimed and spoke):
            words.append(Word(point.at_ms, point.granted))
    return words
