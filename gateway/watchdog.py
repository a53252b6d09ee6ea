"""When a scanner that hears nothing, or does not start, gets which remedy. Pure policy: time is given.

    silence ─▶ restart the scanner ─silence─▶ power-cycle the adapter ─silence─▶ exit, for systemd

Any packet with data takes the ladder back to its foot. Discovery is known to stall without an error
(bluez/bluez#1554), so silence counts even while everything claims to be well; and it counts while the radio, BlueZ
or the bus are away.
"""

from enum import StrEnum
from typing import Final

RESET_AFTER_FAILURES: Final = 2
"""Failed starts in a row after which the adapter is power-cycled: it may hold a session that nobody can end."""
FIRST_PAUSE_MS: Final = 100
LAST_PAUSE_MS: Final = 2000
"""Pauses between attempts double up to this: what comes back is found soon, and a dead radio costs no CPU."""


class Step(StrEnum):
    """A remedy."""

    RESTART = "restart"
    POWER_CYCLE = "power_cycle"
    EXIT = "exit"


LADDER: Final = (Step.RESTART, Step.POWER_CYCLE, Step.EXIT)


class Watchdog:
    """Climbs one step of the ladder each `silence_ms` without a sign of life."""

    def __init__(self, silence_ms: int, now_ms: int) -> None:
        self._silence_ms = silence_ms
        self._since_ms = now_ms
        self._rung = 0

    def heard(self, now_ms: int) -> None:
        """A packet with data came; an empty one is no sign of life."""
        self._since_ms = now_ms
        self._rung = 0

    def silent_ms(self, now_ms: int) -> int:
        """How long since the last packet, or since the last remedy."""
        return now_ms - self._since_ms

    def due_in_ms(self, now_ms: int) -> int:
        """How long until the next step, if nothing is heard; 0 where it is due."""
        return max(0, self._silence_ms - self.silent_ms(now_ms))

    def step(self, now_ms: int) -> Step | None:
        """The remedy that is due now, to be given at once; None while there is no need."""
        if self.due_in_ms(now_ms) > 0:
            return None
        step = LADDER[min(self._rung, len(LADDER) - 1)]
        self._rung += 1
        self.remedied(now_ms)
        return step

    def remedied(self, now_ms: int) -> None:
        """A remedy has been given, and gets its time from now on."""
        self._since_ms = now_ms


def remedy(failures: int) -> Step | None:
    """What `failures` failed starts in a row ask for, beyond another attempt."""
    return Step.POWER_CYCLE if failures == RESET_AFTER_FAILURES else None


def pause_ms(attempts: int) -> int:
    """How long to wait after so many attempts in a row that came to nothing."""
    return min(FIRST_PAUSE_MS << min(attempts, LAST_PAUSE_MS.bit_length()), LAST_PAUSE_MS)
