"""Faults as stages that values pass through: lost, doubled, out of order, late, told by a wrong clock.

Each stage takes an iterable and gives one, so they compose; each draws from the generator that it is given, so the
same seed breaks the same things. `firmware_sim.proxy` breaks connections between real processes.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import numpy as np

from firmware_sim.radio import Heard

Item = TypeVar("Item")


def lose(items: Iterable[Item], share: float, rng: np.random.Generator) -> Iterator[Item]:
    """Drop a share of the items, each on its own."""
    return (item for item in items if rng.random() >= share)


def lose_in_bursts(items: Iterable[Item], share: float, length: float, rng: np.random.Generator) -> Iterator[Item]:
    """Drop a share of the items in bursts of a mean length (Gilbert's model): how Wi-Fi and crowds really lose."""
    if not 0 <= share < 1 or length < 1:
        raise ValueError(f"share {share} in bursts of {length}: expected 0 <= share < 1, length >= 1")
    begins = min(1.0, share / (length * (1 - share)))
    bad = rng.random() < share
    for item in items:
        if not bad:
            yield item
        bad = rng.random() >= 1 / length if bad else rng.random() < begins


def duplicate(items: Iterable[Item], share: float, rng: np.random.Generator) -> Iterator[Item]:
    """Give a share of the items twice in a row."""
    for item in items:
        yield item
        if rng.random() < share:
            yield item


def reorder(items: Iterable[Item], reach: int, rng: np.random.Generator) -> Iterator[Item]:
    """Shuffle items among their neighbours: none is overtaken by one that came more than `reach` places later."""
    waiting: list[tuple[float, int, Item]] = []
    for n, item in enumerate(items):
        while waiting and waiting[0][0] <= n:
            yield heapq.heappop(waiting)[2]
        heapq.heappush(waiting, (n + float(rng.uniform(0, reach + 1)), n, item))
    while waiting:
        yield heapq.heappop(waiting)[2]


def skewed(now_ms: Callable[[], float], offset_ms: float = 0.0, drift_ppm: float = 0.0) -> Callable[[], float]:
    """A clock that is wrong by an offset now, and by more as time passes."""
    start_ms = now_ms()

    def wrong_ms() -> float:
        at_ms = now_ms()
        return at_ms + offset_ms + (at_ms - start_ms) * drift_ppm * 1e-6

    return wrong_ms


def stamped(packets: Iterable[Heard], offset_ms: float, drift_ppm: float = 0.0) -> Iterator[Heard]:
    """Packets as a receiver with a wrong clock reports them; drift counts from the first packet."""
    start_ms: int | None = None
    for heard in packets:
        start_ms = heard.at_ms if start_ms is None else start_ms
        wrong_ms = heard.at_ms + offset_ms + (heard.at_ms - start_ms) * drift_ppm * 1e-6
        yield heard._replace(at_ms=round(wrong_ms))
