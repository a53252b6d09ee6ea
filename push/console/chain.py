"""Figures of several stores together, told beside each store's own: none gives a store's small one away. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from push.console.words import FEW, number


class Sum(NamedTuple):
    """A sum as somebody may know it."""

    n: int
    is_floor: bool = False
    """Whether there is more than `n`, and how much more is not told."""

    @property
    def text(self) -> str:
        """``12``, or ``at least 8``."""
        return f"at least {number(self.n)}" if self.is_floor else number(self.n)


def is_small(n: int) -> bool:
    """Whether a figure is about somebody, and about fewer than five."""
    return 0 < n < FEW


def gives_away(hidden: Sequence[int], least: int = 1) -> bool:
    """Whether the sum of figures that are not told would tell one of them; each is known to be `least` or more.

    It is small itself; or it leaves nothing open: one store's alone, the least in each, or nearly the most that small
    figures can add up to (all four in all).
    """
    left, most = sum(hidden), (FEW - 1) * len(hidden)
    if not left:
        return False
    return len(hidden) == 1 or left < FEW or left <= least * len(hidden) or most - FEW < left <= most


def counted(shown: Sequence[int], hidden: Sequence[int]) -> Sum:
    """Add up what each store tells and what some do not, of which nobody knows whether it is nothing.

    Whoever subtracts what is shown gets what is hidden, so where that tells too much the sum gives way.
    """
    left = sum(hidden)
    if not gives_away(hidden, least=0):
        return Sum(sum(shown) + left)
    return Sum(sum(shown) + (FEW if left >= FEW else 0), is_floor=True)


def present(counts: Sequence[int]) -> Sum:
    """The sum of numbers of people, of which each store tells its own from five up."""
    return counted([n for n in counts if n >= FEW], [n for n in counts if n < FEW])


def amount(shown: Sequence[int], hidden: Sequence[int], people: Sequence[int]) -> Sum:
    """The same of what fewer than five `people` each got something of: at least as much as is shown, if not all."""
    if gives_away(hidden) or is_small(sum(people)):
        return Sum(sum(shown), is_floor=True)
    return Sum(sum(shown) + sum(hidden))


def levels(series: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Stores' numbers of people by quarter, added up to be drawn: nobody, few, and what may not be told look alike."""
    return tuple(sum_.n if (sum_ := present(quarter)).n >= FEW else 0 for quarter in zip(*_even(series), strict=True))


def amounts(series: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Stores' amounts by quarter, added up to be drawn: of each store only what its whole day does not give away."""
    return tuple(map(sum, zip(*_even([_masked(one) for one in series]), strict=True)))


def _masked(series: Sequence[int]) -> list[int]:
    """Small ones drawn as none; no line at all where the day's sum less the line would tell of a quarter."""
    if gives_away([n for n in series if n < FEW], least=0):
        return []
    return [n if n >= FEW else 0 for n in series]


def _even(series: Sequence[Sequence[int]]) -> list[list[int]]:
    """Days began at different times: the latest value of each stands under each other's."""
    longest = max(map(len, series), default=0)
    return [[0] * (longest - len(one)) + list(one) for one in series]
