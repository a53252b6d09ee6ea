"""Senders: claim what is due under a lease, hand it over, write down what came of it.

    outbox ─claim▶ Claimed ─attempts▶ Result ─queue▶ results, in one transaction

A crash never loses a delivery: its lease runs out and it is claimed again, with the same message id. Each queue (a lane
at a service) is claimed for itself, as far as there is room at its gate: what is down or slow keeps nothing else back.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
import structlog

from push.campaigns import events, outbox
from push.deliver import fallback, load, results
from push.deliver.attempts import Attempts, Means, Result
from push.deliver.gates import Gates, GateSettings
from push.deliver.load import Claimed
from push.deliver.retry import RetrySettings
from push.model.delivery import OTHER_WAYS, State
from push.model.errors import DatabaseError
from push.model.ports import Row, Transaction

log = structlog.get_logger()

IDLE_MS: Final = 1000
"""Without a wake-up the outbox is looked at this often: another process may have written to it."""
LEAST_MS: Final = 5
"""What is due and yet cannot be claimed is being claimed by somebody else."""
AT_ONCE: Final = 64
"""Deliveries claimed from one queue, and results written, in one transaction: who else writes waits no longer."""


class SenderSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many deliveries are on their way at once, and how long a claim lasts."""

    in_flight: Annotated[int, msgspec.Meta(ge=1, le=4096)] = 256
    lease_s: Annotated[int, msgspec.Meta(ge=5, le=600)] = 90
    """Longer than any channel takes over one attempt: none is begun so late that a message could go out twice."""
    drain_s: Annotated[float, msgspec.Meta(ge=0, le=60)] = 3.0
    """How long a stop waits for what is on its way; the rest is sent again after its lease, under the same id."""
    most_queued: Annotated[int, msgspec.Meta(ge=1, le=100_000_000)] = 2_000_000
    """Deliveries that may wait; whoever sends more is told to come again."""
    retry: RetrySettings = RetrySettings()
    gate: GateSettings = GateSettings()


