"""Days' figures as they are told: each with its unit and its meaning, and none about fewer than five people.

A day is one store's; several are told as one figure, which gives none of theirs away (`push.console.chain`).
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from push.console import chain, words
from push.console.chain import Sum, is_small
from push.console.figures import Day, together
from push.console.words import FEW, NOTHING

SOME: Final = "Some"


class Figure(NamedTuple):
    """A figure and what it means, and its day so far."""

    value: str
    text: str
    series: Sequence[int] = ()


def people(seen: Sequence[int], *, exact: bool) -> str:
    """How many members are seen in some stores."""
    if exact:
        return words.number(sum(seen))
    total = chain.present(seen)
    return total.text if total.n >= FEW else words.FEWER


def members(seen: Sequence[int], days: Sequence[Day], *, exact: bool, where: str) -> Figure:
    """How many members are seen, and how many were."""
    return Figure(people(seen, exact=exact), f"members seen {where}", present(days, exact=exact))


def present(days: Sequence[Day], *, exact: bool) -> Sequence[int]:
    """Members seen by quarter of an hour, to be drawn."""
    return together(days).members if exact else chain.levels([day.members for day in days])


def pushes(days: Sequence[Day], *, exact: bool) -> Figure:
    """What was sent, and what was opened of it."""
    sent = _sent(days, exact=exact)
    if sent.is_floor and not sent.n:
        return Figure(SOME, f"pushes today, to {words.FEWER} members{' in each store' if len(days) > 1 else ''}")
    word = "push" if sent == Sum(1) else "pushes"
    text = f"{word} today · {opened(days, exact=exact)} opened" if sent.n else f"{word} today"
    return Figure(sent.text, text, _spoken(days, exact=exact))


def _sent(days: Sequence[Day], *, exact: bool) -> Sum:
    if exact:
        return Sum(sum(day.sent for day in days))
    few = [day for day in days if is_small(day.reached)]
    shown = [day.sent for day in days if not is_small(day.reached)]
    return chain.amount(shown, [day.sent for day in few], [day.reached for day in few])


def opened(days: Sequence[Day], *, exact: bool) -> str:
    """How much was opened of what was sent."""
    if exact:
        return words.number(sum(day.opened for day in days))
    some = [day.opened for day in days if day.opened >= FEW and not is_small(day.reached)]
    few = [day.opened for day in days if day.sent and (day.opened < FEW or is_small(day.reached))]
    total = chain.counted(some, few)
    return total.text if total.n >= FEW else words.FEWER


def _spoken(days: Sequence[Day], *, exact: bool) -> Sequence[int]:
    if exact:
        return together(days).pushes
    return chain.amounts([() if is_small(day.reached) else day.pushes for day in days])


def speed(day: Day) -> Figure:
    """From heard to handed over."""
    half, most = day.wait_ms(0.5), day.wait_ms(0.99)
    if half is None or most is None:
        return Figure(NOTHING, "heard to handed over: nothing was handed over today")
    return Figure(words.seconds(half), f"heard to handed over, half of the time · p99 {words.seconds(most)}")


def silence(days: Sequence[Day], *, exact: bool) -> Figure:
    """How often silence was the answer."""
    day = together(days)
    if not day.decided:
        return Figure(NOTHING, "moments answered with silence: no moment today")
    known, is_floor = (day, False) if exact else _known(days)
    if not exact and known.decided < FEW:
        many = "some" if len(days) > 1 else words.FEWER
        return Figure(NOTHING, f"of {many} moments answered with silence")
    moments = f"of {'at least ' if is_floor else ''}{words.count(known.decided, 'moment')} answered with silence"
    return Figure(share(known, exact=exact), moments)


def share(day: Day, *, exact: bool) -> str:
    """The part that was answered with silence; a bound where it would tell of fewer than five moments."""
    if exact or not (is_small(day.silent) or is_small(day.spoken)):
        return words.share(day.silent, day.decided) if exact or day.decided >= FEW else NOTHING
    if day.decided < FEW:
        return NOTHING
    if is_small(day.silent):
        return f"at most {words.share(FEW - 1, day.decided)}"
    return f"at least {words.share(day.decided - FEW + 1, day.decided)}"


def _known(days: Sequence[Day]) -> tuple[Day, bool]:
    """Of some stores' moments those that may be told together, and whether there are more."""
    if len(days) == 1:
        return days[0], False
    hidden = [day for day in days if _is_hidden(day)]
    parts = (
        [day.decided for day in hidden if day.decided < FEW],
        [day.silent for day in hidden],
        [day.spoken for day in hidden],
    )
    if not any(map(chain.gives_away, parts)):
        return together(days), False
    return together(day for day in days if not _is_hidden(day)), True


def _is_hidden(day: Day) -> bool:
    return any(map(is_small, (day.decided, day.silent, day.spoken)))
