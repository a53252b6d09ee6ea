"""Watching over the fleet while the server runs: a look each minute, kept, and told to whoever wants to know."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

import msgspec
import structlog

from beacons.wire import Status
from push.health import alerts, keeping, memory
from push.health.alerts import Mail
from push.health.judge import Changes, Judge
from push.health.settings import MINUTE_MS, HealthSettings
from push.health.station import Station
from push.health.voltages import Voltages
from push.health.watch import Watch
from push.model.errors import DatabaseError
from push.model.health import Cloned, Drift, Spoken
from push.model.ports import Clock, Database, Row, Transaction
from push.registry.directory import Directory

LOOK_S: Final = 1.0
GAP_MS: Final = 3 * MINUTE_MS
"""Between two minutes that lie further apart, or further back, the server stood still or its clock was set."""
KEEP_EVERY_MS: Final = 5 * MINUTE_MS
MOST_UNWRITTEN: Final = 10_000

log = structlog.get_logger()


class Post(Protocol):
    """Who takes mails to the outbox."""

    async def put(self, tx: Transaction, mails: Sequence[Mail], now_ms: int) -> None:
        """Write them to the outbox."""
        ...

    def sent(self, number: int) -> None:
        """So many were committed: somebody should look."""
        ...


class Means(NamedTuple):
    """What it takes. `is_listening` says whether the broker is there: without it, silence is our own.

    `clones` and `drifts` are what the resolver knows of copies, and of fixtures' clocks.
    """

    settings: HealthSettings
    db: Database
    clock: Clock
    post: Post
    is_listening: Callable[[], bool]
    clones: Callable[[], Sequence[Cloned]]
    drifts: Callable[[], Sequence[Drift]]


class Health:
    """The fleet's health on this server. `counts` are findings that nobody knows of yet, by kind."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self.station = Station(means.settings)
        self._unwritten: list[Changes] = []
        self._minute_ms = 0
        self._kept_ms = 0
        self._was_listening = False

    @property
    def watch(self) -> Watch:
        """What ingest tells of the fleet."""
        return self.station.watch

    @property
    def counts(self) -> dict[str, int]:
        """Findings that stand, by kind; what is explained by another counts with that."""
        found: dict[str, int] = {}
        for finding in self.station.judge.standing.values():
            if finding.explained_by is None:
                found[finding.kind] = found.get(finding.kind, 0) + 1
        return found

    def use(self, directory: Directory) -> None:
        """Watch over this registry's fleet from now on."""
        self.station.use(directory, self._means.clock.now_ms())

    async def resume(self) -> None:
        """Take up what the last run knew. Raises `push.model.errors.DatabaseError`."""
        db, now_ms = self._means.db, self._means.clock.now_ms()
        self.station.judge = Judge(await keeping.standing(db))
        self.station.voltages = Voltages(await keeping.voltages(db, now_ms))
        dumped = await keeping.state(db)
        if dumped is not None and not memory.restore(self.watch, dumped):
            log.warning("what was learned of the fleet cannot be read: it is learned anew")
        self.watch.recall([_spoken(row) for row in await db.fetch("ingest.statuses")])
        self.watch.listen(now_ms)
        self._kept_ms = now_ms

    async def run(self) -> None:
        """Look each minute until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Whatever is due now: a database that is away puts it off."""
        now_ms = self._means.clock.now_ms()
        minute_ms = now_ms - now_ms % MINUTE_MS
        self._mind_the_gap(now_ms, minute_ms)
        if minute_ms == self._minute_ms:
            return
        self._minute_ms = minute_ms
        if self._was_listening:
            self.watch.cloned(self._means.clones())
            self.watch.drifted(self._means.drifts())
            self._note(self.station.turn(now_ms))
        try:
            await self._write(now_ms)
        except DatabaseError as error:
            log.warning("findings cannot be written, trying again", error=str(error))

    def _mind_the_gap(self, now_ms: int, minute_ms: int) -> None:
        """Begin to listen anew where we did not: nobody was silent meanwhile."""
        listening = self._means.is_listening()
        gap = self._minute_ms and not 0 <= minute_ms - self._minute_ms <= GAP_MS
        if (listening and not self._was_listening) or gap:
            self.watch.listen(now_ms)
            self._minute_ms = minute_ms
        self._was_listening = listening

    def _note(self, changes: Changes) -> None:
        for finding in changes.opened:
            log.info("health finding", kind=finding.kind, subject=finding.subject, store=finding.store)
        if any(changes) and len(self._unwritten) < MOST_UNWRITTEN:
            self._unwritten.append(changes)

    async def _write(self, now_ms: int) -> None:
        """Write down what was found, and tell of it, in one transaction. Raises `DatabaseError`."""
        unwritten, days = list(self._unwritten), self.station.voltages.changed()
        keeps = not 0 <= now_ms - self._kept_ms < KEEP_EVERY_MS
        mails: list[Mail] = []
        try:
            async with self._means.db.transaction(patient=True) as tx:
                for changes in unwritten:
                    await keeping.put_changes(tx, changes)
                await keeping.put_days(tx, days)
                if keeps:
                    await keeping.put_state(tx, await asyncio.to_thread(memory.dump, self.watch), now_ms)
                await alerts.tell(tx, self._means.settings, now_ms)
                mails = await alerts.mails(tx, self._means.settings, now_ms)
                await self._means.post.put(tx, mails, now_ms)
        except DatabaseError:
            self.station.voltages.unwritten(days)
            raise
        del self._unwritten[: len(unwritten)]
        if keeps:
            self._kept_ms = now_ms
        if mails:
            self._means.post.sent(len(mails))

    async def keep(self) -> None:
        """Keep what was learned, before a stop."""
        now_ms = self._means.clock.now_ms()
        try:
            async with self._means.db.transaction(patient=True) as tx:
                await keeping.put_state(tx, memory.dump(self.watch), now_ms)
        except DatabaseError as error:
            log.warning("what was learned of the fleet is not kept", error=str(error))


def _spoken(row: Row) -> Spoken:
    return Spoken(row["gateway"], msgspec.json.decode(row["status"], type=Status), row["received_ms"])
