"""Rules as JSON: read with what is wrong and where, and written back."""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from push.model.profiles import Json
from push.model.rules.tree import Agreed, All, AnyOf, Did, Fact, InSegment, Leaf, Not, Op, Place, Rule, Where
from push.model.rules.values import TIMELESS, number_of, time_of

MOST_DEPTH: Final = 10
MOST_NODES: Final = 200
MOST_VALUES: Final = 500
MOST_CHARACTERS: Final = 200
MOST_DAYS: Final = 3660
MOST_HOURS: Final = 24 * 30
MOST_TIMES: Final = 1000
MOST_WHERE: Final = 10
_NUMBER_BOUND: Final = 1e15

_LEAVES: Final[Mapping[str, type[Leaf]]] = {
    "fact": Fact, "did": Did, "segment": InSegment, "consent": Agreed, "place": Place,
}  # fmt: skip
KINDS: Final = ("all", "any", "not", *_LEAVES)
_EXTRA: Final = re.compile(r"Object contains unknown field `(?P<name>.*)`.*")


class RuleError(ValueError):
    """What is wrong with a rule: where (``$.of[1].value``), and what was expected there."""

    def __init__(self, path: str, expected: str) -> None:
        """Build the message."""
        super().__init__(f"{path}: {expected}")
        self.path = path
        self.expected = expected


def parse(value: object) -> Rule:
    """A rule that was decoded from JSON. Raises `RuleError`."""
    return _Reader().read(value, "$", 1)


def written(rule: Rule) -> Any:  # noqa: ANN401 - JSON
    """A rule as JSON values; `parse` gives it back."""
    return msgspec.to_builtins(rule)


class _Reader:
    """Counts what it has read, so that nobody can ask for more than is good."""

    def __init__(self) -> None:
        self._nodes = 0

    def read(self, value: object, path: str, depth: int) -> Rule:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise RuleError(path, f"a rule of at most {MOST_NODES} parts was expected")
        if depth > MOST_DEPTH:
            raise RuleError(path, f"a rule of at most {MOST_DEPTH} levels was expected")
        if not isinstance(value, dict) or value.get("kind") not in KINDS:
            raise RuleError(path, f"an object was expected, its `kind` one of {', '.join(KINDS)}")
        kind = value["kind"]
        if kind == "not":
            return Not(of=self.read(_only(value, path), f"{path}.of", depth + 1))
        if kind in {"all", "any"}:
            return self._group(All if kind == "all" else AnyOf, _only(value, path), path, depth)
        return _leaf(value, _LEAVES[kind], path)

    def _group(self, group: type[All | AnyOf], parts: object, path: str, depth: int) -> Rule:
        if not isinstance(parts, list):
            raise RuleError(f"{path}.of", "a list of rules was expected")
        read = tuple(self.read(part, f"{path}.of[{n}]", depth + 1) for n, part in enumerate(parts))
        return group(of=read)


def _only(value: dict[str, Any], path: str) -> object:
    """What stands in `of`, with nothing beside it."""
    for name in value:
        if name not in {"kind", "of"}:
            raise RuleError(f"{path}.{str(name)[:40]}", "no such field is known: `kind` and `of` were expected")
    return value.get("of")


def _leaf(value: dict[str, Any], kind: type[Leaf], path: str) -> Leaf:
    leaf = _converted(value, kind, path)
    _check(leaf, path)
    return leaf


def _converted(value: dict[str, Any], kind: type[Leaf], path: str) -> Leaf:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        what, found, place = str(error).partition(" - at `$")
        unknown = _EXTRA.fullmatch(what)
        where = path + (place.rstrip("`") if found else "")
        if unknown is not None:
            names = ", ".join(f"`{name}`" for name in ("kind", *kind.__struct_fields__))
            raise RuleError(where, f"no such field is known: only {names} were expected") from None
        raise RuleError(where, what[:1].lower() + what[1:]) from None


def _check(leaf: Leaf, path: str) -> None:
    match leaf:
        case Fact():
            _name(leaf.fact, f"{path}.fact")
            _value(leaf.op, leaf.value, f"{path}.value")
        case Did():
            _did(leaf, path)
        case InSegment():
            _name(leaf.segment, f"{path}.segment")
        case Place():
            _place(leaf, path)
        case Agreed():
            pass


