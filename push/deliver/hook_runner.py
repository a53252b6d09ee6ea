"""Hooks: every event posted to every hook that asked for it, in order, at least once.

    events ─look▶ hooks that are due ─claim▶ a turn each ─post, one at a time▶ cursor

Each hook has a task, a cursor and a lease of its own, so a slow or dead one keeps nobody else waiting; and nothing that
sends messages waits for any of them, for it only writes events down.
"""

import asyncio
from collections import Counter
from typing import Final

import msgspec
import structlog

from push.deliver import hook_changes, hooks, told
from push.deliver.hook_turns import HookMeans, Turn
from push.deliver.hooks import Asked
from push.model.errors import DatabaseError, DeliveryError
from push.model.hooks import Letter, Sealed
from push.model.ids import fresh
from push.model.vault import SealError
from push.profiles import farewells
from push.registry.audit import audit

log = structlog.get_logger()

LOOK_S: Final = 0.2
"""How often hooks are looked at; another replica may write events, too."""
IDLE_S: Final = 1.0
"""Without any hook, and without a database, less often."""
PRUNE_EVERY_S: Final = 60.0
PRUNED_AT_ONCE: Final = 1000
DAY_MS: Final = 86_400_000


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What a hook said to a test: `status` where it answered, `reason` where it did not take it."""

    status: int | None
    reason: str | None
    took_ms: int


class Hooks:
    """The hooks of this server, while `run` runs."""

    def __init__(self, means: HookMeans) -> None:
        self._means = means
        self._running: set[str] = set()
        self.counts: Counter[str] = Counter()
        """Posts by what became of them."""
        self.now: dict[str, int] = {"active": 0, "behind": 0}
        """Hooks at the last look, and how many events the one furthest behind still has to get."""

    async def run(self) -> None:
        """Post events and prune them until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._prune_for_ever(), name="events pruning")
            while True:
                any_active = False
                try:
                    any_active = await self._look(group)
                except DatabaseError as error:
                    log.warning("hooks cannot be read, trying again", error=str(error))
                await asyncio.sleep(LOOK_S if any_active else IDLE_S)

    async def _look(self, group: asyncio.TaskGroup) -> bool:
        """Start a turn at each hook that is due; whether there is any hook at all."""
        rows = await self._means.db.fetch("hooks.active")
        now_ms = self._means.clock.now_ms()
        behind = max((row["last_seq"] + 1 - row["next_seq"] for row in rows), default=0)
        self.now = {"active": len(rows), "behind": behind}
        for row in rows:
            due = row["next_ms"] <= now_ms and row["next_seq"] <= row["last_seq"]
            if due and row["id"] not in self._running:
                self._running.add(row["id"])
                group.create_task(self._turn(row["id"]), name=f"hook {row['id']}")
        await hook_changes.number(self._means.db, now_ms)
        return bool(rows)

    async def _turn(self, hook: str) -> None:
        try:
            turn = await self._claimed(hook)
            if turn is not None:
                await turn.post_all(self.counts)
        except DatabaseError as error:  # the lease runs out, and it is taken up from where its cursor was kept
            log.warning("hook waits for the database", hook=hook, error=str(error))
        except SealError as error:
            log.warning("hook cannot be opened", hook=hook, error=str(error))
        except Exception:  # whatever it was: other hooks go on, and this one's lease runs out
            log.exception("hook not told, trying again", hook=hook)
        finally:
            self._running.discard(hook)

    async def _claimed(self, hook: str) -> Turn | None:
        now_ms = self._means.clock.now_ms()
        lease_ms = now_ms + self._means.settings.lease_ms
        async with self._means.db.transaction() as tx:
            row = await tx.fetch_one("hooks.claim", id=hook, now_ms=now_ms, lease_ms=lease_ms)
        return None if row is None else Turn(self._means, hook, row, lease_ms)

    async def register(self, url: str, asked: Asked, actor: str) -> tuple[str, str]:
        """A new hook's id, and the secret to show. Raises ValueError: a bad URL."""
        made = hooks.made(self._means.poster, url, asked)
        now_ms = self._means.clock.now_ms()
        async with self._means.db.transaction() as tx:
            await hooks.put(tx, self._means.vault, made, now_ms)
            await audit(tx, actor, "new hook", made.id, now_ms)
        return made.id, made.sealed.secret

    async def rotate(self, hook: str, actor: str) -> str | None:
        """A new secret to show; None where there is no such hook."""
        secret, now_ms = self._means.poster.new_secret(), self._means.clock.now_ms()
        async with self._means.db.transaction() as tx:
            if not await hooks.rotate(tx, self._means.vault, hook, secret, now_ms):
                return None
            await audit(tx, actor, "rotate hook", hook, now_ms)
        return secret

    async def delete(self, hook: str, actor: str) -> bool:
        """Post to a hook no more; False where there is none."""
        async with self._means.db.transaction() as tx:
            found = await tx.execute("hooks.delete", id=hook)
            if found:
                await audit(tx, actor, "delete hook", hook, self._means.clock.now_ms())
        return bool(found)

    async def test(self, hook: str) -> Answered | None:
        """Post a test now; a hook that was given up and takes it goes on where it stopped. None: there is none."""
        row = await self._means.db.fetch_one("hooks.lock", id=hook)
        if row is None:
            return None
        answered = await self._tested(hook, hooks.unseal(self._means.vault, hook, row["sealed"]))
        if answered.reason is None:
            async with self._means.db.transaction() as tx:
                await tx.execute("hooks.resume", id=hook, now_ms=self._means.clock.now_ms())
        return answered

    async def _tested(self, hook: str, to: Sealed) -> Answered:
        began_ms = self._means.clock.now_ms()
        body = msgspec.json.encode(told.tested(hook, began_ms))
        status, reason = None, None
        try:
            status = await self._means.poster.post(Letter(id=fresh("evt_test"), body=body, to=to, now_ms=began_ms))
        except DeliveryError as error:
            status, reason = error.status, error.reason
        return Answered(status=status, reason=reason, took_ms=self._means.clock.now_ms() - began_ms)

    async def _prune_for_ever(self) -> None:
        while True:
            try:
                full = await self.prune() == PRUNED_AT_ONCE
            except DatabaseError as error:
                log.warning("events cannot be pruned, trying again", error=str(error))
                full = False
            await asyncio.sleep(LOOK_S if full else PRUNE_EVERY_S)

    async def prune(self) -> int:
        """Forget a slice of the events that are older than they are kept; how many."""
        now_ms = self._means.clock.now_ms()
        before_ms = now_ms - self._means.settings.keep_days * DAY_MS
        erased_before_ms = min(before_ms, now_ms - farewells.KEPT_MS)
        async with self._means.db.transaction() as tx:
            await farewells.prune(tx, now_ms)
            return await tx.execute(
                "events.prune", before_ms=before_ms, erased_before_ms=erased_before_ms, most=PRUNED_AT_ONCE
            )
