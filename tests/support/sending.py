"""A sender at work on a real database, and what became of its deliveries."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from push.deliver.attempts import Means
from push.deliver.retry import RetrySettings
from push.deliver.sender import Sender, SenderSettings
from push.model.delivery import State
from push.model.ports import Channel, Row
from tests.support.clocks import RealClock
from tests.support.faulty import FaultyDatabase
from tests.support.outbox import SEALS, state
from tests.support.patience import PATIENCE_S

CLOCK = RealClock()
SETTINGS = SenderSettings(drain_s=1.0, retry=RetrySettings(base_ms=10, cap_ms=100))
DEADLINE_S = PATIENCE_S


@asynccontextmanager
async def running(
    db: FaultyDatabase, channels: Sequence[Channel], settings: SenderSettings = SETTINGS
) -> AsyncIterator[Sender]:
    """A sender at work; after the block it is stopped, and must not have failed."""
    sender = Sender(settings, Means(db, SEALS, CLOCK, {channel.name: channel for channel in channels}))
    task = asyncio.create_task(sender.run())
    try:
        yield sender
        assert not task.done() or task.result() is None
        sender.stop()
        async with asyncio.timeout(DEADLINE_S):
            await task
    finally:
        task.cancel()


async def becomes(look: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not await look():  # noqa: ASYNC110 - the condition is a database's
            await asyncio.sleep(0.01)


async def reaches(db: FaultyDatabase, delivery: str, wanted: State) -> None:
    await becomes(lambda: is_state(db, delivery, wanted))


async def is_state(db: FaultyDatabase, delivery: str, wanted: State) -> bool:
    return await state(db, delivery) == wanted


async def row_of(db: FaultyDatabase, delivery: str) -> Row:
    row = await db.fetch_one("deliver.trace", id=delivery)
    assert row is not None
    return row


async def outcomes(db: FaultyDatabase, delivery: str) -> list[tuple[int, str, str]]:
    rows = await db.fetch("deliver.attempts_of", delivery=delivery)
    return [(row["attempt"], row["channel"], row["outcome"]) for row in rows]
