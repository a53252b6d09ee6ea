"""What is asked for: a store, a period, whose clock, and how much may be told; periods and their parts. Pure."""

from datetime import date, datetime, time, timedelta, tzinfo
from typing import Final, Literal, NamedTuple

import numpy as np

from push.floors.few import Counts

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
MOST_BINS: Final = 1500
"""Parts of a period: a day of 25 hours in minutes, and two months in hours."""
AT_ONCE: Final = 2
"""Figures that are worked out at a time, by the API and by the console each: one may hold 200 MB for some seconds."""

Every = Literal["minute", "hour", "day"]


class TooMuchError(Exception):
    """More is asked for than is looked at in one call; says what to ask for instead."""


class Period(NamedTuple):
    """From when to when, in UTC milliseconds; the end is outside."""

    from_ms: int
    to_ms: int


class Asking(NamedTuple):
    """What is asked of a store. `zone` is its clock; `exact` for whoever may know figures about single people."""

    store: str
    period: Period
    zone: tzinfo
    now_ms: int
    exact: bool

    @property
    def past(self) -> Period:
        """What is over of the period, at least its first millisecond."""
        from_ms, to_ms = self.period
        return Period(from_ms, max(from_ms + 1, min(to_ms, self.now_ms)))


def asking(store: str, period: Period, zone: tzinfo, now_ms: int, *, exact: bool) -> Asking:
    """What is asked of a store; of whole hours for whoever may not know every figure.

    Else one period less another would tell of any minute, however few were there.
    """
    return Asking(store, period if exact else whole_hours(period, zone), zone, now_ms, exact)


def whole_hours(period: Period, zone: tzinfo) -> Period:
    """A period and what is missing of its first and its last hour, as a clock shows them."""
    from_ms = _hour_ms(period.from_ms, zone)
    last_ms = _hour_ms(period.to_ms - 1, zone)
    return Period(from_ms, max(last_ms, from_ms) + HOUR_MS)


def _hour_ms(at_ms: int, zone: tzinfo) -> int:
    """When the hour began that a clock shows."""
    offset = datetime.fromtimestamp(at_ms / 1000, zone).utcoffset() or timedelta()
    off_ms = int(offset.total_seconds() * 1000)
    return (at_ms + off_ms) // HOUR_MS * HOUR_MS - off_ms


class Bins(NamedTuple):
    """Parts of a period: where each begins (n,), and where the last one ends."""

    starts_ms: Counts
    end_ms: int

    @property
    def ends_ms(self) -> Counts:
        """Where each ends."""
        return np.append(self.starts_ms[1:], self.end_ms)

    @property
    def number(self) -> int:
        """How many there are."""
        return self.starts_ms.size

    def of(self, at_ms: Counts) -> Counts:
        """The numbers of the parts in which these times lie."""
        return np.searchsorted(self.starts_ms, at_ms, "right").astype(np.int64) - 1


def day(on: date, zone: tzinfo) -> Period:
    """A day on a clock: of 23 or 25 hours where that is changed."""
    return Period(_midnight_ms(on, zone), _midnight_ms(on + timedelta(days=1), zone))


def local_date(at_ms: int, zone: tzinfo) -> date:
    """The date on a clock."""
    return datetime.fromtimestamp(at_ms / 1000, zone).date()


def _midnight_ms(on: date, zone: tzinfo) -> int:
    return int(datetime.combine(on, time(), zone).timestamp() * 1000)


def within(period: Period, days: int) -> None:
    """Raises `TooMuchError` where a period is longer than that, give or take an hour of its clock."""
    if period.to_ms - period.from_ms > days * DAY_MS + HOUR_MS:
        raise TooMuchError(f"at most {days} days at a time: ask for a shorter period")


def bins(period: Period, every: Every, zone: tzinfo) -> Bins:
    """A period by minutes, hours or days of a clock; the first and the last may be cut. Raises `TooMuchError`."""
    if every == "day":
        starts = _midnights(period, zone)
    else:
        step_ms = MINUTE_MS if every == "minute" else HOUR_MS
        first_ms = _hour_ms(period.from_ms, zone)
        first_ms += (period.from_ms - first_ms) // step_ms * step_ms
        starts = stepped(first_ms, period.to_ms, step_ms)
    return _cut(starts, period)


def frames(period: Period, step_ms: int) -> Bins:
    """A period in equal steps from its beginning. Raises `TooMuchError`."""
    return _cut(stepped(period.from_ms, period.to_ms, step_ms), period)


def stepped(from_ms: int, to_ms: int, step_ms: int) -> list[int]:
    """Where equal parts begin. Raises `TooMuchError`."""
    if to_ms - from_ms > (MOST_BINS + 1) * step_ms:
        raise _too_many()
    return list(range(from_ms, to_ms, step_ms))


def _midnights(period: Period, zone: tzinfo) -> list[int]:
    on = local_date(period.from_ms, zone)
    found: list[int] = []
    while (start_ms := _midnight_ms(on, zone)) < period.to_ms:
        if len(found) > MOST_BINS:
            raise _too_many()
        found.append(start_ms)
        on += timedelta(days=1)
    return found


def _cut(starts: list[int], period: Period) -> Bins:
    if len(starts) > MOST_BINS:
        raise _too_many()
    return Bins(np.maximum(np.array(starts, np.int64), period.from_ms), period.to_ms)


def _too_many() -> TooMuchError:
    return TooMuchError(f"at most {MOST_BINS} parts of a period at a time: ask for a shorter one, or for longer parts")
