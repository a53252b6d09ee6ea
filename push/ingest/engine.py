"""The ticks: whatever arrived since the last one is taken in one pass, committed in one transaction, acknowledged.

What was heard some time ago resolves in a lane of its own, and joins a tick when it is resolved; the resolver's
table turns in a third.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Final, NamedTuple

import msgspec
import numpy as np

from beacons.ids import ID_BYTES, padded
from beacons.topics import ROOT
from beacons.wire import MAX_PAYLOAD_BYTES
from push.campaigns.book import Book
from push.campaigns.means import Means
from push.ingest import downlink, keeping, learning, searching
from push.ingest.ears import Ears, EarSettings
from push.ingest.foreign.queue import Standing
from push.ingest.record import Recorder
from push.ingest.seen import cut, observations
from push.ingest.strays import Strays
from push.ingest.take import Taker, Waiting
from push.ingest.tick import Report, Tick, Withdrawal, Writer
from push.ingest.walking import HeardBy
from push.model.errors import OverloadedError
from push.model.health import Learned, Watcher
from push.model.ports import Clock, Database, Publisher
from push.model.presence import Changes, Observation
from push.model.sites import Rules
from push.presence.presence import Presence
from push.profiles.consent import ConsentBook
from push.registry.directory import Directory
from push.registry.drift import enter
from push.registry.resolver import Resolver
from push.registry.tags import UNKNOWN, Change, Tags

MAX_QUEUED: Final = 10_000
"""Payloads waiting for a tick; more are dropped and counted: gateways send again what is not acknowledged."""
MAX_QUEUED_BYTES: Final = 64 * 1024 * 1024
"""And their size: 10,000 batches of a busy store take a tenth of it; 10,000 of the largest would take 2.5 GB."""
MAX_REPORTS: Final = 2_000
"""Phones' reports waiting for a tick; more are refused: a phone reports again in a second."""
MAX_TAKEN: Final = 2_000
MAX_TAKEN_BYTES: Final = 1024 * 1024
"""Payloads taken in by one tick, and their size, so that the loop is not held up for long; the others wait."""
SLICE: Final = 500
"""Beacons whose windows are computed in one slice: some milliseconds of work in a thread, less than one here."""
QUIET_MS: Final = 1000
"""Without arrivals, and with nobody there, time passes for presence once a second."""
STALL_MS: Final = 10_000
SET_BACK_MS: Final = 1_000
"""Between two ticks that lie further apart, or further back, the server stood still or its clock was set."""


