"""What waits is counted now and then, never for more than a fiftieth of the time, and what was added is added."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from push.deliver.backlog import LEAST_S, SHARE, Backlog, pause_s
from push.model.errors import DatabaseError
from push.model.ports import Database, Row
from tests.support.clocks import RealClock
from tests.support.fresh import open_database
from tests.support.outbox import enqueue, join
from tests.support.patience import PATIENCE_S


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(f"sqlite://{tmp_path}/push.db", RealClock()) as opened:
        await join(opened, RealClock(), "d1")
        yield opened


@pytest.mark.parametrize("took_s", [0.0, 0.001, 0.1, 3.0])
def test_counting_takes_no_more_than_its_share(took_s: float) -> None:
    pause = pause_s(took_s)
    assert pause >= LEAST_S
    assert took_s / (took_s + pause) <= SHARE * 1.0001


async def test_what_was_added_counts_until_it_is_counted(db: Database) -> None:
    backlog = Backlog(db, 3)
    backlog.add(3)
    assert (backlog.queued, backlog.has_room(0), backlog.has_room(1)) == (3, True, False)
    await backlog.count()
    assert (backlog.queued, backlog.has_room(3)) == (0, True)
    await enqueue(db, RealClock(), "d1")
    await backlog.count()
    backlog.add(1)
    assert backlog.queued == 2


class Failing:
    """A database that is away for the first count."""

    def __init__(self) -> None:
        self.asked = 0

    async def fetch(self, name: str, /, **params: object) -> list[Row]:
        assert (name, params) == ("deliver.depth", {})
        self.asked += 1
        if self.asked == 1:
            raise DatabaseError("away")
        return [{"lane": 0, "queued": 3}, {"lane": 2, "queued": 4}]

    async def fetch_one(self, name: str, /, **params: object) -> Row | None:
        raise NotImplementedError(name, params)


async def test_a_count_that_fails_is_made_again() -> None:
    backlog = Backlog(Failing(), 10)
    task = asyncio.create_task(backlog.run())
    try:
        async with asyncio.timeout(PATIENCE_S):
            while backlog.queued != 7:  # noqa: ASYNC110 - the condition is another task's
                await asyncio.sleep(0.02)
    finally:
        task.cancel()
    assert backlog.retry_after_s >= 1