class Sender:
    """Runs deliveries until stopped."""

    def __init__(self, settings: SenderSettings, means: Means) -> None:
        self._settings = settings
        self._db = means.db
        self._clock = means.clock
        self._keyring = means.seals.keyring
        self.gates = Gates(settings.gate, settings.in_flight)
        self._attempts = Attempts(means, self.gates, settings.lease_s)
        self._wake = asyncio.Event()
        self._results: asyncio.Queue[Result] = asyncio.Queue(settings.in_flight)
        self._unwritten = False
        self._running: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._due_ms: int | None = None
        self._full = False
        """Whether something is due that there was no room for."""
        self._low_water = 0
        self.counts: Counter[str] = Counter()

    @property
    def in_flight(self) -> int:
        """Deliveries that are on their way."""
        return len(self._running)

    def wake(self) -> None:
        """Look at the outbox now."""
        self._wake.set()

    @property
    def longest_stop_s(self) -> float:
        """How long `run` may take to return after `stop`: to finish what is on its way, and one look at the outbox."""
        return self._settings.drain_s + IDLE_MS / 1000

    def stop(self) -> None:
        """Claim no more, and let `run` return once what is on its way has arrived, within `drain_s`."""
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Claim, send and write down until stopped; after a cancellation, what was on its way is claimed again."""
        async with asyncio.TaskGroup() as group:
            writer = group.create_task(self._write_results(), name="delivery results")
            while not self._stopping:
                claimed = await self._claim()
                for delivery in claimed:
                    self._start(group, delivery)
                self._low_water = self.in_flight * 3 // 4
                if not claimed:
                    await self._rest()
            await self._drain()
            writer.cancel()

    def _start(self, group: asyncio.TaskGroup, claimed: Claimed) -> None:
        self.gates.inside += 1
        task = group.create_task(self._deliver(claimed), name=f"delivery {claimed.id}")
        self._running.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        """Room for more; it is looked for once a quarter is free, not for each."""
        self._running.discard(task)
        self.gates.inside -= 1
        if self._full and self.in_flight <= self._low_water:
            self._wake.set()

    async def _deliver(self, claimed: Claimed) -> None:
        await self._results.put(await self._attempts.make(claimed))

    async def _claim(self) -> list[Claimed]:
        """Claim from every queue what is due, as far as there is room; none while results wait for the database."""
        self._due_ms = None
        self._full = self.in_flight >= self._settings.in_flight
        if self._unwritten or self._full:
            return []
        try:
            async with self._db.transaction() as tx:
                now_ms = self._clock.now_ms()
                await self._expire(tx, now_ms)
                self._note_due(await fallback.fall_back(tx, now_ms))
                ids = await self._claim_queues(tx, now_ms)
                found = await load.claimed(tx, self._keyring, ids, now_ms)
                if found.unreadable:
                    self.counts["unreadable"] += await outbox.unreadable(tx, found.unreadable, now_ms)
                return sorted(found.claimed, key=lambda c: (c.lane, c.seq))
        except DatabaseError as error:
            log.warning("outbox cannot be read, trying again", error=str(error))
            return []

    async def _expire(self, tx: Transaction, now_ms: int) -> None:
        expired = await tx.fetch("deliver.expire", now_ms=now_ms, most=AT_ONCE)
        await self._expired(tx, expired, now_ms)
        if len(expired) == AT_ONCE:
            self._note_due(now_ms)

    async def _expired(self, tx: Transaction, expired: Sequence[Row], now_ms: int) -> None:
        await outbox.release_caps(tx, expired, now_ms)
        await events.append(tx, events.of("expired", expired, "too late"), now_ms)
        self.counts["expired"] += len(expired)

    async def _claim_queues(self, tx: Transaction, now_ms: int) -> list[str]:
        found: list[Row] = []
        taken: Counter[str] = Counter()
        for row in await tx.fetch("deliver.queues"):
            queue, due_ms = row["queue"], row["due_ms"]
            gate = load.gate_of(queue)
            if not queue.endswith(OTHER_WAYS):
                due_ms = max(due_ms, self.gates.opens_ms(gate))
            if due_ms > now_ms:
                self._note_due(due_ms)
                continue
            room = min(self._room(queue, now_ms) - taken[gate], self.gates.left(int(queue[0])) - len(found))
            if room <= 0:
                self._full = True
                continue
            self._note_due(due_ms)
            rows = await self._claim_queue(tx, queue, min(room, AT_ONCE), now_ms)
            taken[gate] += len(rows)
            found += rows
        await self._expired(tx, [row for row in found if row["state"] == State.EXPIRED], now_ms)
        return [row["id"] for row in found if row["state"] == State.SENDING]

    def _room(self, queue: str, now_ms: int) -> int:
        room = self.gates.room_beside if queue.endswith(OTHER_WAYS) else self.gates.room
        return room(load.gate_of(queue), int(queue[0]), now_ms)

    async def _claim_queue(self, tx: Transaction, queue: str, most: int, now_ms: int) -> Sequence[Row]:
        lease_until_ms = now_ms + self._settings.lease_s * 1000
        return await tx.fetch("deliver.claim", queue=queue, now_ms=now_ms, lease_until_ms=lease_until_ms, most=most)

    def _note_due(self, due_ms: int | None) -> None:
        if due_ms is not None:
            self._due_ms = due_ms if self._due_ms is None else min(self._due_ms, due_ms)

    async def _rest(self) -> None:
        """Wait for a wake-up, the next delivery's time, or a while."""
        wait_ms = IDLE_MS
        if self._due_ms is not None:
            wait_ms = min(IDLE_MS, max(LEAST_MS, self._due_ms - self._clock.now_ms()))
        try:
            async with asyncio.timeout(wait_ms / 1000):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    async def _write_results(self) -> None:
        """Write what came back, what waits in one transaction, as often as it takes."""
        while True:
            found = [await self._results.get()]
            while not self._results.empty() and len(found) < AT_ONCE:
                found.append(self._results.get_nowait())
            while not await self._written(found):  # noqa: ASYNC110 - a database that is away tells nobody when it is back
                await asyncio.sleep(IDLE_MS / 1000)
            for _ in found:
                self._results.task_done()

    async def _written(self, found: list[Result]) -> bool:
        try:
            async with self._db.transaction() as tx:
                counts = await results.write(tx, found, self._settings.retry, self._clock.now_ms())
        except DatabaseError as error:
            log.warning("results cannot be written, trying again", error=str(error), results=len(found))
            self._unwritten = True
            return False
        self._unwritten = False
        self.counts.update(counts)
        if counts["again"] or counts["waiting"] or self._full:
            self._wake.set()
        return True

    async def _drain(self) -> None:
        """Let what is on its way arrive, and its results be written, within a bound."""
        try:
            async with asyncio.timeout(self._settings.drain_s):
                if self._running:
                    await asyncio.wait(self._running)
                await self._results.join()
        except TimeoutError:
            log.warning("stopped while messages were on their way", deliveries=self.in_flight)
        for task in self._running:
            task.cancel()
