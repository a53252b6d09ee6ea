"""When a battery will be empty: from a few weeks of daily medians, a cell's curve, and a robust slope. Pure.

A lithium coin cell hardly shows in its voltage how much is left: after the first days it stays between 2.95 and 2.8 V
for most of its life, then falls off (data sheets of the CR2032 by Energizer and Panasonic, and of the CR2477 by
Panasonic, all manganese dioxide lithium at some 10 to 200 µA). So a day's voltage is first read as the share of the
charge that is used, along that curve; the share grows evenly while a beacon does the same every day. Its slope is the
median of all pairs' (H. Theil 1950, P. K. Sen 1968), which a quarter of outliers, such as cold nights, does not bend;
Sen's interval for it, by Kendall's statistic, says how sure that is. What is not sure is not said.
"""

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Final, NamedTuple

import numpy as np

from push.health.settings import DAY_MS

Curve = tuple[tuple[float, ...], tuple[float, ...]]
"""Shares of the charge used, 0 to 1 and rising, and the voltage in mV that is left at each, falling."""

COIN: Final[Curve] = ((0.0, 0.05, 0.6, 0.85, 0.95, 1.0), (3000.0, 2920.0, 2850.0, 2700.0, 2400.0, 2000.0))
ALKALINE_PAIR: Final[Curve] = ((0.0, 0.1, 0.5, 0.9, 1.0), (3100.0, 2900.0, 2500.0, 2200.0, 1800.0))
"""Two AA or AAA cells: they fall evenly (data sheets of Energizer E91 and E92 at 10 to 25 mA)."""
LEAST_DAYS: Final = 10
BEFORE_DAYS: Final = 7
AFTER_DAYS: Final = 3
MOST_DAYS: Final = 120
CONFIDENCE: Final = 1.96
LONGEST_DAYS: Final = 3650


class Day(NamedTuple):
    """The median voltage of one UTC day, which began at `day_ms`."""

    day_ms: int
    battery_mv: float


class Forecast(NamedTuple):
    """When it will be empty: most likely, and not before or after (95 %). None: not known yet, `why` says why."""

    empty_ms: int | None
    from_ms: int | None
    to_ms: int | None
    used: float
    why: str


def curve_of(battery: str) -> Curve:
    """The curve of a cell by its name, e.g. ``CR2477`` or ``2xAA``; without one, a coin cell's."""
    name = battery.upper().replace(" ", "")
    return ALKALINE_PAIR if any(word in name for word in ("AA", "LR6", "LR03")) else COIN


def used(curve: Curve, battery_mv: float) -> float:
    """The share of the charge that is used at a voltage."""
    shares, volts_mv = curve
    return float(np.interp(-battery_mv, [-v for v in volts_mv], shares))


def forecast(days: Sequence[Day], battery: str) -> Forecast:
    """When a cell will be empty, from its daily medians in order of time.

    A jump up is a new cell: only what came after it counts.
    """
    curve = curve_of(battery)
    lasting = since_new(days[-MOST_DAYS:], curve)
    if not lasting:
        return Forecast(None, None, None, 0.0, f"0 of {LEAST_DAYS} days are known")
    at = [day.day_ms / DAY_MS for day in lasting]
    share = [used(curve, day.battery_mv) for day in lasting]
    now_used = float(np.median(share[-3:]))
    if len(lasting) < LEAST_DAYS:
        return Forecast(None, None, None, now_used, f"{len(lasting)} of {LEAST_DAYS} days are known")
    low, slope, high = slopes(at, share)
    if low <= 0:
        return Forecast(None, None, None, now_used, "its voltage does not fall yet")
    likely, first, last = (_empty_ms(at[-1], now_used, each) for each in (slope, high, low))
    return Forecast(likely, first, last, now_used, "")


def _empty_ms(last_day: float, now_used: float, slope: float) -> int:
    return round((last_day + min(LONGEST_DAYS, (1.0 - now_used) / slope)) * DAY_MS)


def since_new(days: Sequence[Day], curve: Curve, jump: float = 0.15) -> list[Day]:
    """The days since the cell was changed: since the share that is used last fell by `jump`, or more.

    Medians of the days around are compared: a cell that is cold for some days is no other one when it is warm again.
    """
    share = [used(curve, day.battery_mv) for day in days]
    begin = 0
    for i in range(1, len(days)):
        before, after = np.median(share[max(begin, i - BEFORE_DAYS) : i]), np.median(share[i : i + AFTER_DAYS])
        if before - after >= jump and share[i - 1] - share[i] >= jump / 2:
            begin = i
    return list(days[begin:])


def slopes(at: Sequence[float], value: Sequence[float]) -> tuple[float, float, float]:
    """Sen's slope, between the bounds of its 95 % interval: (low, slope, high). At least two points, at times apart."""
    points = list(zip(at, value, strict=True))
    found = sorted((v2 - v1) / (t2 - t1) for (t1, v1), (t2, v2) in combinations(points, 2))
    n, pairs = len(at), len(found)
    reach = CONFIDENCE * math.sqrt(n * (n - 1) * (2 * n + 5) / 18)  # Kendall's variance of S without ties
    lowest = max(0, math.floor((pairs - reach) / 2))
    highest = min(pairs - 1, math.ceil((pairs + reach) / 2))
    return found[lowest], float(np.median(found)), found[highest]
