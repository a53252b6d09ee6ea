"""What people do, noted for campaigns in the transaction that keeps it: whoever answers does so within a second."""

import asyncio
from collections.abc import Callable, Collection
from typing import Final

import msgspec

from push.campaigns import waiting
from push.campaigns.book import Book
from push.campaigns.triggers import STALE_MS, watched
from push.campaigns.waiting import Kept, Wait
from push.model.ids import derived
from push.model.ports import Row, Transaction

NOTHING: Final = Book(())


class Ear:
    """Listens to what is kept of people. `bell` rings for whoever answers, once something was committed."""

    def __init__(self, book: Callable[[], Book]) -> None:
        self._book = book
        self._known = NOTHING
        self._watched = watched(NOTHING)
        self._has_heard = False
        self.bell = asyncio.Event()

    async def note(self, tx: Transaction, statements: Collection[str], now_ms: int) -> None:
        """Have those of the statements answered that some campaign wants to hear of, and that are no history."""
        book = self._book()
        if book is not self._known:
            self._known, self._watched = book, watched(book)
        wanted = self._watched
        if not (wanted.names or wanted.purchases or wanted.baskets) or not statements:
            return
        rows = await tx.fetch("waiting.statements", ids=msgspec.json.encode(sorted(statements)).decode())
        heard = [row for row in rows if row["at_ms"] >= now_ms - STALE_MS and wanted.wants(row["name"])]
        await waiting.put(tx, [_wait(row, now_ms) for row in heard], now_ms)
        self._has_heard = self._has_heard or bool(heard)

    def ring(self) -> None:
        """Whatever was noted is committed by now."""
        if self._has_heard:
            self._has_heard = False
            self.bell.set()


def _wait(row: Row, now_ms: int) -> Wait:
    return Wait(
        id=derived("wai", "event", row["id"]),
        shopper=row["shopper"],
        campaign="",
        kind="event",
        due_ms=now_ms,
        until_ms=now_ms + STALE_MS,
        occasion=Kept(kind="event", since_ms=row["at_ms"], name=row["name"], origin=row["id"]),
    )
