"""When a campaign may speak: schedules, quiet hours, and the windows that caps count in, on the clocks of people.

Plain arithmetic on zones that are at hand: `push.registry.clocks.Zones` reads them before.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final, Literal, NamedTuple

from push.model.campaigns import Schedule
from push.registry.hours import DAY_MINUTES, clock_ms, minutes_of

Calendar = Literal["day", "week", "month", "ever"]
ALL_WEEK: Final = frozenset(range(7))
WEEKDAYS: Final = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")


class Local(NamedTuple):
    """What a clock shows: the weekday (0 Monday), and minutes after midnight."""

    weekday: int
    minute: int


class Now(NamedTuple):
    """A time in UTC ms, what the clocks of the store and of the person show then, and what is known of the store.

    `is_open` is None where nobody knows.
    """

    at_ms: int
    store: Local
    person: Local
    is_open: bool | None = None
    is_holiday: bool = False


Timely = Callable[[Now], str | None]
"""Why it may not speak; None: it may."""


def local(zone: tzinfo, at_ms: int) -> Local:
    """What a clock shows at a time in UTC ms."""
    shown = datetime.fromtimestamp(at_ms // 1000, zone)
    return Local(shown.weekday(), shown.hour * 60 + shown.minute)


class _Part(NamedTuple):
    """A part of the day in minutes after midnight; one that ends before it begins goes on after the next."""

    begin: int
    end: int
    words: str


def compile_schedule(schedule: Schedule) -> Timely:
    """A schedule as a function of the time and the place; it says why not, in words, and None where it may."""
    made = (_dates(schedule), _opening(schedule), _holidays(schedule), _clock(schedule))
    checks = [check for check in made if check is not None]

    if len(checks) == 1:
        return checks[0]

    def timely(now: Now) -> str | None:
        for check in checks:
            why = check(now)
            if why is not None:
                return why
        return None

    return timely


def _dates(schedule: Schedule) -> Timely | None:
    from_ms, until_ms = schedule.from_ms, schedule.until_ms
    if from_ms is None and until_ms is None:
        return None

    def check(now: Now) -> str | None:
        if from_ms is not None and now.at_ms < from_ms:
            return f"it begins at {_utc(from_ms)}"
        if until_ms is not None and now.at_ms >= until_ms:
            return f"it ended at {_utc(until_ms)}"
        return None

    return check


def _utc(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m-%d %H:%M} UTC"


def _opening(schedule: Schedule) -> Timely | None:
    if not schedule.while_open:
        return None

    def check(now: Now) -> str | None:
        if now.is_open is None:
            return "it speaks while the store is open, and the store's hours are not known"
        return None if now.is_open else "it speaks while the store is open, and it was closed"

    return check


def _holidays(schedule: Schedule) -> Timely | None:
    if schedule.holidays == "also":
        return None
    is_only = schedule.holidays == "only"
    why = "it speaks on public holidays only" if is_only else "it does not speak on public holidays"

    def check(now: Now) -> str | None:
        return None if now.is_holiday == is_only else why

    return check


def _clock(schedule: Schedule) -> Timely | None:
    if not schedule.weekdays and not schedule.dayparts:
        return None
    days = frozenset(schedule.weekdays) or ALL_WEEK
    parts = [_part(begin, end) for begin, end in schedule.dayparts] or [_part("00:00", "00:00")]
    spans = [(part.begin, part.end) for part in parts]
    is_store = schedule.zone == "store"

    def check(now: Now) -> str | None:
        weekday, minute = now.store if is_store else now.person
        if weekday in days:
            for begin, end in spans:
                if begin <= minute < end:
                    return None
        for part in parts:
            if _holds(part, days, weekday, minute):
                return None
        return _unfit(days, parts, weekday, minute)

    return check


def _part(begin: str, end: str) -> _Part:
    first, last = minutes_of(begin), minutes_of(end)
    return _Part(first, last if last > first else last + DAY_MINUTES, f"{begin}-{end}")


def _holds(part: _Part, days: frozenset[int], weekday: int, minute: int) -> bool:
    """Whether a part holds that began on one of the days: today, or yesterday and goes on after midnight."""
    is_since_today = weekday in days and part.begin <= minute < part.end
    return is_since_today or ((weekday - 1) % 7 in days and minute + DAY_MINUTES < part.end)


def _unfit(days: frozenset[int], parts: list[_Part], weekday: int, minute: int) -> str:
    if any(_holds(part, ALL_WEEK, weekday, minute) for part in parts):
        return f"it speaks on {', '.join(WEEKDAYS[day] for day in sorted(days))}, and it was {WEEKDAYS[weekday][:-1]}"
    return f"it speaks at {', '.join(part.words for part in parts)}, and it was {minute // 60:02d}:{minute % 60:02d}"


def quiet_until_ms(quiet: tuple[str, str] | None, zone: tzinfo, now_ms: int) -> int | None:
    """When the quiet period that holds now ends, UTC ms; None: it is not quiet. One as long as nothing is none.

    It begins when the clock first shows its beginning and ends when the clock last shows its end: an hour that is
    shown twice is quiet both times, one that is left out makes it shorter.
    """
    if quiet is None or quiet[0] == quiet[1]:
        return None
    part, today, until_ms = _part(*quiet), _local_date(zone, now_ms), now_ms
    for offset in (-1, 0, 1):  # where the clock is put back, the next may begin before the last ends
        day = today + timedelta(days=offset)
        if clock_ms(zone, day, part.begin, 0) <= until_ms:
            until_ms = max(until_ms, clock_ms(zone, day, part.end, 1))
    return until_ms if until_ms > now_ms else None


def next_clock_ms(clock: str, zone: tzinfo, after_ms: int) -> int:
    """The next time, after another, that the clock shows this, UTC ms: once a day, however often it shows it."""
    today = _local_date(zone, after_ms)
    minutes = minutes_of(clock)
    return next(
        at for day in range(-1, 4) if (at := clock_ms(zone, today + timedelta(days=day), minutes, 0)) > after_ms
    )


def window_from_ms(within: Calendar, zone: tzinfo, now_ms: int) -> int:
    """When the day, week (from Monday) or month that holds now began on the clock of a zone, UTC ms; 0 for "ever"."""
    return 0 if within == "ever" else _window(within, zone, now_ms)[0]


def window_ends_ms(within: Calendar, zone: tzinfo, now_ms: int) -> int | None:
    """When the next begins; None for "ever"."""
    return None if within == "ever" else _window(within, zone, now_ms)[1]


def _window(within: Calendar, zone: tzinfo, now_ms: int) -> tuple[int, int]:
    day = _day(zone, now_ms)
    first = _FIRST[within](day)
    return clock_ms(zone, first, 0, 0), clock_ms(zone, _NEXT[within](first), 0, 0)


def _day(zone: tzinfo, now_ms: int) -> date:
    """Today. A clock that is put back over midnight shows yesterday again; it is today all the same."""
    day = _local_date(zone, now_ms)
    tomorrow = day + timedelta(days=1)
    return tomorrow if clock_ms(zone, tomorrow, 0, 0) <= now_ms else day


def _local_date(zone: tzinfo, at_ms: int) -> date:
    return datetime.fromtimestamp(at_ms // 1000, zone).date()


_FIRST: Final[dict[str, Callable[[date], date]]] = {
    "day": lambda day: day,
    "week": lambda day: day - timedelta(days=day.weekday()),
    "month": lambda day: day.replace(day=1),
}
_NEXT: Final[dict[str, Callable[[date], date]]] = {
    "day": lambda first: first + timedelta(days=1),
    "week": lambda first: first + timedelta(days=7),
    "month": lambda first: (first + timedelta(days=31)).replace(day=1),
}
