"""Erasure: every row that is anybody's, of every facet of hers. The ledger first, then the rows, in one transaction."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
import structlog

from push.model.again import insist
from push.model.errors import ConflictError
from push.model.ports import Database, Queries, Row, Transaction
from push.model.vault import Vault
from push.profiles import asked, farewells, late
from push.profiles.derived import standings
from push.profiles.erased import Ledger, erasure_of
from push.profiles.keys import Keyring
from push.profiles.segments import membership

SLICE: Final = 500
"""Facets looked at in one go, where the ledger is replayed."""

_BY_FACET: Final = (
    "receipts", "attempts", "changes", "events", "deliveries", "caps", "decisions", "moments", "stays", "visits",
    "own_tag_labels", "own_tags", "tags", "imported_tags", "tokens", "addresses", "devices", "consents",
    "consent_history", "nicknames", "snoozes", "touches", "waiting", "arms", "coupons_free",
    "coupons", "requests", "shoppers",
)  # fmt: skip
"""Statements ``rights.erase_*`` in order: what refers to something goes before it. The rest goes with `shoppers`."""

_SCRUBS: Final = 3
"""Attempts to empty SQLite's log while somebody reads; whoever is erased next, or the next start, empties it too."""

log = structlog.get_logger()


class Means(NamedTuple):
    """What erasing works with."""

    db: Database
    vault: Vault
    keyring: Keyring
    ledger: Ledger


class Facet(NamedTuple):
    """One identifier's part of a person, and when it came to be."""

    id: str
    created_ms: int


class Erased(NamedTuple):
    """Who is gone: her facets, what reached her, and the tags that she carried; those in `gone` are no more."""

    facets: tuple[str, ...]
    devices: tuple[str, ...]
    tags: tuple[str, ...]


Note = Callable[[Transaction, Erased], Awaitable[None]]


async def facets_of(db: Queries, shopper: str) -> list[Facet]:
    """Every facet of whoever this facet is; none where there is nobody."""
    rows = await db.fetch("rights.facets", shopper=shopper)
    return [Facet(row["id"], row["created_ms"]) for row in rows]


async def erase(means: Means, shopper: str, now_ms: int, note: Note) -> Erased | None:
    """Erase whoever this facet is; None where there is nobody. `note` writes down, with it, that it was done.

    Raises `push.model.errors.DatabaseError`, `OSError`: where it was in the ledger by then, the next start ends it.
    """
    erased = await insist(lambda: _erase(means, shopper, now_ms, note))
    means.keyring.forget()
    return erased


async def _erase(means: Means, shopper: str, now_ms: int, note: Note) -> Erased | None:
    async with means.db.transaction() as tx:
        facets = await _held(tx, shopper)
        if not facets:
            return None
        hashes = [erasure_of(means.vault, *facet) for facet in facets]
        await asyncio.to_thread(means.ledger.append, hashes, now_ms)
        await late.note(tx, means.vault, [facet.id for facet in facets], now_ms)
        await farewells.write(tx, means.keyring, [facet.id for facet in facets], now_ms)
        erased = await remove(tx, [facet.id for facet in facets])
        await tx.execute_many("rights.note_erasure", [{"id": each, "at_ms": now_ms} for each in hashes])
        await note(tx, erased)
    return erased


async def _held(tx: Transaction, shopper: str) -> list[Facet]:
    """Every facet of hers, held until `tx` ends; also those that somebody else merged with her while this waited."""
    held: list[Facet] = []
    while True:
        found = [Facet(row["id"], row["created_ms"]) for row in await tx.fetch("rights.hold", shopper=shopper)]
        if found == held:
            return held
        held = found


async def remove(tx: Transaction, facets: Sequence[str]) -> Erased:
    """Remove every row of these facets; what only counts stays."""
    ids = msgspec.json.encode(facets).decode()
    devices = await tx.fetch("rights.devices", ids=ids)
    tags = await tx.fetch("rights.tags", ids=ids)
    messages = await tx.fetch("rights.messages", ids=ids)
    persons = [row["person"] for row in await tx.fetch("rights.persons", ids=ids)]
    await asked.fold(tx, ids)
    await standings.forget(tx, persons)
    await membership.forget(tx, facets)
    await tx.execute("rights.loosen", ids=ids)
    await _scrub_audit(tx, facets, devices)
    for what in _BY_FACET:
        await tx.execute(f"rights.erase_{what}", ids=ids)
        if what == "deliveries":
            await tx.execute("rights.erase_messages", ids=_ids(messages))
    return Erased(tuple(facets), tuple(row["id"] for row in devices), tuple(row["id"] for row in tags))


def _ids(rows: Sequence[Row]) -> str:
    return msgspec.json.encode([row["id"] for row in rows]).decode()


async def _scrub_audit(tx: Transaction, facets: Sequence[str], devices: Sequence[Row]) -> None:
    """That something was done stays; whose tag it was, or which phone did it, does not."""
    said = [f'"shopper":{msgspec.json.encode(facet).decode()}' for facet in facets]
    await tx.execute_many("rights.scrub_audit", [{"said": each, "unsaid": '"shopper":null'} for each in said])
    await tx.execute_many("rights.scrub_audit_of_device", [{"device": row["id"]} for row in devices])


async def replay(means: Means) -> int:
    """Erase again whoever is in the ledger and here all the same: after a restored backup, or a crash; how many facets.

    Raises `push.profiles.erased.LedgerError`, `OSError`, `push.model.errors.DatabaseError`.
    """
    noted = await asyncio.to_thread(means.ledger.read)
    carried_out = {row["id"] for row in await means.db.fetch("rights.erasures")}
    missing = {each: at_ms for each, at_ms in noted.items() if each not in carried_out}
    if not missing:
        return 0
    gone = await _again(means, missing)
    async with means.db.transaction() as tx:
        rows = [{"id": each, "at_ms": at_ms} for each, at_ms in missing.items()]
        await tx.execute_many("rights.note_erasure", rows)
        if gone < len(missing):  # an import that this database has not read to its end may know others of them
            await tx.execute("late.end_imports")
    return gone


async def _again(means: Means, missing: Mapping[str, int]) -> int:
    gone, after = 0, ""
    while rows := await means.db.fetch("rights.page", after=after, most=SLICE):
        after = rows[-1]["id"]
        known = await asyncio.to_thread(_of, means.vault, rows, missing)
        if known:
            async with means.db.transaction() as tx:
                await farewells.write(tx, means.keyring, known, max(missing.values()))
                await late.note(tx, means.vault, known, max(missing.values()))
                await remove(tx, known)
            gone += len(known)
    return gone


def _of(vault: Vault, rows: Sequence[Row], missing: Mapping[str, int]) -> list[str]:
    return [row["id"] for row in rows if erasure_of(vault, row["id"], row["created_ms"]) in missing]


async def scrub(db: Database) -> None:
    """Leave no bytes behind of what was deleted. Raises `push.model.errors.DatabaseError`."""
    for _ in range(_SCRUBS):
        try:
            return await db.scrub()
        except ConflictError as error:
            log.info("what was deleted is yet in the database's log", error=str(error))
    return None
