"""A rule as a function: closures over the tree, made once and asked often."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from push.model.profiles import Json
from push.model.rules.tree import (
    Agreed,
    All,
    AnyOf,
    Did,
    Events,
    Fact,
    Facts,
    Happened,
    InSegment,
    Leaf,
    Not,
    Place,
    Rule,
    Stay,
    Where,
    read_by,
)
from push.model.rules.values import DAY_MS, TESTS, Test

Check = Callable[[Facts, int], bool]
"""Whether a rule holds of somebody at a time (UTC ms)."""
Fit = Callable[[Happened], bool]
HOUR_MS: Final = 3_600_000
BEFORE_ALL: Final = 2**62
"""Further back than any time."""


def check_of(rule: Rule) -> Check:
    """The function that says whether a rule holds."""
    match rule:
        case All():
            return _all([check_of(part) for part in rule.of])
        case AnyOf():
            return _any([check_of(part) for part in rule.of])
        case Not():
            part = check_of(rule.of)
            return lambda facts, now_ms: not part(facts, now_ms)
        case _:
            return _leaf(rule)


def _all(parts: Sequence[Check]) -> Check:
    if len(parts) == 1:
        return parts[0]

    def check(facts: Facts, now_ms: int) -> bool:
        for part in parts:  # noqa: SIM110 - twice as fast as all()
            if not part(facts, now_ms):
                return False
        return True

    return check


def _any(parts: Sequence[Check]) -> Check:
    if len(parts) == 1:
        return parts[0]

    def check(facts: Facts, now_ms: int) -> bool:
        for part in parts:  # noqa: SIM110 - twice as fast as any()
            if part(facts, now_ms):
                return True
        return False

    return check


def _leaf(leaf: Leaf) -> Check:
    test, name = test_of(leaf), read_by(leaf)
    return lambda facts, now_ms: test(facts.get(name), now_ms)


def test_of(leaf: Leaf) -> Test:
    """What a leaf says of the fact that it reads, as `read_by` names it."""
    match leaf:
        case Fact():
            return TESTS[leaf.op](leaf.value)
        case Did():
            return _did(leaf)
        case Place():
            return _place(leaf)
        case InSegment() | Agreed():
            return _true


def _true(seen: object, _now_ms: int) -> bool:
    return seen is True


# --- events -----------------------------------------------------------------------------------------------------------


def fit_of(leaf: Did) -> Fit | None:
    """Whether an event is one that a leaf counts, whenever it was; None: each is."""
    tests = [_property(where) for where in leaf.where]
    return (lambda event: all(test(event) for test in tests)) if tests else None


def _property(where: Where) -> Fit:
    test, path = TESTS[where.op](where.value), where.property.split(".")

    def fits(event: Happened) -> bool:
        found = list(_at(dict(event.properties), path))
        return any(test(seen, event.at_ms) for seen in found) if found else test(None, event.at_ms)

    return fits


def _at(value: Json, path: Sequence[str]) -> Iterable[Json]:
    """What stands at a path, in each item of a list."""
    if not path:
        yield value
    elif isinstance(value, dict):
        if path[0] in value:
            yield from _at(value[path[0]], path[1:])
    elif isinstance(value, list):
        for item in value:
            yield from _at(item, path)


def times_ms(seen: object, fit: Fit | None) -> Sequence[int]:
    """When the events happened that fit, the first ones first."""
    if not isinstance(seen, Events):
        return ()
    return seen.times if fit is None else [event.at_ms for event in seen.all if fit(event)]


def _did(leaf: Did) -> Test:
    fit, least = fit_of(leaf), leaf.least
    span = BEFORE_ALL if leaf.within_days is None else round(leaf.within_days * DAY_MS)

    def test(seen: object, now_ms: int) -> bool:
        found = times_ms(seen, fit)
        return bisect_right(found, now_ms) - bisect_right(found, now_ms - span) >= least

    return test


# --- places -----------------------------------------------------------------------------------------------------------


def stays_of(leaf: Place, seen: object) -> list[Stay]:
    """Her stays at the place that a leaf means."""
    stays: Sequence[Stay] = seen if isinstance(seen, tuple) else ()
    return [stay for stay in stays if stay.zone == leaf.zone and leaf.store in {None, stay.store}]


def hours_ms(leaf: Place) -> int:
    """For how long a stay counts after it ended."""
    return round((leaf.within_hours or 0) * HOUR_MS)


def _place(leaf: Place) -> Test:
    after_ms = hours_ms(leaf)

    def test(seen: object, now_ms: int) -> bool:
        return any(
            stay.entered_ms <= now_ms and (stay.left_ms is None or now_ms < stay.left_ms + after_ms)
            for stay in stays_of(leaf, seen)
        )

    return test
