"""What campaigns do by themselves: whatever waits is asked when its time has come, a slice at a time.

moves of segments, times that were set, feeds ─▶ waiting ─due, by person─▶ occasions ─▶ decisions, one transaction

Each slice is a transaction of its own with what it did, so that a stop loses nothing and nothing is answered twice.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import structlog

from push.campaigns import feeds, following, sowing, waiting
from push.campaigns.answering import Question, answer_all
from push.campaigns.hearing import NOTHING, Ear
from push.campaigns.means import Means
from push.campaigns.settling import settle
from push.model.errors import DatabaseError
from push.model.ports import Clock, Database

SLICE: Final = 100
"""Whose time has come, looked up at once."""
TOGETHER: Final = 10
"""People who are answered in one transaction: some tens of milliseconds, while which nobody else writes on SQLite."""
LOOK_S: Final = 1.0
PAUSE_S: Final = 0.005
"""Between slices, so that others get their turn."""
AGAIN_MS: Final = 2_000
"""What failed is tried again after so long, and each time so much later."""
MOST_TRIES: Final = 8
PRUNE_MS: Final = 60_000
MOST_PRUNED: Final = 1_000

log = structlog.get_logger()


class Outside(NamedTuple):
    """The database, the clock, and what is told how many deliveries were committed."""

    db: Database
    clock: Clock
    sent: Callable[[int], None]


class Runner:
    """Asks campaigns.

    `counts`: people whose time came (`asked`), `decided`, `sent`, `failed`, `given_up`, `late`; what was dropped as its
    campaign was `paused` for too long.
    """

    def __init__(self, outside: Outside, means: Means, ear: Ear) -> None:
        self._db, self._clock, self._sent = outside
        self._means = means
        self.ear = ear
        self._kept = NOTHING
        self._pruned_ms = 0
        self.counts = {"asked": 0, "decided": 0, "sent": 0, "failed": 0, "given_up": 0, "late": 0, "paused": 0}
        self.failed = 0
        """Steps that ended before their time."""

    async def run(self) -> None:
        """Work until cancelled; who did something is answered at once."""
        while True:
            did = await self._try()
            await asyncio.sleep(PAUSE_S)
            if not did:
                await self._rest()

    async def _rest(self) -> None:
        """Until the next look, or something is heard."""
        try:
            async with asyncio.timeout(LOOK_S):
                await self.ear.bell.wait()
        except TimeoutError:
            pass
        self.ear.bell.clear()

    async def _try(self) -> bool:
        try:
            return await self.step()
        except DatabaseError as error:
            log.warning("campaigns cannot be asked, trying again", error=str(error))
        except Exception:  # whatever it was: nobody else asks them
            log.exception("campaigns cannot be asked, trying again")
        self.failed += 1
        return False

    async def step(self) -> bool:
        """Do a slice of everything; whether there was anything to do. Raises `DatabaseError`."""
        now_ms = self._clock.now_ms()
        await self._keep(now_ms)
        followed = await following.follow(self._db, self._means, now_ms)
        begun = await sowing.begin_scheduled(self._db, self._means, now_ms)
        sown = await sowing.sow(self._db, self._means, now_ms)
        asked = await self.ask(now_ms)
        await self._prune(now_ms)
        return any((followed, begun, sown, asked))

    async def _keep(self, now_ms: int) -> None:
        """Bring into force what other campaigns are live than before, and what feeds say."""
        book = self._means.in_force.book
        if book is not self._kept:
            await following.keep_segments(self._db, book, now_ms)
            await waiting.go_on(self._db, book.ready, now_ms)
            self._kept = book
        self._means.in_force.feeds = await feeds.facts(self._db, now_ms)

    async def ask(self, now_ms: int) -> int:
        """Ask about people whose time has come; how many."""
        people = await waiting.people(self._db, now_ms, SLICE)
        for first in range(0, len(people), TOGETHER):
            await self._some(people[first : first + TOGETHER], is_crowd=len(people) == SLICE)
        return len(people)

    async def _some(self, people: Sequence[str], *, is_crowd: bool) -> None:
        """Some in one transaction. Where that fails, each for herself: one spoils it for no other."""
        try:
            await self._together(people, is_crowd=is_crowd)
        except Exception as error:  # noqa: BLE001 - whatever it was, it is tried again and given up at last
            if len(people) > 1:
                for person in people:
                    await self._some([person], is_crowd=is_crowd)
                return
            await self._put_off(people[0], error)

    async def _together(self, people: Sequence[str], *, is_crowd: bool) -> None:
        """Ask about some; where many wait, those who are in stores come first."""
        async with self._db.transaction(patient=is_crowd) as tx:
            now_ms = self._clock.now_ms()
            due = [one for person in people for one in await settle(tx, self._means, person, now_ms)]
            answers = await answer_all(tx, self._means, [Question(one) for one in due], now_ms)
        sent = sum(one is not None and one.sent is not None for one in answers)
        self.counts["asked"] += len(people)
        self.counts["decided"] += sum(one is not None for one in answers)
        self.counts["sent"] += sent
        if sent:
            self._sent(sent)

    async def _put_off(self, person: str, error: Exception) -> None:
        """What cannot be decided about somebody is tried again later, and given up at last."""
        log.warning("campaigns cannot be asked about somebody, trying again", error=type(error).__name__)
        self.counts["failed"] += 1
        async with self._db.transaction() as tx:
            now_ms = self._clock.now_ms()
            await tx.execute("waiting.put_off", person=person, now_ms=now_ms, after_ms=AGAIN_MS)
            given_up = await tx.execute("waiting.give_up", most=MOST_TRIES)
        if given_up:
            self.counts["given_up"] += given_up
            log.error("campaigns were not asked about somebody", occasions=given_up)

    async def _prune(self, now_ms: int) -> None:
        """Forget what waited for a place or a time that never came."""
        if now_ms - self._pruned_ms < PRUNE_MS:
            return
        self._pruned_ms = now_ms
        if await self._db.fetch_one("waiting.peek_late", now_ms=now_ms) is None:
            return
        async with self._db.transaction(patient=True) as tx:
            gone = await tx.fetch("waiting.prune", now_ms=now_ms, most=MOST_PRUNED)
            await tx.execute("waiting.prune_spreads", now_ms=now_ms)
        paused = sum(row["due_ms"] >= waiting.NEVER_MS for row in gone)
        self.counts["late"] += sum(row["kind"] != "done" for row in gone) - paused
        self.counts["paused"] += paused
        if paused:
            log.info("what fell due while its campaign was paused is dropped: it was paused for too long", rows=paused)
