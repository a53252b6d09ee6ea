"""When a store is open, held against the clock on its wall, minute by minute."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beacons.registry import Day, Hours, Store, Weekday
from push.registry.hours import WEEKDAYS, Calendar, Status, calendar, knows_holidays, status

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [ZoneInfo(name) for name in ("Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kolkata")]
WORKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri")
SHOP = Store(
    id="s1", name="S", opening=(Hours(WORKDAYS, "09:00", "20:00"), Hours(("sat",), "10:00", "18:00")), holidays="DE-HH"
)


def ms(text: str, zone: ZoneInfo = BERLIN) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


def bare(zone: ZoneInfo = BERLIN, *holidays: str) -> Calendar:
    return Calendar(zone, {date.fromisoformat(day): "Feast" for day in holidays})


def said(store: Store, at: str, on: Calendar | None = None) -> tuple[bool, str | None]:
    found = status(store, on or bare(), ms(at))
    assert found is not None
    until = found.until_ms
    return found.is_open, None if until is None else datetime.fromtimestamp(until / 1000, BERLIN).isoformat()[:16]


def test_open_until_the_evening_and_closed_until_the_morning() -> None:
    assert said(SHOP, "2026-03-03T08:59") == (False, "2026-03-03T09:00")
    assert said(SHOP, "2026-03-03T09:00") == (True, "2026-03-03T20:00")
    assert said(SHOP, "2026-03-03T20:00") == (False, "2026-03-04T09:00")
    assert said(SHOP, "2026-03-07T19:00") == (False, "2026-03-09T09:00")


def test_a_holiday_is_closed_and_a_special_day_is_what_it_says() -> None:
    on = bare(BERLIN, "2026-03-03", "2026-03-04")
    special = (Day("2026-03-04", "12:00", "14:00"), Day("2026-03-05"))
    store = Store(id="s", name="S", opening=SHOP.opening, days=special)
    assert said(store, "2026-03-03T12:00", on) == (False, "2026-03-04T12:00")
    assert said(store, "2026-03-04T13:00", on) == (True, "2026-03-04T14:00")
    assert said(store, "2026-03-04T15:00", on) == (False, "2026-03-06T09:00")


def test_past_midnight_belongs_to_the_evening_before_also_into_a_holiday() -> None:
    bar = Store(id="b", name="B", opening=(Hours(("fri", "sat"), "20:00", "03:00"),))
    on = bare(BERLIN, "2026-03-07")
    assert said(bar, "2026-03-07T02:59", on) == (True, "2026-03-07T03:00")
    assert said(bar, "2026-03-07T21:00", on) == (False, "2026-03-13T20:00")


def test_around_the_clock_has_no_end_and_meeting_hours_are_one() -> None:
    always = Store(id="a", name="A", opening=(Hours(WEEKDAYS, "00:00", "24:00"),))
    assert said(always, "2026-03-07T02:59") == (True, None)
    halves = Store(id="h", name="H", opening=(Hours(("mon",), "12:00", "24:00"), Hours(("tue",), "00:00", "09:00")))
    assert said(halves, "2026-03-02T23:00") == (True, "2026-03-03T09:00")


def test_hours_that_nobody_entered_are_not_known() -> None:
    assert status(Store(id="s", name="S"), bare(), ms("2026-03-03T12:00")) is None
    never = Store(id="s", name="S", days=(Day("2020-01-01", "10:00", "11:00"),))
    assert said(never, "2026-03-03T12:00") == (False, None)


def test_in_the_night_that_has_no_two_o_clock_it_opens_when_the_clock_jumps() -> None:
    owl = Store(id="o", name="O", opening=(Hours(("sun",), "02:30", "05:00"),))
    assert said(owl, "2026-03-29T01:59") == (False, "2026-03-29T03:00")
    assert said(owl, "2026-03-29T03:00") == (True, "2026-03-29T05:00")


def test_in_the_night_with_two_of_them_it_opens_in_the_first_and_closes_in_the_second() -> None:
    owl = Store(id="o", name="O", opening=(Hours(("sun",), "02:00", "02:30"),))
    found = status(owl, bare(), ms("2026-10-25T01:00"))
    assert found is not None
    assert found.until_ms is not None
    assert found.until_ms == int(datetime(2026, 10, 25, 0, 0, tzinfo=UTC).timestamp() * 1000)
    then = status(owl, bare(), found.until_ms)
    assert then == Status(
        is_open=True, until_ms=int(datetime(2026, 10, 25, 1, 30, tzinfo=UTC).timestamp() * 1000), holiday=None
    )


clocks = st.integers(0, 24 * 4 - 1).map(lambda quarter: f"{quarter // 4:02}:{quarter % 4 * 15:02}")
hours = st.builds(
    Hours, st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=7, unique=True).map(tuple), clocks, clocks
).filter(lambda h: h.opens != h.closes)


def on_the_wall(store: Store, zone: ZoneInfo, at_ms: int) -> bool:
    """What somebody who looks at the clock in the store would say."""
    local = datetime.fromtimestamp(at_ms / 1000, zone)
    clock = f"{local:%H:%M}"
    today, yesterday = WEEKDAYS[local.weekday()], WEEKDAYS[local.weekday() - 1]
    for h in store.opening:
        over_night = h.closes < h.opens
        if today in h.days and h.opens <= clock and (over_night or clock < h.closes):
            return True
        if over_night and yesterday in h.days and clock < h.closes:
            return True
    return False


def is_plain(zone: ZoneInfo, at_ms: int) -> bool:
    """Whether no clock is set within a day: those nights have tests of their own."""
    around = (datetime.fromtimestamp(at_ms / 1000 + shift, zone).utcoffset() for shift in (-90_000, 0, 90_000))
    return len(set(around)) == 1


@given(st.lists(hours, min_size=1, max_size=4), st.sampled_from(ZONES), st.integers(0, 366 * 24 * 60))
def test_it_is_open_when_the_clock_on_the_wall_says_so(opening: list[Hours], zone: ZoneInfo, minute: int) -> None:
    store = Store(id="s", name="S", opening=tuple(opening))
    at_ms = ms("2026-01-01T00:00", zone) + minute * 60_000
    found = status(store, Calendar(zone, {}), at_ms)
    assert found is not None
    if is_plain(zone, at_ms):
        assert found.is_open == on_the_wall(store, zone, at_ms)


@given(st.lists(hours, min_size=1, max_size=4), st.sampled_from(ZONES), st.integers(0, 366 * 24 * 60))
def test_what_it_is_now_holds_until_it_says_and_not_longer(opening: list[Hours], zone: ZoneInfo, minute: int) -> None:
    store, on = Store(id="s", name="S", opening=tuple(opening)), Calendar(zone, {})
    at_ms = ms("2026-01-01T00:00", zone) + minute * 60_000
    now = status(store, on, at_ms)
    assert now is not None
    if now.until_ms is None:
        return
    assert now.until_ms > at_ms
    last, then = status(store, on, now.until_ms - 1), status(store, on, now.until_ms)
    assert last is not None
    assert then is not None
    assert (last.is_open, then.is_open) == (now.is_open, not now.is_open)


@pytest.mark.parametrize(("day", "is_open"), [("2026-10-31T12:00", False), ("2026-10-30T12:00", True)])
async def test_the_holidays_of_its_region_are_known(day: str, is_open: bool) -> None:  # noqa: FBT001 - a row
    found = status(SHOP, await calendar(SHOP, ms(day)), ms(day))
    assert found is not None
    assert found.is_open == is_open
    assert (found.holiday is not None) == (not is_open)


async def test_only_regions_that_there_are_have_holidays() -> None:
    asked = {"DE": True, "DE-HH": True, "US-CA": True, "XX": False, "DE-XX": False}
    assert dict(zip(asked, await asyncio.gather(*map(knows_holidays, asked)), strict=True)) == asked


def test_a_year_is_found_from_its_first_to_its_last_day() -> None:
    once = Store(id="s", name="S", days=(Day("2026-12-31", "10:00", "11:00"),))
    day = date(2026, 1, 1)
    while day < date(2026, 12, 31):
        assert said(once, f"{day}T12:00") == (False, "2026-12-31T10:00")
        day += timedelta(days=13)
