"""What people ask of segments: why somebody is in one, how many a rule would take in, and how much two overlap."""

import secrets
from collections.abc import Sequence
from itertools import combinations
from math import sqrt
from typing import Final

import msgspec

from push.model.ports import Queries
from push.model.rules.explain import Explained, explain
from push.model.rules.tree import SEGMENT, Rule
from push.profiles import view
from push.profiles.segments.book import Book, segment_of
from push.profiles.segments.membership import Means
from push.profiles.view import listed

MOST_ASKED: Final = 500
"""People in a preview: some tens of milliseconds, and at worst 4.5 points off in 95 of 100 cases."""
BLOCKS: Final = 10
"""A sample is taken in so many places, people beside each other there: ids are random."""
SHOWN: Final = 20
_Z: Final = 1.96
_FIRST: Final = "shp_"


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """How many a rule would take in, and in 95 of 100 cases at least and at most; some of them."""

    people: int
    """Everybody that there is."""
    asked: int
    fitting: int
    estimate: int
    low: int
    high: int
    is_exact: bool
    sample: tuple[str, ...]


class Overlap(msgspec.Struct, frozen=True, kw_only=True):
    """How many are in both of two segments."""

    a: str
    b: str
    members: int


class Reasons(msgspec.Struct, frozen=True, kw_only=True):
    """Why somebody is in a segment or is not: what each part of its rule says; None for who may not be profiled."""

    segment: str
    person: str
    inside: bool
    since_ms: int | None
    rule: Explained | None


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody in a segment."""

    person: str
    since_ms: int


async def members(db: Queries, segment: str, after: str, most: int) -> list[Member]:
    """Who is in a segment, by id."""
    rows = await db.fetch("segments.members", segment=segment, after=after, most=most)
    return [Member(person=row["person"], since_ms=row["since_ms"]) for row in rows]


async def overlaps(db: Queries, segments: Sequence[str]) -> list[Overlap]:
    """How many are in both, of each two."""
    found = []
    for a, b in combinations(segments, 2):
        row = await db.fetch_one("segments.both", a=a, b=b)
        found.append(Overlap(a=a, b=b, members=0 if row is None else row["n"]))
    return found


async def reasons(db: Queries, means: Means, segment: str, shopper: str, now_ms: int) -> Reasons | None:
    """Why whoever this facet belongs to is in a segment or is not; None where there is no such segment or facet."""
    book = await means.shelf.now(db)
    row = await db.fetch_one("segments.person", shopper=shopper)
    if segment not in book.segments or row is None:
        return None
    person = row["person"]
    kept = {r["segment"]: r["since_ms"] for r in await db.fetch("segments.of", people=listed([person]))}
    found = await view.load(db, means.sight, book.people([person], [segment]), now_ms)
    told = None
    if person in found:
        facts = {**found[person], **{SEGMENT + name: True for name in kept}}
        told = explain(book.segments[segment].rule, facts, now_ms)
    return Reasons(segment=segment, person=person, inside=segment in kept, since_ms=kept.get(segment), rule=told)


async def preview(db: Queries, means: Means, rule: Rule, now_ms: int) -> Preview:
    """Ask some people of a rule that is not saved; everybody, where they are few."""
    people = await everybody(db)
    persons = await sample(db, people)
    return estimated(people, len(persons), await fitting(db, means, rule, persons, now_ms))


async def everybody(db: Queries) -> int:
    """How many people there are."""
    total = await db.fetch_one("segments.total")
    return 0 if total is None else int(total["n"])


async def fitting(db: Queries, means: Means, rule: Rule, persons: Sequence[str], now_ms: int) -> list[str]:
    """Of these people those of whom a rule holds that is not saved. Raises `push.model.vault.SealError`."""
    book = Book([segment_of("", rule)])
    facts = await view.load(db, means.sight, book.people(persons, [""]), now_ms)
    kept = await _kept(db, list(facts))
    verdicts = {who: book.judge(known, [""], kept.get(who, ()), now_ms) for who, known in sorted(facts.items())}
    return [who for who, verdict in verdicts.items() if verdict.inside]


async def _kept(db: Queries, persons: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in await db.fetch("segments.of", people=listed(persons)):
        found.setdefault(row["person"], []).append(row["segment"])
    return found


async def sample(db: Queries, people: int) -> list[str]:
    """Some people, by id: everybody, where they are few."""
    if people <= MOST_ASKED:
        return await beside(db, "", MOST_ASKED)
    found: set[str] = set()
    for _ in range(BLOCKS):
        found.update(await beside(db, _FIRST + secrets.token_hex(12), MOST_ASKED // BLOCKS))
    return sorted(found)


async def beside(db: Queries, after: str, most: int) -> list[str]:
    """People behind an id, in the order of theirs."""
    return [row["id"] for row in await db.fetch("segments.people", after=after, most=most)]


def estimated(people: int, asked: int, fitting: Sequence[str]) -> Preview:
    """What a sample says of everybody, by Wilson's score interval (Wilson 1927) on the share."""
    n, share = max(asked, 1), len(fitting) / max(asked, 1)
    is_exact = asked >= people
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z * sqrt(share * (1 - share) / n + _Z**2 / (4 * n * n)) / (1 + _Z**2 / n)
    low, high = (share, share) if is_exact else (max(0.0, middle - half), min(1.0, middle + half))
    return Preview(
        people=people,
        asked=asked,
        fitting=len(fitting),
        estimate=round(share * people),
        low=round(low * people),
        high=round(high * people),
        is_exact=is_exact,
        sample=tuple(fitting[:SHOWN]),
    )
