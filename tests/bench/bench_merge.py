"""What it takes to merge two people of whom much is known, and to take the merge back.

    .venv/bin/python tests/bench/bench_merge.py [events]

Two customers with half of the events each (10,000 by default), with ten devices and anonymous ids between them. They
are linked, and the link is cut, each with what holds of consent after it, and committed: on SQLite and on PostgreSQL.
Beside it stands, on SQLite, what a merge costs that moves what is known: one `UPDATE` of who half the events are of.
"""

import asyncio
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from push.database.open import open_database
from push.model.ports import Database, Transaction
from push.profiles import consent
from push.profiles.identity import merging
from push.profiles.identity.merging import Hand, Merged
from tests.bench.table import Line, show
from tests.support.clocks import RealClock
from tests.support.identities import RULED, facet, known, said
from tests.support.postgres import PostgresServer, admin, run_postgres

EVENTS: Final = 10_000
ROUNDS: Final = 15
BUDGET_MS: Final = 100.0
CLOCK: Final = RealClock()
HAND: Final = Hand("operator:bench", "", 1)
LINK: Final = said("u0", "e0", 1_000)


async def fill(db: Database, events: int) -> None:
    """Two people who do not know of each other yet."""
    names = [f"{letter}{n}" for letter in "ue" for n in range(2)] + [
        f"{letter}{n}" for letter in "da" for n in range(10)
    ]
    links = [said(f"u{n % 2}", f"{letter}{n}", n) for letter in "da" for n in range(10)]
    owners = [facet(name) for name in names if name != "u1"]
    async with db.transaction() as tx:
        await known(tx, [*names])
        await merging.link(tx, RULED, links, 1)
        await merging.link(tx, RULED, [said("e0", "p0", 1)], 1)
        await consent.set_consents(tx, facet("u0"), {"marketing": True, "inapp": True}, at_ms=1, source="bench")
    rows = [
        {"id": f"st{n}", "shopper": owners[n % len(owners)], "kind": "track", "name": "Viewed", "source": "bench",
         "at_ms": n, "received_ms": n, "sealed": bytes(200)}
        for n in range(events)
    ]  # fmt: skip
    for begin in range(0, events, 1000):
        async with db.transaction() as tx:
            await tx.execute_many("collect.track", rows[begin : begin + 1000])


async def timed(db: Database, doing: Callable[[Transaction], Awaitable[Merged]]) -> float:
    """Milliseconds from beginning to committed, with what holds of consent."""
    began_s = time.perf_counter()
    async with db.transaction() as tx:
        merged = await doing(tx)
        await consent.settle(tx, merged.shoppers)
    assert merged.persons
    return 1000 * (time.perf_counter() - began_s)


async def play(url: str, what: str, events: int) -> list[Line]:
    joined, parted = [], []
    async with open_database(url, CLOCK) as db:
        await fill(db, events)
        joined.append(await timed(db, lambda tx: merging.link(tx, RULED, [LINK], 1)))
        for _ in range(ROUNDS):
            parted.append(await timed(db, lambda tx: merging.cut(tx, RULED, LINK.id, HAND)))
            joined.append(await timed(db, lambda tx: merging.restore(tx, RULED, LINK.id, HAND)))
    moved = await asyncio.to_thread(move, Path(url.removeprefix("sqlite:"))) if url.startswith("sqlite:") else None
    return [
        Line(
            f"{what}: merge two people with {events:,} events", statistics.median(joined), "ms", BUDGET_MS,
            "moving", moved,
        ),
        Line(f"{what}:   the slowest", max(joined), "ms", BUDGET_MS),
        Line(f"{what}:   take the merge back", statistics.median(parted), "ms", BUDGET_MS),
    ]  # fmt: skip


def move(path: Path) -> float:
    """Milliseconds in which half of the events become somebody else's, and are committed as durably as ours."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        began_s = time.perf_counter()
        with connection:
            connection.execute(
                "UPDATE tracked SET shopper = ? WHERE CAST(SUBSTR(id, 3) AS INTEGER) % 2", (facet("u0"),)
            )
        return 1000 * (time.perf_counter() - began_s)


async def on_postgres(server: PostgresServer, events: int) -> list[Line]:
    connection = await admin(server)
    await connection.execute("CREATE DATABASE bench")
    await connection.close()
    return await play(server.url("bench"), "PostgreSQL", events)


def main() -> None:
    """Measure and print."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    with tempfile.TemporaryDirectory(prefix="footfall-merge-") as name:
        lines = asyncio.run(play(f"sqlite:{name}/push.db", "SQLite", events))
    with run_postgres() as server:
        lines += asyncio.run(on_postgres(server, events))
    show("A merge", lines)


if __name__ == "__main__":
    main()
