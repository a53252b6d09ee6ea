"""Which time a page of the past is about: a day on the store's clock, some hours of it, or weeks that end with it."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Final, NamedTuple

from push.console import times
from push.console.tables import link

SPANS: Final = {1: "One day", 7: "7 days", 28: "28 days"}
HOURS: Final = 24
EARLIEST: Final = date(2000, 1, 1)
_LENGTH: Final = 2
"""Digits of an hour, at most."""


class Span(NamedTuple):
    """Days up to `day`; of a single one the hours from `first_hour` up to `last_hour`. `to_ms` is outside."""

    day: date
    days: int
    first_hour: int
    last_hour: int
    from_ms: int
    to_ms: int
    today: date

    @property
    def is_whole(self) -> bool:
        """Whether no hour is left out."""
        return (self.first_hour, self.last_hour) == (0, HOURS)

    @property
    def query(self) -> dict[str, str]:
        """As an address says it, without what goes without saying."""
        said = {"day": self.day.isoformat() if self.day != self.today else ""}
        if self.days > 1:
            said["days"] = str(self.days)
        elif not self.is_whole:
            said |= {"from": str(self.first_hour), "to": str(self.last_hour)}
        return {name: value for name, value in said.items() if value}


def read(query: Mapping[str, str], now_ms: int, zone: tzinfo, most_days: int = max(SPANS)) -> Span:
    """What an address asks for; what cannot be read, or lies ahead, is today and the whole of it."""
    today = times.local(now_ms, zone).date()
    days = int(query.get("days", "")) if query.get("days", "") in {str(n) for n in SPANS if n <= most_days} else 1
    first, last = (0, HOURS) if days > 1 else _hours(query)
    day = min(_day(query.get("day", ""), today), today)
    start, end = _at(day - timedelta(days=days - 1), first, zone), _at(day, last, zone)
    return Span(day, days, first, last, start, end, today)


def _day(text: str, today: date) -> date:
    try:
        return max(date.fromisoformat(text), EARLIEST)
    except ValueError:
        return today


def _hours(query: Mapping[str, str]) -> tuple[int, int]:
    """At least one hour, whichever of the two sliders was pushed over the other."""
    first, last = (_hour(query.get(name, ""), default) for name, default in (("from", 0), ("to", HOURS)))
    low, high = min(first, last), max(first, last)
    return (low, high) if low < high else (min(low, HOURS - 1), min(low, HOURS - 1) + 1)


def _hour(text: str, default: int) -> int:
    is_hour = text.isascii() and text.isdigit() and len(text) <= _LENGTH
    return min(int(text), HOURS) if is_hour else default


def _at(day: date, hour: int, zone: tzinfo) -> int:
    """When a clock shows an hour; one that it skips is when it goes on, one that it shows twice the first."""
    whole, rest = divmod(hour, HOURS)
    return int(datetime.combine(day + timedelta(days=whole), time(rest), zone).timestamp() * 1000)


def said(span: Span) -> str:
    """``Sunday 22 November 2026, 10:00 to 14:00``."""
    day = times.date_long(span.day)
    if span.days > 1:
        return f"{span.days} days, {times.date_short(span.day - timedelta(days=span.days - 1))} to {day}"
    return day if span.is_whole else f"{day}, {span.first_hour}:00 to {span.last_hour}:00"


class Step(NamedTuple):
    """Links to the span before and the span after; empty: that one lies ahead."""

    before: str
    after: str


def steps(span: Span, path: str, query: Mapping[str, str]) -> Step:
    """Where one goes on from here, with everything else as it is."""
    there = [span.day + timedelta(days=sign * span.days) for sign in (-1, 1)]
    before, after = (link(path, query, day=day.isoformat()) for day in there)
    return Step(before, after if span.day < span.today else "")
