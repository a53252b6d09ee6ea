"""How a value compares: one test for each operator, and when time alone turns what it says.

A list compares as one of its values does. What is unknown fits nothing but `unknown`, and the operators that say *not*:
who never ordered did not order within 90 days. Days of a year are UTC's.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from math import inf
from typing import Final

from push.model.profiles import Json
from push.model.rules.tree import Op

Test = Callable[[object, int], bool]
"""Whether a value fits at a time (UTC ms)."""
Scalar = str | int | float | bool

DAY_MS: Final = 86_400_000
_MOST_MS: Final = 4_102_444_800_000 * 2
"""No time that is meant lies behind the year 2230."""
_DAY_OF_YEAR: Final = re.compile(r"(?:--|\d{4}-)?(?P<month>\d\d)-(?P<day>\d\d)(?:T.{0,30})?", re.ASCII)
_LONGEST_TIME: Final = 40
_LEAP: Final = 2024


def same(seen: object, value: object) -> bool:
    """Whether two JSON values are the same; true is no 1."""
    return seen == value and (seen.__class__ is bool) == (value.__class__ is bool)


def number_of(seen: object) -> float | None:
    """A number; True and False are none."""
    return seen if isinstance(seen, int | float) and not isinstance(seen, bool) else None


def time_of(seen: object) -> int | None:
    """A time in UTC ms: a number as it is, a text as ISO 8601 has it (UTC, where it names no zone)."""
    number = number_of(seen)
    if number is not None:
        return int(number) if 0 <= number <= _MOST_MS else None
    if not isinstance(seen, str) or len(seen) > _LONGEST_TIME:
        return None
    try:
        told = datetime.fromisoformat(seen)
        at = told.replace(tzinfo=UTC) if told.tzinfo is None else told
        return round(at.timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def day_of_year(seen: object) -> tuple[int, int] | None:
    """Month and day: of ``05-17``, ``--05-17`` or a whole date."""
    found = _DAY_OF_YEAR.fullmatch(seen) if isinstance(seen, str) else None
    if found is None:
        return None
    month, day = int(found["month"]), int(found["day"])
    try:
        date(_LEAP, month, day)
    except ValueError:
        return None
    return month, day


def day_ms(day: date) -> int:
    """When a day begins."""
    return (day - date(1970, 1, 1)).days * DAY_MS


def next_day(month_day: tuple[int, int], now_ms: int) -> date:
    """The next such day, today included; of a 29 February without one, the 28th."""
    today = datetime.fromtimestamp(now_ms / 1000, UTC).date()
    month, day = month_day

    def of(year: int) -> date:
        try:
            return date(year, month, day)
        except ValueError:
            return date(year, month, day - 1)

    return of(today.year) if of(today.year) >= today else of(today.year + 1)


def span_ms(value: Json) -> int:
    """Days as milliseconds."""
    return round((number_of(value) or 0) * DAY_MS)


def _each(one: Callable[[object], bool]) -> Test:
    def test(seen: object, _now_ms: int) -> bool:
        return any(map(one, seen)) if isinstance(seen, list) else one(seen)

    return test


def _is(value: Json) -> Test:
    if isinstance(value, str):

        def test(seen: object, _now_ms: int) -> bool:
            return seen == value or (seen.__class__ is list and value in seen)

        return test
    return _each(lambda seen: same(seen, value))


def _one_of(value: Json) -> Test:
    values = value if isinstance(value, list) else []
    wanted = frozenset((v.__class__ is bool, v) for v in values)
    texts = frozenset(v for v in values if isinstance(v, str))
    each = _each(lambda seen: isinstance(seen, str | int | float) and (seen.__class__ is bool, seen) in wanted)

    def test(seen: object, now_ms: int) -> bool:
        return seen in texts if seen.__class__ is str else each(seen, now_ms)

    return test


def _bounded(low: float, high: float) -> Test:
    def one(seen: object) -> bool:
        number = number_of(seen)
        return number is not None and low <= number <= high

    each = _each(one)

    def test(seen: object, now_ms: int) -> bool:
        return low <= seen <= high if seen.__class__ is int else each(seen, now_ms)

    return test


def _number(value: Json) -> float:
    return number_of(value) or 0


def _between(value: Json) -> Test:
    low, high = value if isinstance(value, list) else (0, 0)
    return _bounded(_number(low), _number(high))


def _text(found: Callable[[str, str], bool]) -> Callable[[Json], Test]:
    def make(value: Json) -> Test:
        wanted = str(value).casefold()
        return _each(lambda seen: seen.__class__ is str and found(str(seen).casefold(), wanted))

    return make


def _timed(fits: Callable[[int, int, int], bool], read: Callable[[Json], int]) -> Callable[[Json], Test]:
    """A test of a time against what is asked and now."""

    def make(value: Json) -> Test:
        asked = read(value)

        def test(seen: object, now_ms: int) -> bool:
            at_ms = time_of(seen)
            return at_ms is not None and fits(at_ms, asked, now_ms)

        return test

    return make


def _every_year(value: Json) -> Test:
    most = timedelta(days=number_of(value) or 0)

    def test(seen: object, now_ms: int) -> bool:
        day = day_of_year(seen)
        return day is not None and day_ms(next_day(day, now_ms) - most) <= now_ms

    return test


def _reversed(make: Callable[[Json], Test]) -> Callable[[Json], Test]:
    def made(value: Json) -> Test:
        test = make(value)
        return lambda seen, now_ms: not test(seen, now_ms)

    return made


def _known(value: Json) -> Test:
    del value
    return lambda seen, now_ms: seen is not None  # noqa: ARG005 - as every test is called


_within: Final = _timed(lambda at, span, now: at <= now < at + span, span_ms)

TESTS: Final[Mapping[Op, Callable[[Json], Test]]] = {
    "is": _is,
    "is_not": _reversed(_is),
    "one_of": _one_of,
    "none_of": _reversed(_one_of),
    "at_least": lambda value: _bounded(_number(value), inf),
    "at_most": lambda value: _bounded(-inf, _number(value)),
    "between": _between,
    "contains": _text(lambda seen, wanted: wanted in seen),
    "begins": _text(str.startswith),
    "known": _known,
    "unknown": _reversed(_known),
    "after": _timed(lambda at, asked, _: at >= asked, lambda value: time_of(value) or 0),
    "before": _timed(lambda at, asked, _: at < asked, lambda value: time_of(value) or 0),
    "within_days": _within,
    "not_within_days": _reversed(_within),
    "ahead_days": _timed(lambda at, span, now: now < at <= now + span, span_ms),
    "every_year_in_days": _every_year,
}
"""For each operator, what makes its test of the value that a rule names."""

TIMELESS: Final[frozenset[Op]] = frozenset(TESTS) - {
    "within_days", "not_within_days", "ahead_days", "every_year_in_days",
}  # fmt: skip
"""What says the same at any time."""


def turns_ms(op: Op, value: Json, seen: object, now_ms: int) -> int | None:
    """The next time after now at which a test of an unchanged value may say something else; None: never."""
    if op in TIMELESS:
        return None
    if op == "every_year_in_days":
        return _year_turns_ms(value, seen, now_ms)
    at_ms = time_of(seen)
    if at_ms is None:
        return None
    span = span_ms(value)
    turning = (at_ms - span, at_ms) if op == "ahead_days" else (at_ms, at_ms + span)
    return min((each for each in turning if each > now_ms), default=None)


def _year_turns_ms(value: Json, seen: object, now_ms: int) -> int | None:
    month_day = day_of_year(seen)
    if month_day is None:
        return None
    day = next_day(month_day, now_ms)
    begins_ms = day_ms(day) - span_ms(value)
    return begins_ms if begins_ms > now_ms else day_ms(day) + DAY_MS
