"""What a rule says of somebody, part by part: in words, with the verdict, and the value that it saw."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from push.model.profiles import Json
from push.model.rules.check import check_of, fit_of, test_of, times_ms
from push.model.rules.tree import (
    Agreed,
    All,
    AnyOf,
    Did,
    Fact,
    Facts,
    Happened,
    InSegment,
    Leaf,
    Not,
    Op,
    Place,
    Rule,
    Stay,
    read_by,
)

MOST_SEEN: Final = 5
"""Of a list, the last ones are shown."""


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a rule: what it asks, whether that holds, what it saw (None: nothing is known), and its own parts."""

    text: str
    holds: bool
    seen: Any = None
    """As JSON has it."""
    of: "tuple[Explained, ...]" = ()


def explain(rule: Rule, facts: Facts, now_ms: int) -> Explained:
    """What a rule says, and why."""
    holds = check_of(rule)(facts, now_ms)
    match rule:
        case All() | AnyOf():
            parts = tuple(explain(part, facts, now_ms) for part in rule.of)
            return Explained(text="all of these" if isinstance(rule, All) else "one of these", holds=holds, of=parts)
        case Not():
            return Explained(text="not this", holds=holds, of=(explain(rule.of, facts, now_ms),))
        case _:
            seen = facts.get(read_by(rule))
            return Explained(text=words(rule), holds=test_of(rule)(seen, now_ms), seen=_shown(rule, seen))


def _shown(leaf: Leaf, seen: object) -> Json:
    """What a leaf saw, as JSON has it."""
    if isinstance(leaf, Did):
        found = times_ms(seen, fit_of(leaf))
        return {"times": len(found), "last_ms": max(found, default=None)}
    if isinstance(seen, tuple):
        return [_one(item) for item in seen[-MOST_SEEN:]]
    shown: Json = msgspec.to_builtins(seen)
    return shown


def _one(item: object) -> object:
    return item._asdict() if isinstance(item, Stay | Happened) else item


# --- words ------------------------------------------------------------------------------------------------------------


def words(leaf: Leaf) -> str:
    """A leaf as a person would say it."""
    match leaf:
        case Fact():
            return f"{leaf.fact} {compared(leaf.op, leaf.value)}"
        case Did():
            return _did(leaf)
        case InSegment():
            return f"is in segment {leaf.segment}"
        case Agreed():
            return f"agreed to {leaf.purpose}"
        case Place():
            return _place(leaf)


def _did(leaf: Did) -> str:
    times = "once" if leaf.least == 1 else f"{leaf.least} times"
    within = "" if leaf.within_days is None else f" within {leaf.within_days:g} days"
    return f"did {leaf.event!r} at least {times}{within}{properties(leaf)}"


def properties(leaf: Did) -> str:
    """What an event's properties have to be: ``, its total is at least 20``."""
    return "".join(f", its {part.property} {compared(part.op, part.value)}" for part in leaf.where)


def _place(leaf: Place) -> str:
    place = "a store" if leaf.store is None else f"store {leaf.store}"
    place = place if leaf.zone is None else f"zone {leaf.zone} of {place}"
    return f"is in {place}" + ("" if leaf.within_hours is None else f", or was within {leaf.within_hours:g} hours")


def _said(value: Json) -> str:
    """A value as JSON, which tells texts from numbers."""
    return msgspec.json.encode(value).decode()


_COMPARED: Final[Mapping[Op, Callable[[str], str]]] = {
    "is": lambda value: f"is {value}",
    "is_not": lambda value: f"is not {value}",
    "one_of": lambda value: f"is one of {value}",
    "none_of": lambda value: f"is none of {value}",
    "at_least": lambda value: f"is at least {value}",
    "at_most": lambda value: f"is at most {value}",
    "between": lambda value: f"is between (both included) {value}",
    "contains": lambda value: f"contains {value}",
    "begins": lambda value: f"begins with {value}",
    "known": lambda _: "is known",
    "unknown": lambda _: "is not known",
    "after": lambda value: f"is at or after {value}",
    "before": lambda value: f"is before {value}",
    "within_days": lambda value: f"was within the last {value} days",
    "not_within_days": lambda value: f"was not within the last {value} days",
    "ahead_days": lambda value: f"is within the next {value} days",
    "every_year_in_days": lambda value: f"comes again within {value} days",
}


def compared(op: Op, value: Json) -> str:
    """What a fact is compared with: ``is at least 2``."""
    return _COMPARED[op](_said(value))