def _name(name: str, path: str) -> None:
    if not 1 <= len(name) <= MOST_CHARACTERS:
        raise RuleError(path, f"1 to {MOST_CHARACTERS} characters were expected")


def _did(leaf: Did, path: str) -> None:
    _name(leaf.event, f"{path}.event")
    if not 1 <= leaf.least <= MOST_TIMES:
        raise RuleError(f"{path}.least", f"1 to {MOST_TIMES} times were expected")
    _span(leaf.within_days, MOST_DAYS, f"{path}.within_days")
    if len(leaf.where) > MOST_WHERE:
        raise RuleError(f"{path}.where", f"at most {MOST_WHERE} properties were expected")
    for n, where in enumerate(leaf.where):
        _where(where, f"{path}.where[{n}]")


def _where(where: Where, path: str) -> None:
    _name(where.property, f"{path}.property")
    if where.op not in TIMELESS:
        raise RuleError(f"{path}.op", f"of a property, one of {', '.join(sorted(TIMELESS))} was expected")
    _value(where.op, where.value, f"{path}.value")


def _place(leaf: Place, path: str) -> None:
    for field, name in (("store", leaf.store), ("zone", leaf.zone)):
        if name is not None:
            _name(name, f"{path}.{field}")
    if leaf.zone is not None and leaf.store is None:
        raise RuleError(f"{path}.store", "the store that the zone is in was expected")
    _span(leaf.within_hours, MOST_HOURS, f"{path}.within_hours")


def _span(value: float | None, most: int, path: str) -> None:
    if value is not None and not 0 < value <= most:
        raise RuleError(path, f"more than 0 and at most {most} was expected")


# --- values -----------------------------------------------------------------------------------------------------------


def _is_scalar(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= MOST_CHARACTERS
    return isinstance(value, bool) or _is_number(value)


def _is_number(value: object) -> bool:
    number = number_of(value)
    return number is not None and abs(number) <= _NUMBER_BOUND


def _is_list(value: object) -> bool:
    return isinstance(value, list) and 1 <= len(value) <= MOST_VALUES and all(map(_is_scalar, value))


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_number, value)) and value[0] <= value[1]  # noqa: PLR2004 - from, to


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= MOST_CHARACTERS


def _is_time(value: object) -> bool:
    return isinstance(value, str) and time_of(value) is not None


def _is_days(value: object) -> bool:
    number = number_of(value)
    return number is not None and 0 < number <= MOST_DAYS


def _is_whole_days(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 365  # noqa: PLR2004 - of a year


def _is_nothing(value: object) -> bool:
    return value is None


_SCALAR: Final = (_is_scalar, f"a text of at most {MOST_CHARACTERS} characters, a number, true or false")
_LIST: Final = (_is_list, f"a list of 1 to {MOST_VALUES} texts, numbers, true or false")
_NUMBER: Final = (_is_number, "a number")
_TEXT: Final = (_is_text, f"a text of 1 to {MOST_CHARACTERS} characters")
_TIME: Final = (_is_time, "a date or time as ISO 8601 has it")
_DAYS: Final = (_is_days, f"a number of days, more than 0 and at most {MOST_DAYS},")
_NOTHING: Final = (_is_nothing, "no value")

EXPECTED: Final = {
    "is": _SCALAR,
    "is_not": _SCALAR,
    "one_of": _LIST,
    "none_of": _LIST,
    "at_least": _NUMBER,
    "at_most": _NUMBER,
    "between": (_is_pair, "a list of two numbers, the smaller one first,"),
    "contains": _TEXT,
    "begins": _TEXT,
    "known": _NOTHING,
    "unknown": _NOTHING,
    "after": _TIME,
    "before": _TIME,
    "within_days": _DAYS,
    "not_within_days": _DAYS,
    "ahead_days": _DAYS,
    "every_year_in_days": (_is_whole_days, "a whole number of days, 0 to 365,"),
}
"""What each operator takes for a value: the test, and what was expected, in words."""


def _value(op: Op, value: Json, path: str) -> None:
    fits, words = EXPECTED[op]
    if not fits(value):
        raise RuleError(path, f"`{op}` takes {words.rstrip(',')}")
