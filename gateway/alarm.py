"""An alarm: lets one task sleep until a time that others may bring forward."""

import asyncio

from gateway.clock import Clock

_LATE_S = 0.0005
"""The boot clock is read in whole ms: half of one later is never too early."""


class Alarm:
    """Wakes one waiter, at a time on the boot clock or when rung, whichever is first; costs nothing while waiting."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake the waiter now, or let its next wait end at once."""
        self._rung.set()

    async def wait(self, due_ms: int | None) -> None:
        """Sleep until `due_ms` (None: without end) or until rung."""
        timer = None
        if due_ms is not None:
            delay_s = max(0.0, (due_ms - self._clock.boot_ms()) / 1000 + _LATE_S)
            timer = asyncio.get_running_loop().call_later(delay_s, self._rung.set)
        try:
            await self._rung.wait()
        finally:
            self._rung.clear()
            if timer is not None:
                timer.cancel()
