"""Doing things less and less often: trying again, and saying the same again."""

import random
from collections.abc import Callable

import msgspec


class Backoff(msgspec.Struct, kw_only=True):
    """Full jitter, so that many who lost the same peer do not come back at once.

    Each delay is uniform between 0 and a bound that doubles from `base_s` to `most_s` (Brooker, AWS, 2015).
    """

    base_s: float
    most_s: float
    chance: Callable[[], float] = random.random
    tries: int = 0

    def next_s(self) -> float:
        """Seconds to wait before the next try."""
        bound: float = min(self.most_s, self.base_s * 2**self.tries)
        self.tries = min(self.tries + 1, 32)
        return bound * self.chance()

    def reset(self) -> None:
        """Begin anew after a success."""
        self.tries = 0


def is_doubling(count: int) -> bool:
    """Whether a count is 1, 2, 4, 8…: the occasions on which a repeated event is worth a line in the log."""
    return count & (count - 1) == 0
