"""What presence is rebuilt from: a row per tick, and a checkpoint that lets go of the rows before it."""

import asyncio
import time
import zlib
from collections.abc import Mapping, Sequence
from typing import Final

import structlog

from push.ingest import before
from push.ingest.packing import FORMAT, LEVEL, told_by, unpack
from push.ingest.unsettled import Unsettled
from push.model.ports import Queries, Row, Transaction
from push.model.presence import JournalEntry
from push.presence.presence import Presence

LARGE: Final = 1 << 18
"""A state of so many bytes is compressed in a thread: some milliseconds of work."""

log = structlog.get_logger()


async def append(tx: Transaction, seq: int, payload: bytes, now_ms: int) -> None:
    """Write one tick's row. Raises `push.model.errors.UniqueError` where its number is taken."""
    await tx.execute("ingest.journal", seq=seq, at_ms=now_ms, payload=payload)


async def holds(db: Queries, seq: int, payload: bytes, now_ms: int) -> bool | None:
    """Whether a row of that number is there with just this content; None where another one is."""
    row = await db.fetch_one("ingest.journal_row", seq=seq)
    if row is None:
        return False
    return True if (bytes(row["payload"]), row["at_ms"]) == (payload, now_ms) else None


async def state(presence: Presence) -> bytes:
    """Presence as it is now, for a checkpoint."""
    dumped = presence.dump()
    small = len(dumped) < LARGE
    return FORMAT + (zlib.compress(dumped, LEVEL) if small else await asyncio.to_thread(zlib.compress, dumped, LEVEL))


async def checkpoint(tx: Transaction, payload: bytes, seq: int, now_ms: int) -> None:
    """Write the state that includes journal row `seq`, and drop the rows before it; it stays, to mark its number."""
    await tx.execute("ingest.put_checkpoint", journal_seq=seq, at_ms=now_ms, payload=payload)
    await tx.execute("ingest.truncate_journal", seq=seq)


async def resume(db: Queries, presence: Presence, unsettled: Unsettled) -> int:
    """Bring presence and what is unsettled to where the last commit left them; the sequence of the last journal row."""
    began_s = time.perf_counter()
    row = await db.fetch_one("ingest.checkpoint")
    seq = 0 if row is None else int(row["journal_seq"])
    rows = await db.fetch("ingest.journal_after", seq=seq)
    held = [bytes(r["payload"]) for r in (*([] if row is None else [row]), *rows)]
    if all(payload.startswith(FORMAT) for payload in held):
        dumped = None if row is None else zlib.decompress(held[0][len(FORMAT) :])
        presence.replay(dumped, _entries(rows, presence.numbers))
    else:
        log.warning("presence was written down by a release before: visits that are open go on")
        presence.replay(None, [await before.entry(db, row, rows, presence.numbers)])
    in_ms = round((time.perf_counter() - began_s) * 1000)
    for one in rows:
        if bytes(one["payload"]).startswith(FORMAT):
            unsettled.take(told_by(bytes(one["payload"])), one["at_ms"])
    log.info("presence is back where it was", people=len(presence.shoppers()), ticks=len(rows), in_ms=in_ms)
    return int(rows[-1]["seq"]) if rows else seq


def _entries(rows: Sequence[Row], numbers: Mapping[str, int]) -> list[JournalEntry]:
    return [unpack(bytes(row["payload"]), numbers) for row in rows]
