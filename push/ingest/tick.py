"""One tick: what it takes in, and how that becomes durable, once."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeVar

import msgspec
import structlog

from push.floors import keeping as floors
from push.ingest import gone, journal
from push.ingest.aside import Aside
from push.ingest.intake import Arrived, StatusArrived
from push.ingest.marks import Mark
from push.ingest.packing import pack
from push.ingest.record import Queued, Recorder, keep_late
from push.ingest.seen import Names, nothing
from push.ingest.unsettled import Boot, Counts, Told, Unsettled, told_of
from push.model.errors import DatabaseError
from push.model.ports import Clock, Database, Transaction
from push.model.presence import Changes, JournalEntry, Observation, Seen, Stranger
from push.model.sites import Anchor
from push.presence.presence import Presence

log = structlog.get_logger()
T = TypeVar("T")

FIRST_DELAY_S: Final = 0.05
MOST_DELAY_S: Final = 5.0


class RivalError(Exception):
    """Another server writes to this database: this one must stop."""


class Report(msgspec.Struct, eq=False):
    """A phone's own sightings, resolved; `answer` gets what they put into the outbox once that is durable."""

    shopper: str
    device: str
    observations: list[Observation]
    answer: asyncio.Future[list[str]]


class Withdrawal(msgspec.Struct, eq=False):
    """Somebody who is no longer to be located; `done` is set once that is durable."""

    shopper: str
    done: asyncio.Future[None] | None = None


class Tick(msgspec.Struct):
    """What one tick takes in and gives out. `marks` holds every boot heard from, `changed` those that moved."""

    now_ms: int
    batches: list[Arrived] = []
    foreign: list[Arrived] = []
    """What other people's gateways said: nothing acknowledges it."""
    statuses: list[StatusArrived] = []
    reports: list[Report] = []
    withdrawals: list[Withdrawal] = []
    marks: dict[Boot, Mark] = {}
    changed: dict[Boot, Mark] = {}
    seen: Seen = msgspec.field(default_factory=nothing)
    names: Names = msgspec.field(default_factory=Names)
    late: list[Observation] = []
    strangers: list[Stranger] = []
    minutes: dict[tuple[str, str], Counts] = {}
    changes: Changes = msgspec.field(default_factory=Changes)

    def is_idle(self) -> bool:
        """Whether there is nothing to write."""
        written = (self.statuses, self.changed, self.late, self.minutes)
        changed = (self.changes.records, self.changes.moments, self.changes.minutes)
        return not (len(self.seen.subject) or any(written) or any(changed))

    def entry(self) -> JournalEntry:
        """What the journal says of it."""
        return JournalEntry(self.now_ms, self.seen, self.names.asked, self.changes.records)

    def answer(self, queued: Sequence[Queued]) -> None:
        """Tell whoever waits that it is durable, and phones what followed from their reports."""
        for report in self.reports:
            if not report.answer.done():
                report.answer.set_result([q.delivery for q in queued if q.device == report.device])
        for withdrawal in self.withdrawals:
            if withdrawal.done is not None and not withdrawal.done.done():
                withdrawal.done.set_result(None)


async def insist(work: Callable[[], Awaitable[T]], counts: Counter[str]) -> T:
    """Do what a database may refuse for a while, as often as it takes."""
    delay_s = FIRST_DELAY_S
    while True:
        try:
            return await work()
        except DatabaseError as error:
            counts["commit_failures"] += 1
            log.warning("the database failed, trying again", error=str(error), in_s=delay_s)
            await asyncio.sleep(delay_s)
            delay_s = min(MOST_DELAY_S, delay_s * 2)


