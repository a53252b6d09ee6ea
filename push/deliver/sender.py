"""Senders: claim what is due under a lease, hand it to a channel, write down what came of it.

A crash never loses a delivery: its lease runs out and it is claimed again, with the same message id.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal

import msgspec
import structlog

from push.campaigns import outbox
from push.deliver.retry import RetrySettings, next_ms
from push.model.delivery import Accepted, Content, Message, Outgoing
from push.model.errors import DatabaseError, DeliveryError, DeviceGoneError, TransientError, UnreachableError
from push.model.ports import Channel, Clock, Database, Row, Transaction
from push.model.vault import Vault
from push.profiles import people

log = structlog.get_logger()

IDLE_MS: Final = 1000
"""Without a wake-up the outbox is looked at this often: another process may have written to it."""


class SenderSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many deliveries are on their way at once, and how long a claim lasts."""

    in_flight: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 64
    lease_s: Annotated[int, msgspec.Meta(ge=5, le=600)] = 45
    """Longer than any channel's time-out (Web Push: 10 s to connect and answer, for each channel in turn)."""
    retry: RetrySettings = RetrySettings()


class Claimed(msgspec.Struct, frozen=True):
    """A delivery under lease."""

    id: str
    message: str
    device: str
    channels: tuple[str, ...]
    seq: int
    attempt: int
    expires_ms: int


class Attempt(msgspec.Struct, frozen=True):
    """One channel's answer to one attempt."""

    channel: str
    started_ms: int
    ended_ms: int
    error: DeliveryError | None
    accepted: Accepted | None = None


class Result(msgspec.Struct, frozen=True):
    """What came of a claimed delivery: its last attempt decides."""

    claimed: Claimed
    attempts: tuple[Attempt, ...]
    dead_subscription: bytes | None = None


