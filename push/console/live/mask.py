"""What may be told of how many people are where: no figure about fewer than five, none that gives one away. Pure."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from push.console.words import FEW, FEWER

FEW_MEMBERS: Final = "few members"


class Seen(NamedTuple):
    """Numbers of people as somebody may know them; None: fewer than five, or what would tell of so few."""

    zones: Mapping[str, int | None]
    total: int | None
    hidden: str = FEWER
    """What is said of a zone whose number is not told: the same of each, and true of each."""


def masked(counts: Mapping[str, int], total: int, *, exact: bool) -> Seen:
    """Counts by zone, and of the whole store with whoever is in no known zone; `exact` is for whoever may know all.

    Hiding small numbers is not enough: total less what is shown would tell them. So the smallest that is shown is
    hidden too, until what is left over is nobody, or five at least.
    """
    if exact:
        return Seen(dict(counts), total)
    if total < FEW:
        return Seen(dict.fromkeys(counts), None)
    shown = {zone: n for zone, n in counts.items() if n >= FEW}
    while shown and 0 < total - sum(shown.values()) < FEW:
        del shown[min(shown, key=lambda zone: (shown[zone], zone))]
    is_blurred = any(n >= FEW and zone not in shown for zone, n in counts.items())
    return Seen({zone: shown.get(zone) for zone in counts}, total, FEW_MEMBERS if is_blurred else FEWER)


def shade(count: int | None, total: int | None) -> int:
    """A zone's shade by its share of the store's members: 0 for none and for few, 5 for half of them and more."""
    if not count or not total:
        return 0
    return min(5, 1 + int(10 * count / total))
