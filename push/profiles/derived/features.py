"""What is kept of what somebody did, small and in any order the same: sums by key, latest by key, so many of each.

Where there is too much, entries go by a rank that never falls for good reason: what went once would go again, so that
the same is left whatever order things came in. Each statement is folded into one facet once (`tracked` sees to it);
orders and refunds that several systems tell of count once besides.
"""

from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from typing import Final, TypeVar

import msgspec

MOST_ORDERS: Final = 64
"""One by one, those last told of; older ones are summed up."""
MOST_REFUNDS: Final = 24
MOST_POINTS: Final = 104
"""Pairs of a name and a period, of categories and of brands each: those of the latest periods."""
MOST_EVENTS: Final = 40
MOST_HELD: Final = 20
"""Products in basket and wish list each, removed ones counted: they must stay removed."""
NAME_BYTES: Final = 32
PRODUCT_BYTES: Final = 64
PERIOD_S: Final = 28 * 86_400
"""Taste is summed by periods of four weeks since the Unix epoch: half a period is what its time is known to."""

K = TypeVar("K", str, bytes)
V = TypeVar("V")
Points = dict[str, dict[int, int]]
"""By name, by period, the points given in it."""


class Order(msgspec.Struct, frozen=True, array_like=True):
    """An order: when it was first and last told of, and what was said last."""

    first_s: int
    said_s: int
    minor: int
    currency: str
    pieces: int


class Refund(msgspec.Struct, frozen=True, array_like=True):
    """Money given back; `minor` is below 0 where it was all of the order's."""

    at_s: int
    minor: int
    order: bytes
    currency: str


class Sum(msgspec.Struct, frozen=True, array_like=True):
    """Orders of one currency together."""

    orders: int
    minor: int
    pieces: int


class Held(msgspec.Struct, frozen=True, array_like=True, order=True):
    """A product put into basket or wish list; none are left where `pieces` is 0."""

    at_s: int
    pieces: int


class Features(msgspec.Struct, frozen=True, array_like=True):
    """What one facet did, or, joined, one person."""

    orders: dict[bytes, Order] = {}
    past: dict[str, Sum] = {}
    """By currency, the orders that are not kept one by one."""
    past_first_s: int = 0
    """When the first of those was; 0: there are none."""
    refunds: dict[bytes, Refund] = {}
    past_refunds: dict[str, int] = {}
    categories: Points = {}
    brands: Points = {}
    basket: dict[str, Held] = {}
    ordered_s: int = 0
    """The latest order: what was put into the basket until then is no longer in it."""
    wishes: dict[str, Held] = {}
    last: dict[str, int] = {}
    """By event's name when it last happened."""


def join(parts: Iterable[Features]) -> Features:
    """What several facets did together, each of them given once."""
    each = [part for part in parts if part is not NOTHING]
    if len(each) <= 1:
        return each[0] if each else NOTHING
    orders, gone = _newest(_merged([p.orders for p in each], _same_order), MOST_ORDERS, lambda order: order.said_s)
    refunds, gone_refunds = _newest(_merged([p.refunds for p in each], _same_refund), MOST_REFUNDS, lambda r: r.at_s)
    ordered_s = max(p.ordered_s for p in each)
    basket = {key: held for key, held in _latest([p.basket for p in each]).items() if held.at_s > ordered_s}
    return Features(
        orders,
        _past([p.past for p in each], gone),
        _first([*(p.past_first_s for p in each), *(order.first_s for order in gone)]),
        refunds,
        _past_refunds([p.past_refunds for p in each], gone_refunds),
        _points([p.categories for p in each]),
        _points([p.brands for p in each]),
        _newest(basket, MOST_HELD, lambda held: held.at_s)[0],
        ordered_s,
        _newest(_latest([p.wishes for p in each]), MOST_HELD, lambda held: held.at_s)[0],
        _newest(_latest([p.last for p in each]), MOST_EVENTS, int)[0],
    )


NOTHING: Final = Features()
"""Of who did nothing."""


def short(name: str) -> str:
    """A name in as many bytes as are kept of it."""
    return name.encode()[:NAME_BYTES].decode(errors="ignore")


def key_of(text: str) -> bytes:
    """What stands for an order or refund: 8 bytes."""
    return blake2b(text.encode(), digest_size=8).digest()


def _same_order(one: Order, other: Order) -> Order:
    """An order told of twice: it began when it was first told of, and is what was said last."""
    last = max(one, other, key=lambda order: (order.said_s, order.minor, order.currency, order.pieces))
    return Order(min(one.first_s, other.first_s), last.said_s, last.minor, last.currency, last.pieces)


def _same_refund(one: Refund, other: Refund) -> Refund:
    return max(one, other, key=lambda refund: (refund.at_s, refund.minor, refund.order, refund.currency))


def _merged(parts: Iterable[Mapping[K, V]], same: Callable[[V, V], V]) -> dict[K, V]:
    found: dict[K, V] = {}
    for part in parts:
        for key, value in part.items():
            found[key] = same(found[key], value) if key in found else value
    return found


def _latest(parts: Iterable[Mapping[str, V]]) -> dict[str, V]:
    return _merged(parts, max)  # type: ignore[arg-type] # of values that have an order


def _newest(all_of_it: dict[K, V], most: int, at_s: Callable[[V], int]) -> tuple[dict[K, V], list[V]]:
    """The newest entries by key, in the keys' order, and what is left of the others."""
    if len(all_of_it) <= most:
        return dict(sorted(all_of_it.items())), []
    by_age = sorted(all_of_it.items(), key=lambda item: (at_s(item[1]), item[0]), reverse=True)
    return dict(sorted(by_age[:most])), [value for _, value in by_age[most:]]


def _past(parts: Iterable[Mapping[str, Sum]], gone: Iterable[Order]) -> dict[str, Sum]:
    sums = [*parts, *({order.currency: Sum(1, order.minor, order.pieces)} for order in gone)]
    added = _merged(sums, lambda a, b: Sum(a.orders + b.orders, a.minor + b.minor, a.pieces + b.pieces))
    return dict(sorted(added.items()))


def _past_refunds(parts: Iterable[Mapping[str, int]], gone: Iterable[Refund]) -> dict[str, int]:
    """Those of whole orders that are long past are not known any more, and are not counted."""
    added = _merged([*parts, *({refund.currency: max(refund.minor, 0)} for refund in gone)], lambda a, b: a + b)
    return dict(sorted(added.items()))


def _first(times_s: Iterable[int]) -> int:
    return min((at_s for at_s in times_s if at_s), default=0)


def _points(parts: Iterable[Points]) -> Points:
    """Sums by name and period; of too many pairs those of the latest periods, names of one period by their hash."""
    found: Points = {}
    for part in parts:
        for name, periods in part.items():
            mine = found.setdefault(name, {})
            for period, points in periods.items():
                mine[period] = mine.get(period, 0) + points
    pairs = [(period, name) for name, periods in found.items() for period in periods]
    if len(pairs) > MOST_POINTS:
        pairs = sorted(pairs, key=lambda pair: (pair[0], key_of(pair[1])), reverse=True)[:MOST_POINTS]
    kept: Points = {}
    for period, name in sorted(pairs, key=lambda pair: (pair[1], pair[0])):
        kept.setdefault(name, {})[period] = found[name][period]
    return kept
