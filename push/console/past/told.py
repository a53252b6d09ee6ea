"""Figures of the past in words: none about fewer than five people, and all others in fives, unless she may know all."""

from typing import Final

from babel.numbers import format_decimal

from push.console.times import LOCALE
from push.console.words import FEWER, NOTHING, number

IN_FIVES: Final = "No figure is about fewer than five members, and 15+ means 15 to 19."
_EXACT_MIN: Final = 10
"""From so many minutes on, seconds do not matter."""
_MINUTE_S: Final = 60
_HOUR_S: Final = 3600


def count(n: int | None, *, exact: bool) -> str:
    """``17``, ``15+``, ``fewer than 5``."""
    if n is None:
        return FEWER
    return number(n) if exact or not n else f"{number(n)}+"


def mean(value: float | None, *, exact: bool) -> str:
    """``3.4``, ``5+``, ``fewer than 5``."""
    if exact and value is not None:
        return format_decimal(value, "0.0", locale=LOCALE)
    return NOTHING if exact else count(None if value is None else int(value), exact=False)


def lasting(seconds: float | None) -> str:
    """``42 s``, ``4 min 10 s``, ``24 min``, ``1 h 12 min``; a dash where it is not told."""
    if seconds is None:
        return NOTHING
    whole = round(seconds)
    if whole < _MINUTE_S:
        return f"{whole} s"
    if whole < _HOUR_S:
        minutes, rest = divmod(whole, _MINUTE_S)
        return f"{minutes} min {rest} s" if rest and minutes < _EXACT_MIN else f"{minutes} min"
    hours, rest = divmod(whole, _HOUR_S)
    return f"{hours} h {rest // _MINUTE_S} min" if rest >= _MINUTE_S else f"{hours} h"


def together(seconds: float) -> str:
    """Time of many people added up: ``42 min``, ``17 h``."""
    return lasting(seconds) if seconds < _HOUR_S else f"{number(round(seconds / _HOUR_S, 1))} h"


def members(n: int | None, *, exact: bool) -> str:
    """``1 member``, ``15+ members``, ``fewer than 5 members``."""
    text = count(n, exact=exact)
    return f"{text} {'member' if text == '1' else 'members'}"