class IngestSettings(EarSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rhythm of ingest, and what is believed of what is heard."""

    tick_ms: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 50
    """The least time between ticks under load; a quiet server takes what arrives at once."""
    checkpoint_s: Annotated[int, msgspec.Meta(ge=1, le=60)] = 30
    pushes_per_visit: Annotated[int, msgspec.Meta(ge=0, le=100)] = 1


class Outside(NamedTuple):
    """What ingest needs of the outside."""

    db: Database
    clock: Clock
    publisher: Publisher
    wake_senders: Callable[[], None]
    campaigns: Means
    """What answers moments."""


class Engine:
    """Owns presence, marks and the resolver's table; everything else it is given."""

    def __init__(
        self, settings: IngestSettings, outside: Outside, presence: Presence, consents: ConsentBook, rules: Rules
    ) -> None:
        self._settings = settings
        self._db, self._clock, self._publisher, self._wake_senders, self._campaigns = outside
        self._consents = consents
        self.presence = presence
        self.counts: Counter[str] = Counter()
        self._summed_s = 0.0
        self._rules = rules
        self._taker = Taker(self._db, consents, self.counts)
        self._recorder = Recorder(presence.rules, self._campaigns)
        outer = self._db, self._clock, settings.checkpoint_s * 1000
        self._writer = Writer(outer, presence, self._recorder, self._taker.ledger.unsettled)
        self._strays = Strays()
        self._queue: deque[Waiting] = deque()
        self._queued_bytes = 0
        self._reports: list[Report] = []
        self._withdrawals: list[Withdrawal] = []
        self._arrival = asyncio.Event()
        self._stepping = asyncio.Lock()
        self._turning = asyncio.Lock()
        self.changing = asyncio.Lock()
        """Held by whoever plans a change of the beacons' columns and brings it into force."""
        self._ticked_ms: int | None = None
        self._running = False

    @property
    def refused(self) -> Counter[str]:
        """Payloads refused, by reason."""
        return self._taker.refused

    @property
    def cpu_s(self) -> Mapping[str, float]:
        """CPU time so far, in s: from payloads to a row for each person and gateway; and of presence's filter.

        What the loop does while a new boot's mark is read is counted with the first.
        """
        return {"summaries": self._summed_s, "filter": self.presence.filter_s}

    @property
    def depth(self) -> int:
        """Payloads waiting for a tick."""
        return len(self._queue) + self._taker.foreign.depth

    @property
    def directory(self) -> Directory:
        """The registry as ingest sees it."""
        return self._taker.directory

    def heard_by(self, beacon: str) -> list[HeardBy]:
        """Which gateways hear a beacon, for an installer. Raises `push.ingest.walking.NotWatchedError`."""
        return self._taker.walk.heard(self._taker.observer.resolver.tags, beacon, self._clock.now_ms())

    def standing(self, store: str, source: str) -> Standing:
        """How a source of other people's gateways does."""
        return self._taker.foreign.standing(store, source)

    def watch(self, watcher: Watcher) -> None:
        """Tell this one what is heard of the fleet from now on."""
        self._taker.watcher = watcher

    def offer(self, topic_text: str, payload: bytes) -> None:
        """Take a payload from the broker; it is stamped now and looked at in the next tick."""
        if not topic_text.startswith(ROOT):
            self.counts["dropped"] += not self._taker.foreign.offer(topic_text, payload, self._clock.now_ms())
            self._arrival.set()
            return
        kept = payload[: MAX_PAYLOAD_BYTES + 1]  # enough to see that a larger one is too large
        if len(self._queue) >= MAX_QUEUED or self._queued_bytes + len(kept) > MAX_QUEUED_BYTES:
            self.counts["dropped"] += 1
            return
        self._queue.append((topic_text, kept, self._clock.now_ms()))
        self._queued_bytes += len(kept)
        self._arrival.set()

    async def report(self, shopper: str, device: str, observations: list[Observation]) -> list[str]:
        """Take a phone's own sightings; the deliveries to its device that followed, once they are durable.

        Raises `OverloadedError` where too many wait.
        """
        if len(self._reports) >= MAX_REPORTS:
            self.counts["reports_refused"] += 1
            raise OverloadedError("reports")
        answer: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        self._reports.append(Report(shopper, device, observations, answer))
        self._arrival.set()
        return await answer

    async def forget(self, shopper: str) -> None:
        """Stop locating a shopper: her open visits end now, her presence is let go of; returns once that is durable.

        Before `run` nobody is located: the first tick lets go of her before it takes anything in.
        """
        if not self._running:
            self._withdrawals.append(Withdrawal(shopper))
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._withdrawals.append(Withdrawal(shopper, done))
        self._arrival.set()
        await done

    async def purge(self) -> None:
        """Write presence down as it is now: no journal tells of anybody any more who was let go of before."""
        async with self._stepping:
            self._writer.want_checkpoint()
        await self.tick()

    def identify(self, ids: list[tuple[int, bytes]], at_ms: int) -> list[str | None]:
        """The registered beacons that say these (kind, id) at a time; None where there is none."""
        kind = np.array([k for k, _ in ids], dtype=np.uint8)
        raw = np.frombuffer(b"".join(padded(i) for _, i in ids), dtype=f"V{ID_BYTES}")
        resolver = self.ears.resolver
        found = resolver.find(kind, raw, np.full(len(ids), at_ms, dtype=np.int64))
        return [None if i == UNKNOWN else resolver.tags.id(i) for i in found.tolist()]

    async def use(self, directory: Directory, book: Book) -> None:
        """Take over a changed registry or changed campaigns; a table is made only for other columns of beacons."""
        ears = self.ears
        if directory.tags is not ears.resolver.tags:
            ears = Ears(await self._resolver(directory.tags), self._settings, self.counts)
        sites = directory.sites(self._rules)
        await self._campaigns.in_force.use(directory, book, self._clock.now_ms())
        await self.learning.resume(self._db)
        async with self._stepping:
            if self.learning.use(self.presence, sites, directory):
                self._writer.want_checkpoint()
            self._taker.use(directory, ears, self.presence.numbers)

    async def _resolver(self, tags: Tags) -> Resolver:
        """What resolves the beacons of these columns by what was learned of them, and knows what is valid about now."""
        resolver = await asyncio.to_thread(Resolver, tags, tolerance_ms=self._settings.clock_tolerance_s * 1000)
        async for clocks in keeping.pages(self._db):
            await asyncio.to_thread(enter, resolver, clocks, bound_ms=self._settings.drift_bound_s * 1000)
        await asyncio.to_thread(resolver.advance, self._clock.now_ms())
        return resolver

    async def change(self, change: Change) -> None:
        """Take over a change of beacons, planned under `changing` by what is in use; returns once it is in force."""
        resolver = self.ears.resolver
        resolver.change(change, self._clock.now_ms())
        while resolver.is_behind:
            await self.turn()

    @property
    def ears(self) -> Ears:
        """The registered beacons as they are heard: clocks, clones, and the search for those that are far off."""
        return self._taker.ears

    @property
    def learning(self) -> learning.Learning:
        """How gateways hear, as it is learned."""
        return self._taker.learning

    def learned(self, gateway: str) -> Learned | None:
        """How a gateway hears beyond what its place explains; None where that is not known."""
        placed = self.directory.gateways.get(gateway)
        return None if placed is None else self.learning.learned(gateway, placed.store)

    async def use_models(self) -> None:
        """Bring what was learned of gateways into force."""
        async with self._stepping:
            if self.learning.enforce(self.presence):
                self._writer.want_checkpoint()

    async def publish_configs(self) -> None:
        """Publish every gateway's configuration, retained."""
        await self._publish_configs(self.directory.gateways)

    async def _publish_configs(self, gateways: Iterable[str]) -> None:
        for where, payload in downlink.configs(self.directory, tuple(gateways)):
            await self._publisher.publish(where, payload, retain=True)

    async def resume(self) -> None:
        """Come back to where the last commit left off. Raises `push.model.errors.DatabaseError`."""
        await self._writer.resume()
        self.presence.resume(self._clock.now_ms())
        gone = [s for s in sorted(self.presence.shoppers()) if not self._located(s)]
        self._withdrawals += [Withdrawal(shopper) for shopper in gone]

    async def run(self) -> None:
        """Tick until cancelled."""
        self._running = True
        async with asyncio.TaskGroup() as group:
            group.create_task(self._run_ticks(), name="ticks")
            group.create_task(self._run_late(), name="late batches")
            group.create_task(self._run_turns(), name="turning ids")
            group.create_task(keeping.run(self, self._db, self._settings.checkpoint_s), name="clocks of beacons")
            group.create_task(searching.run(self, self._clock), name="search for beacons")
            group.create_task(learning.run(self, self._db, self._clock), name="learning how gateways hear")

    async def _run_ticks(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._wait()
            next_s = loop.time() + self._settings.tick_ms / 1000
            await self.tick()
            await asyncio.sleep(max(0.0, next_s - loop.time()))

    async def _wait(self) -> None:
        if not self.depth:
            rest_ms = self.presence.rest_ms(self._clock.now_ms())
            try:
                async with asyncio.timeout((QUIET_MS if rest_ms is None else min(QUIET_MS, rest_ms)) / 1000):
                    await self._arrival.wait()
            except TimeoutError:
                pass
        self._arrival.clear()

    async def _run_late(self) -> None:
        while True:
            await self._taker.late.wait()
            while await self.catch_up():
                pass

    async def catch_up(self) -> bool:
        """Resolve the late batches that wait; False where none does."""
        resolved = await self._taker.late.resolve(self._taker.observer)
        self._arrival.set()
        return resolved

    async def _run_turns(self) -> None:
        while True:
            if not await self.turn():
                await asyncio.sleep(QUIET_MS / 1000)

    async def turn(self) -> bool:
        """One slice of the resolver's table: prepared in a thread, entered here; False where nothing was due."""
        async with self._turning:
            resolver = self.ears.resolver
            ready = await asyncio.to_thread(resolver.prepare, self._clock.now_ms(), SLICE)
            resolver.apply(ready)
        return bool(len(ready.positions))

    async def tick(self) -> None:
        """Take in what arrived, commit it, acknowledge it."""
        async with self._stepping:
            now_ms = self._clock.now_ms()
            self._mind_the_clock(now_ms)
            tick = Tick(now_ms, reports=self._reports, withdrawals=self._withdrawals)
            self._reports, self._withdrawals = [], []
            began_s, filtered_s = time.thread_time(), self.presence.filter_s
            await self._taker.take(tick, self._next())
            self._step(tick)
            self._summed_s += time.thread_time() - began_s - (self.presence.filter_s - filtered_s)
            queued = await self._writer.write(tick, self.directory.anchors, self.counts)
            self._taker.ledger.keep(tick.marks)
            self._count(tick)
        tick.answer(queued)
        if queued:
            self._wake_senders()
        for where, payload in downlink.acks(tick.batches, tick.marks, self.directory, self._clock.now_ms()):
            await self._publisher.publish(where, payload)
        await self._publish_configs(self._strays.found(tick.statuses, self.directory))

    def _next(self) -> list[Waiting]:
        """What one tick takes in: the oldest payloads, and at least one."""
        taken: list[Waiting] = []
        size = 0
        while self._queue and len(taken) < MAX_TAKEN and size < MAX_TAKEN_BYTES:
            taken.append(self._queue.popleft())
            size += len(taken[-1][1])
        self._queued_bytes -= size
        return taken

    def _mind_the_clock(self, now_ms: int) -> None:
        """After a standstill, or a clock that was set, nobody has been silent: we have not listened."""
        last_ms, self._ticked_ms = self._ticked_ms, now_ms
        if last_ms is not None and not -SET_BACK_MS <= now_ms - last_ms <= STALL_MS:
            self.presence.resume(now_ms)
            self._writer.want_checkpoint()

    def _step(self, tick: Tick) -> None:
        """Let presence take what is fresh, and what prolongs the visits of those who are there."""
        gone = self._listen(tick)
        changes = [self.presence.forget(w.shopper, tick.now_ms) for w in tick.withdrawals]
        if changes:
            self._writer.want_checkpoint()
        stale = self.presence.is_stale(tick.seen.last_ms, tick.seen.anchor, tick.now_ms)
        if stale.any():
            late = cut(tick.seen, stale & self.presence.is_visiting(tick.seen))
            tick.late = observations(late, tick.names, self.presence.numbers)
            tick.seen = cut(tick.seen, ~stale | self.presence.is_here(tick.seen))
        changes.append(self.presence.step(tick.seen, tick.now_ms, tick.names))
        for gateway in gone:  # its last words may have come in the same tick
            self.presence.deaf(gateway)
        self.presence.note_strangers(tick.strangers)
        tick.changes = Changes(
            [record for c in changes for record in c.records],
            [moment for c in changes for moment in c.moments],
            [minute for c in changes for minute in c.minutes],
        )

    def _listen(self, tick: Tick) -> set[str]:
        """Let presence know which gateways are up; which said that they go."""
        heard, gone = {a.batch.gateway for a in (*tick.batches, *tick.foreign)}, set[str]()
        for said in tick.statuses:
            if said.status.state == "online":
                heard.add(said.gateway)
                gone.discard(said.gateway)
            else:
                heard.discard(said.gateway)
                gone.add(said.gateway)
        for gateway in gone:
            self.presence.deaf(gateway)
        self.presence.listen(heard, tick.now_ms)
        return gone

    def _count(self, tick: Tick) -> None:
        self.counts["batches"] += len(tick.batches)
        self.counts["moments"] += len(tick.changes.moments)
        self.counts["late"] += len(tick.late)
        taken = (*tick.batches, *tick.foreign)
        self.counts["sightings"] += sum(a.columns.n for a in taken if a.columns is not None)

    def _located(self, shopper: str) -> bool:
        return self._consents.allows(shopper, "location")
