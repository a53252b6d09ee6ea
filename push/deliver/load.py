"""Deliveries under lease, with all that an attempt needs: read for many at once."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from push.model.delivery import OTHER_WAYS, Content, Message, Route
from push.model.people import Purpose
from push.model.ports import Queries, Row
from push.profiles import consent
from push.profiles.consent import Standing


class Reached(msgspec.Struct, frozen=True):
    """Where a channel reaches a device, sealed."""

    sealed: bytes
    registered_ms: int


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery under lease: its message, the ways left to it, and what its shopper says."""

    id: str
    lane: int
    queue: str
    routes: tuple[Route, ...]
    later: tuple[tuple[Route, ...], ...]
    attempt: int
    seq: int
    expires_ms: int
    message: Message
    taken_back: bool
    standing: Standing
    devices: frozenset[str]
    """Her devices that exist."""
    addresses: Mapping[tuple[str, str], Reached]
    """By device and channel; without those that get nothing any more."""
    suppressed: frozenset[tuple[str, str]]
    read_ms: int


def gate_of(queue: str) -> str:
    """The gate that a queue waits for."""
    return queue.partition("/")[2].removesuffix(OTHER_WAYS)


async def claimed(db: Queries, ids: Sequence[str], now_ms: int) -> list[Claimed]:
    """Read deliveries; those that are gone are left out."""
    if not ids:
        return []
    rows = await db.fetch("deliver.outgoing", ids=json.dumps(ids))
    shoppers = json.dumps(sorted({row["shopper"] for row in rows}))
    reach = by_shopper(await db.fetch("deliver.reach", shoppers=shoppers))
    said = by_shopper(await db.fetch("deliver.consents", shoppers=shoppers))
    snoozes = await db.fetch("deliver.snoozes", shoppers=shoppers, now_ms=now_ms)
    quiet = {row["shopper"]: row["until_ms"] for row in snoozes}
    return [
        _claimed(
            row, reach[row["shopper"]], consent.standing(said[row["shopper"]], quiet.get(row["shopper"], 0)), now_ms
        )
        for row in rows
    ]


def by_shopper(rows: Sequence[Row]) -> defaultdict[str, list[Row]]:
    """Rows by their shopper."""
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["shopper"]].append(row)
    return found


def _claimed(row: Row, reach: Sequence[Row], standing: Standing, now_ms: int) -> Claimed:
    routes = msgspec.json.decode(row["routes"], type=tuple[Route, ...])
    known = [way for way in reach if way["channel"] is not None]
    return Claimed(
        id=row["id"],
        lane=row["lane"],
        queue=row["queue"] or routes[0].queue(row["lane"]),
        routes=routes,
        later=msgspec.json.decode(row["later"], type=tuple[tuple[Route, ...], ...]),
        attempt=row["attempt"],
        seq=row["seq"],
        expires_ms=row["expires_ms"],
        message=message_of(row),
        taken_back=bool(row["taken_back"]),
        standing=standing,
        devices=frozenset(way["device"] for way in reach),
        addresses={
            (way["device"], way["channel"]): Reached(way["sealed"], way["registered_ms"])
            for way in known
            if way["suppressed"] is None
        },
        suppressed=frozenset((way["device"], way["channel"]) for way in known if way["suppressed"] is not None),
        read_ms=now_ms,
    )


def message_of(row: Row) -> Message:
    """The message in a row of ``deliver.outgoing``."""
    return Message(
        id=row["message"],
        shopper=row["shopper"],
        campaign=row["campaign"],
        content=msgspec.json.decode(row["content"], type=Content),
        created_ms=row["created_ms"],
        expires_ms=row["message_expires_ms"],
        collapse_key=row["collapse_key"],
        urgency=row["urgency"],
        basis=row["basis"],
        needs=msgspec.json.decode(row["needs"], type=tuple[Purpose, ...]),
    )
