"""Numbers with their words: what a figure means stands beside it."""

from typing import Final

from babel.numbers import format_decimal, format_percent

from push.console.times import LOCALE

FEW: Final = 5
"""No figure is told about fewer people than this, but to whoever may know it."""
NOTHING: Final = "\N{EN DASH}"
FEWER: Final = f"fewer than {FEW}"
_SPELLED: Final = (
    "No",
    "One",
    "Two",
    "Three",
    "Four",
    "Five",
    "Six",
    "Seven",
    "Eight",
    "Nine",
    "Ten",
    "Eleven",
    "Twelve",
)


def number(value: float) -> str:
    """``2,160``."""
    return format_decimal(value, locale=LOCALE)


def count(n: int, one: str, many: str | None = None) -> str:
    """``1 gateway``, ``12 gateways``."""
    return f"{number(n)} {one if n == 1 else many or one + 's'}"


def spelled(n: int, one: str, many: str | None = None) -> str:
    """``Three things``, as a title says it."""
    word = _SPELLED[n] if n < len(_SPELLED) else number(n)
    return f"{word} {one if n == 1 else many or one + 's'}"


def share(part: int, whole: int) -> str:
    """``61 %``; a dash where there is nothing to share."""
    return format_percent(part / whole, "0 %", locale=LOCALE) if whole else NOTHING


def seconds(span_ms: float) -> str:
    """``0.29 s``, as exact as it matters."""
    return f"{span_ms / 1000:.2f} s" if span_ms < 9_950 else f"{span_ms / 1000:.0f} s"  # noqa: PLR2004 - two digits


def people(n: int, *, exact: bool) -> str:
    """A number of people, or that it is small: `exact` is for whoever may know."""
    return number(n) if exact or n >= FEW else FEWER


def listed(items: list[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)


def lasting_s(span_s: int) -> str:
    """A mark of dwelling: ``30 s``, ``2 min``."""
    return f"{span_s} s" if span_s < 60 else f"{span_s // 60} min"  # noqa: PLR2004 - a minute
