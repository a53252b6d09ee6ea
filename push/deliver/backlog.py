"""How much waits to be sent, so that whoever sends more is told to wait, and memory and disk do not grow without end.

Counting two million rows of an index takes a while: it is done again and again, but never for more than one fiftieth of
the time. In between, what was added here is added; what was sent since is not taken off until the next count.
"""

import asyncio
import math
import time
from typing import Final

import structlog

from push.model.errors import DatabaseError
from push.model.ports import Queries

log = structlog.get_logger()

SHARE: Final = 0.02
"""How much of the time may go into counting."""
LEAST_S: Final = 1.0
"""Between two counts, however quick they are."""


def pause_s(took_s: float) -> float:
    """How long to wait after a count that took so long."""
    return max(LEAST_S, took_s * (1 / SHARE - 1))


class Backlog:
    """What is queued, as of the last count and with what was added since."""

    def __init__(self, db: Queries, most: int) -> None:
        self._db = db
        self._most = most
        self._counted = 0
        self._added = 0
        self._pause_s = LEAST_S
        self.by_lane: dict[int, int] = {}
        """Deliveries that waited or were on their way, by `push.model.delivery.Lane`; as of the last count."""

    @property
    def queued(self) -> int:
        """Deliveries that wait or are on their way."""
        return self._counted + self._added

    def has_room(self, more: int) -> bool:
        """Whether so many more may be queued."""
        return self.queued + more <= self._most

    @property
    def retry_after_s(self) -> int:
        """When to ask again: after the next count."""
        return math.ceil(self._pause_s)

    def add(self, more: int) -> None:
        """So many were queued."""
        self._added += more

    async def count(self) -> None:
        """Count. What is added meanwhile may count twice until the next time. Raises `DatabaseError`."""
        before = self._added
        rows = await self._db.fetch("deliver.depth")
        self.by_lane = {int(row["lane"]): int(row["queued"]) for row in rows}
        self._counted = sum(self.by_lane.values())
        self._added -= before

    async def run(self) -> None:
        """Count for as long as the server runs."""
        while True:
            began_s = time.monotonic()
            try:
                await self.count()
            except DatabaseError as error:
                log.warning("what waits to be sent cannot be counted, trying again", error=str(error))
            self._pause_s = pause_s(time.monotonic() - began_s)
            await asyncio.sleep(self._pause_s)
