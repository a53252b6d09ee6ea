"""Whoever decides at the same time, on both databases: caps and budgets hold, and a killed process leaves no half."""

import asyncio
import multiprocessing
from pathlib import Path

from push.model.ports import Database
from tests.support.at_once import (
    WRITERS,
    assert_books_agree,
    crowd,
    database_of,
    decide_until_killed,
    decider,
    settle_in,
    write,
)
from tests.support.clocks import SettableClock
from tests.support.fresh import open_database
from tests.support.ingest import T0_MS
from tests.support.servers import becomes

ROUNDS = 5
MOST = 10_000


async def test_sixteen_who_decide_at_once_exceed_nothing_and_ask_for_consent(db: Database) -> None:
    everybody, made = crowd(5), decider()
    await settle_in(db, everybody)
    await asyncio.gather(*(write(db, made, everybody, f"w{n}", ROUNDS, together=1 + n % 3) for n in range(WRITERS)))
    assert await assert_books_agree(db, everybody, MOST) > 5


async def test_a_process_that_is_killed_among_decisions_leaves_both_or_neither_of_each(tmp_path: Path) -> None:
    everybody = crowd(60)
    async with open_database(database_of(tmp_path), SettableClock(T0_MS)) as db:
        await settle_in(db, everybody)
    process = multiprocessing.get_context("spawn").Process(target=decide_until_killed, args=(tmp_path, 60, "k"))
    await asyncio.to_thread(process.start)
    async with open_database(database_of(tmp_path), SettableClock(T0_MS)) as db:

        async def has_decided() -> bool:
            return len(await db.fetch("campaigns.decisions", since_ms=0, most=MOST)) > 50

        try:
            await becomes(has_decided, "it decides")
        finally:
            process.kill()
            await asyncio.to_thread(process.join)
        assert await assert_books_agree(db, everybody, MOST) > 5
