"""What was said, as it is stored: who, what and when in columns, all that is personal sealed under the facet's key."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from push.model.ports import Queries, Row, Transaction
from push.model.profiles import Identifier, Json, Statement
from push.profiles import keys
from push.profiles.identity.facets import listed
from push.profiles.keys import DataKey, Keyring

FIRST: Final = "~"
"""Sorts after every id: where a page begins that has none before it."""


class _Sealed(msgspec.Struct, frozen=True, array_like=True):
    """What is sealed of a statement."""

    home: Identifier
    also: tuple[Identifier, ...]
    traits: dict[str, Json]
    properties: dict[str, Json]
    context: dict[str, Json]
    authority: str


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A statement of a person's timeline; `shopper` is the facet that it was kept under."""

    id: str
    shopper: str
    kind: str
    name: str
    source: str
    authority: str
    at_ms: int
    received_ms: int
    traits: dict[str, Json]
    properties: dict[str, Json]
    context: dict[str, Json]


class Timeline(NamedTuple):
    """A page, the newest first, and where the next one begins; None where there is none."""

    items: tuple[Told, ...]
    after: tuple[int, str] | None


async def known(db: Queries, ids: Iterable[str]) -> set[str]:
    """Which statements were kept already."""
    return {row["id"] for row in await db.fetch("collect.known", ids=listed(ids))}


async def write(tx: Transaction, opened: Mapping[str, DataKey], new: Sequence[tuple[str, Statement]]) -> None:
    """Keep statements, each under its facet, whose key must be among `opened`."""
    await tx.execute_many("collect.track", [_row(opened[facet], facet, statement) for facet, statement in new])


def _row(key: DataKey, facet: str, said: Statement) -> dict[str, object]:
    sealed = _Sealed(said.home, said.also, said.traits, said.properties, said.context, said.authority)
    return {
        "id": said.id,
        "shopper": facet,
        "kind": said.kind,
        "name": said.name,
        "source": said.source,
        "at_ms": said.at_ms,
        "received_ms": said.received_ms,
        "sealed": key.seal(msgspec.msgpack.encode(sealed), _context(said.id)),
    }


def _context(statement: str) -> str:
    return f"tracked:{statement}"


async def timeline(db: Queries, keyring: Keyring, shopper: str, before: tuple[int, str] | None, most: int) -> Timeline:
    """A page of what was said of a person, by any facet of hers. Raises `push.model.vault.SealError`."""
    before_ms, before_id = before or (2**62, FIRST)
    rows = await db.fetch("collect.timeline", shopper=shopper, before_ms=before_ms, before_id=before_id, most=most + 1)
    page, more = rows[:most], len(rows) > most
    opened = await _opened(db, keyring, {row["shopper"] for row in page})
    items = tuple(_told(row, opened[row["shopper"]]) for row in page if row["shopper"] in opened)
    return Timeline(items, (page[-1]["at_ms"], page[-1]["id"]) if more else None)


async def _opened(db: Queries, keyring: Keyring, facets: Collection[str]) -> dict[str, DataKey]:
    return await keys.known(db, keyring, facets)


def _told(row: Row, key: DataKey) -> Told:
    sealed = msgspec.msgpack.decode(key.open(row["sealed"], _context(row["id"])), type=_Sealed)
    return Told(
        id=row["id"],
        shopper=row["shopper"],
        kind=row["kind"],
        name=row["name"],
        source=row["source"],
        authority=sealed.authority,
        at_ms=row["at_ms"],
        received_ms=row["received_ms"],
        traits=sealed.traits,
        properties=sealed.properties,
        context=sealed.context,
    )


def properties(row: Row, key: DataKey) -> dict[str, Json]:
    """What a stored statement says of what happened: a row with its id and `sealed`. Raises `SealError`."""
    return msgspec.msgpack.decode(key.open(row["sealed"], _context(row["id"])), type=_Sealed).properties
