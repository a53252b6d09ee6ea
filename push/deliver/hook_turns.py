"""A replica's turn at one hook: under lease, one event after the other, until there is none or one is not taken.

In order means one at a time: the next event is not posted before the one before it was taken. A crash repeats what was
posted since the cursor was kept, under the same ids; nothing skips it.
"""

import asyncio
import random
from collections import Counter
from typing import Final, NamedTuple

import msgspec
import structlog

from push.deliver import hook_changes, hooks, retry
from push.deliver.hooks import HookSettings
from push.deliver.told import Item, Wanted, steps
from push.model.errors import DatabaseError, DeliveryError, PermanentError, TransientError
from push.model.hooks import HookState, Letter, Poster, Sealed
from push.model.ports import Clock, Database, Row
from push.model.vault import Vault
from push.profiles import outgoing

log = structlog.get_logger()

AT_ONCE: Final = 100
"""Events that are read at a time."""
AGAIN_S: Final = 0.2
"""How soon a database that was away is asked again."""
KEEP_EVERY_MS: Final = 1000
"""The cursor is kept this often while events are taken: that is what a crash repeats."""


class HookMeans(NamedTuple):
    """What hooks are posted to with."""

    settings: HookSettings
    db: Database
    vault: Vault
    clock: Clock
    poster: Poster
    people: outgoing.Means


class Turn:
    """One hook under lease."""

    def __init__(self, means: HookMeans, hook: str, row: Row, lease_ms: int) -> None:
        """Take a row of ``hooks.claim``. Raises `push.model.vault.SealError`."""
        self._means = means
        self._hook = hook
        self._next_seq: int = row["next_seq"]
        self._failures: int = row["failures"]
        self._failing_since_ms: int | None = row["failing_since_ms"]
        self._reason: str | None = row["reason"]
        self._lease_ms = lease_ms
        self._kept_ms = means.clock.now_ms()
        self._use(row)

    def _use(self, row: Row) -> None:
        self._to: Sealed = hooks.unseal(self._means.vault, self._hook, row["sealed"])
        asked = hooks.asked(row)
        self._wanted, self._wish = Wanted(frozenset(asked.kinds)), hook_changes.wish_of(self._hook, asked)

    async def post_all(self, counts: Counter[str]) -> None:
        """Post until nothing is left, one is not taken, or the lease is lost. A cancellation gives it back."""
        try:
            if await self._post_each(counts):
                await self._keep(self._means.clock.now_ms())
        except asyncio.CancelledError:
            await self._keep(self._means.clock.now_ms())
            raise
        except DatabaseError:
            await self._give_back()

    async def _post_each(self, counts: Counter[str]) -> bool:
        """Whether nothing is left."""
        while items := await self._read():
            for item in items:
                if not await self._told(item, counts) or not await self._still_ours():
                    return False
        return True

    async def _give_back(self) -> None:
        """Keep how far it came once the database is back, so that nobody waits for the lease to end.

        Raises `DatabaseError` where it is not back by then.
        """
        while True:
            await asyncio.sleep(AGAIN_S)
            try:
                await self._keep(self._means.clock.now_ms())
            except DatabaseError:
                if self._means.clock.now_ms() >= self._lease_ms:
                    raise
            else:
                return

    async def _read(self) -> list[Item]:
        last = await self._means.db.fetch_one("events.last")
        last_seq = 0 if last is None else last["seq"]
        if last_seq < self._next_seq:
            return []
        rows = await self._means.db.fetch("events.after", after_seq=self._next_seq - 1, most=AT_ONCE)
        return steps(rows, self._next_seq, last_seq, self._wanted, self._means.clock.now_ms())

    async def _told(self, item: Item, counts: Counter[str]) -> bool:
        """Post one event; whether the cursor moved on."""
        now_ms = self._means.clock.now_ms()
        told = await hook_changes.said(self._means.db, self._means.people, self._wish, item, now_ms)
        if told is not None:
            letter = Letter(id=item.id, body=msgspec.json.encode(told), to=self._to, now_ms=now_ms)
            try:
                await self._means.poster.post(letter)
            except DeliveryError as error:
                counts["failed"] += 1
                await self._failed(error, counts)
                return False
            counts["taken"] += 1
            self._failures, self._failing_since_ms, self._reason = 0, None, None
            await self._forget(item)
        self._next_seq = item.next_seq
        return True

    async def _forget(self, item: Item) -> None:
        """What was to be told of somebody who is erased, and is."""
        if item.change is not None:
            await hook_changes.taken(self._means.db, self._hook, item.change)

    async def _still_ours(self) -> bool:
        now_ms = self._means.clock.now_ms()
        if now_ms - self._kept_ms < KEEP_EVERY_MS:
            return True
        return await self._keep(now_ms + self._means.settings.lease_ms)

    async def _failed(self, error: DeliveryError, counts: Counter[str]) -> None:
        settings, now_ms = self._means.settings, self._means.clock.now_ms()
        self._failures, self._reason = self._failures + 1, error.reason
        since_ms = self._failing_since_ms = now_ms if self._failing_since_ms is None else self._failing_since_ms
        end_ms = since_ms + settings.give_up_h * 3_600_000
        if isinstance(error, PermanentError) or now_ms >= end_ms:
            counts["given_up"] += 1
            log.warning("hook is given up", hook=self._hook, reason=error.reason, failures=self._failures)
            await self._keep(now_ms, "disabled")
            return
        wait_ms = error.retry_after_ms if isinstance(error, TransientError) else None
        luck = random.random()  # noqa: S311 - jitter, not a secret
        next_ms = retry.next_ms(settings.retry, self._failures, wait_ms, now_ms, luck)
        await self._keep(max(now_ms + 1, min(next_ms, end_ms)))

    async def _keep(self, next_ms: int, state: HookState = "active") -> bool:
        """Write down how far it came, under lease until `next_ms`; False where the hook is no longer ours, or gone."""
        async with self._means.db.transaction() as tx:
            row = await tx.fetch_one(
                "hooks.keep",
                id=self._hook,
                next_seq=self._next_seq,
                next_ms=next_ms,
                state=state,
                reason=self._reason,
                failures=self._failures,
                failing_since_ms=self._failing_since_ms,
                lease_ms=self._lease_ms,
            )
        if row is None:
            return False
        self._use(row)
        self._lease_ms, self._kept_ms = next_ms, self._means.clock.now_ms()
        return True
