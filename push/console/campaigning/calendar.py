"""Weeks of campaigns as bars: when each may speak, drawn from today's week on. Pure."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta, tzinfo
from typing import Final, NamedTuple

from push.campaigns.records import Record
from push.console import times
from push.console.campaigning import said

WEEKS: Final = 8
WIDTH: Final = 1000
LEFT: Final = 8
TOP: Final = 34
ROW: Final = 46
"""Height of a campaign's row; its name stands above its bar."""
_LEAST: Final = 4


class Week(NamedTuple):
    """A week's line, and its Monday."""

    x: int
    label: str


class Bar(NamedTuple):
    """A campaign over the weeks: where its bar begins, how long it is, and what stands beside its name."""

    id: str
    name: str
    state: str
    word: str
    under: str
    y: int
    x: int
    width: int
    says: str


class Drawn(NamedTuple):
    """The calendar; `now_x` None where today is not in it."""

    weeks: Sequence[Week]
    bars: Sequence[Bar]
    height: int
    now_x: int | None
    before: str
    after: str


def drawn(records: Sequence[Record], first: date, now_ms: int, zone: tzinfo) -> Drawn:
    """Campaigns over the weeks from a Monday on."""
    begin_ms, end_ms = _ms(first, zone), _ms(first + timedelta(weeks=WEEKS), zone)
    bars = [_bar(one, n, (begin_ms, end_ms), zone) for n, one in enumerate(records)]
    weeks = [
        Week(LEFT + n * (WIDTH - 2 * LEFT) // WEEKS, times.date_tiny(_ms(first + timedelta(weeks=n), zone), zone))
        for n in range(WEEKS)
    ]
    is_now = begin_ms <= now_ms < end_ms
    return Drawn(
        weeks,
        bars,
        TOP + ROW * max(1, len(bars)) + 8,
        _x(now_ms, (begin_ms, end_ms)) if is_now else None,
        (first - timedelta(weeks=WEEKS // 2)).isoformat(),
        (first + timedelta(weeks=WEEKS // 2)).isoformat(),
    )


def monday(text: str, now_ms: int, zone: tzinfo) -> date:
    """The Monday of a day, or of today."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = times.local(now_ms, zone).date()
    day = min(max(day, date(2000, 1, 10)), date(2200, 1, 1))
    return day - timedelta(days=day.weekday())


def runs_in(record: Record, first: date, zone: tzinfo) -> bool:
    """Whether a campaign may speak within these weeks."""
    plan = record.campaign.schedule
    begin_ms, end_ms = _ms(first, zone), _ms(first + timedelta(weeks=WEEKS), zone)
    return (plan.from_ms or begin_ms) < end_ms and (plan.until_ms or end_ms) > begin_ms


def _bar(one: Record, n: int, span: tuple[int, int], zone: tzinfo) -> Bar:
    plan = one.campaign.schedule
    x = _x(max(plan.from_ms or span[0], span[0]), span)
    end = _x(min(plan.until_ms or span[1], span[1]), span)
    word = said.STATES[one.state][0]
    since = "" if plan.from_ms is None else f"from {times.date_tiny(plan.from_ms, zone)}"
    until = "" if plan.until_ms is None else f"until {times.date_tiny(plan.until_ms, zone)}"
    under = "; ".join(filter(None, (word, " ".join(filter(None, (since, until))), said.schedule(plan))))
    return Bar(
        one.id, one.name, one.state, word, under, TOP + n * ROW, x, max(_LEAST, end - x), f"{one.name}: {under or word}"
    )


def _x(at_ms: int, span: tuple[int, int]) -> int:
    share = (at_ms - span[0]) / (span[1] - span[0])
    return LEFT + round(min(1.0, max(0.0, share)) * (WIDTH - 2 * LEFT))


def _ms(day: date, zone: tzinfo) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1000)
