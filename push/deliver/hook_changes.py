"""Changes of people on their way to hooks: notes get their numbers among the events, and what may be said is found out.

Numbers are given by one process at a time, in the order of the notes, so that what changed about one person is told in
the order in which it did.
"""

from typing import Final

import structlog

from push.deliver import told
from push.deliver.hooks import Asked
from push.deliver.told import Item, Told
from push.model.ports import Database
from push.model.vault import SealError
from push.profiles import farewells, outgoing
from push.profiles.outgoing import Change, Wish

log = structlog.get_logger()

AT_ONCE: Final = 500
"""Notes in one transaction."""


async def number(db: Database, now_ms: int) -> int:
    """Give notes their place among the events; how many."""
    if await db.fetch_one("changes.waiting") is None:
        return 0
    async with db.transaction(patient=True) as tx:
        await tx.fetch("changes.hold")
        notes = [dict(row) for row in await tx.fetch("changes.first", most=AT_ONCE)]
        if not notes:  # another process was faster
            return 0
        await tx.execute_many("changes.numbered", [{"id": note.pop("id")} for note in notes])
        row = await tx.fetch_one("events.take", n=len(notes))
        first = (0 if row is None else int(row["value"])) - len(notes) + 1
        rows = [{**note, "seq": first + n, "at_ms": now_ms} for n, note in enumerate(notes)]
        await tx.execute_many("changes.put_event", rows)
    return len(notes)


def wish_of(hook: str, asked: Asked) -> Wish:
    """What of people a hook asks for."""
    return Wish(hook, asked.identifier, frozenset(asked.segments), frozenset(asked.traits))


async def said(db: Database, people: outgoing.Means, wish: Wish, item: Item, now_ms: int) -> Told | None:
    """What a hook is told of a change, as of now; None: nothing. Who cannot be read is told of to nobody."""
    if item.change is None:
        return item.told
    try:
        async with db.transaction() as tx:
            found = await outgoing.said(tx, people, wish, item.change, now_ms)
    except SealError as error:
        log.warning("somebody's change cannot be told: she cannot be read", item=item.id, error=str(error))
        return None
    return None if found is None else told.changed(item, item.change, wish.identifier, found)


async def taken(db: Database, hook: str, change: Change) -> None:
    """Forget what a hook had to be told of somebody who is erased."""
    if change.detail.farewell:
        async with db.transaction() as tx:
            await farewells.drop(tx, change.detail.farewell, hook)
