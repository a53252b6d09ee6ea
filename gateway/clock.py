"""Time on a gateway: the boot clock that everything here runs on, and what the server's answers say about UTC.

A gateway may have no clock battery, and its wall clock may jump at any moment; nothing here depends
on it. The boot clock only ever goes forward (it counts suspended time as well, where the system
offers that); its distance from UTC is learned from acknowledgements.
"""

import time
from collections import deque
from pathlib import Path
from typing import Final, NamedTuple, Protocol

DRIFT: Final = 1e-4
"""Worst drift of a cheap oscillator against UTC (100 ppm): what an old exchange loses in worth as it ages."""
EXCHANGES: Final = 16
"""How many exchanges are remembered; at one acknowledgement a second, the best of a quarter of a minute."""

_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_KERNEL_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


class Clock(Protocol):
    """The two clocks of a machine, in integer milliseconds."""

    def boot_ms(self) -> int:
        """The boot clock: never goes backwards, starts anywhere."""
        ...

    def wall_ms(self) -> int:
        """What the machine believes to be UTC."""
        ...


class SystemClock:
    """This machine's clocks."""

    def boot_ms(self) -> int:
        """CLOCK_BOOTTIME, or CLOCK_MONOTONIC where there is none."""
        return time.clock_gettime_ns(_CLOCK) // 1_000_000

    def wall_ms(self) -> int:
        """CLOCK_REALTIME."""
        return time.time_ns() // 1_000_000


def clock_name(fallback: str) -> str:
    """What names the run of the boot clock: equal names mean comparable readings, across processes too.

    Linux tells one start of the machine from another; elsewhere only this process is comparable with
    itself (`fallback`).
    """
    try:
        return _KERNEL_BOOT.read_text().strip() or fallback
    except OSError:
        return fallback


class Exchange(NamedTuple):
    """One exchange with the server, reduced: UTC minus boot clock, the round trip, and when it came, in ms."""

    offset_ms: int
    round_trip_ms: int
    arrived_ms: int


def exchange(echo_boot_ms: int, received_ms: int, sent_ms: int, arrived_boot_ms: int) -> Exchange | None:
    """The four timestamps of RFC 5905 section 8 as an exchange; None where they contradict each other."""
    held_ms = sent_ms - received_ms
    round_trip_ms = arrived_boot_ms - echo_boot_ms - held_ms
    if held_ms < 0 or round_trip_ms < 0:
        return None
    offset_ms = ((received_ms - echo_boot_ms) + (sent_ms - arrived_boot_ms)) // 2
    return Exchange(offset_ms, round_trip_ms, arrived_boot_ms)


class ServerTime:
    """UTC as the server's acknowledgements tell it, for one boot.

    Of the last exchanges the one counts whose possible error is least: half its round trip, plus what
    the clock may have drifted since.
    """

    def __init__(self) -> None:
        self._exchanges: deque[Exchange] = deque(maxlen=EXCHANGES)

    def learn(self, echo_boot_ms: int, received_ms: int, sent_ms: int, arrived_boot_ms: int) -> bool:
        """Take in one acknowledgement's timestamps; False where they contradict each other."""
        new = exchange(echo_boot_ms, received_ms, sent_ms, arrived_boot_ms)
        if new is not None:
            self._exchanges.append(new)
        return new is not None

    def offset_ms(self, now_boot_ms: int) -> int | None:
        """UTC minus boot clock; None before the first exchange."""
        if not self._exchanges:
            return None
        return min(self._exchanges, key=lambda e: e.round_trip_ms / 2 + DRIFT * (now_boot_ms - e.arrived_ms)).offset_ms

    def skew_ms(self, now_boot_ms: int, now_wall_ms: int) -> int | None:
        """How far the wall clock is ahead of the server's UTC; None before the first exchange."""
        offset_ms = self.offset_ms(now_boot_ms)
        return None if offset_ms is None else now_wall_ms - (now_boot_ms + offset_ms)
