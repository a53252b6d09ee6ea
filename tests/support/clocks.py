"""Clocks for tests."""

import time


class SettableClock:
    """`push.model.ports.Clock` that stands still until it is told to move."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def advance(self, by_ms: int) -> None:
        self._now_ms += by_ms


class RealClock:
    """`push.model.ports.Clock` on the machine's own, for what really waits."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


class ShiftedClock(RealClock):
    """The machine's clock and what a test adds: hours pass in no time, or somebody sets it wrong."""

    def __init__(self) -> None:
        self.shift_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.shift_ms
