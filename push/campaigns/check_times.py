"""Whether a campaign ever speaks: its dates, its weekdays and parts of the day, its own hour and quiet hours."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from push.campaigns.findings import Finding, found
from push.campaigns.known import Known
from push.campaigns.timing import WEEKDAYS, Now, compile_schedule, local, quiet_until_ms
from push.model.campaigns import Campaign, Schedule

DAY_MS: Final = 86_400_000
_CLOCKS_MS: Final = 14 * 3_600_000
"""As far as any clock is from UTC."""
_TIMED: Final = frozenset({"scheduled", "birthday"})
"""Triggers that happen at an hour of their own."""


def faults(campaign: Campaign, known: Known, now_ms: int) -> Iterator[Finding]:
    """Times that never come."""
    schedule = campaign.schedule
    yield from _dates(schedule, now_ms)
    if campaign.trigger.kind in _TIMED:
        yield from _hour(campaign, known, now_ms)
    if schedule.holidays == "only" and not _has_holidays(campaign, known):
        yield found("schedule.holidays", "no store of its has public holidays: it would never speak")


def _dates(schedule: Schedule, now_ms: int) -> Iterator[Finding]:
    first_ms, until_ms = schedule.from_ms, schedule.until_ms
    if until_ms is None:
        return
    if until_ms <= now_ms:
        yield found("schedule.until_ms", "its end has passed already")
    elif first_ms is not None and until_ms <= first_ms:
        yield found("schedule.until_ms", "it ends before it begins")
    elif schedule.weekdays and not _has_day(schedule, max(now_ms, first_ms or 0) - _CLOCKS_MS, until_ms + _CLOCKS_MS):
        days = ", ".join(WEEKDAYS[day] for day in sorted(set(schedule.weekdays)))
        yield found("schedule.weekdays", f"none of {days} lies between its beginning and its end")


def _has_day(schedule: Schedule, first_ms: int, until_ms: int) -> bool:
    """Whether one of its weekdays, or the night after one, lies between two times."""
    begin = datetime.fromtimestamp(first_ms // 1000, UTC) - timedelta(days=1)
    days = min(7, (until_ms - first_ms) // DAY_MS + 2)
    return any((begin + timedelta(days=n)).weekday() in schedule.weekdays for n in range(days + 1))


def _hour(campaign: Campaign, known: Known, now_ms: int) -> Iterator[Finding]:
    """Its own hour, held against the parts of the day in which it may speak, and quiet hours."""
    hour, minute = map(int, campaign.trigger.at.split(":"))
    at = datetime.fromtimestamp(now_ms // 1000, UTC).replace(hour=hour, minute=minute, second=0, microsecond=0)
    at_ms = int(at.timestamp()) * 1000
    timely = compile_schedule(Schedule(dayparts=campaign.schedule.dayparts))
    if timely(Now(at_ms, local(UTC, at_ms), local(UTC, at_ms))) is not None:
        yield found("trigger.at", f"{campaign.trigger.at} lies in none of the parts of the day in which it may speak")
    is_dropped = campaign.is_quiet and campaign.otherwise == "drop" and campaign.when == "now"
    if is_dropped and quiet_until_ms(known.standing.policy.quiet, UTC, at_ms) is not None:
        yield found("trigger.at", f"{campaign.trigger.at} lies in quiet hours: it would be dropped each time")


def _has_holidays(campaign: Campaign, known: Known) -> bool:
    stores = known.standing.directory.stores
    return any(stores[name].holidays for name in campaign.trigger.stores or stores if name in stores)
