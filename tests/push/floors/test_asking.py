"""Periods and their parts, on the store's clock."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from push.floors.asking import DAY_MS, HOUR_MS, Every, Period, TooMuchError, bins, day, frames, within

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(("on", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 11, 20), 24)])
def test_a_day_is_as_long_as_its_clock_says(on: date, hours: int) -> None:
    period = day(on, BERLIN)
    parts = bins(period, "hour", BERLIN)
    assert parts.number == hours
    assert set((parts.ends_ms - parts.starts_ms).tolist()) == {HOUR_MS}
    assert bins(period, "minute", BERLIN).number == hours * 60
    days = bins(period, "day", BERLIN)
    assert (days.starts_ms.tolist(), days.end_ms) == ([period.from_ms], period.to_ms)


def test_parts_begin_on_the_clock_and_are_cut_at_the_ends() -> None:
    kathmandu = ZoneInfo("Asia/Kathmandu")  # 5:45 ahead of UTC
    begin_ms = day(date(2026, 11, 20), kathmandu).from_ms
    parts = bins(Period(begin_ms + HOUR_MS // 2, begin_ms + 2 * HOUR_MS + 1), "hour", kathmandu)
    assert (parts.starts_ms - begin_ms).tolist() == [HOUR_MS // 2, HOUR_MS, 2 * HOUR_MS]
    days = bins(Period(begin_ms + HOUR_MS, begin_ms + DAY_MS + 1), "day", kathmandu)
    assert (days.starts_ms - begin_ms).tolist() == [HOUR_MS, DAY_MS]
    assert days.of(parts.starts_ms).tolist() == [-1, 0, 0]


@pytest.mark.parametrize("every", ["minute", "hour", "day"])
def test_what_has_too_many_parts_is_refused(every: Every) -> None:
    century = Period(0, 36_525 * DAY_MS)
    with pytest.raises(TooMuchError):
        bins(century, every, BERLIN)
    with pytest.raises(TooMuchError):
        frames(century, HOUR_MS)
    with pytest.raises(TooMuchError):
        within(century, 400)
