"""Profiles beside what many would build at first: a JSON document a person and an event, in PostgreSQL behind HTTP.

    .venv/bin/python tests/bench/bench_cdp.py [people]

The same people and events (1,000 people by default) go to a server on SQLite, to one on PostgreSQL, and to
`tests/bench/documents.py`, which seals nothing, asks for nobody's consent and can take no merge back. Then a profile is
read, one person is held against 1,000 segments, and two people with 10,000 events become one.
"""

import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import aiohttp

from tests.bench import bench_collect, bench_merge, bench_segments
from tests.bench.bench_collect import CALLS, EVENTS, bodies, events, identities
from tests.bench.documents import Documents, serving
from tests.bench.table import show
from tests.support.postgres import PostgresServer, admin, run_postgres

PEOPLE: Final = 1_000
READS: Final = 300
SEGMENTS: Final = 1_000
MERGED: Final = 10_000
ROUNDS: Final = 5
BOUGHT: Final = "(SELECT COUNT(*) FROM events AS e WHERE e.profile = p.id AND e.doc ->> 'event' = '{event}') >= {n}"


async def database(server: PostgresServer, name: str) -> str:
    """The address of a new database."""
    connection = await admin(server)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    return server.url(name)


async def post(http: aiohttp.ClientSession, url: str, waiting: Iterator[bytes]) -> None:
    for body in waiting:
        async with http.post(url, data=body, headers={"Content-Type": "application/json"}) as answer:
            assert answer.status == 200, answer


async def told(url: str, rows: Iterator[bytes]) -> float:
    """Seconds until all is durable."""
    began = time.perf_counter()
    async with aiohttp.ClientSession() as http:
        await asyncio.gather(*(post(http, url, rows) for _ in range(CALLS)))
    return time.perf_counter() - began


def conditions() -> list[str]:
    """A segment each, as SQL: a third by what is known, two thirds by what was done."""
    chance = random.Random(1)  # noqa: S311 - a bench repeats itself
    found = []
    for n in range(SEGMENTS):
        event = chance.choice(["Order Completed", "Product Viewed"])
        name = f"p.doc ->> 'name' = 'Person {chance.randrange(PEOPLE)}'"
        found.append(name if n % 3 == 0 else BOUGHT.format(event=event, n=chance.randrange(1, 9)))
    return found


async def peers(url: str, people: int) -> tuple[float, float, float, float]:
    """Events in a second; milliseconds of a profile, of 1,000 segments, of a merge."""
    async with serving(url) as (documents, address):
        await told(address, bodies(identities(people)))
        rate = EVENTS / await told(address, iter(list(bodies(events(people)))))
        return rate, await read_ms(documents, people), await member_ms(documents), await merge_ms(documents)


async def read_ms(documents: Documents, people: int) -> float:
    drawn = random.Random(18)  # noqa: S311 - no secret
    took = []
    for _ in range(READS):
        profile = await documents.find(f"u{drawn.randrange(people)}")
        began = time.perf_counter()
        await documents.read(profile)
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


async def member_ms(documents: Documents) -> float:
    profile, rules = await documents.find("u1"), conditions()
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await documents.member(profile, rules)
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


async def merge_ms(documents: Documents) -> float:
    took = []
    for n in range(ROUNDS):
        await documents.take([_track(f"m{n}", at) for at in range(MERGED // 2)])
        await documents.take([_track(f"n{n}", at) for at in range(MERGED // 2)])
        one, other = await documents.find(f"m{n}"), await documents.find(f"n{n}")
        began = time.perf_counter()
        await documents.merge(one, other)
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def _track(user: str, at: int) -> dict[str, object]:
    more = {"total": at, "pad": "x" * 100}
    return {
        "type": "track",
        "userId": user,
        "messageId": f"{user}-{at}",
        "event": "Order Completed",
        "properties": more,
    }


async def main(people: int, server: PostgresServer) -> None:
    rate, profile_ms, segments_ms, moved_ms = await peers(await database(server, "documents"), people)
    sqlite, _ = await bench_collect.measure("SQLite", "", people)
    postgres, _ = await bench_collect.measure("PostgreSQL", await database(server, "ours"), people)
    theirs = (rate, None, profile_ms)
    collected = [
        line._replace(peer="documents", theirs=value)
        for lines in (sqlite, postgres)
        for line, value in zip(lines, theirs, strict=True)
    ]
    judged = [line._replace(peer="documents", theirs=segments_ms) for line in bench_segments.rules_alone(SEGMENTS)]
    with tempfile.TemporaryDirectory() as folder:
        merged = await bench_merge.play(f"sqlite:{Path(folder) / 'push.db'}", "SQLite", MERGED)
    merged += await bench_merge.play(await database(server, "merged"), "PostgreSQL", MERGED)
    joined = [line._replace(peer="documents", theirs=moved_ms) if ": merge" in line.what else line for line in merged]
    show(f"Profiles of {people:,} people, beside documents", [*collected, *judged, *joined])


if __name__ == "__main__":
    with run_postgres() as running:
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else PEOPLE, running))
