"""What a page of each list costs the server at a million beacons: the slowest of each kind of question.

    .venv/bin/python tests/bench/bench_lists.py [beacons]

The database is SQLite, filled by one statement; pages are asked of `push.registry.listing` and `push.registry.audit` as
API and console ask them, from the first page on and from the middle of the list.
"""

import asyncio
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from push.database.open import open_database
from push.model.ports import Database
from push.registry import audit, cursors, listing
from push.registry.cursors import Position
from push.registry.listing import Asked, Filters
from tests.bench.table import Line, say, show
from tests.support.clocks import RealClock

COUNT: Final = 1_000_000
BUDGET_MS: Final = 100.0
TIMES: Final = 5
# ruff: noqa: ISC004, S608 - long statements, made of constants
FILL: Final = (
    "INSERT INTO stores (id, name, time_zone, allow_static_tags, name_key)"
    " SELECT 's' || value, 'Store ' || value, 'Europe/Berlin', 0, 'store ' || value FROM generate",
    "INSERT INTO gateways (id, store, zone, x_m, y_m, z_m, radio_offset_db, secret_sealed, config_version, name_key)"
    " SELECT 'g' || value, 's' || (value % 1000), NULL, 0, 0, 0, 0, x'00', 1, '' FROM generate",
    # One in fifty is a fixture, one in a hundred of staff; a tenth never rotates.
    "INSERT INTO beacons (id, role, format, static_id, exponent, counter_s, counter_at_ms, store, zone, x_m, y_m,"
    " shopper, staff, power_1m_dbm, name, name_key, group_id, labels)"
    " SELECT CASE WHEN value % 50 = 0 THEN 'shelf-' ELSE 'card-' END || value,"
    " CASE WHEN value % 50 = 0 THEN 'fixture' ELSE 'tag' END, CASE WHEN value % 10 = 0 THEN 'ibeacon' ELSE 'eid' END,"
    " CASE WHEN value % 10 = 0 THEN printf('%040x', value) END, 10, 0, 0,"
    " CASE WHEN value % 50 = 0 THEN 's' || (value / 50 % 1000) END, NULL, 0, 0, NULL, value % 100 = 1, -59,"
    " 'Beacon ' || value, 'beacon ' || value, CASE WHEN value % 3 = 0 THEN 'batch-' || (value % 7) END, '[]'"
    " FROM generate",
    "INSERT INTO beacon_labels SELECT CASE WHEN value % 4 = 0 THEN 'spring' ELSE 'rare-' || (value % 5000) END,"
    " CASE WHEN value % 50 = 0 THEN 'shelf-' ELSE 'card-' END || value FROM generate",
    "INSERT INTO audit (id, at_ms, actor, action, subject, store) SELECT 'aud' || value, value,"
    " 'operator:' || (value % 20), 'put beacon', 'beacon card-' || (value % 1000), 's' || (value % 1000) FROM generate",
)
COUNTS: Final = (1_000, 5_000, None, None, 200_000)
"""Rows of each statement; None: as many as beacons."""

QUESTIONS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("everything, by id", {}),
    ("everything, by name", {"sort": "name"}),
    ("everything, by name, downwards", {"sort": "name", "direction": "desc"}),
    ("of one store, by name", {"filters": Filters(store="s7"), "sort": "name"}),
    ("fixtures (2 %)", {"filters": Filters(role="fixture")}),
    ("tags (98 %), downwards", {"filters": Filters(role="tag"), "direction": "desc"}),
    ("of staff (1 %), by name", {"filters": Filters(staff=True), "sort": "name"}),
    ("of a group", {"filters": Filters(group="batch-3")}),
    ("with a label of 250,000", {"filters": Filters(label="spring")}),
    ("with a label of 150, by name", {"filters": Filters(label="rare-7"), "sort": "name"}),
    ("label of 250,000, and fixtures: none meet early", {"filters": Filters(label="spring", role="fixture")}),
    ("fixtures that rotate: there are none", {"filters": Filters(role="fixture", format="eid")}),
    ("begins with card-99999", {"filters": Filters(q="card-99999"), "sort": "name"}),
    ("begins with b (all names do)", {"filters": Filters(q="b")}),
    ("begins with zzz: none", {"filters": Filters(q="zzz")}),
    ("two stores of an operator", {"filters": Filters(stores=frozenset({"s1", "s2"})), "sort": "name"}),
    ("half of the stores", {"filters": Filters(stores=frozenset(f"s{n}" for n in range(500)))}),
)


def fill(path: Path, count: int) -> None:
    """All tables, by one statement each."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA synchronous = OFF")
        for statement, most in zip(FILL, COUNTS, strict=True):
            made = f"(WITH RECURSIVE n (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n LIMIT {most or count})"
            began_s = time.monotonic()
            with db:
                db.execute(statement.replace("FROM generate", f"FROM {made} SELECT value FROM n)"))
            say(f"   {statement.split()[2]}: {most or count:,} in {time.monotonic() - began_s:.1f} s")


async def slowest(db: Database, question: dict[str, Any], count: int) -> float:
    """The slowest page, in ms: the first, the second, and one in the middle."""
    first = await listing.beacons(db, Asked(**question, limit=100))
    middle = f"card-{count // 2}" if question.get("sort", "id") == "id" else f"beacon {count // 2}"
    worst = 0.0
    for after in (None, first.after, cursors.written(Position(middle, middle))):
        for _ in range(TIMES):
            began_s = time.perf_counter()
            await listing.beacons(db, Asked(**question, after=after, limit=100))
            worst = max(worst, 1000 * (time.perf_counter() - began_s))
    return worst


async def audited(db: Database) -> float:
    """The slowest page of the audit trail, in ms."""
    worst = 0.0
    for asked in (
        audit.Asked(),
        audit.Asked(subject="beacon card-7"),
        audit.Asked(actor="operator:3", store="s4"),
        audit.Asked(stores=frozenset({"s1"})),
        audit.Asked(until_ms=1000),
    ):
        for _ in range(TIMES):
            began_s = time.perf_counter()
            await audit.page(db, asked)
            worst = max(worst, 1000 * (time.perf_counter() - began_s))
    return worst


async def measure(path: Path, count: int) -> list[Line]:
    """A line for each question."""
    async with open_database(f"sqlite://{path}", RealClock()) as db:
        await asyncio.to_thread(fill, path, count)
        lines = [Line(what, await slowest(db, question, count), "ms", BUDGET_MS) for what, question in QUESTIONS]
        lines.append(Line("the audit trail, 200,000 entries", await audited(db), "ms", BUDGET_MS))
    return lines


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    with tempfile.TemporaryDirectory(prefix="footfall-lists-") as name:
        lines = asyncio.run(measure(Path(name) / "push.db", count))
    show(f"The slowest page of lists at {count:,} beacons", lines)


if __name__ == "__main__":
    main()
