"""What segments do by themselves: people are looked at again when time says so, and everybody is asked of a new rule.

Both go in slices, each a transaction of its own with what it did: a stop loses nothing, and of several processes at it
none does another's slice again.
"""

import asyncio
from collections.abc import Collection, Sequence
from typing import Final

import structlog

from push.model.errors import DatabaseError
from push.model.ports import Clock, Database, Transaction
from push.model.rules.tree import SEGMENT
from push.model.vault import SealError
from push.profiles.segments import membership
from push.profiles.segments.book import Book
from push.profiles.segments.membership import Means
from push.profiles.segments.settings import SegmentSettings

SLICE: Final = 100
"""People in one transaction: some tens of milliseconds, while which nobody else writes on SQLite."""
LOOK_S: Final = 1.0
PAUSE_S: Final = 0.01
"""Between slices, so that others get their turn."""
AGAIN_MS: Final = 3_600_000
"""Whoever cannot be read is looked at again after so long."""
DAY_MS: Final = 86_400_000
MOST_PRUNED: Final = 1000

log = structlog.get_logger()


class Runner:
    """Keeps members current. `counts` are people looked at because it was time, and because a rule was new."""

    def __init__(self, db: Database, means: Means, settings: SegmentSettings, clock: Clock) -> None:
        self._db = db
        self._means = means
        self._settings = settings
        self._clock = clock
        self.counts = {"due": 0, "built": 0}
        self.failed = 0
        """Steps that ended before their time."""

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            did = await self._try()
            await asyncio.sleep(PAUSE_S if did else LOOK_S)

    async def _try(self) -> bool:
        try:
            return await self.step()
        except DatabaseError as error:
            log.warning("segments cannot be kept current, trying again", error=str(error))
        except Exception:  # whatever it was: nobody else keeps segments current
            log.exception("segments cannot be kept current, trying again")
        self.failed += 1
        return False

    async def step(self) -> bool:
        """Do a slice of everything; whether there was anything to do. Raises `DatabaseError`."""
        looked, built, pruned = await self.look(), await self.build(), await self.prune()
        return any((looked, built, pruned))

    async def look(self) -> int:
        """Look at people whose time has come; how many."""
        now_ms = self._clock.now_ms()
        if not await self._db.fetch("segments.peek_due", now_ms=now_ms):
            return 0
        async with self._db.transaction(patient=True) as tx:
            book = await self._means.shelf.held(tx)
            persons = [row["person"] for row in await tx.fetch("segments.due", now_ms=now_ms, most=SLICE)]
            await self._ask(tx, book, persons, frozenset(book.segments))
        self.counts["due"] += len(persons)
        return len(persons)

    async def build(self) -> int:
        """Ask the next people of the oldest new rule; 1 where all were asked, 0 where there is none."""
        if not await self._db.fetch("segments.peek_build"):
            return 0
        async with self._db.transaction(patient=True) as tx:
            n = await self._build(tx)
        self.counts["built"] += n
        return n or await self._finish()

    async def _build(self, tx: Transaction) -> int:
        book = await self._means.shelf.held(tx)
        row = await tx.fetch_one("segments.build")
        if row is None:
            return 0
        persons = [one["id"] for one in await tx.fetch("segments.people", after=row["after_person"], most=SLICE)]
        if not persons:
            return 0
        asked = {row["segment"], *book.meeting([SEGMENT + row["segment"]])}
        await self._ask(tx, book, persons, asked)
        await tx.execute("segments.built", segment=row["segment"], after_person=persons[-1], n=len(persons))
        return len(persons)

    async def _ask(self, tx: Transaction, book: Book, persons: Sequence[str], asked: Collection[str]) -> None:
        """Ask all of them at once; where somebody cannot be read, one by one, and her again later."""
        now_ms = self._clock.now_ms()
        try:
            await membership.ask(tx, self._means, book, (persons, asked), now_ms)
        except SealError:
            for person in persons:
                await self._ask_alone(tx, book, person, asked)

    async def _ask_alone(self, tx: Transaction, book: Book, person: str, asked: Collection[str]) -> None:
        now_ms = self._clock.now_ms()
        try:
            await membership.ask(tx, self._means, book, ([person], asked), now_ms)
        except SealError as error:
            log.warning("somebody's facts cannot be read, trying again later", error=str(error))
            await tx.execute("segments.put_due", person=person, due_ms=now_ms + AGAIN_MS)

    async def _finish(self) -> int:
        """Let a segment be live that everybody was asked about; the rules are held alone while it turns."""
        async with self._db.transaction(patient=True) as tx:
            await tx.execute("segments.changed")
            row = await tx.fetch_one("segments.build")
            if row is None or await tx.fetch("segments.people", after=row["after_person"], most=1):
                return 0
            ended = {name: row[name] for name in ("segment", "begun_ms", "after_person")}
            await tx.execute("segments.end_build", **ended)
            await tx.execute("segments.recount", segment=row["segment"])
        return 1

    async def prune(self) -> int:
        """Forget who entered and left long ago; how many."""
        before_ms = self._clock.now_ms() - self._settings.moves_days * DAY_MS
        if not await self._db.fetch("segments.peek_old", before_ms=before_ms):
            return 0
        async with self._db.transaction(patient=True) as tx:
            return await tx.execute("segments.prune", before_ms=before_ms, most=MOST_PRUNED)
