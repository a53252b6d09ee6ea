"""Clocks of people, against a model that looks at every minute: also where they are put back, or skip a day."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Literal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from push.campaigns.timing import (
    Calendar,
    Now,
    compile_schedule,
    local,
    next_clock_ms,
    quiet_until_ms,
    window_ends_ms,
    window_from_ms,
)
from push.model.campaigns import Schedule

MINUTE_MS = 60_000
BERLIN = ZoneInfo("Europe/Berlin")
JUMPS = (
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25"),
    ("Europe/Berlin", "2026-06-03"),
    ("America/New_York", "2026-11-01"),
    ("America/Sao_Paulo", "2018-11-04"),  # midnight is left out
    ("America/Sao_Paulo", "2018-02-18"),  # the last hour of a day comes twice
    ("America/St_Johns", "2010-11-07"),  # a day that had begun ends once more
    ("Australia/Lord_Howe", "2026-04-05"),  # half an hour
    ("Pacific/Apia", "2011-12-30"),  # a day that never was
)
clocks = st.builds("{:02d}:{:02d}".format, st.integers(0, 23), st.sampled_from([0, 1, 29, 30, 59]))
moments = st.tuples(st.sampled_from(JUMPS), st.integers(-30 * 60, 30 * 60))


@cache
def minutes(jump: tuple[str, str]) -> list[tuple[int, datetime]]:
    """Every minute of a week around a day, and what the clock shows then."""
    zone, middle = ZoneInfo(jump[0]), middle_ms(jump)
    times = range(middle - 5 * 1440 * MINUTE_MS, middle + 5 * 1440 * MINUTE_MS, MINUTE_MS)
    return [(at, datetime.fromtimestamp(at // 1000, zone).replace(tzinfo=None)) for at in times]


def middle_ms(jump: tuple[str, str]) -> int:
    return int(datetime.fromisoformat(jump[1]).replace(tzinfo=UTC).timestamp()) * 1000


def first(jump: tuple[str, str], shows: datetime) -> int:
    """The first minute at which the clock shows a time or a later one."""
    return next(at for at, shown in minutes(jump) if shown >= shows)


def last(jump: tuple[str, str], shows: datetime) -> int:
    """The last minute at which the clock shows a time; where it leaves that out, the first of a later one."""
    at, shown = next((at, shown) for at, shown in reversed(minutes(jump)) if shown <= shows)
    return at if shown == shows else at + MINUTE_MS


def on(day: date, clock: str) -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}")


def days(jump: tuple[str, str]) -> list[date]:
    return [date.fromisoformat(jump[1]) + timedelta(days=n) for n in range(-3, 4)]


@settings(max_examples=50)
@given(at=moments, begin=clocks, end=clocks)
def test_quiet_hours_hold_from_when_the_clock_first_shows_their_beginning_until_it_last_shows_their_end(
    at: tuple[tuple[str, str], int], begin: str, end: str
) -> None:
    jump, offset = at
    now_ms = middle_ms(jump) + offset * MINUTE_MS
    over = timedelta(days=int(end <= begin))
    periods = [(first(jump, on(day, begin)), last(jump, on(day, end) + over)) for day in days(jump)[:-1]]
    expected = now_ms
    for start_ms, end_ms in sorted(periods) if begin != end else ():
        if start_ms <= expected < end_ms:
            expected = end_ms
    answer = quiet_until_ms((begin, end), ZoneInfo(jump[0]), now_ms)
    assert answer == (expected if expected > now_ms else None)


@settings(max_examples=40)
@given(at=moments, clock=clocks)
def test_a_clock_shows_a_time_once_a_day(at: tuple[tuple[str, str], int], clock: str) -> None:
    jump, offset = at
    after_ms = middle_ms(jump) + offset * MINUTE_MS
    times = sorted({first(jump, on(day, clock)) for day in days(jump)})
    assert next_clock_ms(clock, ZoneInfo(jump[0]), after_ms) == next(time for time in times if time > after_ms)


@settings(max_examples=40)
@given(at=moments, within=st.sampled_from(["day", "week", "month"]))
def test_windows_meet_and_begin_where_the_calendar_turns(
    at: tuple[tuple[str, str], int], within: Literal["day", "week", "month"]
) -> None:
    jump, offset = at
    now_ms, zone = middle_ms(jump) + offset * MINUTE_MS, ZoneInfo(jump[0])
    from_ms, ends_ms = window_from_ms(within, zone, now_ms), window_ends_ms(within, zone, now_ms)
    assert ends_ms is not None
    assert from_ms <= now_ms < ends_ms
    assert [window_from_ms(within, zone, time) for time in (from_ms, ends_ms - 1, ends_ms)] == [
        from_ms,
        from_ms,
        ends_ms,
    ]
    if within == "day":
        shown = max(seen.date() for time, seen in minutes(jump) if time <= now_ms)
        assert from_ms == first(jump, datetime(shown.year, shown.month, shown.day))  # noqa: DTZ001 - as clocks show it
    else:
        begun = datetime.fromtimestamp(from_ms // 1000, zone)
        assert (begun.weekday() == 0) if within == "week" else (begun.day == 1)


@pytest.mark.parametrize(
    ("quiet", "now", "until"),
    [
        (("21:00", "08:00"), "2026-10-24T22:30+02:00", "2026-10-25T08:00+01:00"),
        (("21:00", "02:30"), "2026-10-25T02:45+02:00", "2026-10-25T02:30+01:00"),
        (("21:00", "02:30"), "2026-10-25T02:30+01:00", None),
        (("21:00", "02:30"), "2026-03-29T01:59+01:00", "2026-03-29T03:00+02:00"),
        (("02:15", "02:45"), "2026-03-29T03:00+02:00", None),
        (("13:00", "15:00"), "2026-05-05T14:59+02:00", "2026-05-05T15:00+02:00"),
        (("13:00", "15:00"), "2026-05-05T15:00+02:00", None),
        (("13:00", "13:00"), "2026-05-05T13:00+02:00", None),
        (("02:30", "02:00"), "2026-10-25T02:45+02:00", "2026-10-26T02:00+01:00"),
        (None, "2026-05-05T13:00+02:00", None),
    ],
)
def test_quiet_hours_of_one_evening(quiet: tuple[str, str] | None, now: str, until: str | None) -> None:
    assert quiet_until_ms(quiet, BERLIN, ms(now)) == (None if until is None else ms(until))


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1000


def test_all_time_has_no_end() -> None:
    assert window_from_ms("ever", BERLIN, ms("2026-05-05T13:00+02:00")) == 0
    within: Calendar = "ever"
    assert window_ends_ms(within, BERLIN, 1) is None


def why(schedule: Schedule, now: str, **known: bool | None) -> str | None:
    at_ms = ms(now)
    clocks = local(BERLIN, at_ms), local(ZoneInfo("Asia/Tokyo"), at_ms)
    return compile_schedule(schedule)(Now(at_ms, *clocks, known.get("is_open"), bool(known.get("is_holiday"))))


NIGHTS = Schedule(weekdays=(4, 5), dayparts=(("09:00", "12:00"), ("22:00", "02:00")))
"""Friday and Saturday."""


@pytest.mark.parametrize(
    ("now", "objection"),
    [
        ("2026-05-08T09:00+02:00", None),
        ("2026-05-08T11:59+02:00", None),
        ("2026-05-08T12:00+02:00", "it speaks at 09:00-12:00, 22:00-02:00, and it was 12:00"),
        ("2026-05-07T22:30+02:00", "it speaks on Fridays, Saturdays, and it was Thursday"),
        ("2026-05-08T01:00+02:00", "it speaks on Fridays, Saturdays, and it was Friday"),
        ("2026-05-08T22:00+02:00", None),
        ("2026-05-10T01:59+02:00", None),
        ("2026-05-10T02:00+02:00", "it speaks at 09:00-12:00, 22:00-02:00, and it was 02:00"),
        ("2026-05-10T22:00+02:00", "it speaks on Fridays, Saturdays, and it was Sunday"),
    ],
)
def test_a_part_of_the_day_belongs_to_the_day_on_which_it_began(now: str, objection: str | None) -> None:
    assert why(NIGHTS, now) == objection


def test_a_clock_may_be_hers_instead_of_the_stores() -> None:
    evening = Schedule(dayparts=(("18:00", "20:00"),), zone="person")
    assert why(evening, "2026-05-05T11:00+02:00") is None, "six in the evening in Tokyo"
    assert why(evening, "2026-05-05T18:30+02:00") == "it speaks at 18:00-20:00, and it was 01:30"


def test_dates_bound_it_and_the_end_is_outside() -> None:
    noon = ms("2026-05-05T12:00+00:00")
    schedule = Schedule(from_ms=noon, until_ms=noon + 3_600_000)
    assert why(schedule, "2026-05-05T11:59+00:00") == "it begins at 2026-05-05 12:00 UTC"
    assert why(schedule, "2026-05-05T12:00+00:00") is None
    assert why(schedule, "2026-05-05T13:00+00:00") == "it ended at 2026-05-05 13:00 UTC"
    assert why(Schedule(), "2026-05-05T13:00+00:00") is None


def test_a_store_that_is_closed_or_whose_hours_nobody_knows_stays_silent() -> None:
    schedule, now = Schedule(while_open=True), "2026-05-05T12:00+02:00"
    assert why(schedule, now, is_open=True) is None
    assert why(schedule, now, is_open=False) == "it speaks while the store is open, and it was closed"
    assert why(schedule, now) == "it speaks while the store is open, and the store's hours are not known"


def test_holidays_may_silence_it_or_be_all_that_it_is_for() -> None:
    never, only, now = Schedule(holidays="never"), Schedule(holidays="only"), "2026-05-05T12:00+02:00"
    assert why(never, now, is_holiday=True) == "it does not speak on public holidays"
    assert why(only, now) == "it speaks on public holidays only"
    assert why(never, now) is why(only, now, is_holiday=True) is None
