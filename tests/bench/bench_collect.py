"""What it takes to be told what people do: events over HTTP, durable when they are answered, and one profile read.

    .venv/bin/python tests/bench/bench_collect.py [people ...]

For each number of people (1,000, 10,000 and 100,000 by default; 1000000 may be asked for) a server on SQLite and one on
PostgreSQL is told who each of them is, with consent, in batches of 500. Then 5,000 of their orders and views arrive in
batches of 500, four calls at a time: what is measured is events in a second, and the process's CPU time for each, the
caller's included. Then profiles are read, one after the other.
"""

import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from tests.bench.table import Line, show
from tests.support.collecting import AGREED, Shop, collecting
from tests.support.postgres import PostgresServer, admin, run_postgres

BATCH: Final = 500
CALLS: Final = 4
EVENTS: Final = 5_000
READS: Final = 300
PEOPLE: Final = (1_000, 10_000, 100_000)
GROWTH_BUDGET: Final = 2.5
"""CPU for each event with most people beside that with the fewest; on SQLite, whose trees grow."""


def identities(people: int) -> Iterator[dict[str, Any]]:
    for n in range(people):
        traits = {"email": f"p{n}@example.org", "name": f"Person {n}"}
        yield {"type": "identify", "userId": f"u{n}", "anonymousId": f"a{n}", "traits": traits, "context": AGREED}


def events(people: int) -> Iterator[dict[str, Any]]:
    """Three views to an order, by people drawn at random."""
    drawn = random.Random(17)  # noqa: S311 - no secret
    for n in range(EVENTS):
        product = {"product_id": f"p{n % 977}", "category": f"c{n % 31}", "brand": f"b{n % 13}", "price": n % 90 + 0.99}
        ordered = n % 4 == 0
        more = {"order_id": f"o{n}", "total": 19.9, "products": [product]} if ordered else product
        yield {
            "type": "track", "event": "Order Completed" if ordered else "Product Viewed", "messageId": f"m{n}",
            "userId": f"u{drawn.randrange(people)}", "properties": more,
        }  # fmt: skip


def bodies(rows: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            yield json.dumps({"batch": batch}).encode()
            batch = []
    if batch:
        yield json.dumps({"batch": batch}).encode()


async def post(shop: Shop, waiting: Iterator[bytes]) -> None:
    for body in waiting:
        answer = await shop.server.call("POST", "/v1/batch", shop.back_end, data=body)
        assert answer.status == 200, answer
        assert answer.json["outcomes"].keys() == {"kept"}, answer


async def told(shop: Shop, rows: Iterator[bytes]) -> tuple[float, float]:
    """Seconds by the wall and of CPU until all is durable."""
    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(post(shop, rows) for _ in range(CALLS)))
    return time.perf_counter() - began, time.process_time() - cpu


async def read_ms(shop: Shop, people: int) -> float:
    """The median of profile reads over HTTP, in ms."""
    drawn = random.Random(18)  # noqa: S311 - no secret
    persons = [await shop.find("user_id", f"u{drawn.randrange(people)}") for _ in range(READS)]
    took = []
    for person in persons:
        began = time.perf_counter()
        answer = await shop.server.call("GET", f"/v1/people/{person}", shop.server.operator)
        took.append((time.perf_counter() - began) * 1000)
        assert answer.status == 200, answer
    return statistics.median(took)


async def measure(engine: str, url: str, people: int) -> tuple[list[Line], float]:
    with tempfile.TemporaryDirectory() as folder:
        async with collecting(Path(folder), url) as shop:
            await told(shop, bodies(identities(people)))
            wall_s, cpu_s = await told(shop, iter(list(bodies(events(people)))))
            each_us = cpu_s / EVENTS * 1e6
            lines = [
                Line(f"{engine}, {people} people: events", EVENTS / wall_s, "/s", more_is_better=True),
                Line(f"{engine}, {people} people: CPU for each", each_us, "us"),
                Line(f"{engine}, {people} people: a profile over HTTP", await read_ms(shop, people), "ms"),
            ]
    return lines, each_us


async def on_postgres(server: PostgresServer, people: int) -> tuple[list[Line], float]:
    name = f"collect_{people}"
    connection = await admin(server)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    return await measure("PostgreSQL", server.url(name), people)


async def main(counts: Sequence[int], server: PostgresServer) -> None:
    lines: list[Line] = []
    cpu: list[float] = []
    for people in counts:
        found, each_us = await measure("SQLite", "", people)
        lines += found
        cpu.append(each_us)
        lines += (await on_postgres(server, people))[0]
    if len(cpu) > 1:
        growth = f"SQLite: CPU for each from {counts[0]} to {counts[-1]} people"
        lines.append(Line(growth, cpu[-1] / cpu[0], "times", GROWTH_BUDGET))
    show("Collecting", lines)


if __name__ == "__main__":
    with run_postgres() as running:
        asyncio.run(main([int(text) for text in sys.argv[1:]] or PEOPLE, running))
