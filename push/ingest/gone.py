"""Visits in stores that are not registered any more: a server that stopped before it noticed left them open."""

import structlog

from push.campaigns import outbox
from push.model.ports import Database

log = structlog.get_logger()


async def close(db: Database, now_ms: int) -> None:
    """End them when somebody was last known to be there. Raises `push.model.errors.DatabaseError`."""
    if await db.fetch_one("ingest.open_gone") is None:
        return
    async with db.transaction() as tx:
        rows = await tx.fetch("ingest.close_gone")
        for row in rows:
            await outbox.cancel_visit(tx, row["id"], now_ms)
    log.info("visits ended whose store is gone", visits=len(rows))
