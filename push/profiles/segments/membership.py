"""Who is in which segment: looked at again when something of a person changed, and written where that differs.

hold the rules ▶ hold the people ▶ their facts ▶ ask ▶ members, counts, moves, when to ask again
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Final, Literal, NamedTuple

import msgspec

from push.model.hooks import ChangeKind
from push.model.ports import Queries, Transaction
from push.profiles import changes, permits, view
from push.profiles.changes import Moved
from push.profiles.permits import Check
from push.profiles.segments.book import Book, Shelf, Verdict
from push.profiles.segments.inner import is_inner
from push.profiles.view import Sight, listed

MoveKind = Literal["entered", "left"]
_KINDS: Final[Mapping[MoveKind, ChangeKind]] = {"entered": "segment.entered", "left": "segment.left"}
_NOBODY: Final = Verdict(frozenset(), None)


class Means(NamedTuple):
    """What it takes: the rules, and how people are seen."""

    shelf: Shelf
    sight: Sight


class Move(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Somebody entered a segment, or left it."""

    segment: str
    person: str
    kind: MoveKind
    at_ms: int


class Entered(NamedTuple):
    """A membership to be written; not `told` where she was in before, under another facet, or the rule is new."""

    segment: str
    person: str
    since_ms: int
    told: bool


class _Before(NamedTuple):
    """What was kept of people: by person, since when in which segment, and when they were to be looked at again."""

    inside: Mapping[str, Mapping[str, int]]
    due_ms: Mapping[str, int | None]
    now: Mapping[str, str]
    """Whom each of them belongs to by now."""
    parted: Mapping[str, Mapping[str, int]]
    """By person, since when she was in which segment as part of another, until a cut."""


async def reconsider(
    tx: Transaction,
    means: Means,
    shoppers: Collection[str],
    now_ms: int,
    *,
    changed: Collection[str] | None = None,
) -> list[Move]:
    """Let whoever these facets belong to be in what she belongs in now; who entered, and who left.

    Who vanished into another leaves, and the other is in since the first of both. `changed` names facts; None: any may
    have changed. For who has no time for this, there is `push.profiles.segments.again`.
    Raises `push.model.vault.SealError`, `push.model.errors.DatabaseError`.
    """
    book = await means.shelf.held(tx)
    asked = frozenset(book.segments) if changed is None else book.meeting(changed)
    return await ask(tx, means, book, (shoppers, asked), now_ms)


async def ask(
    tx: Transaction, means: Means, book: Book, whom: tuple[Collection[str], Collection[str]], now_ms: int
) -> list[Move]:
    """Ask of whoever these facets belong to these segments, and write what differs. The book must be held."""
    shoppers, asked = whom
    persons = await _concerned(tx, shoppers)
    before = await _hold(tx, persons)
    facts = await view.load(tx, means.sight, book.people(persons, asked), now_ms)
    await permits.keep(tx, [Check(person, "profiling", "segments", allowed=True) for person in facts], now_ms)
    verdicts = dict.fromkeys(persons, _NOBODY)  # who may not be profiled is in nothing at all
    for person, known in facts.items():
        verdicts[person] = book.judge(known, asked, before.inside.get(person, {}).keys(), now_ms)
    entered = list(_entered(book, before, verdicts, now_ms))
    left = list(_left(before, verdicts, facts, asked))
    await _write(tx, entered, left)
    await _write_dues(tx, before, verdicts, whole=len(asked) == len(book.segments))
    moves = _moves(book, before, _Seen(verdicts, facts.keys(), frozenset(asked)), entered, left, now_ms)
    await _look_no_more(tx, before, facts, asked)
    await _tell(tx, moves)
    return moves


async def _concerned(tx: Transaction, shoppers: Collection[str]) -> list[str]:
    """Who has to be looked at together: persons, and who was one before she became part of them."""
    return sorted(row["person"] for row in await tx.fetch("segments.concerned", people=listed(shoppers)))


async def _hold(tx: Transaction, persons: Collection[str]) -> _Before:
    people = listed(persons)
    await tx.execute("segments.claim", people=people)
    inside: dict[str, dict[str, int]] = {}
    for row in await tx.fetch("segments.of", people=people):
        inside.setdefault(row["person"], {})[row["segment"]] = row["since_ms"]
    dues = {row["person"]: row["due_ms"] for row in await tx.fetch("segments.dues", people=people)}
    now = {row["id"]: row["person"] for row in await tx.fetch("segments.persons", people=people)}
    parted: dict[str, dict[str, int]] = {}
    for row in await tx.fetch("segments.parted", people=people):
        parted.setdefault(row["person"], {})[row["segment"]] = row["since_ms"]
    return _Before(inside, dues, now, parted)


def _entered(book: Book, before: _Before, verdicts: Mapping[str, Verdict], now_ms: int) -> Iterable[Entered]:
    moved = _moved(before) | _stayed(before)
    for person, verdict in sorted(verdicts.items()):
        for segment in sorted(verdict.inside - before.inside.get(person, {}).keys()):
            since_ms = moved.get((segment, person))
            told = since_ms is None and not book.segments[segment].is_building
            yield Entered(segment, person, now_ms if since_ms is None else since_ms, told)


def _moved(before: _Before) -> dict[tuple[str, str], int]:
    """Since when those were in a segment who are part of another person now, by segment and that person."""
    found: dict[tuple[str, str], int] = {}
    for was, inside in before.inside.items():
        person = before.now.get(was, was)
        if person != was:
            for segment, since_ms in inside.items():
                found[segment, person] = min(since_ms, found.get((segment, person), since_ms))
    return found


