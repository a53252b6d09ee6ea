"""A real database with a switch: while it is off, everything fails as it does when a server is away."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from push.model.errors import DatabaseError
from push.model.ports import Database, Row, Transaction


class FaultyDatabase:
    """`push.model.ports.Database` on another one; `asked` counts what it was asked for, `refused` names what fails."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.away = False
        self.refused: set[str] = set()
        self.asked: Counter[str] = Counter()

    async def fetch(self, name: str, /, **params: object) -> list[Row]:
        self._answer(name)
        return await self._database.fetch(name, **params)

    async def fetch_one(self, name: str, /, **params: object) -> Row | None:
        self._answer(name)
        return await self._database.fetch_one(name, **params)

    @asynccontextmanager
    async def transaction(self, *, patient: bool = False) -> AsyncIterator[Transaction]:
        self._answer("begin")
        async with self._database.transaction(patient=patient) as tx:
            yield tx
            self._answer("commit")

    async def scrub(self) -> None:
        self._answer("scrub")
        await self._database.scrub()

    def _answer(self, what: str) -> None:
        self.asked[what] += 1
        if self.away or what in self.refused:
            raise DatabaseError(f"{what}: away")
