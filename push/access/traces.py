"""When somebody was last here: noted on the way, written down later and rarely, so that no answer waits for it."""

import asyncio
from typing import Final, Literal

import structlog

from push.model.errors import DatabaseError
from push.model.ports import Clock, Database

log = structlog.get_logger()

Kind = Literal["access.session_seen", "access.operator_seen", "tokens.used"]
_KEY: Final[dict[Kind, str]] = {"access.session_seen": "hash", "access.operator_seen": "id", "tokens.used": "hash"}
MOST: Final = 10_000
"""What is noted beyond that is not: it is noted with the next call."""
WRITE_S: Final = 20.0


class Traces:
    """Times to be written down."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._noted: dict[tuple[Kind, str], int] = {}

    def note(self, kind: Kind, key: str, known_ms: int | None, every_ms: int) -> None:
        """Note that it is used now, unless that was written down less than `every_ms` ago."""
        now_ms = self._clock.now_ms()
        if known_ms is not None and now_ms - known_ms < every_ms:
            return
        if len(self._noted) < MOST or (kind, key) in self._noted:
            self._noted[kind, key] = now_ms

    async def run(self) -> None:
        """Write down what was noted, now and then, until cancelled."""
        while True:
            await asyncio.sleep(WRITE_S)
            try:
                await self.write()
            except DatabaseError as error:
                log.warning("last uses not written down", error=str(error))

    async def write(self) -> None:
        """Write down what was noted so far, behind everybody else's writes. Raises `DatabaseError`."""
        noted, self._noted = self._noted, {}
        if not noted:
            return
        async with self._db.transaction(patient=True) as tx:
            for kind, column in _KEY.items():
                rows = sorted((key, at_ms) for (noted_kind, key), at_ms in noted.items() if noted_kind == kind)
                await tx.execute_many(kind, [{column: key, "at_ms": at_ms} for key, at_ms in rows])
