"""What was learned of beacons' clocks, in the database: read at the start, written every now and then."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final, Protocol

import structlog

from push.ingest.ears import Ears
from push.model.errors import DatabaseError
from push.model.ports import Database, Queries
from push.registry.drift import Clock

PAGE: Final = 5_000
MOST_WRITTEN: Final = 1_000
"""Clocks written in one transaction: that many beacons turn in a second where a million are heard."""

log = structlog.get_logger()


class Heard(Protocol):
    """Whoever has the beacons in use."""

    @property
    def ears(self) -> Ears:
        """They may be others from call to call."""
        ...


async def pages(db: Queries) -> AsyncIterator[list[Clock]]:
    """Every clock that was written down, some thousands at a time. Raises `DatabaseError`."""
    rows = await db.fetch("resolver.clocks", after="", most=PAGE)
    while rows:
        yield [Clock(r["beacon"], r["zero_ms"], r["moved_ms"], r["ahead_ms"]) for r in rows]
        rows = await db.fetch("resolver.clocks", after=rows[-1]["beacon"], most=PAGE)


async def write(db: Database, ears: Ears) -> bool:
    """Write down clocks that moved, some of them; whether there may be more. Raises `DatabaseError`: none is lost."""
    clocks = ears.clocks.unwritten(MOST_WRITTEN)
    if clocks:
        try:
            async with db.transaction(patient=True) as tx:
                await tx.execute_many("resolver.put_clock", [clock._asdict() for clock in clocks])
        except BaseException:
            ears.clocks.write_again(clocks)
            raise
    return len(clocks) == MOST_WRITTEN


async def run(engine: Heard, db: Database, period_s: float) -> None:
    """Write them down until cancelled."""
    while True:
        await asyncio.sleep(period_s)
        try:
            while await write(db, engine.ears):
                pass
        except DatabaseError as error:
            log.warning("what was learned of clocks could not be written, trying again", error=str(error))
