"""The ticks: whatever arrived since the last one is taken in one pass, committed in one transaction, acknowledged."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Annotated, Final, NamedTuple

import msgspec
import numpy as np
import structlog

from beacons.ids import ID_BYTES, padded
from push.campaigns.book import Book
from push.ingest import downlink, journal, marks
from push.ingest.intake import Arrived, Intake, StatusArrived
from push.ingest.marks import Mark
from push.ingest.observe import Observer, gather, select
from push.ingest.record import Queued, Recorder, keep_late
from push.model.errors import DatabaseError
from push.model.ports import Clock, Database, Publisher, Transaction
from push.model.presence import Changes, Observation
from push.model.vault import Vault
from push.presence.thresholds import Presence
from push.profiles.consent import ConsentBook
from push.registry.directory import Directory
from push.registry.resolver import Resolver
from push.registry.table import UNKNOWN

log = structlog.get_logger()

MAX_QUEUED: Final = 10_000
"""Payloads waiting for a tick; more are dropped and counted: gateways send again what is not acknowledged."""
SLICE: Final = 500
"""Beacons whose windows are computed in one slice: about a millisecond of work in a thread."""
QUIET_MS: Final = 1000
"""Without arrivals, time passes for presence once a second."""


class IngestSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rhythm of ingest."""

    tick_ms: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 50
    """The least time between ticks under load; a quiet server takes what arrives at once."""
    checkpoint_s: Annotated[int, msgspec.Meta(ge=1, le=60)] = 30
    clock_tolerance_s: Annotated[int, msgspec.Meta(ge=0, le=3600)] = 120
    """How far a rotating tag's clock may be off: 20 ppm over ten weeks without a word of it."""
    pushes_per_visit: Annotated[int, msgspec.Meta(ge=0, le=100)] = 1


class Outside(NamedTuple):
    """What ingest needs of the outside."""

    db: Database
    vault: Vault
    clock: Clock
    publisher: Publisher
    wake_senders: Callable[[], None]


class Report(msgspec.Struct):
    """A phone's own sightings, resolved; `answer` gets what they put into the outbox once that is durable."""

    shopper: str
    device: str
    observations: list[Observation]
    answer: asyncio.Future[list[str]]


class _Tick(msgspec.Struct):
    """What one tick takes in and gives out."""

    batches: list[Arrived]
    statuses: list[StatusArrived]
    reports: list[Report]
    new_marks: dict[tuple[str, str], Mark]
    observations: list[Observation]
    late: list[Observation]
    minutes: dict[tuple[str, str], Counter[str]]


