"""What is on its way to the server: which batch to send next, which again, and what an acknowledgement settles.

A bounded number of batches is in flight. Live ones go at once, putting the oldest back to wait in
the spool if need be; backlog fills what room is left, at a limited rate. What is not acknowledged is
sent again after `resend_ms` with jitter, then at growing intervals, and soon once the server shows
that it is alive. Pure: time and chance are arguments.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from gateway.spool import Stored

MAX_RESEND_FACTOR: Final = 5
"""A server that is away for long is asked every 10 s (at 2 s to begin with): cheap, and soon enough to catch up."""
JITTER: Final = 0.25
"""Spreads resends of gateways that lost the same server, as a part of the interval."""
BURST_MS: Final = 250
"""How much of an unused rate the backlog may catch up with at once."""
MAX_RANGES: Final = 1000
"""Ranges looked at in one acknowledgement; a window has fewer, and what is left out is acknowledged again."""


class _Flight:
    __slots__ = ("due_ms", "interval_ms", "sent", "stored")

    def __init__(self, stored: Stored, due_ms: int, interval_ms: int) -> None:
        self.stored = stored
        self.due_ms = due_ms
        self.interval_ms = interval_ms
        self.sent = 0


class Departure(NamedTuple):
    """A batch to send now, and whether it was sent before."""

    stored: Stored
    again: bool


class Flights:
    """At most `window` batches in flight and as many live ones waiting for the next `take`.

    `chance` returns a number in [0, 1). `behind` is true while the spool may hold batches that are
    neither in flight nor live; `cursor` is the row after which such are to be looked for.
    """

    def __init__(
        self, boot: str, window: int, resend_ms: int, backlog_per_s: float, chance: Callable[[], float]
    ) -> None:
        self.behind = True
        self.cursor = 0
        self._boot = boot
        self._window = window
        self._resend_ms = resend_ms
        self._backlog_ms = 1000 / backlog_per_s
        self._chance = chance
        self._live: deque[Stored] = deque()
        self._flights: dict[int, _Flight] = {}
        self._highest = 0
        self._backlog_due_ms = 0.0

    def __len__(self) -> int:
        """How many batches are in flight."""
        return len(self._flights)

    @property
    def waiting(self) -> int:
        """How many live batches wait to be taken."""
        return len(self._live)

    def offer(self, stored: Stored) -> None:
        """A batch just spooled; the oldest one waiting falls back to the backlog where there are too many."""
        self._live.append(stored)
        if len(self._live) > self._window:
            self._fall_back(self._live.popleft())

    def backlog_room(self, now_ms: int) -> bool:
        """Whether one more batch of the backlog may fly now."""
        return self.behind and not self._live and len(self._flights) < self._window and now_ms >= self._backlog_due_ms

    def add_backlog(self, found: Sequence[Stored], now_ms: int) -> None:
        """What the spool holds after `cursor`, in order; nothing means that the backlog has been caught up with."""
        self.behind = bool(found)
        for stored in found:
            if not self.backlog_room(now_ms):
                return
            self.cursor = max(self.cursor, stored.id)
            if stored.id not in self._flights:
                self._flights[stored.id] = _Flight(stored, now_ms, self._resend_ms)
                self._backlog_due_ms = max(self._backlog_due_ms, now_ms - BURST_MS) + self._backlog_ms

    def take(self, now_ms: int) -> list[Departure]:
        """What is to be sent at `now_ms`: live batches first."""
        live = [self._launch(stored, now_ms) for stored in self._drain_live()]
        due = [f for f in self._flights.values() if f.due_ms <= now_ms]
        departures = [Departure(f.stored, f.sent > 0) for f in live + due]
        for flight in live + due:
            self._sent(flight, now_ms)
        return departures

    def next_ms(self) -> int | None:
        """When `take` or the backlog will next have something; None while nothing is on its way."""
        times = [f.due_ms for f in self._flights.values()]
        if self.behind and len(self._flights) < self._window:
            times.append(int(self._backlog_due_ms) + 1)
        return min(times, default=None)

    def acknowledged(self, boot: str, ranges: Iterable[tuple[int, int]]) -> tuple[list[Stored], int]:
        """The batches in flight that an acknowledgement settles, and how many of its ranges were ignored.

        A range of this boot that goes beyond what was sent is not to be believed. Of an earlier boot
        nobody remembers how far it got, so its ranges count for what is in flight. Nothing is let go
        of yet: that is for `land`, when the spool has.
        """
        sent = self._highest if boot == self._boot else None
        looked = list(ranges)[:MAX_RANGES]
        believed = [(low, high) for low, high in looked if sent is None or high <= sent]
        settled = [
            f.stored
            for f in self._flights.values()
            if f.sent and f.stored.boot == boot and any(low <= f.stored.sequence <= high for low, high in believed)
        ]
        return settled, len(looked) - len(believed)

    def land(self, settled: Iterable[Stored]) -> None:
        """Let go of batches."""
        for stored in settled:
            self._flights.pop(stored.id, None)

    def land_below(self, oldest: dict[str, int]) -> None:
        """Let go of batches that the spool had to drop: those below the oldest that it still holds of their boot."""
        gone = [
            i for i, f in self._flights.items() if f.stored.sequence < oldest.get(f.stored.boot, f.stored.sequence + 1)
        ]
        for row_id in gone:
            del self._flights[row_id]

    def hurry(self, now_ms: int) -> None:
        """The server is alive: ask again soon for everything that had to wait longer than usual."""
        for flight in self._flights.values():
            if flight.interval_ms > self._resend_ms:
                flight.interval_ms = self._resend_ms
                flight.due_ms = min(flight.due_ms, self._after(now_ms, self._resend_ms))

    def reconnected(self, now_ms: int) -> None:
        """A new connection: whatever was on the old one may be lost with it."""
        for flight in self._flights.values():
            flight.due_ms = now_ms
            flight.interval_ms = self._resend_ms

    def _drain_live(self) -> list[Stored]:
        waiting = [s for s in self._live if s.id not in self._flights and s.id > self.cursor]
        self._live.clear()
        return waiting

    def _launch(self, stored: Stored, now_ms: int) -> _Flight:
        if len(self._flights) >= self._window:
            oldest = min(self._flights)
            self._fall_back(self._flights.pop(oldest).stored)
        flight = self._flights[stored.id] = _Flight(stored, now_ms + 1, self._resend_ms)
        return flight

    def _sent(self, flight: _Flight, now_ms: int) -> None:
        flight.due_ms = self._after(now_ms, flight.interval_ms)
        flight.interval_ms = min(flight.interval_ms * 2, self._resend_ms * MAX_RESEND_FACTOR)
        flight.sent += 1
        if flight.stored.boot == self._boot:
            self._highest = max(self._highest, flight.stored.sequence)

    def _fall_back(self, stored: Stored) -> None:
        self.behind = True
        self.cursor = min(self.cursor, stored.id - 1)

    def _after(self, now_ms: int, interval_ms: int) -> int:
        return now_ms + int(interval_ms * (1 + JITTER * self._chance()))
