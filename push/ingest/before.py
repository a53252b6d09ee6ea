"""What a release before this one wrote down of presence: zlib streams of people and observations, one by one.

Its rows say what was heard, and nothing of what was decided. That is in the database, written in the same
transactions: visits and stays that are open there go on.
"""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from push.ingest.packing import FORMAT
from push.ingest.seen import seen_of
from push.model.ids import subject
from push.model.ports import Queries, Row
from push.model.presence import JournalEntry, Observation, Record, StayOpened, VisitOpened


class _Person(msgspec.Struct, array_like=True):
    store: str
    shopper: str
    visit: str
    entered_ms: int
    last_ms: int
    alive_ms: int
    zone: str | None
    stay: str | None
    stay_since_ms: int
    marks_done: int
    links: dict[str, tuple[float, int]]


class _Snapshot(msgspec.Struct, array_like=True):
    settings: Any
    anchors: Any
    people: list[_Person]


async def entry(db: Queries, checkpoint: Row | None, rows: Sequence[Row], numbers: Mapping[str, int]) -> JournalEntry:
    """Everything in one: open visits and stays as they are recorded, and when each was heard last.

    Raises `push.model.errors.DatabaseError`.
    """
    visits = await db.fetch("ingest.visits_open")
    stays = await db.fetch("ingest.stays_open")
    records: list[Record] = [VisitOpened(r["id"], r["store"], r["shopper"], r["entered_ms"]) for r in visits]
    records += [StayOpened(r["id"], r["visit"], r["store"], r["zone"], r["entered_ms"]) for r in stays]
    now_ms = max([int(row["at_ms"]) for row in (*([checkpoint] if checkpoint else []), *rows)], default=0)
    held = [bytes(row["payload"]) for row in (*([checkpoint] if checkpoint else []), *rows)]
    names = {subject(r["shopper"]): r["shopper"] for r in visits}
    heard = [o for n, payload in enumerate(held) for o in _heard(payload, is_state=checkpoint is not None and n == 0)]
    return JournalEntry(now_ms, seen_of([o for o in heard if subject(o.shopper) in names], numbers), names, records)


def _heard(payload: bytes, *, is_state: bool) -> list[Observation]:
    """What one of its rows says; nothing where it is of today's."""
    if payload.startswith(FORMAT):
        return []
    raw = zlib.decompress(payload)
    if not is_state:
        return msgspec.msgpack.decode(raw, type=list[Observation])
    people = msgspec.msgpack.decode(raw, type=_Snapshot).people
    return [
        Observation(person.shopper, anchor, last_ms, last_ms, rssi_dbm, 1, last_ms)
        for person in people
        for anchor, (rssi_dbm, last_ms) in person.links.items()
    ]
