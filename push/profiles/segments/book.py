"""All segments as functions: made anew when a rule changes, asked of one person at a time.

Segments may ask for each other, never in a circle: they are asked in an order in which what is asked for comes first.
"""

from collections.abc import Collection, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Final, NamedTuple

import msgspec

from push.model.ports import Queries, Transaction
from push.model.rules.check import Check, check_of
from push.model.rules.parse import parse
from push.model.rules.tree import SEGMENT, Did, InSegment, Rule, leaves, read_by, uses
from push.model.rules.turns import Turning, is_timed, turn_of
from push.profiles import view
from push.profiles.view import People

DAY_MS: Final = 86_400_000


class Segment(NamedTuple):
    """A rule, ready to be asked. `turning` is what also foresees; None where time alone changes nothing."""

    id: str
    fact: str
    rule: Rule
    check: Check
    turning: Turning | None
    fades: bool
    is_building: bool


class Verdict(NamedTuple):
    """What a person is in, of those that were asked, and when to ask again (None: when something happens)."""

    inside: frozenset[str]
    due_ms: int | None


def segment_of(name: str, rule: Rule, *, is_building: bool = False) -> Segment:
    """A rule, ready to be asked."""
    turning = turn_of(rule) if is_timed(rule) else None
    return Segment(name, SEGMENT + name, rule, check_of(rule), turning, _fades(uses(rule)), is_building)


def _fades(names: Iterable[str]) -> bool:
    known = (view.known(name) for name in names)
    return any(fact.fades for fact in known if fact is not None)


class Book:
    """Segments as of a version, in the order in which they are asked."""

    def __init__(self, segments: Iterable[Segment] = ()) -> None:
        by_id = {segment.id: segment for segment in segments}
        self.segments = {
            name: by_id[name] for name in _ordered({s.id: s.rule for s in by_id.values()}) if name in by_id
        }
        rules = [segment.rule for segment in self.segments.values()]
        self.names = frozenset(name for rule in rules for name in uses(rule))
        self.read = frozenset(name for rule in rules for name in read_closely(rule))

    def people(self, persons: Iterable[str], asked: Collection[str]) -> People:
        """Whom to look at, for what these segments ask."""
        rules = [self.segments[name].rule for name in asked if name in self.segments]
        names = frozenset(name for rule in rules for name in uses(rule))
        return People(sorted({*persons}), names, frozenset(name for rule in rules for name in read_closely(rule)))

    def meeting(self, changed: Collection[str]) -> frozenset[str]:
        """The segments that a change of these facts may change, by way of others as well.

        A change of an event is one of when it last happened, and of what is reckoned from it.
        """
        touched = {*changed}
        found = set()
        for segment in self.segments.values():  # what is asked for comes first
            if any(name in touched for name in uses(segment.rule)):
                found.add(segment.id)
                touched.add(segment.fact)
        return frozenset(found)

    def judge(self, facts: Mapping[str, object], asked: Collection[str], had: Collection[str], now_ms: int) -> Verdict:
        """What a person is in, of the segments that are asked; of all others she is in what she `had`."""
        known = {**facts, **{SEGMENT + name: True for name in had}}
        inside, dues = [], []
        for segment in self.segments.values() if len(asked) == len(self.segments) else self._only(asked):
            turning = segment.turning
            if turning is None:
                holds = segment.check(known, now_ms)
            else:
                holds, until = turning(known, now_ms)
                if until is not None:
                    dues.append(until)
            known[segment.fact] = holds
            if holds:
                inside.append(segment.id)
            if segment.fades:
                dues.append(now_ms + DAY_MS)
        return Verdict(frozenset(inside), min(dues, default=None))

    def _only(self, asked: Collection[str]) -> Iterable[Segment]:
        return (segment for name, segment in self.segments.items() if name in asked)


def read_closely(rule: Rule) -> frozenset[str]:
    """The events of whose properties a rule asks something."""
    return frozenset(read_by(leaf) for leaf in leaves(rule) if isinstance(leaf, Did) and leaf.where)


def asked_for(rule: Rule) -> frozenset[str]:
    """The segments that a rule asks for."""
    return frozenset(leaf.segment for leaf in leaves(rule) if isinstance(leaf, InSegment))


def circle(rules: Mapping[str, Rule]) -> list[str] | None:
    """Segments that ask for each other in a circle, the first one again at its end; None where there is none."""
    try:
        _ordered(rules)
    except CycleError as error:
        found: list[str] = error.args[1]
        return found
    return None


def _ordered(rules: Mapping[str, Rule]) -> tuple[str, ...]:
    asked = {name: sorted(asked_for(rule)) for name, rule in sorted(rules.items())}
    return tuple(TopologicalSorter(asked).static_order())


class Shelf:
    """The book that is in force, read anew when it has changed."""

    def __init__(self) -> None:
        self._book = Book()
        self._version = -1

    async def held(self, tx: Transaction) -> Book:
        """The book, which nobody changes until `tx` ends."""
        return await self._read(tx, "segments.hold_version")

    async def now(self, db: Queries) -> Book:
        """The book as of the last commit."""
        return await self._read(db, "segments.version")

    async def _read(self, db: Queries, statement: str) -> Book:
        row = await db.fetch_one(statement)
        version = 0 if row is None else int(row["value"])
        if version != self._version:
            rows = await db.fetch("segments.rules")
            self._book = Book(
                segment_of(row["id"], parse(msgspec.json.decode(row["rule"])), is_building=bool(row["building"]))
                for row in rows
            )
            self._version = version
        return self._book
