"""What a statement adds to features: orders, taste, basket, wishes, and when each event last happened."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final, Protocol

from push.model.profiles import Statement
from push.profiles.collect import commerce
from push.profiles.collect.commerce import DEFAULT_CURRENCY, Act, Commerce, Line
from push.profiles.derived.features import (
    NOTHING,
    PERIOD_S,
    PRODUCT_BYTES,
    Features,
    Held,
    Order,
    Points,
    Refund,
    join,
    key_of,
    short,
)

POINTS: Final[Mapping[Act, int]] = {"clicked": 1, "viewed": 1, "added": 3, "wished": 3, "ordered": 10}
"""What a product's category and brand are given by each event, whatever its price and pieces."""
_MOST_MINOR: Final = 2**40
"""Of one order, so that a mistaken one does not burst sums of 64 bits."""


class Known(Protocol):
    """What the catalogue knows of a product."""

    @property
    def category(self) -> tuple[str, ...]:
        """Its path, the widest first."""
        ...

    @property
    def brand(self) -> str:
        """Who makes it."""
        ...

    @property
    def sensitive(self) -> bool:
        """Whether nothing may follow from it."""
        ...


class Goods(Protocol):
    """The catalogue, as `push.profiles.catalogue` keeps it in memory."""

    def look(self, products: Collection[str]) -> Mapping[str, Known]:
        """What is known of products by id; those that nobody knows are left out."""
        ...

    def is_sensitive(self, category: str) -> bool:
        """Whether nothing may follow from goods of this category."""
        ...


class NoGoods:
    """A shop without a catalogue: events say what they say."""

    def look(self, products: Collection[str]) -> dict[str, Known]:  # noqa: ARG002 - as `Goods` has it
        """Nothing."""
        return {}

    def is_sensitive(self, category: str) -> bool:  # noqa: ARG002 - as `Goods` has it
        """None is."""
        return False


def fold(
    features: Features, statements: Iterable[Statement], goods: Goods, currency: str = DEFAULT_CURRENCY
) -> Features:
    """Features with what statements add. Each is to be given once; repeated in one call, it counts once."""
    distinct = {statement.id: statement for statement in statements}
    return join([features, *(added(statement, goods, currency) for statement in distinct.values())])


def added(statement: Statement, goods: Goods, currency: str = DEFAULT_CURRENCY) -> Features:
    """What one statement adds. `currency` is meant where it names none."""
    if statement.kind != "track":
        return NOTHING
    at_s = statement.at_ms // 1000
    happened = Features(last={short(statement.name): at_s})
    event = commerce.read(statement, currency)
    if event is None:
        return happened
    lines = _usable(event.lines, goods)
    change = _CHANGES.get(event.act)
    parts = [happened, _taste(event, lines)]
    if change is not None:
        parts.append(change(event, lines, statement.id, at_s))
    return join(parts)


def _usable(lines: Iterable[Line], goods: Goods) -> list[Line]:
    """Lines as the catalogue knows their products, without those that nothing may follow from."""
    lines = list(lines)
    known = goods.look({line.product for line in lines} | {line.sku for line in lines if line.sku})
    found = []
    for line in lines:
        good = known.get(line.product) or known.get(line.sku)
        if goods.is_sensitive(line.category) or (good is not None and good.sensitive):
            continue
        category = "/".join(good.category) if good is not None and good.category else line.category
        brand = good.brand if good is not None and good.brand else line.brand
        found.append(Line(product=line.product, category=category, brand=brand, quantity=line.quantity))
    return found


def _taste(event: Commerce, lines: Iterable[Line]) -> Features:
    points = POINTS.get(event.act)
    if points is None:
        return NOTHING
    period = event.at_ms // 1000 // PERIOD_S
    lines = list(lines)
    return Features(
        categories=_given((line.category for line in lines), period, points),
        brands=_given((line.brand for line in lines), period, points),
    )


def _given(names: Iterable[str], period: int, points: int) -> Points:
    given: Points = {}
    for name in filter(None, map(short, names)):
        mine = given.setdefault(name, {})
        mine[period] = mine.get(period, 0) + points
    return given


def _ordered(event: Commerce, lines: Iterable[Line], statement: str, at_s: int) -> Features:  # noqa: ARG001 - a table's
    pieces = sum(line.quantity for line in event.lines)
    minor = min(max(event.total_minor or 0, 0), _MOST_MINOR)
    order = Order(at_s, at_s, minor, event.currency, pieces)
    return Features(orders={key_of(event.order or statement): order}, ordered_s=at_s if event.act == "ordered" else 0)


def _refunded(event: Commerce, lines: Iterable[Line], statement: str, at_s: int) -> Features:  # noqa: ARG001 - a table's
    whole = event.total_minor is None or event.act == "cancelled"
    minor = -1 if whole else min(abs(event.total_minor or 0), _MOST_MINOR)
    name = f"all of {event.order}" if whole and event.order else statement
    return Features(refunds={key_of(name): Refund(at_s, minor, key_of(event.order), event.currency)})


def _put(event: Commerce, lines: Iterable[Line], statement: str, at_s: int) -> Features:  # noqa: ARG001 - a table's
    """Into basket or wish list, or out of it."""
    taken = event.act in {"removed", "unwished"}
    held = {
        line.product: Held(at_s, 0 if taken else min(line.quantity, 1000))
        for line in lines
        if len(line.product.encode()) <= PRODUCT_BYTES
    }
    return Features(basket=held) if event.act in {"added", "removed"} else Features(wishes=held)


_CHANGES: Final[Mapping[Act, Callable[[Commerce, Iterable[Line], str, int], Features]]] = {
    "ordered": _ordered,
    "updated": _ordered,
    "refunded": _refunded,
    "cancelled": _refunded,
    "added": _put,
    "removed": _put,
    "wished": _put,
    "unwished": _put,
}