def _stayed(before: _Before) -> dict[tuple[str, str], int]:
    """Since when those were in a segment who were part of another person, by segment and person."""
    return {(segment, who): since_ms for who, was in before.parted.items() for segment, since_ms in was.items()}


def _left(
    before: _Before, verdicts: Mapping[str, Verdict], facts: Mapping[str, object], asked: Collection[str]
) -> Iterable[tuple[str, str]]:
    """Segments and persons."""
    for person, verdict in sorted(verdicts.items()):
        gone = before.inside.get(person, {}).keys() - verdict.inside
        yield from ((segment, person) for segment in sorted(gone) if person not in facts or segment in asked)


async def _write(tx: Transaction, entered: list[Entered], left: list[tuple[str, str]]) -> None:
    await tx.execute_many(
        "segments.enter", [{"segment": e.segment, "person": e.person, "since_ms": e.since_ms} for e in entered]
    )
    await tx.execute_many("segments.leave", [{"segment": segment, "person": person} for segment, person in left])
    n = Counter(e.segment for e in entered)
    n.subtract(Counter(segment for segment, _ in left))
    await tx.execute_many(
        "segments.count", [{"segment": segment, "n": number} for segment, number in sorted(n.items()) if number]
    )


async def _write_dues(tx: Transaction, before: _Before, verdicts: Mapping[str, Verdict], *, whole: bool) -> None:
    """Where only some segments were asked, what was due for the others stays due."""
    rows = []
    for person, verdict in sorted(verdicts.items()):
        had = before.due_ms.get(person)
        kept = [] if whole or had is None else [had]
        due_ms = min([*kept, *([] if verdict.due_ms is None else [verdict.due_ms])], default=None)
        if person in before.due_ms and due_ms != had:
            rows.append({"person": person, "due_ms": due_ms})
    await tx.execute_many("segments.put_due", rows)


class _Seen(NamedTuple):
    """What people are in, who of them may be profiled, and which segments were asked."""

    verdicts: Mapping[str, Verdict]
    known: Collection[str]
    asked: frozenset[str]

    def is_out(self, person: str, segment: str) -> bool:
        """Whether somebody was found not to be in a segment."""
        if person not in self.verdicts or segment in self.verdicts[person].inside:
            return False
        return segment in self.asked or person not in self.known


def _moves(  # noqa: PLR0913, PLR0917 - all that was before, and all that is now
    book: Book,
    before: _Before,
    seen: _Seen,
    entered: Iterable[Entered],
    left: Iterable[tuple[str, str]],
    now_ms: int,
) -> list[Move]:
    """What is told: what is another for whoever people are now. A rule that is new moves nobody.

    Who became part of another person left what that one is not in; so did who was in something with others, until a
    cut, and is not in it alone.
    """
    found = {Move(segment=e.segment, person=e.person, kind="entered", at_ms=now_ms) for e in entered if e.told}
    out = {(segment, before.now.get(person, "")) for segment, person in [*left, *_stayed(before)]}
    found |= {
        Move(segment=segment, person=person, kind="left", at_ms=now_ms)
        for segment, person in out
        if segment in book.segments and not book.segments[segment].is_building and seen.is_out(person, segment)
    }
    return sorted(found)


async def _look_no_more(tx: Transaction, before: _Before, known: Collection[str], asked: Collection[str]) -> None:
    """Forget what people were in as part of others, as far as it was looked at."""
    rows = [
        {"person": person, "segment": segment}
        for person, was in before.parted.items()
        for segment in was
        if not segment or segment in asked or person not in known
    ]
    await tx.execute_many("segments.drop_parted", rows)


async def _tell(tx: Transaction, moves: list[Move]) -> None:
    """Number moves. The counter's row is locked until `tx` ends, so that no reader passes a number still to come."""
    if not moves:
        return
    row = await tx.fetch_one("segments.take", n=len(moves))
    first = (0 if row is None else int(row["value"])) - len(moves) + 1
    rows = [{"seq": first + n, **msgspec.structs.asdict(move)} for n, move in enumerate(moves)]
    await tx.execute_many("segments.move", rows)
    told = [Moved(_KINDS[move.kind], move.person, move.segment) for move in moves if not is_inner(move.segment)]
    await changes.segments(tx, told)


async def of(db: Queries, shopper: str) -> list[str]:
    """The segments that whoever this facet belongs to is in."""
    row = await db.fetch_one("segments.person", shopper=shopper)
    return [] if row is None else (await of_persons(db, [row["person"]])).get(row["person"], [])


async def of_persons(db: Queries, persons: Collection[str]) -> dict[str, list[str]]:
    """The segments that these people are in, by person; who is in none is absent."""
    found: dict[str, list[str]] = {}
    for row in await db.fetch("segments.of", people=listed(persons)):
        found.setdefault(row["person"], []).append(row["segment"])
    return {person: sorted(inside) for person, inside in found.items()}


async def moves(db: Queries, after_seq: int, most: int) -> list[tuple[int, Move]]:
    """Who entered and left after a number, in the order in which it was committed."""
    rows = await db.fetch("segments.moves", after_seq=after_seq, most=most)
    return [
        (row["seq"], Move(segment=row["segment"], person=row["person"], kind=row["kind"], at_ms=row["at_ms"]))
        for row in rows
    ]


async def forget(tx: Transaction, facets: Collection[str]) -> None:
    """Take people with all their facets out of everything: they are being erased, and what they entered and left."""
    people = listed(facets)
    left = [(row["segment"], row["person"]) for row in await tx.fetch("segments.of", people=people)]
    await _write(tx, [], sorted(left))
    await tx.execute("segments.forget_moves", people=people)
    await tx.execute("segments.forget_people", people=people)
