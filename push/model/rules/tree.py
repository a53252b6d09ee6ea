"""What a rule is made of, and what it reads."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal, NamedTuple

import msgspec

from push.model.people import Purpose
from push.model.profiles import Json

Op = Literal[
    "is", "is_not", "one_of", "none_of", "at_least", "at_most", "between", "contains", "begins", "known", "unknown",
    "after", "before", "within_days", "not_within_days", "ahead_days", "every_year_in_days",
]  # fmt: skip

Facts = Mapping[str, object]
"""What is known of somebody, by name: `Events`, `Stay` in tuples, anything else as JSON has it."""


class Happened(NamedTuple):
    """An event of hers, as rules read it."""

    at_ms: int
    properties: Mapping[str, Json]


class Events(NamedTuple):
    """Events of one name, the oldest first, and their times (UTC ms) beside them, to be searched."""

    times: tuple[int, ...]
    all: tuple[Happened, ...]


def events_of(happened: Iterable[Happened]) -> Events:
    """Events in order."""
    ordered = tuple(sorted(happened, key=lambda event: event.at_ms))
    return Events(tuple(event.at_ms for event in ordered), ordered)


class Stay(NamedTuple):
    """A time that she spent in a store (`zone` None) or in a zone of it; `left_ms` None: she is there."""

    store: str
    zone: str | None
    entered_ms: int
    left_ms: int | None


class Node(msgspec.Struct, frozen=True, tag_field="kind", forbid_unknown_fields=True):
    """A part of a rule; `kind` says which."""


class All(Node, frozen=True, tag="all"):
    """All of these hold; of none, it holds."""

    of: "tuple[Rule, ...]"


class AnyOf(Node, frozen=True, tag="any"):
    """One of these holds, or more; of none, it does not."""

    of: "tuple[Rule, ...]"


class Not(Node, frozen=True, tag="not"):
    """This does not hold."""

    of: "Rule"


class Fact(Node, frozen=True, tag="fact"):
    """A fact compares with a value as `op` says."""

    fact: str
    op: Op
    value: Json = None


class Where(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A property of an event compares with a value; ``products.brand`` looks into each of a list."""

    property: str
    op: Op
    value: Json = None


class Did(Node, frozen=True, tag="did"):
    """An event happened at least so often, within days until now (None: ever), with such properties."""

    event: str
    least: int = 1
    within_days: float | None = None
    where: tuple[Where, ...] = ()


class InSegment(Node, frozen=True, tag="segment"):
    """She is in another segment."""

    segment: str


class Agreed(Node, frozen=True, tag="consent"):
    """She granted a purpose."""

    purpose: Purpose


class Place(Node, frozen=True, tag="place"):
    """She is in a store (or a zone of it), or was within hours until now; any store where none is named."""

    store: str | None = None
    zone: str | None = None
    within_hours: float | None = None


Rule = All | AnyOf | Not | Fact | Did | InSegment | Agreed | Place
Leaf = Fact | Did | InSegment | Agreed | Place

STAYS: Final = "stays"
EVENTS: Final = "events."
CONSENT: Final = "consent."
SEGMENT: Final = "segment."


def read_by(leaf: Leaf) -> str:
    """The name of the fact that a leaf reads."""
    match leaf:
        case Fact():
            return leaf.fact
        case Did():
            return EVENTS + leaf.event
        case InSegment():
            return SEGMENT + leaf.segment
        case Agreed():
            return CONSENT + leaf.purpose
        case Place():
            return STAYS


def leaves(rule: Rule) -> Iterator[Leaf]:
    """All that is compared in a rule."""
    match rule:
        case All() | AnyOf():
            for part in rule.of:
                yield from leaves(part)
        case Not():
            yield from leaves(rule.of)
        case _:
            yield rule


def uses(rule: Rule) -> frozenset[str]:
    """The names of all facts that a rule reads."""
    return frozenset(map(read_by, leaves(rule)))
