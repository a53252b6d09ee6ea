"""What somebody's orders come to. Pure."""

from collections.abc import Iterable

import msgspec

from push.profiles.derived.features import Features, Refund, Sum


class Worth(msgspec.Struct, frozen=True):
    """Orders of one currency: their number, what is left of their amounts after refunds, and pieces bought."""

    orders: int = 0
    minor: int = 0
    pieces: int = 0


class Purchases(msgspec.Struct, frozen=True):
    """All orders: first and last in seconds since 1970 (0: none), by currency, and the currency of the most orders."""

    orders: int = 0
    first_s: int = 0
    last_s: int = 0
    currency: str = ""
    by_currency: dict[str, Worth] = {}

    @property
    def main(self) -> Worth:
        """Those of the main currency."""
        return self.by_currency.get(self.currency, Worth())


def purchases(features: Features) -> Purchases:
    """What features say of orders."""
    sums = [*features.past.items(), *((o.currency, Sum(1, o.minor, o.pieces)) for o in features.orders.values())]
    by: dict[str, Worth] = {}
    for currency, added in sums:
        was = by.get(currency, Worth())
        by[currency] = Worth(was.orders + added.orders, was.minor + added.minor, was.pieces + added.pieces)
    for currency, minor in _refunded(features):
        if currency in by:
            by[currency] = msgspec.structs.replace(by[currency], minor=by[currency].minor - minor)
    times = [order.first_s for order in features.orders.values()]
    first = min([*times, *([features.past_first_s] if features.past_first_s else [])], default=0)
    currency = min(by, key=lambda name: (-by[name].orders, name), default="")
    return Purchases(sum(worth.orders for worth in by.values()), first, max(times, default=0), currency, by)


def _refunded(features: Features) -> Iterable[tuple[str, int]]:
    """What was given back: never more than the order was, where that is known."""
    yield from features.past_refunds.items()
    by_order: dict[bytes, list[Refund]] = {}
    for refund in features.refunds.values():
        by_order.setdefault(refund.order, []).append(refund)
    for key, refunds in by_order.items():
        order = features.orders.get(key)
        whole = any(refund.minor < 0 for refund in refunds)
        given = sum(max(refund.minor, 0) for refund in refunds)
        if order is not None:
            yield order.currency, order.minor if whole else min(given, order.minor)
        elif given:
            yield refunds[0].currency, given