class Engine:
    """Owns presence, marks and the resolver's table; everything else it is given."""

    def __init__(
        self, settings: IngestSettings, outside: Outside, presence: Presence, consents: ConsentBook, *, stale_ms: int
    ) -> None:
        self._settings = settings
        self._db, vault, self._clock, self._publisher, self._wake_senders = outside
        self._consents = consents
        self._stale_ms = stale_ms
        self.presence = presence
        self.counts: Counter[str] = Counter()
        empty = Directory()
        self._intake = Intake(empty)
        self._recorder = Recorder(empty, Book(()), vault, stale_ms=stale_ms, pushes_per_visit=settings.pushes_per_visit)
        self._observer = Observer(empty, Resolver((), {}, tolerance_ms=0), self._located)
        self._marks: dict[tuple[str, str], Mark] = {}
        self._queue: deque[tuple[str, bytes, int]] = deque()
        self._reports: list[Report] = []
        self._arrival = asyncio.Event()
        self._stepping = asyncio.Lock()
        self._seq = 0
        self._checkpoint_seq = 0
        self._checkpoint_ms = 0

    @property
    def refused(self) -> Counter[str]:
        """Payloads refused, by reason."""
        return self._intake.refused

    @property
    def depth(self) -> int:
        """Payloads waiting for a tick."""
        return len(self._queue)

    @property
    def directory(self) -> Directory:
        """The registry as ingest sees it."""
        return self._intake.directory

    def offer(self, topic_text: str, payload: bytes) -> None:
        """Take a payload from the broker; it is stamped now and looked at in the next tick."""
        if len(self._queue) >= MAX_QUEUED:
            self.counts["dropped"] += 1
            return
        self._queue.append((topic_text, payload, self._clock.now_ms()))
        self._arrival.set()

    async def report(self, shopper: str, device: str, observations: list[Observation]) -> list[str]:
        """Take a phone's own sightings; the deliveries to its device that followed, once they are durable."""
        answer: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        self._reports.append(Report(shopper, device, observations, answer))
        self._arrival.set()
        return await answer

    def identify(self, ids: list[tuple[int, bytes]], at_ms: int) -> list[str | None]:
        """The registered beacons that say these (kind, id) at a time; None where there is none."""
        kind = np.array([k for k, _ in ids], dtype=np.uint8)
        raw = np.frombuffer(b"".join(padded(i) for _, i in ids), dtype=f"V{ID_BYTES}")
        resolver = self._observer.resolver
        found = resolver.find(kind, raw, np.full(len(ids), at_ms, dtype=np.int64))
        return [None if i == UNKNOWN else resolver.beacons[i].id for i in found.tolist()]

    async def use(self, directory: Directory, book: Book) -> None:
        """Take over a changed registry or changed campaigns."""
        tolerance_ms = self._settings.clock_tolerance_s * 1000
        resolver = Resolver(directory.beacons, directory.beacon_keys, tolerance_ms=tolerance_ms)
        await asyncio.to_thread(resolver.advance, self._clock.now_ms())
        async with self._stepping:
            self._intake.directory = directory
            self._recorder.directory = directory
            self._recorder.book = book
            self._observer = Observer(directory, resolver, self._located)
            self.presence.use_anchors(directory.anchors())

    async def resume(self) -> None:
        """Come back to where the last commit left off."""
        now_ms = self._clock.now_ms()
        self._seq = self._checkpoint_seq = await journal.resume(self._db, self.presence)
        self.presence.resume(now_ms)
        for shopper in {p.shopper for s in self.directory.stores for p in self.presence.present(s)}:
            if not self._located(shopper):
                await self.forget(shopper)

    async def forget(self, shopper: str) -> None:
        """Stop locating a shopper: her open visits end now, her presence is let go of."""
        async with self._stepping:
            now_ms = self._clock.now_ms()
            changes = self.presence.forget(shopper, now_ms)
            async with self._db.transaction() as tx:
                await self._recorder.write(tx, changes, {}, now_ms)
                await journal.checkpoint(tx, self.presence, self._seq, now_ms)

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            await self._wait()
            await self.tick()
            await asyncio.sleep(self._settings.tick_ms / 1000)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(QUIET_MS / 1000):
                await self._arrival.wait()
        except TimeoutError:
            pass
        self._arrival.clear()

    async def tick(self) -> None:
        """Take in everything that arrived, commit it, acknowledge it."""
        async with self._stepping:
            now_ms = self._clock.now_ms()
            tick = await self._take(now_ms)
            fresh = [o for o in tick.observations if not self.presence.is_stale(o.last_ms, now_ms)]
            tick.late += [o for o in tick.observations if self.presence.is_stale(o.last_ms, now_ms)]
            tick.observations = fresh
            changes = self.presence.step(fresh, now_ms)
            queued = await self._commit(tick, changes, now_ms)
            self._marks.update(tick.new_marks)
            self._count(tick, changes)
        for where, payload in downlink.acks(tick.batches, self._marks, self.directory, self._clock.now_ms()):
            await self._publisher.publish(where, payload)
        _answer(tick.reports, queued)
        if queued:
            self._wake_senders()
        await self._advance(now_ms)

    async def _take(self, now_ms: int) -> _Tick:
        opened = [self._intake.open(*self._queue.popleft()) for _ in range(len(self._queue))]
        reports, self._reports = self._reports, []
        tick = _Tick([], [s for s in opened if isinstance(s, StatusArrived)], reports, {}, [], [], {})
        new = []
        for arrived in opened:
            if isinstance(arrived, Arrived):
                tick.batches.append(arrived)
                if arrived.columns is not None and await self._is_new(arrived, tick.new_marks):
                    new.append(arrived)
        await self._observe(tick, new, now_ms)
        for report in reports:
            tick.observations += report.observations
        return tick

    async def _is_new(self, a: Arrived, new_marks: dict[tuple[str, str], Mark]) -> bool:
        key = (a.batch.gateway, a.batch.boot)
        mark = new_marks.get(key) or self._marks.get(key) or await self._load_mark(*key)
        mark = marks.raised(mark, min(a.batch.oldest, a.batch.sequence))
        is_new = not mark.has(a.batch.sequence)
        new_marks[key] = marks.applied(mark, a.batch.sequence)
        if not is_new:
            self.counts["duplicates"] += 1
        return is_new

    async def _load_mark(self, gateway: str, boot: str) -> Mark:
        row = await self._db.fetch_one("ingest.mark", gateway=gateway, boot=boot)
        return Mark() if row is None else msgspec.json.decode(row["applied"], type=Mark)

    async def _observe(self, tick: _Tick, new: Sequence[Arrived], now_ms: int) -> None:
        """Resolve a tick's sightings: what is recent in the table, what is not in a thread."""
        sightings = gather(new)
        recent = sightings.last_ms >= now_ms - self._stale_ms
        found, resolved = self._observer.observe(
            s := select(sightings, recent), self._observer.resolver.find(s.kind, s.id, s.first_ms), new
        )
        tick.observations += found
        if not bool(np.all(recent)):
            old = select(sightings, ~recent)
            beacons = await asyncio.to_thread(self._observer.resolver.find_past, old.kind, old.id, old.first_ms)
            late, late_resolved = self._observer.observe(old, beacons, new)
            tick.late += late
            resolved += late_resolved
        self.counts["resolved"] += resolved
        _count_minutes(tick, new)

    async def _commit(self, tick: _Tick, changes: Changes, now_ms: int) -> list[Queued]:
        """Write a tick, as often as it takes: presence has moved on, and nothing is acknowledged before."""
        delay_s = 0.05
        while True:
            try:
                async with self._db.transaction() as tx:
                    return await self._write(tx, tick, changes, now_ms)
            except DatabaseError as error:
                self.counts["commit_failures"] += 1
                log.warning("commit failed, trying again", error=str(error), in_s=delay_s)
                await asyncio.sleep(delay_s)
                delay_s = min(5.0, delay_s * 2)

    async def _write(self, tx: Transaction, tick: _Tick, changes: Changes, now_ms: int) -> list[Queued]:
        for (gateway, boot), mark in tick.new_marks.items():
            applied = msgspec.json.encode(mark).decode()
            await tx.execute("ingest.put_mark", gateway=gateway, boot=boot, applied=applied, updated_ms=now_ms)
        for status in tick.statuses:
            await tx.execute(
                "ingest.put_status",
                gateway=status.gateway,
                state=status.status.state,
                status=msgspec.json.encode(status.status).decode(),
                received_ms=status.received_ms,
            )
        if tick.observations or changes.records or changes.moments:
            self._seq += 1
            await journal.append(tx, self._seq, tick.observations, now_ms)
        queued = await self._recorder.write(tx, changes, {r.shopper: r.device for r in tick.reports}, now_ms)
        await keep_late(tx, {a.id: a.store for a in self.directory.anchors().values()}, tick.late)
        await tx.execute_many("ingest.count_minute", _minute_rows(tick, now_ms))
        if now_ms - self._checkpoint_ms >= self._settings.checkpoint_s * 1000 and self._seq > self._checkpoint_seq:
            await journal.checkpoint(tx, self.presence, self._seq, now_ms)
            self._checkpoint_seq, self._checkpoint_ms = self._seq, now_ms
        return queued

    def _count(self, tick: _Tick, changes: Changes) -> None:
        self.counts["batches"] += len(tick.batches)
        self.counts["moments"] += len(changes.moments)
        self.counts["late"] += len(tick.late)
        for arrived in tick.batches:
            self.counts["sightings"] += 0 if arrived.columns is None else len(arrived.columns.kind)

    async def publish_configs(self) -> None:
        """Publish every gateway's configuration, retained."""
        for where, payload in downlink.configs(self.directory):
            await self._publisher.publish(where, payload, retain=True)

    async def _advance(self, now_ms: int) -> None:
        """One slice of the resolver's table: computed in a thread, applied here."""
        resolver = self._observer.resolver
        work = resolver.plan(now_ms, SLICE)
        if work.parts:
            resolver.apply(work, await asyncio.to_thread(resolver.compute, work))

    def _located(self, shopper: str) -> bool:
        return self._consents.allows(shopper, "location")


def _answer(reports: Sequence[Report], queued: Sequence[Queued]) -> None:
    for report in reports:
        if not report.answer.done():
            report.answer.set_result([q.delivery for q in queued if q.device == report.device])


def _count_minutes(tick: _Tick, new: Sequence[Arrived]) -> None:
    for a in new:
        counts = tick.minutes.setdefault((a.topic.store, a.topic.gateway), Counter())
        n = 0 if a.columns is None else len(a.columns.kind)
        counts["batches"] += 1
        counts["sightings"] += n
        counts["unsynchronised"] += n if a.offset_ms is None else 0


def _minute_rows(tick: _Tick, now_ms: int) -> list[dict[str, object]]:
    return [
        {
            "store": store,
            "gateway": gateway,
            "minute_ms": now_ms - now_ms % 60_000,
            "batches": counts["batches"],
            "sightings": counts["sightings"],
            "resolved": counts["resolved"],
            "unsynchronised": counts["unsynchronised"],
        }
        for (store, gateway), counts in sorted(tick.minutes.items())
    ]
