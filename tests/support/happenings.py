"""Events written as whoever sends messages writes them."""

from collections.abc import Sequence

from push.campaigns import events
from push.campaigns.events import Event
from push.model.delivery import EventKind
from push.model.ports import Clock, Database

MANY: tuple[EventKind, ...] = ("queued",) * 2000


async def happen(db: Database, clock: Clock, *kinds: EventKind) -> list[int]:
    """One event of each kind, in one transaction; their numbers."""
    async with db.transaction() as tx:
        await events.append(tx, made(kinds), clock.now_ms())
    row = await db.fetch_one("events.last")
    assert row is not None
    return list(range(row["seq"] - len(kinds) + 1, row["seq"] + 1))


def made(kinds: Sequence[EventKind]) -> list[Event]:
    return [Event(kind=kind, message="msg_1", delivery="dlv_1", shopper="ada", channel="webpush") for kind in kinds]
