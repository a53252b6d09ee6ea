"""How often somebody buys, in which months, and when she is due again. Pure."""

import datetime as dt
from collections.abc import Collection
from itertools import pairwise
from statistics import median
from typing import Final

import msgspec

DAY_S: Final = 86_400
LEAST_GAPS: Final = 2
LEAST_YEARS: Final = 2
MOST_MONTHS: Final = 4
"""Who buys in more months than these of the year has no season."""


class Rhythm(msgspec.Struct, frozen=True):
    """`gap_days` from one day of purchase to the next; `months` (1-12) that she keeps coming back in."""

    gap_days: float | None = None
    months: tuple[int, ...] = ()
    due_ms: int | None = None
    """Of who has a season, a month before the month that comes next in it; of others, a gap after the last purchase."""


def rhythm(orders_s: Collection[int], now_ms: int) -> Rhythm:
    """The rhythm of orders, given in seconds. Days and months are those of UTC."""
    days = sorted({at_s // DAY_S for at_s in orders_s})
    gaps = [later - earlier for earlier, later in pairwise(days)]
    gap_days = median(gaps) if len(gaps) >= LEAST_GAPS else None
    months = season(days)
    if months:
        return Rhythm(gap_days, months, _season_ms(months, now_ms))
    return Rhythm(gap_days, (), None if gap_days is None else int((days[-1] + gap_days) * DAY_S * 1000))


def season(days: Collection[int]) -> tuple[int, ...]:
    """The months with purchases in two years or more, of who buys in few months only. `days` count from 1970."""
    years: dict[int, set[int]] = {}
    for day in days:
        date = dt.date.fromordinal(_EPOCH + day)
        years.setdefault(date.month, set()).add(date.year)
    if len(years) > MOST_MONTHS:
        return ()
    return tuple(sorted(month for month, seen in years.items() if len(seen) >= LEAST_YEARS))


def _season_ms(months: tuple[int, ...], now_ms: int) -> int:
    """The beginning of the month before the season's next one, which is never the present month."""
    now = dt.datetime.fromtimestamp(now_ms // 1000, dt.UTC)
    ahead = min((month - now.month - 1) % 12 for month in months)
    year, month = divmod(now.year * 12 + now.month - 1 + ahead, 12)
    return int(dt.datetime(year, month + 1, 1, tzinfo=dt.UTC).timestamp()) * 1000


_EPOCH: Final = dt.date(1970, 1, 1).toordinal()
