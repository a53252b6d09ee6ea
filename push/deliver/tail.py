"""The number of the last event that was committed, by whichever replica: asked for often, read seldom."""

import asyncio
from typing import Final

from push.model.ports import Clock, Database

POLL_S: Final = 0.1
"""How often who waits for events should ask: a word travels within two of these."""
_FRESH_MS: Final = 80


class Tail:
    """Shares one look at the counter among all who ask within a moment of each other."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._last_seq = 0
        self._read_ms: int | None = None
        self._reading = asyncio.Lock()
        self.closed = False
        """Whether whoever follows should end."""

    async def last_seq(self) -> int:
        """The last event's number, at most a moment old. Raises `push.model.errors.DatabaseError`."""
        async with self._reading:
            now_ms = self._clock.now_ms()
            if self._read_ms is None or not 0 <= now_ms - self._read_ms < _FRESH_MS:
                row = await self._db.fetch_one("events.last")
                self._last_seq = 0 if row is None else row["seq"]
                self._read_ms = now_ms
            return self._last_seq

    def close(self) -> None:
        """Let whoever follows end."""
        self.closed = True
