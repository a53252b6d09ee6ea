"""A real database in which every read is traced: what is personal is read by permit alone, or the test fails.

A read of somebody's personal rows must follow a look at her consent in the same transaction (or connection), and that
look must have found `profiling` granted.
"""

import json
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager

from push.model.ports import Database, Queries, Row, Transaction

PERSONAL = {
    "traits.of_people": "ids",
    "traits.of": "ids",
    "features.of_people": "ids",
    "collect.timeline": "shopper",
}
"""Statements that read what makes up a profile, and their parameter that says whose."""
LOOKS = {
    "profiles.lock_consents": "shoppers",
    "profiles.consents_of": "shopper",
    "consent.of_many": "shoppers",
    "segments.consents": "people",
}
"""Statements that look at consent, and whose."""


class UnpermittedError(AssertionError):
    """Something personal was read without a permit."""


class Traced:
    """`push.model.ports.Queries` on another one, for one transaction; knows whose consent was seen to be granted."""

    def __init__(self, queries: Queries, log: list[str]) -> None:
        self._queries = queries
        self._log = log
        self._permitted: set[str] = set()

    async def fetch(self, name: str, /, **params: object) -> list[Row]:
        self._demand(name, params)
        rows = await self._queries.fetch(name, **params)
        self._learn(name, params, rows)
        return rows

    async def fetch_one(self, name: str, /, **params: object) -> Row | None:
        self._demand(name, params)
        return await self._queries.fetch_one(name, **params)

    def _demand(self, name: str, params: dict[str, object]) -> None:
        if name in PERSONAL:
            missing = set(_named(params[PERSONAL[name]])) - self._permitted
            if missing:
                raise UnpermittedError(f"{name} without a permit of {sorted(missing)}")
            self._log.extend(name for _ in _named(params[PERSONAL[name]]))

    def _learn(self, name: str, params: dict[str, object], rows: Sequence[Row]) -> None:
        if name in LOOKS:
            asked = set(_named(params[LOOKS[name]]))
            self._permitted -= asked
            self._permitted |= {who for who in asked if any(_grants(row, who, asked) for row in rows)}


def _grants(row: Row, who: str, asked: Collection[str]) -> bool:
    of = row.get("shopper", row.get("person", who if len(asked) == 1 else None))
    return of == who and row.get("purpose", "profiling") == "profiling" and bool(row.get("granted", True))


def _named(value: object) -> list[str]:
    """One id, or a JSON array of them."""
    text = str(value)
    return [str(each) for each in json.loads(text)] if text.startswith("[") else [text]


class _TracedTransaction(Traced):
    def __init__(self, tx: Transaction, log: list[str]) -> None:
        super().__init__(tx, log)
        self.execute = tx.execute
        self.execute_many = tx.execute_many


class TracedDatabase(Traced):
    """`push.model.ports.Database` whose transactions are traced each for itself; `reads` names the personal ones."""

    def __init__(self, database: Database) -> None:
        self.reads: list[str] = []
        super().__init__(database, self.reads)
        self._database = database
        self.scrub = database.scrub

    @asynccontextmanager
    async def transaction(self, *, patient: bool = False) -> AsyncIterator[Transaction]:
        async with self._database.transaction(patient=patient) as tx:
            yield _TracedTransaction(tx, self.reads)
