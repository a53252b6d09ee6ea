"""Messages, receipts of decisions and addresses from before people's own keys sealed them, while the server runs.

rows in clear, or under the master key ─slices, compare and swap▶ under the data key of whose they are

A crash loses a slice at most, which the next pass finds again; of several processes at it, one swaps a row.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import structlog

from push.model.errors import ConflictError, DatabaseError
from push.model.ports import Database, Row
from push.model.vault import SealError, Vault
from push.profiles import keys, people, sealed
from push.profiles.people import Seals

AGAIN_S: Final = 600.0
"""Another process, which is about to be replaced, may have written the old way meanwhile."""
SLICE: Final = 200
"""Rows in one transaction: some milliseconds, while which nobody else writes on SQLite."""
PAUSE_S: Final = 0.02

log = structlog.get_logger()


class Kind(NamedTuple):
    """What is sealed: how its statements begin, what a row is sealed for, and how it reads in clear."""

    statement: str
    context: Callable[[Row], str]
    plain: Callable[[Row, str, Vault], bytes]


def _clear(row: Row, context: str, vault: Vault) -> bytes:
    del context, vault
    text: str = row["before"]
    return text.encode()


def _opened(row: Row, context: str, vault: Vault) -> bytes:
    return vault.open(row["before"], context)


KINDS: Final = (
    Kind("sealed.messages", lambda row: sealed.message_context(row["key_1"]), _clear),
    Kind("sealed.decisions", lambda row: sealed.decision_context(row["key_1"]), _clear),
    Kind("sealed.addresses", lambda row: people.address_context(row["key_1"], row["key_2"]), _opened),
)


class Sealer:
    """Seals what is from before, until nothing is left."""

    def __init__(self, db: Database, seals: Seals) -> None:
        self._db = db
        self._seals = seals

    async def run(self) -> None:
        """Look after it, until cancelled."""
        while True:
            try:
                done = await self.look()
            except (DatabaseError, SealError) as error:
                log.warning("what is from before cannot be sealed, trying again", error=str(error))
            else:
                if done:
                    log.info("what is from before is sealed under people's own keys", rows=done)
            await asyncio.sleep(AGAIN_S)

    async def look(self) -> int:
        """One pass; how many rows were sealed. Raises `DatabaseError`, `SealError`."""
        return sum([await self._kind(kind) for kind in KINDS])

    async def _kind(self, kind: Kind) -> int:
        done, after = 0, {"after_1": "", "after_2": ""}
        while rows := await self._db.fetch(f"{kind.statement}_clear", **after, most=SLICE):
            after = {"after_1": rows[-1]["key_1"], "after_2": rows[-1]["key_2"]}
            done += await self._slice(kind, rows)
            await asyncio.sleep(PAUSE_S)
        return done

    async def _slice(self, kind: Kind, rows: Iterable[Row]) -> int:
        """Where a row was changed meanwhile, that one stands; who was erased meanwhile has none."""
        try:
            async with self._db.transaction(patient=True) as tx:
                mine = await keys.of_readable(tx, self._seals.keyring, {row["shopper"] for row in rows})
                swaps = [swap for row in rows if (swap := self._swap(kind, row, mine)) is not None]
                await tx.execute_many(f"{kind.statement}_put", swaps)
        except ConflictError:
            log.debug("slice met another transaction; the next pass finds it")
            return 0
        return len(swaps)

    def _swap(self, kind: Kind, row: Row, mine: dict[str, keys.DataKey]) -> dict[str, object] | None:
        """A row as it is and as it shall be; None where a key of it does not open, or nobody is there."""
        key, context = mine.get(row["shopper"]), kind.context(row)
        if key is None:
            return None
        try:
            plain = kind.plain(row, context, self._seals.vault)
        except SealError:
            return None
        return {**_names(row), "sealed": key.seal(plain, context)}


def _names(row: Row) -> dict[str, object]:
    return {name: row[name] for name in ("key_1", "key_2", "before")}
