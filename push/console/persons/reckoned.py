"""What is reckoned of somebody, each figure with how, in words; `push.profiles.derived` has the formulas."""

from collections.abc import Callable, Mapping
from datetime import tzinfo
from typing import Final, NamedTuple

from babel.numbers import format_currency, get_currency_precision

from push.console import times, words
from push.console.persons.means import Means
from push.model.ports import Queries
from push.profiles import consent
from push.profiles.derived import signals, sketches, store
from push.profiles.derived.features import NOTHING
from push.profiles.derived.figures import Figures, Given, Taste, figures
from push.profiles.derived.signals import NO_SIGNALS

_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


class Line(NamedTuple):
    """A figure: what it is called, what it says, and how it comes about."""

    label: str
    value: str
    how: str


class _Telling(NamedTuple):
    of: Figures
    zone: tzinfo


_Tell = Callable[[_Telling], str]


async def read(db: Queries, means: Means, shopper: str, now_ms: int) -> Figures | None:
    """Everything that is reckoned of her; None where she does not agree to that."""
    if not (await consent.allows_profiling(db, [shopper]))[shopper]:
        return None
    settings = means.desk.settings
    features = await store.load(db, means.desk.keyring, [shopper])
    heard = await signals.load(db, [shopper], now_ms)
    given = Given(now_ms, await sketches.population(db), settings.half_life_days, settings.lapse)
    return figures(features.get(shopper, NOTHING), heard.get(shopper, NO_SIGNALS), given)


def lines(of: Figures, zone: tzinfo) -> list[Line]:
    """What can be known of her yet, in words."""
    asked = _Telling(of, zone)
    told = [Line(label, tell(asked), how) for label, tell, how in _LINES]
    return [line for line in told if line.value]


def money(minor: int | None, currency: str) -> str:
    """``€ 12.50`` of 1250 minor units; empty where there is none."""
    if minor is None or not currency:
        return ""
    digits = get_currency_precision(currency)
    return format_currency(minor / 10**digits, currency, locale=times.LOCALE)


def _count(n: int) -> str:
    return words.number(n) if n else ""


def _day(at_ms: int | None, zone: tzinfo) -> str:
    return "" if at_ms is None else times.day(at_ms, zone)


def _fifth(score: int | None) -> str:
    return "" if score is None else f"{score} of 5"


def _share(part: float | None) -> str:
    return "" if part is None else words.share(round(part * 1000), 1000)


def _tastes(tastes: tuple[Taste, ...]) -> str:
    return ", ".join(f"{one.name} {_share(one.share)}".replace(" %", "\N{NO-BREAK SPACE}%") for one in tastes[:4])


def _spent(asked: _Telling) -> str:
    others: Mapping[str, int] = asked.of.spent_by_currency
    return ", ".join(money(minor, currency) for currency, minor in sorted(others.items()))


def _months(months: tuple[int, ...]) -> str:
    return words.listed([_MONTHS[month - 1] for month in months])


def _best(of: Figures) -> str:
    if of.best_hour is None or of.best_weekday is None:
        return ""
    return f"{_WEEKDAYS[of.best_weekday]}s, from {of.best_hour}:00"


_SCORE: Final = "Everyone who ordered, in five equal parts; 5 is the {most}."
_LINES: Final[tuple[tuple[str, _Tell, str], ...]] = (
    ("Orders", lambda a: _count(a.of.orders), "Completed orders, less those that were taken back."),
    ("Spent", _spent, "What these orders were worth, refunds taken off, by currency."),
    (
        "An order",
        lambda a: money(a.of.average_order_minor, a.of.currency),
        "What was spent, divided by orders, in the currency of most of them.",
    ),
    ("First order", lambda a: _day(a.of.first_order_ms, a.zone), "The earliest order that was told."),
    ("Last order", lambda a: _day(a.of.last_order_ms, a.zone), "The latest order that was told."),
    ("Recency", lambda a: _fifth(a.of.recency_score), _SCORE.format(most="latest")),
    ("Frequency", lambda a: _fifth(a.of.frequency_score), _SCORE.format(most="most orders")),
    ("Money", lambda a: _fifth(a.of.monetary_score), _SCORE.format(most="most spent")),
    ("Price tier", lambda a: _fifth(a.of.price_tier), _SCORE.format(most="dearest pieces")),
    (
        "Likes",
        lambda a: _tastes(a.of.categories),
        "Categories that she looked at, kept and bought; each counts half as much after every half-life.",
    ),
    ("Brands", lambda a: _tastes(a.of.brands), "The same, of brands."),
    (
        "Buys every",
        lambda a: f"{a.of.gap_days:.0f} days" if a.of.gap_days else "",
        "The middle one of the times between orders.",
    ),
    ("Buys in", lambda a: _months(a.of.season_months), "Months in which she bought in every year."),
    ("Next order due", lambda a: _day(a.of.due_ms, a.zone), "Her last order, and the usual time after it."),
    (
        "May be gone",
        lambda a: _share(a.of.lapse_risk),
        "How likely she will not order again, from how often and how lately she did (BG/NBD).",
    ),
    (
        "Orders within a year",
        lambda a: "" if a.of.orders_next_year is None else f"{a.of.orders_next_year:.1f}",
        "How likely she comes back, times how often she would.",
    ),
    ("Visits", lambda a: _count(a.of.visits), "Visits to stores, as far back as they are kept."),
    (
        "Opens most",
        lambda a: _best(a.of),
        "What she opened by hour and weekday, drawn towards her segments' and everyone's.",
    ),
    ("Best way", lambda a: a.of.channel, "The channel of which she opens the largest share."),
    ("In the basket", lambda a: _count(len(a.of.basket)), "Products put in and not taken out."),
    ("On the wish list", lambda a: _count(len(a.of.wishes)), "Products put on and not taken off."),
)
