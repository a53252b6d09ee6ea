"""Times as people read them: in the zone of the store that they are about, by babel, in one locale for now."""

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime, format_time

LOCALE: Final = Locale("en")
_MINUTE_MS: Final = 60_000
_HOUR_MS: Final = 60 * _MINUTE_MS
_DAY_MS: Final = 24 * _HOUR_MS


def local(at_ms: int, zone: tzinfo) -> datetime:
    """A time on a zone's clocks."""
    return datetime.fromtimestamp(at_ms / 1000, zone)


def clock(at_ms: int, zone: tzinfo) -> str:
    """``14:07``."""
    return format_time(local(at_ms, zone), "HH:mm", tzinfo=zone, locale=LOCALE)


def clock_s(at_ms: int, zone: tzinfo) -> str:
    """``14:07:41``."""
    return format_time(local(at_ms, zone), "HH:mm:ss", tzinfo=zone, locale=LOCALE)


def weekday(at_ms: int, zone: tzinfo) -> str:
    """``Saturday 14:07``."""
    return format_datetime(local(at_ms, zone), "EEEE HH:mm", tzinfo=zone, locale=LOCALE)


def day(at_ms: int, zone: tzinfo) -> str:
    """``22 November 2026``."""
    return format_date(local(at_ms, zone), "d MMMM y", locale=LOCALE)


def date_long(on: date) -> str:
    """``Sunday 22 November 2026``."""
    return format_date(on, "EEEE d MMMM y", locale=LOCALE)


def date_short(on: date) -> str:
    """``22 November``."""
    return format_date(on, "d MMMM", locale=LOCALE)


def date_tiny(at_ms: int, zone: tzinfo) -> str:
    """``22 Nov``."""
    return format_date(local(at_ms, zone), "d MMM", locale=LOCALE)


def when(at_ms: int, now_ms: int, zone: tzinfo) -> str:
    """As near as it is: ``14:07``, ``yesterday 21:40``, ``Fri 21:40``, ``20 Nov 2026, 21:40``."""
    then, today = local(at_ms, zone), local(now_ms, zone)
    days = (today.date() - then.date()).days
    if days == 0:
        return clock(at_ms, zone)
    if days == 1:
        return f"yesterday {clock(at_ms, zone)}"
    pattern = "EEE HH:mm" if 0 < days < 7 else "d MMM y, HH:mm"  # noqa: PLR2004 - a week
    return format_datetime(then, pattern, tzinfo=zone, locale=LOCALE)


def iso(at_ms: int) -> str:
    """For machines: the ``datetime`` of a ``<time>``."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def lasting(span_ms: int) -> str:
    """How long something has been: ``14 s``, ``4 min``, ``16 h``, ``12 days``."""
    if span_ms < _MINUTE_MS:
        return f"{max(0, span_ms) // 1000} s"
    if span_ms < _HOUR_MS:
        return f"{span_ms // _MINUTE_MS} min"
    if span_ms < 2 * _DAY_MS:
        return f"{span_ms // _HOUR_MS} h"
    return f"{span_ms // _DAY_MS} days"


def midnight_ms(now_ms: int, zone: tzinfo) -> int:
    """When this day began on a zone's clocks."""
    start = local(now_ms, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return int(start.timestamp() * 1000)


def warm_up() -> None:
    """Let babel read its data before the loop runs."""
    for zone in (UTC, ZoneInfo("Europe/Berlin")):
        for pattern in (0, 1, 3, 30):
            when(_DAY_MS * 100, _DAY_MS * 100 + int(timedelta(days=pattern).total_seconds() * 1000), zone)
        weekday(_DAY_MS, zone)
        day(_DAY_MS, zone)
        clock_s(_DAY_MS, zone)