class Writer:
    """Writes ticks one after the other, each in one transaction, as often as it takes and never twice.

    A tick's journal row is written first, under the next number: where a commit's outcome stayed unknown, the
    next attempt finds the row there, and is done. `outside` is the database, the clock, and the ms between checkpoints.
    """

    def __init__(
        self, outside: tuple[Database, Clock, int], presence: Presence, recorder: Recorder, unsettled: Unsettled
    ) -> None:
        self._db, self._clock, self._period_ms = outside
        self._presence = presence
        self._recorder = recorder
        self._unsettled = unsettled
        self._seq = 0
        self._checkpoint_seq = 0
        self._checkpoint_ms = 0
        self._overdue = False

    async def resume(self) -> None:
        """Bring presence to where the last commit left it. Raises `DatabaseError`."""
        await gone.close(self._db, self._clock.now_ms())
        self._seq = self._checkpoint_seq = await journal.resume(self._db, self._presence, self._unsettled)
        self.want_checkpoint()

    def want_checkpoint(self) -> None:
        """Presence has changed in a way that no journal tells: the next tick writes a checkpoint."""
        self._overdue = True

    async def write(self, tick: Tick, anchors: Mapping[str, Anchor], counts: Counter[str]) -> list[Queued]:
        """Make a tick durable; what it put into the outbox. Presence has moved on: there is no way but forward."""
        due = self._overdue or self._is_due(tick.now_ms)
        if tick.is_idle() and not due and not len(self._unsettled):
            return []
        told = self._tell(tick, due=due)
        payload = pack(tick.entry(), self._presence.anchors_of(tick.seen), told)
        state = await journal.state(self._presence) if due else b""
        queued: list[Queued] = []
        aside, tried = Aside(counts), False

        async def attempt() -> None:
            nonlocal tried
            if tried and await self._is_written(payload, tick.now_ms):
                return
            tried = True
            async with self._db.transaction() as tx:
                await journal.append(tx, self._seq + 1, payload, tick.now_ms)
                queued[:] = await self._effects(tx, tick, anchors, aside)
                if told.settled:
                    await aside.try_("marks", len(self._unsettled), lambda: self._settle(tx, anchors, tick.now_ms))
                if due:
                    await journal.checkpoint(tx, state, self._seq + 1, tick.now_ms)

        await insist(attempt, counts)
        self._seq += 1
        if told.settled:
            self._unsettled.clear()
        if due:
            self._checkpoint_seq, self._checkpoint_ms, self._overdue = self._seq, tick.now_ms, False
        return queued

    def _tell(self, tick: Tick, *, due: bool) -> Told:
        """What the row tells of marks and minutes; few are written with it, and all with a checkpoint."""
        told = told_of(tick.changed, tick.minutes, settled=False)
        self._unsettled.take(told, tick.now_ms)
        settled = due or tick.is_idle() or not self._unsettled.may_wait
        return msgspec.structs.replace(told, settled=settled)

    async def _settle(self, tx: Transaction, anchors: Mapping[str, Anchor], now_ms: int) -> None:
        """Write what waited, but the marks of gateways that were taken out of the registry meanwhile."""
        marks = [row for row in self._unsettled.mark_rows(now_ms) if row["gateway"] in anchors]
        await tx.execute_many("ingest.put_mark", marks)
        await tx.execute_many("ingest.count_minute", self._unsettled.minute_rows())

    async def _is_written(self, payload: bytes, now_ms: int) -> bool:
        """Whether a commit whose outcome stayed unknown had succeeded. Raises `RivalError`, `DatabaseError`."""
        held = await journal.holds(self._db, self._seq + 1, payload, now_ms)
        if held is None:
            raise RivalError(f"journal row {self._seq + 1} was written by another server")
        return held

    def _is_due(self, now_ms: int) -> bool:
        """Whether it is time for a checkpoint; a clock that was set back never puts it off."""
        return self._seq > self._checkpoint_seq and not 0 <= now_ms - self._checkpoint_ms < self._period_ms

    async def _effects(self, tx: Transaction, tick: Tick, anchors: Mapping[str, Anchor], aside: Aside) -> list[Queued]:
        changes, queued = tick.changes, list[Queued]()
        # Where what follows from moments cannot be written, visits and stays still are.
        if aside.is_out("moments"):
            changes = Changes(changes.records, [], changes.minutes)

        async def write_changes() -> None:
            # Decisions are made at the time of the attempt: what was fresh before an outage may not be after it.
            reporting = {r.shopper: r.device for r in tick.reports}
            queued[:] = await self._recorder.write(tx, changes, reporting, self._clock.now_ms())

        statuses, minutes = _status_rows(tick), changes.minutes
        await aside.try_("statuses", len(statuses), lambda: tx.execute_many("ingest.put_status", statuses))
        await aside.try_(
            *(("moments", len(changes.moments)) if changes.moments else ("visits", len(changes.records))), write_changes
        )
        await aside.try_("late sightings", len(tick.late), lambda: keep_late(tx, anchors, tick.late))
        await aside.try_("floors", len(minutes), lambda: floors.keep(tx, minutes))
        return queued


def _status_rows(tick: Tick) -> list[dict[str, object]]:
    return [
        {
            "gateway": said.gateway,
            "state": said.status.state,
            "status": msgspec.json.encode(said.status).decode(),
            "received_ms": said.received_ms,
        }
        for said in tick.statuses
    ]