class Sender:
    """Runs deliveries until cancelled."""

    def __init__(
        self, settings: SenderSettings, db: Database, vault: Vault, clock: Clock, channels: Mapping[str, Channel]
    ) -> None:
        self._settings = settings
        self._db = db
        self._vault = vault
        self._clock = clock
        self._channels = channels
        self._wake = asyncio.Event()
        self._results: list[Result] = []
        self._done = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self.counts: Counter[str] = Counter()

    def wake(self) -> None:
        """Look at the outbox now."""
        self._wake.set()

    async def run(self) -> None:
        """Claim, send and write down until cancelled; what is on its way then is claimed again after its lease."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._write_results(), name="delivery results")
            while True:
                try:
                    claimed = await self._claim()
                except DatabaseError as error:
                    log.warning("outbox cannot be read, trying again", error=str(error))
                    claimed = []
                for delivery in claimed:
                    task = group.create_task(self._deliver(delivery), name=f"delivery {delivery.id}")
                    self._running.add(task)
                    task.add_done_callback(self._finished)
                if not claimed:
                    await self._rest()

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if len(self._running) >= self._settings.in_flight - 1:
            self._wake.set()

    async def _rest(self) -> None:
        """Wait for a wake-up, the next delivery's time, or a while."""
        row = await self._db.fetch_one("deliver.next_due")
        due_ms = None if row is None else row["due_ms"]
        wait_ms = IDLE_MS if due_ms is None else min(IDLE_MS, max(5, due_ms - self._clock.now_ms()))
        if len(self._running) >= self._settings.in_flight:
            wait_ms = IDLE_MS
        try:
            async with asyncio.timeout(wait_ms / 1000):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    async def _claim(self) -> list[Claimed]:
        room = self._settings.in_flight - len(self._running)
        if room <= 0:
            return []
        now_ms = self._clock.now_ms()
        lease_until_ms = now_ms + self._settings.lease_s * 1000
        async with self._db.transaction() as tx:
            expired = await tx.fetch("deliver.expire", now_ms=now_ms)
            await outbox.release_caps(tx, expired, now_ms)
            rows = await tx.fetch("deliver.claim", now_ms=now_ms, lease_until_ms=lease_until_ms, most=room)
        self.counts["expired"] += len(expired)
        return [_claimed(row) for row in rows]

    async def _deliver(self, claimed: Claimed) -> None:
        row = await self._db.fetch_one("deliver.outgoing", message=claimed.message, device=claimed.device)
        if row is None:
            error = UnreachableError("the device is gone")
            now_ms = self._clock.now_ms()
            self._report(Result(claimed, (Attempt("none", now_ms, now_ms, error),)))
            return
        attempts: list[Attempt] = []
        dead: bytes | None = None
        for name in claimed.channels:
            attempt = await self._attempt(name, claimed, row)
            attempts.append(attempt)
            if isinstance(attempt.error, DeviceGoneError):
                dead = row["subscription_sealed"]
            if not isinstance(attempt.error, DeviceGoneError | UnreachableError):
                break
        self._report(Result(claimed, tuple(attempts), dead))

    async def _attempt(self, name: str, claimed: Claimed, row: Row) -> Attempt:
        started_ms = self._clock.now_ms()
        outgoing = self._outgoing(claimed, row, started_ms)
        channel = self._channels.get(name)
        try:
            if channel is None:
                raise UnreachableError(f"no channel {name} is configured")
            accepted = await channel.send(outgoing)
        except DeliveryError as error:
            return Attempt(name, started_ms, self._clock.now_ms(), error)
        return Attempt(name, started_ms, self._clock.now_ms(), None, accepted)

    def _outgoing(self, claimed: Claimed, row: Row, now_ms: int) -> Outgoing:
        address = people.open_subscription(row["subscription_sealed"], claimed.device, self._vault)
        message = Message(
            id=row["id"],
            shopper=row["shopper"],
            campaign=row["campaign"],
            content=msgspec.json.decode(row["content"], type=Content),
            created_ms=row["created_ms"],
            expires_ms=row["expires_ms"],
            collapse_key=row["collapse_key"],
        )
        return Outgoing(
            delivery=claimed.id, device=claimed.device, message=message, address=address or {}, now_ms=now_ms,
            seq=claimed.seq,
        )  # fmt: skip

    def _report(self, result: Result) -> None:
        self._results.append(result)
        self._done.set()

    async def _write_results(self) -> None:
        """Write what came back, everything that waits in one transaction."""
        while True:
            await self._done.wait()
            self._done.clear()
            results, self._results = self._results, []
            try:
                await self.write(results)
            except DatabaseError as error:
                log.warning("results cannot be written, trying again", error=str(error))
                self._results = results + self._results
                self._done.set()
                await asyncio.sleep(IDLE_MS / 1000)

    async def write(self, results: Sequence[Result]) -> None:
        """Write results: states, attempts, dead addresses, released caps."""
        now_ms = self._clock.now_ms()
        async with self._db.transaction() as tx:
            for result in results:
                outcome = await self._settle(tx, result, now_ms)
                self.counts[outcome] += 1
                await _keep_attempts(tx, result)

    async def _settle(self, tx: Transaction, result: Result, now_ms: int) -> Literal["accepted", "again", "failed"]:
        claimed, last = result.claimed, result.attempts[-1]
        if result.dead_subscription is not None:
            await tx.execute(
                "profiles.drop_subscription", id=claimed.device, subscription_sealed=result.dead_subscription
            )
        if last.error is None:
            times = {"channel": last.channel, "handed_over_ms": last.started_ms, "accepted_ms": last.ended_ms}
            if not await tx.execute("deliver.accepted", id=claimed.id, attempt=claimed.attempt, **times):
                await tx.execute("deliver.note_hand_over", id=claimed.id, **times)
            return "accepted"
        if isinstance(last.error, TransientError) or _may_connect(result):
            await tx.execute(
                "deliver.again",
                id=claimed.id,
                attempt=claimed.attempt,
                reason=last.error.reason,
                next_ms=self._next_ms(result, now_ms),
                maybe_sent=any(isinstance(a.error, TransientError) and a.error.status is None for a in result.attempts),
            )
            return "again"
        rows = await tx.fetch(
            "deliver.failed", id=claimed.id, attempt=claimed.attempt, reason=last.error.reason, ended_ms=now_ms
        )
        await outbox.release_caps(tx, [{**row, "maybe_sent": 0} for row in rows], now_ms)
        return "failed"

    def _next_ms(self, result: Result, now_ms: int) -> int:
        error = result.attempts[-1].error
        if isinstance(error, TransientError):
            luck = random.random()  # noqa: S311 - jitter, not a secret
            return next_ms(self._settings.retry, result.claimed.attempt, error.retry_after_ms, now_ms, luck)
        return result.claimed.expires_ms


def _may_connect(result: Result) -> bool:
    """Whether an app that is not connected may yet open its event stream: that wakes the delivery."""
    return any(a.channel == "inapp" and isinstance(a.error, UnreachableError) for a in result.attempts)


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


async def _keep_attempts(tx: Transaction, result: Result) -> None:
    rows: list[dict[str, object]] = [
        {
            "delivery": result.claimed.id,
            "attempt": result.claimed.attempt,
            "channel": a.channel,
            "started_ms": a.started_ms,
            "ended_ms": a.ended_ms,
            "outcome": "accepted" if a.error is None else a.error.reason,
            "status": a.accepted.status if a.accepted is not None else getattr(a.error, "status", None),
            "reference": None if a.accepted is None else a.accepted.reference,
        }
        for a in result.attempts
    ]
    await tx.execute_many("deliver.attempt", rows)
