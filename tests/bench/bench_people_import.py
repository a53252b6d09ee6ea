"""Files of people: how fast rows come in from CSV, on SQLite, and from JSONL.

python tests/bench/bench_people_import.py [rows]
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from push.database.open import open_database
from push.profiles.identity.kinds import Kinds
from push.transfer.imports import Asked, PeopleImports
from push.transfer.job import RUNNING, Means
from tests.bench.table import Line, show
from tests.support.clocks import RealClock
from tests.support.outbox import VAULT
from tests.support.small_api import collecting

ROWS: Final = 20_000
LOOK_S: Final = 0.05
PIECE: Final = 256 * 1024


def people(rows: int) -> bytes:
    """Customers with a mailbox, three traits and their consent."""
    head = "user_id,email,trait.name,trait.city,trait.points:number,consent.profiling,consent.adult,consent_at"
    body = (f"u{n},u{n}@x.example,Ann {n},Berlin,{n},yes,yes,2026-01-02T10:00:00Z" for n in range(rows))
    return "\n".join([head, *body, ""]).encode()


def orders(rows: int) -> bytes:
    """Orders of these customers, as events."""
    row = (
        '{{"identifiers": {{"user_id": "u{n}"}}, "event": "Order Completed", "at": "2026-02-03T10:00:00Z", '
        '"properties": {{"order_id": "o{n}", "total": 10.5, "currency": "EUR", '
        '"products": [{{"sku": "s{p}", "price": 10.5, "quantity": 1}}]}}}}'
    )
    return "\n".join(row.format(n=n, p=n % 100) for n in range(rows)).encode()


async def _pieces(raw: bytes) -> AsyncIterator[bytes]:
    for first in range(0, len(raw), PIECE):
        yield raw[first : first + PIECE]


async def _timed(imports: PeopleImports, asked: Asked, raw: bytes) -> float:
    """How long an import takes, in seconds."""
    began = time.perf_counter()
    made = await imports.begin(asked, "bench", _pieces(raw))
    while (await imports.get(made.id)).state in RUNNING:  # noqa: ASYNC110 - as whoever follows an import does
        await asyncio.sleep(LOOK_S)
    ended = await imports.get(made.id)
    if ended.state not in {"done", "checked"} or ended.refused:
        raise RuntimeError(f"the import went wrong: {ended}")
    return time.perf_counter() - began


async def measure(folder: Path, rows: int) -> list[Line]:
    """Import customers, their orders, the customers again; and only read them."""
    clock = RealClock()
    async with open_database(f"sqlite://{folder}/push.db", clock) as db, asyncio.TaskGroup() as group:
        intake = collecting(db, clock).intake
        running = group.create_task(intake.run())
        imports = PeopleImports(Means(db, VAULT, clock, folder / "imports", Kinds(), intake.take, lambda _: None))
        people_asked = Asked(kind="people", format="csv", source="crm")
        orders_asked = Asked(kind="events", format="jsonl", source="till")
        dry = Asked(kind="people", format="csv", source="crm", dry_run=True)
        took = {
            "customers, CSV, read only (dry run)": await _timed(imports, dry, people(rows)),
            "customers, CSV: a mailbox linked, consent, traits": await _timed(imports, people_asked, people(rows)),
            "the same file again": await _timed(imports, people_asked, people(rows)),
            "their orders, JSONL": await _timed(imports, orders_asked, orders(rows)),
        }
        running.cancel()
    return [Line(what, rows / took_s, "rows/s", more_is_better=True) for what, took_s in took.items()]


def main() -> None:
    """Measure and print."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory(prefix="footfall-people-") as name:
        lines = asyncio.run(measure(Path(name), rows))
    show(f"Imports of people, {rows:,} rows on SQLite", lines)


if __name__ == "__main__":
    main()
