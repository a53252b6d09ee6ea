"""A day's figures as they are told: each with its unit and its meaning, and none about fewer than five people."""

from collections.abc import Sequence
from typing import NamedTuple

from push.console import words
from push.console.figures import Day
from push.console.words import FEW, NOTHING


class Figure(NamedTuple):
    """A figure and what it means, and its day so far."""

    value: str
    text: str
    series: Sequence[int] = ()


def members(seen: int, series: Sequence[int], *, exact: bool, where: str) -> Figure:
    """How many members are seen."""
    return Figure(
        words.people(seen, exact=exact),
        f"members seen {where}",
        series if exact or max(series, default=0) >= FEW else (),
    )


def pushes(day: Day, *, exact: bool) -> Figure:
    """What was sent, and what was opened of it."""
    if not exact and 0 < day.reached < FEW:
        return Figure("Some", f"pushes today, to {words.FEWER} members")
    opened = words.count(day.opened, "of them opened", "of them opened")
    if not exact and 0 < day.opened < FEW:
        opened = f"{words.FEWER} of them opened"
    return Figure(words.number(day.sent), f"pushes today · {opened}" if day.sent else "pushes today", day.pushes)


def speed(day: Day) -> Figure:
    """From heard to handed over."""
    half, most = day.wait_ms(0.5), day.wait_ms(0.99)
    if half is None or most is None:
        return Figure(NOTHING, "heard to handed over: nothing was handed over today")
    return Figure(words.seconds(half), f"heard to handed over, half of the time · p99 {words.seconds(most)}")


def silence(day: Day) -> Figure:
    """How often silence was the answer."""
    if not day.decided:
        return Figure(NOTHING, "moments answered with silence: no moment today")
    answered = f"of {words.count(day.decided, 'moment')} answered with silence"
    return Figure(words.share(day.silent, day.decided), answered)
