"""What was said of somebody, or handed in, before she was erased, and arrives later: it brings her back no more.

A keyed hash of each identifier of hers is kept for `KEPT_D` days from her erasure on, in which phones that were off
and imports that waited have come. What is said of the same identifiers after her erasure is of somebody new.
"""

from collections.abc import Collection, Sequence
from typing import Final

from push.model.ports import Database, Queries, Transaction
from push.model.profiles import Identifier, Statement
from push.model.vault import Vault
from push.profiles.identity.facets import NAMED, fingerprint, listed

KEPT_D: Final = 30
"""Longer than an import is gone on with, and than phones keep what they could not send."""
_DAY_MS: Final = 86_400_000


async def note(tx: Transaction, vault: Vault, facets: Collection[str], now_ms: int) -> None:
    """Remember whom these facets were known as. They are there yet."""
    ids = listed(facets)
    hashes = [row["hash"] for row in await tx.fetch("late.identifiers", ids=ids)]
    named = await tx.fetch("late.named", ids=ids, kind=NAMED)
    hashes += [fingerprint(Identifier(NAMED, row["id"]), vault) for row in named]
    await tx.execute_many("late.add", [{"id": _kept(vault, one), "at_ms": now_ms} for one in sorted({*hashes})])


async def too_late(db: Queries, vault: Vault, statements: Sequence[Statement]) -> set[str]:
    """The ids of those that were said, or handed in, before one whom they name was erased."""
    newest = await db.fetch_one("late.newest")
    if newest is None or newest["at_ms"] is None:
        return set()
    old = [one for one in statements if _said_ms(one) < newest["at_ms"]]
    if not old:
        return set()
    hashes = {one: _kept(vault, fingerprint(one, vault)) for statement in old for one in _named(statement)}
    rows = await db.fetch("late.erased", ids=listed(hashes.values()))
    erased_ms = {row["id"]: row["at_ms"] for row in rows}
    return {
        statement.id
        for statement in old
        if any(_said_ms(statement) < erased_ms.get(hashes[one], 0) for one in _named(statement))
    }


async def sweep(db: Database, now_ms: int) -> None:
    """Forget whose erasure is long ago."""
    async with db.transaction(patient=True) as tx:
        await tx.execute("late.sweep", before_ms=now_ms - KEPT_D * _DAY_MS)


def _said_ms(statement: Statement) -> int:
    """An import is received when it is handed in, whenever its rows are read."""
    return min(statement.at_ms, statement.received_ms)


def _named(statement: Statement) -> tuple[Identifier, ...]:
    return statement.home, *statement.also


def _kept(vault: Vault, hash_: str) -> str:
    """Another hash than the one that a backup has her identifier by: nobody can tell from both who was erased."""
    return vault.fingerprint(hash_.encode(), "erased lately")
