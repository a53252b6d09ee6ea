"""What presence is rebuilt from: a row per tick, and a checkpoint that lets go of the rows before it."""

import zlib
from collections.abc import Sequence
from typing import Final

import msgspec

from push.model.ports import Queries, Transaction
from push.model.presence import Observation
from push.presence.thresholds import Presence

_LEVEL: Final = 1
"""The fastest level of zlib: most of the saving at a tenth of the time."""


def packed(observations: Sequence[Observation]) -> bytes:
    """One tick's resolved and consent-filtered observations, as a journal row holds them."""
    return zlib.compress(msgspec.msgpack.encode(observations), _LEVEL)


async def append(tx: Transaction, seq: int, payload: bytes, now_ms: int) -> None:
    """Write one tick's row. Raises `push.model.errors.UniqueError` where its number is taken."""
    await tx.execute("ingest.journal", seq=seq, at_ms=now_ms, payload=payload)


async def holds(db: Queries, seq: int, payload: bytes, now_ms: int) -> bool | None:
    """Whether a row of that number is there with just this content; None where another one is."""
    row = await db.fetch_one("ingest.journal_row", seq=seq)
    if row is None:
        return False
    return True if (bytes(row["payload"]), row["at_ms"]) == (payload, now_ms) else None


async def checkpoint(tx: Transaction, presence: Presence, seq: int, now_ms: int) -> None:
    """Write the state that includes journal row `seq`, and drop the rows before it; it stays, to mark its number."""
    payload = zlib.compress(presence.dump(), _LEVEL)
    await tx.execute("ingest.put_checkpoint", journal_seq=seq, at_ms=now_ms, payload=payload)
    await tx.execute("ingest.truncate_journal", seq=seq)


async def resume(db: Queries, presence: Presence) -> int:
    """Bring presence to where the last commit left it; the sequence of the last journal row."""
    row = await db.fetch_one("ingest.checkpoint")
    seq = 0 if row is None else int(row["journal_seq"])
    entries = await db.fetch("ingest.journal_after", seq=seq)
    steps = [(_observations(entry["payload"]), int(entry["at_ms"])) for entry in entries]
    presence.replay(None if row is None else zlib.decompress(row["payload"]), steps)
    return int(entries[-1]["seq"]) if entries else seq


def _observations(payload: bytes) -> list[Observation]:
    return msgspec.msgpack.decode(zlib.decompress(payload), type=list[Observation])
