"""Everything that is derived of one person, as of now, from what she did and where everyone stands. Pure.

docs/derived.md gives each figure's formula and inputs; a test holds it to the names here.
"""

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Final, NamedTuple

import msgspec

from push.profiles.derived.features import PERIOD_S, Features, Held, Points
from push.profiles.derived.lapse import WEEK_S, Lapse, alive, rate
from push.profiles.derived.money import Purchases, purchases
from push.profiles.derived.rhythm import DAY_S, rhythm
from push.profiles.derived.signals import HOURS, NO_SIGNALS, WEEKDAYS, Signals, Tally, of_segment
from push.profiles.derived.sketches import NOBODY, QUINTILES, Population, money_bucket

MOST_TASTES: Final = 10
PULL: Final = 20.0
"""Everyone's rate weighs as much as so many messages of one's own."""
YEAR_WEEKS: Final = 52
NO_RATE: Final = 0.1
"""Of messages opened, where nobody was told anything yet."""


class Taste(msgspec.Struct, frozen=True):
    """A category or brand, with its share (0-1) of all decayed points of its kind."""

    name: str
    share: float


class Given(NamedTuple):
    """What figures are reckoned with, beside the person's own."""

    now_ms: int
    population: Population = NOBODY
    half_life_days: int = 90
    lapse: Lapse = Lapse()


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Of one person. What cannot be known yet is None, empty or 0; money is in minor units of `currency`."""

    at_ms: int
    orders: int = 0
    first_order_ms: int | None = None
    last_order_ms: int | None = None
    currency: str = ""
    spent_minor: int = 0
    spent_by_currency: dict[str, int] = {}
    average_order_minor: int | None = None
    average_piece_minor: int | None = None
    recency_score: int | None = None
    frequency_score: int | None = None
    monetary_score: int | None = None
    price_tier: int | None = None
    categories: tuple[Taste, ...] = ()
    brands: tuple[Taste, ...] = ()
    gap_days: float | None = None
    season_months: tuple[int, ...] = ()
    due_ms: int | None = None
    lapse_risk: float | None = None
    orders_next_year: float | None = None
    lifetime_minor: int = 0
    basket: tuple[str, ...] = ()
    wishes: tuple[str, ...] = ()
    last_event_ms: dict[str, int] = {}
    visits: int = 0
    visit_hours: tuple[int, ...] = ()
    visit_weekdays: tuple[int, ...] = ()
    receptive_hours: tuple[float, ...] = ()
    receptive_weekdays: tuple[float, ...] = ()
    best_hour: int | None = None
    best_weekday: int | None = None
    channels: dict[str, float] = {}
    channel: str = ""


def figures(features: Features, signals: Signals, given: Given) -> Figures:
    """Everything, as of `given.now_ms`."""
    bought = purchases(features)
    found: dict[str, object] = {
        **_money(bought),
        **_scores(bought, given.population),
        **_future(bought, given),
        **_when(features, bought, given.now_ms),
        **_heard(signals, given.population),
        "categories": tastes(features.categories, given),
        "brands": tastes(features.brands, given),
        "basket": _in_it(features.basket),
        "wishes": _in_it(features.wishes),
        "last_event_ms": {name: at_s * 1000 for name, at_s in features.last.items()},
    }
    return msgspec.structs.replace(Figures(at_ms=given.now_ms), **found)


def tastes(points: Points, given: Given) -> tuple[Taste, ...]:
    """The greatest shares of points, each halved for every half-life since the middle of its period."""
    now_s = given.now_ms // 1000
    half_s = given.half_life_days * DAY_S
    weights = {
        name: sum(n * 0.5 ** (max(0.0, now_s - (period + 0.5) * PERIOD_S) / half_s) for period, n in periods.items())
        for name, periods in points.items()
    }
    whole = sum(weights.values())
    best = sorted(weights, key=lambda name: (-weights[name], name))[:MOST_TASTES]
    return tuple(Taste(name, weights[name] / whole) for name in best if whole)


def _money(bought: Purchases) -> dict[str, object]:
    main = bought.main
    if not bought.orders:
        return {}
    return {
        "orders": bought.orders,
        "first_order_ms": bought.first_s * 1000,
        "last_order_ms": bought.last_s * 1000,
        "currency": bought.currency,
        "spent_minor": main.minor,
        "spent_by_currency": {name: worth.minor for name, worth in bought.by_currency.items()},
        "average_order_minor": main.minor // main.orders,
        "average_piece_minor": main.minor // main.pieces if main.pieces else None,
    }


def _scores(bought: Purchases, everyone: Population) -> dict[str, object]:
    """Fifths of all who ever ordered, where they are enough to be parted so."""
    if not bought.orders or everyone.everyone("frequency") < QUINTILES:
        return {}
    main = bought.main
    scores: dict[str, object] = {
        "recency_score": everyone.rank("recency", bought.last_s // DAY_S).quintile,
        "frequency_score": everyone.rank("frequency", bought.orders).quintile,
        "monetary_score": everyone.rank(f"monetary:{bought.currency}", money_bucket(main.minor)).quintile,
    }
    if main.pieces:
        of_pieces = everyone.rank(f"piece:{bought.currency}", money_bucket(main.minor // main.pieces))
        scores["price_tier"] = of_pieces.quintile
    return scores


def _future(bought: Purchases, given: Given) -> dict[str, object]:
    """Whether she comes back, and what that is worth within a year."""
    if not bought.orders:
        return {}
    repeats, now_s = bought.orders - 1, given.now_ms // 1000
    age_weeks = max(0, now_s - bought.first_s) / WEEK_S
    recency_weeks = min(bought.last_s - bought.first_s, max(0, now_s - bought.first_s)) / WEEK_S
    living = alive(repeats, recency_weeks, age_weeks, given.lapse)
    expected = living * rate(repeats, age_weeks, given.lapse) * YEAR_WEEKS
    main = bought.main
    coming = expected * max(0, main.minor) / main.orders
    return {
        "lapse_risk": 1 - living,
        "orders_next_year": expected,
        "lifetime_minor": main.minor + round(coming),
    }


def _when(features: Features, bought: Purchases, now_ms: int) -> dict[str, object]:
    found = rhythm([order.first_s for order in features.orders.values()], now_ms) if bought.orders else None
    if found is None:
        return {}
    return {"gap_days": found.gap_days, "season_months": found.months, "due_ms": found.due_ms}


def _in_it(held: Mapping[str, Held]) -> tuple[str, ...]:
    """Products that are still in basket or wish list, what was put in last first."""
    there = [product for product, entry in held.items() if entry.pieces]
    return tuple(sorted(there, key=lambda product: (-held[product].at_s, product)))


def _heard(signals: Signals, everyone: Population) -> dict[str, object]:
    if signals == NO_SIGNALS:
        return {}
    hours = receptive(signals.hours, Slots("hour", HOURS), everyone, signals.segments)
    weekdays = receptive(signals.weekdays, Slots("weekday", WEEKDAYS), everyone, signals.segments)
    channels = {name: _channel(name, tally, everyone) for name, tally in sorted(signals.channels.items())}
    was_told = bool(signals.channels)
    return {
        "visits": signals.visits,
        "visit_hours": _histogram(signals.visit_hours, HOURS),
        "visit_weekdays": _histogram(signals.visit_weekdays, WEEKDAYS),
        "receptive_hours": hours if was_told else (),
        "receptive_weekdays": weekdays if was_told else (),
        "best_hour": _best(hours) if was_told else None,
        "best_weekday": _best(weekdays) if was_told else None,
        "channels": channels,
        "channel": max(channels, key=lambda name: (channels[name], name), default=""),
    }


class Slots(NamedTuple):
    """A day's hours, or a week's days."""

    name: str
    many: int


def receptive(
    mine: Mapping[int, Tally], slots: Slots, everyone: Population, segments: Sequence[str] = ()
) -> tuple[float, ...]:
    """The share of messages opened by slot, shrunk towards that of her segments in it, and these towards everyone's.

    Everyone's is shrunk towards everyone's in all slots. Each is the mean of a Beta distribution whose prior weighs as
    much as `PULL` messages; of several segments the prior is their mean.
    """
    told = _tallies(everyone, slots.name, slots.many)
    overall = _shrunk(sum(told, start=Tally()), NO_RATE)
    theirs = [_shrunk(tally, overall) for tally in told]
    if segments:
        rates = [_of_segment(everyone, of_segment(slots.name, segment), theirs) for segment in segments]
        theirs = [fmean(rate[slot] for rate in rates) for slot in range(slots.many)]
    return tuple(_shrunk(mine.get(slot, Tally()), theirs[slot]) for slot in range(slots.many))


def _tallies(everyone: Population, name: str, slots: int) -> list[Tally]:
    return [Tally(everyone.count(f"told:{name}", n), everyone.count(f"opened:{name}", n)) for n in range(slots)]


def _of_segment(everyone: Population, name: str, towards: Sequence[float]) -> list[float]:
    return [_shrunk(tally, prior) for tally, prior in zip(_tallies(everyone, name, len(towards)), towards, strict=True)]


def _channel(name: str, mine: Tally, everyone: Population) -> float:
    theirs = Tally(everyone.count(f"channel:{name}", 0), everyone.count(f"channel:{name}", 1))
    return _shrunk(mine, _shrunk(theirs, NO_RATE))


def _shrunk(tally: Tally, towards: float) -> float:
    return (tally.opened + PULL * towards) / (tally.told + PULL)


def _histogram(counts: Mapping[int, int], slots: int) -> tuple[int, ...]:
    return tuple(counts.get(slot, 0) for slot in range(slots))


def _best(rates: Iterable[float]) -> int:
    rates = list(rates)
    return rates.index(max(rates))
