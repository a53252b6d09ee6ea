"""What an import of many beacons takes, and how long it keeps everybody else's writes waiting.

    .venv/bin/python tests/bench/bench_import.py [rows]

Rows are half cards that never rotate, half that do, each with a key of its own; the file is read, checked, sealed,
staged and written by `push.registry.bulk_desk` on SQLite as the server does it, then once more with every name changed,
then undone. Meanwhile somebody writes twenty times a second, as ingest does, and measures how long each write took.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, NamedTuple

from push.database.open import open_database
from push.model.ports import Database
from push.registry.bulk import RUNNING, Import
from push.registry.bulk_desk import Imports, Means
from tests.bench.table import Line, show
from tests.support.clocks import RealClock
from tests.support.outbox import VAULT

ROWS: Final = 100_000
BUDGET_S: Final = 30.0
PAUSE_S: Final = 0.05
CLOCK: Final = RealClock()


class Seen(NamedTuple):
    """How long something took, and the slowest write of somebody else meanwhile."""

    took_s: float
    waited_s: float


def file_of(rows: int, name: str) -> bytes:
    """A file of so many rows."""
    head = "id,role,format,static_id,identity_key,exponent,name,battery,group,labels"
    odd = (f"card-{n:06},tag,eid,,{n:032x},10,{name} {n},CR2032,batch-{n % 7},spring" for n in range(1, rows, 2))
    even = (f"card-{n:06},tag,ibeacon,{n:040x},,,{name} {n},CR2032,batch-{n % 7},spring" for n in range(0, rows, 2))
    return "\n".join([head, *odd, *even, ""]).encode()


async def pieces(raw: bytes) -> AsyncIterator[bytes]:
    for begin in range(0, len(raw), 262_144):
        yield raw[begin : begin + 262_144]


async def tick(db: Database, waited: list[float], stop: asyncio.Event) -> None:
    """Write as ingest does, over and over; whoever waits at the end is waited for."""
    while not stop.is_set():
        began_s = time.perf_counter()
        async with db.transaction() as tx:
            await tx.execute("imports.set_state", id="none", state="", now_ms=0)
        waited.append(time.perf_counter() - began_s)
        await asyncio.sleep(PAUSE_S)


async def ended(imports: Imports, made: Import) -> Import:
    while (now := await imports.get(made.id)).state in RUNNING:  # noqa: ASYNC110 - as a caller follows it
        await asyncio.sleep(0.05)
    return now


async def measured(db: Database, what: AsyncIterator[Import]) -> tuple[Import, Seen]:
    waited: list[float] = []
    stop = asyncio.Event()
    ticking = asyncio.create_task(tick(db, waited, stop))
    began_s = time.perf_counter()
    last = [one async for one in what][-1]
    took_s = time.perf_counter() - began_s
    stop.set()
    await ticking
    return last, Seen(took_s, max(waited))


async def importing(imports: Imports, raw: bytes) -> AsyncIterator[Import]:
    yield await ended(imports, await imports.begin("beacons", "operator:bench", pieces(raw), dry_run=False))


async def undoing(imports: Imports, done: Import) -> AsyncIterator[Import]:
    yield await imports.undo(done.id, "operator:bench")


async def nothing() -> None:
    """Nobody listens."""


async def play(folder: Path, rows: int) -> list[Line]:
    lines = []
    async with open_database(f"sqlite://{folder}/push.db", CLOCK) as db:
        imports = Imports(Means(db, VAULT, CLOCK, folder / "imports", nothing))
        for what, name in (("new", "Card"), ("every one changed", "Token")):
            raw = await asyncio.to_thread(file_of, rows, name)
            done, seen = await measured(db, importing(imports, raw))
            assert (done.state, done.rows_written) == ("done", rows), done
            lines += _lines(f"{rows:,} rows, {what}", seen)
        _, seen = await measured(db, undoing(imports, done))
        lines += _lines("undo that", seen)
    return lines


def _lines(what: str, seen: Seen) -> list[Line]:
    return [
        Line(what, seen.took_s, "s", BUDGET_S),
        Line("  the longest that another write took", 1000 * seen.waited_s, "ms"),
    ]


def main() -> None:
    """Measure and print."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory(prefix="footfall-import-") as name:
        lines = asyncio.run(play(Path(name), rows))
    show("An import of beacons", lines)


if __name__ == "__main__":
    main()
