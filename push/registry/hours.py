"""When a store is open: by its weekdays, its special days and its public holidays, on its own clock.

`calendar` reads what that takes of the disk, in a thread; `status` is plain arithmetic on it.
"""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from beacons.registry import Store, Weekday

LONGEST_DAYS: Final = 366
"""How far ahead a change is looked for: whoever opens once a year is found."""
WEEKDAYS: Final[tuple[Weekday, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MINUTES: Final = 24 * 60
_DAY_MS: Final = 86_400_000

Span = tuple[int, int]
"""From when to when, in UTC milliseconds; the end is outside."""


class Calendar(NamedTuple):
    """A store's clock, and the names of its public holidays."""

    zone: ZoneInfo
    holidays: Mapping[date, str]


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a store is open, and until when that holds; None: for the next year at least.

    `holiday` is the public holiday of the day that it is there.
    """

    is_open: bool
    until_ms: int | None
    holiday: str | None


async def calendar(store: Store, at_ms: int) -> Calendar:
    """What `status` needs for times from a day before `at_ms` to a year after. Reads files, in a thread."""
    year = datetime.fromtimestamp(at_ms / 1000, UTC).year
    return await asyncio.to_thread(_calendar, store.time_zone, store.holidays, (year - 1, year, year + 1, year + 2))


def _calendar(time_zone: str, holidays: str, years: tuple[int, ...]) -> Calendar:
    return Calendar(ZoneInfo(time_zone), _holidays(holidays, years) if holidays else {})


def _holidays(code: str, years: tuple[int, ...]) -> Mapping[date, str]:
    """The public holidays of a country or region, by date. Raises NotImplementedError for one that is not known."""
    import holidays  # noqa: PLC0415 - a tenth of a second and 14 MB, for those who asked for it

    country, _, region = code.partition("-")
    return dict(holidays.country_holidays(country, subdiv=region or None, years=years))


async def knows_holidays(code: str) -> bool:
    """Whether the holidays of a country, or country and region, are known."""
    try:
        await asyncio.to_thread(_holidays, code, (2024,))
    except NotImplementedError:
        return False
    return True


def status(store: Store, on: Calendar, at_ms: int) -> Status | None:
    """Whether a store is open at a time; None where its hours are not known."""
    if not store.opening and not store.days:
        return None
    today = datetime.fromtimestamp(at_ms / 1000, on.zone).date()
    holiday = on.holidays.get(today)
    for begin_ms, end_ms in _joined(_spans(store, on, today)):
        if at_ms < begin_ms:
            return Status(is_open=False, until_ms=begin_ms, holiday=holiday)
        if at_ms < end_ms:
            is_known = end_ms - at_ms < (LONGEST_DAYS - 1) * _DAY_MS
            return Status(is_open=True, until_ms=end_ms if is_known else None, holiday=holiday)
    return Status(is_open=False, until_ms=None, holiday=holiday)


def _spans(store: Store, on: Calendar, today: date) -> Iterator[Span]:
    """When it is open from yesterday on, whose evening may reach into today."""
    special = {date.fromisoformat(day.date): day for day in store.days}
    for offset in range(-1, LONGEST_DAYS):
        day = today + timedelta(days=offset)
        if day in special:
            one = special[day]
            hours = [(one.opens, one.closes)] if one.opens is not None and one.closes is not None else []
        elif day in on.holidays:
            hours = []
        else:
            hours = [(h.opens, h.closes) for h in store.opening if WEEKDAYS[day.weekday()] in h.days]
        yield from sorted(_span(on.zone, day, opens, closes) for opens, closes in hours)


def _span(zone: ZoneInfo, day: date, opens: str, closes: str) -> Span:
    """A day's hours in UTC. What closes before it opens does so on the next day; see `clock_ms` for clock changes."""
    begin, end = minutes_of(opens), minutes_of(closes)
    return clock_ms(zone, day, begin, 0), clock_ms(zone, day, end if end > begin else end + DAY_MINUTES, 1)


def minutes_of(clock: str) -> int:
    """Minutes after midnight of "09:30"."""
    return int(clock[:2]) * 60 + int(clock[3:])


def clock_ms(zone: tzinfo, day: date, minutes: int, fold: int) -> int:
    """When the clock shows so many minutes after a day's midnight (a day's worth and more: on the days after), UTC ms.

    Of a time that it shows twice, `fold` 0 is the first and 1 the second; one that it leaves out is where it jumps.
    """
    on, minute = day + timedelta(days=minutes // DAY_MINUTES), minutes % DAY_MINUTES
    local = datetime.combine(on, time(minute // 60, minute % 60), zone)
    first, second = local.replace(fold=0).timestamp(), local.replace(fold=1).timestamp()
    if first <= second:  # equal on all days but one
        return int((second if fold else first) * 1000)
    return int(_jump(zone, second, first) * 1000)


def _jump(zone: tzinfo, before_s: float, after_s: float) -> float:
    """When the clock jumps, between two times of which one is before and the other after: found by halving."""
    low, high = int(before_s), int(after_s)
    offset = datetime.fromtimestamp(low, zone).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if datetime.fromtimestamp(middle, zone).utcoffset() == offset else (low, middle)
    return high


def _joined(spans: Iterator[Span]) -> Iterator[Span]:
    """Spans in their order, those that meet or overlap as one."""
    held: Span | None = None
    for span in spans:
        if held is None:
            held = span
        elif span[0] <= held[1]:
            held = held[0], max(held[1], span[1])
        else:
            yield held
            held = span
    if held is not None:
        yield held
