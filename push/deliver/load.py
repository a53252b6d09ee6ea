"""Deliveries under lease, with all that an attempt needs: read for many at once."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from push.campaigns.outbox import ERASED
from push.model.delivery import OTHER_WAYS, Message, Route
from push.model.people import Purpose
from push.model.ports import Queries, Row
from push.model.vault import SealError
from push.profiles import consent, keys, sealed
from push.profiles.consent import Standing
from push.profiles.keys import ErasedError, Keyring

UNREADABLE: Final = "message_does_not_open"
"""The key of a month is lost: once it is back, a dead letter can be sent again."""


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
    addresses: Mapping[tuple[str, str], Row]
    """Where channels reach her, sealed, by device and channel; without those that get nothing any more."""
    suppressed: frozenset[tuple[str, str]]
    read_ms: int


class Loaded(NamedTuple):
    """Deliveries that can be sent; by its id, why a message cannot be read."""

    claimed: list[Claimed]
    unreadable: Mapping[str, str]


def gate_of(queue: str) -> str:
    """The gate that a queue waits for."""
    return queue.partition("/")[2].removesuffix(OTHER_WAYS)


async def claimed(db: Queries, keyring: Keyring, ids: Sequence[str], now_ms: int) -> Loaded:
    """Read deliveries, their messages opened; those that are gone are left out."""
    if not ids:
        return Loaded([], {})
    rows = await db.fetch("deliver.outgoing", ids=json.dumps(ids))
    shoppers = json.dumps(sorted({row["shopper"] for row in rows}))
    ways = await db.fetch("deliver.reach", shoppers=shoppers)
    await keys.look_for(keyring, (*rows, *ways))
    reach = by_shopper(ways)
    said = by_shopper(await db.fetch("deliver.consents", shoppers=shoppers))
    snoozes = await db.fetch("deliver.snoozes", shoppers=shoppers, now_ms=now_ms)
    quiet = {row["shopper"]: row["until_ms"] for row in snoozes}
    found: list[Claimed] = []
    unreadable: dict[str, str] = {}
    for row in rows:
        standing = consent.standing(said[row["shopper"]], quiet.get(row["shopper"], 0))
        try:
            message = message_of(row, keyring)
        except ErasedError:
            unreadable[row["id"]] = ERASED
        except SealError:
            unreadable[row["id"]] = UNREADABLE
        else:
            found.append(_claimed(row, message, reach[row["shopper"]], standing, now_ms))
    return Loaded(found, unreadable)


def by_shopper(rows: Sequence[Row]) -> defaultdict[str, list[Row]]:
    """Rows by their shopper."""
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["shopper"]].append(row)
    return found


def _claimed(row: Row, message: Message, reach: Sequence[Row], standing: Standing, now_ms: int) -> Claimed:
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
        message=message,
        taken_back=bool(row["taken_back"]),
        standing=standing,
        devices=frozenset(way["device"] for way in reach),
        addresses={(way["device"], way["channel"]): way for way in known if way["suppressed"] is None},
        suppressed=frozenset((way["device"], way["channel"]) for way in known if way["suppressed"] is not None),
        read_ms=now_ms,
    )


def message_of(row: Row, keyring: Keyring) -> Message:
    """The message in a row of ``deliver.outgoing``. Raises as `push.profiles.sealed.content`."""
    return Message(
        id=row["message"],
        shopper=row["shopper"],
        campaign=row["campaign"],
        content=sealed.content(keyring, row, row["message"]),
        created_ms=row["created_ms"],
        expires_ms=row["message_expires_ms"],
        collapse_key=row["collapse_key"],
        urgency=row["urgency"],
        basis=row["basis"],
        needs=msgspec.json.decode(row["needs"], type=tuple[Purpose, ...]),
    )
