"""Senders: claim what is due under a lease, hand it to a channel, write down what came of it.

    outbox ─claim▶ Claimed ─attempts▶ Result ─queue▶ results, in one transaction

A crash never loses a delivery: its lease runs out and it is claimed again, with the same message id.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
import structlog

from push.campaigns import outbox
from push.deliver import results
from push.deliver.attempts import Attempts, Claimed, Result
from push.deliver.retry import RetrySettings
from push.model.errors import DatabaseError
from push.model.ports import Channel, Clock, Database, Row
from push.model.vault import Vault

log = structlog.get_logger()

IDLE_MS: Final = 1000
"""Without a wake-up the outbox is looked at this often: another process may have written to it."""
LEAST_MS: Final = 5
"""What is due and yet cannot be claimed is being claimed by somebody else."""


class SenderSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many deliveries are on their way at once, and how long a claim lasts."""

    in_flight: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 64
    lease_s: Annotated[int, msgspec.Meta(ge=5, le=600)] = 45
    """Longer than all channels' time-outs together (in-app 5 s, Web Push 10 s), or a message could go out twice."""
    drain_s: Annotated[float, msgspec.Meta(ge=0, le=60)] = 3.0
    """How long a stop waits for what is on its way; the rest is sent again after its lease, under the same id."""
    retry: RetrySettings = RetrySettings()


class Sender:
    """Runs deliveries until stopped."""

    def __init__(
        self, settings: SenderSettings, db: Database, vault: Vault, clock: Clock, channels: Mapping[str, Channel]
    ) -> None:
        self._settings = settings
        self._db = db
        self._clock = clock
        self._attempts = Attempts(db, vault, clock, channels)
        self._wake = asyncio.Event()
        self._results: asyncio.Queue[Result] = asyncio.Queue(settings.in_flight)
        self._unwritten = False
        self._running: set[asyncio.Task[None]] = set()
        self._stopping = False
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
                if not claimed:
                    await self._rest()
            await self._drain()
            writer.cancel()

    def _start(self, group: asyncio.TaskGroup, claimed: Claimed) -> None:
        task = group.create_task(self._deliver(claimed), name=f"delivery {claimed.id}")
        self._running.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if self.in_flight == self._settings.in_flight - 1:
            self._wake.set()

    async def _deliver(self, claimed: Claimed) -> None:
        await self._results.put(await self._attempts.make(claimed))

    @property
    def _room(self) -> int:
        """How many more may be claimed: none while results wait for the database, or they would be sent again."""
        return 0 if self._unwritten else self._settings.in_flight - self.in_flight

    async def _claim(self) -> list[Claimed]:
        if self._room <= 0:
            return []
        now_ms = self._clock.now_ms()
        lease_until_ms = now_ms + self._settings.lease_s * 1000
        try:
            async with self._db.transaction() as tx:
                expired = await tx.fetch("deliver.expire", now_ms=now_ms)
                await outbox.release_caps(tx, expired, now_ms)
                rows = await tx.fetch("deliver.claim", now_ms=now_ms, lease_until_ms=lease_until_ms, most=self._room)
        except DatabaseError as error:
            log.warning("outbox cannot be read, trying again", error=str(error))
            return []
        self.counts["expired"] += len(expired)
        return [_claimed(row) for row in sorted(rows, key=lambda row: row["seq"])]

    async def _rest(self) -> None:
        """Wait for a wake-up, the next delivery's time, or a while."""
        wait_ms = await self._wait_ms() if self._room > 0 else IDLE_MS
        try:
            async with asyncio.timeout(wait_ms / 1000):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    async def _wait_ms(self) -> int:
        try:
            row = await self._db.fetch_one("deliver.next_due")
        except DatabaseError:
            return IDLE_MS
        due_ms = None if row is None else row["due_ms"]
        return IDLE_MS if due_ms is None else min(IDLE_MS, max(LEAST_MS, due_ms - self._clock.now_ms()))

    async def _write_results(self) -> None:
        """Write what came back, everything that waits in one transaction, as often as it takes."""
        while True:
            found = [await self._results.get()]
            while not self._results.empty():
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


def _claimed(row: Row) -> Claimed:
    return Claimed(
        row["id"],
        row["message"],
        row["device"],
        tuple(row["channels"].split(",")),
        row["seq"],
        row["attempt"],
        row["expires_ms"],
    )
