"""Sixteen who decide about the same people at once, on both databases, and processes killed in the middle of it.

    .venv/bin/python tests/bench/bench_decided.py [decisions] [kills]

After 100,000 decisions on each database, and after each of 20 times kill -9, the books must agree: no cap and no budget
exceeded, nobody sent anything who did not agree, every decision with its message and delivery, or neither of them.
"""

import asyncio
import multiprocessing
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from push.model.ports import Database
from tests.bench.table import Line, say, show
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
from tests.support.postgres import admin, run_postgres

DECISIONS: Final = 100_000
KILLS: Final = 20
PEOPLE: Final = 200
TOGETHER: Final = 10
"""Decisions of one transaction, as of those who ask at the same time."""
MOST: Final = 10_000_000


async def at_once(url: str, decisions: int) -> tuple[int, float]:
    """How many messages wait after so many decisions of sixteen, and decisions in a second."""
    everybody, made = crowd(PEOPLE), decider()
    async with open_database(url, SettableClock(T0_MS)) as db:
        await settle_in(db, everybody)
        began_s = time.monotonic()
        rounds = decisions // WRITERS // TOGETHER
        await asyncio.gather(*(write(db, made, everybody, f"w{n}", rounds, together=TOGETHER) for n in range(WRITERS)))
        rate = rounds * WRITERS * TOGETHER / (time.monotonic() - began_s)
        return await assert_books_agree(db, everybody, MOST), rate


async def killed(kills: int, folder: Path) -> int:
    """How many decisions were made by processes that were killed one after the other."""
    everybody, chance = crowd(PEOPLE), random.Random(1)  # noqa: S311 - a schedule
    async with open_database(database_of(folder), SettableClock(T0_MS)) as db:
        await settle_in(db, everybody)
    made = 0
    for n in range(kills):
        process = multiprocessing.get_context("spawn").Process(
            target=decide_until_killed, args=(folder, PEOPLE, f"k{n}")
        )
        await asyncio.to_thread(process.start)
        async with open_database(database_of(folder), SettableClock(T0_MS)) as db:
            while await _decisions(db) <= made:  # noqa: ASYNC110 - the condition is another process's
                await asyncio.sleep(0.02)
            await asyncio.sleep(chance.uniform(0, 0.5))
            process.kill()
            await asyncio.to_thread(process.join)
            made = await _decisions(db)
            await assert_books_agree(db, everybody, MOST)
    return made


async def _decisions(db: Database) -> int:
    return len(await db.fetch("campaigns.decisions", since_ms=0, most=MOST))


async def main(decisions: int, kills: int) -> None:
    """Decide, kill, and print; what does not agree ends it."""
    lines = []
    with tempfile.TemporaryDirectory(prefix="footfall-decided-") as name, run_postgres() as server:
        folder = Path(name)
        connection = await admin(server)
        await connection.execute("CREATE DATABASE decided")
        await connection.close()
        for engine, url in (("SQLite", f"sqlite://{folder / 'once.db'}"), ("PostgreSQL", server.url("decided"))):
            waiting, rate = await at_once(url, decisions)
            say(f"{engine}: {decisions:,} decisions, {waiting:,} messages wait, the books agree")
            lines.append(Line(f"decisions of sixteen at once, {engine}", rate, "/s", more_is_better=True))
        made = await killed(kills, folder)
        say(f"{kills} times kill -9 among {made:,} decisions: both or neither of every one")
    show("Decided at once", lines)


if __name__ == "__main__":
    given = [int(text) for text in sys.argv[1:]]
    asyncio.run(main(*[*given, *(DECISIONS, KILLS)[len(given) :]]))
