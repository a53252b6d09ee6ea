"""At a new month, every living data key is wrapped anew under its key; then the old month's key is destroyed.

new month ▶ its key's file ▶ slices of data keys, compare and swap ▶ nothing is left under the old one ▶ its file goes

Whoever was erased before is then unreadable in every copy of the database that was made before. A crash loses a slice
at most, which the next pass finds again; of several processes at it, one swaps a key.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Final

import structlog

from push.model.errors import ConflictError, DatabaseError
from push.model.ports import Clock, Database, Row
from push.model.vault import SealError
from push.profiles.keys import Keyring
from push.profiles.months import MonthKeyError

LOOK_S: Final = 60.0
GRACE_MS: Final = 3_600_000
"""How long an old month's key stays at least: another process may not know yet that a new month began."""
SLICE: Final = 200
"""Keys in one transaction: some milliseconds, while which nobody else writes on SQLite."""
PAUSE_S: Final = 0.02
_WRAPPED: Final = ("keys", "farewells")
"""Statements by how they begin: keys of people, and of what hooks are yet to be told of who is erased."""

log = structlog.get_logger()


class Rewrapper:
    """Follows the calendar, and wraps anew what an earlier month's key wraps."""

    def __init__(self, db: Database, keyring: Keyring, clock: Clock, *, grace_ms: int = GRACE_MS) -> None:
        self._db = db
        self._keyring = keyring
        self._clock = clock
        self._grace_ms = grace_ms
        self._began_ms: int | None = None
        self.left: dict[str, int] = {}
        """Data keys by the month whose key wraps them, of those that are over or too far ahead, as of now."""
        self.broken = 0
        """Data keys that no month's key opens."""
        self.failed = 0
        """Passes that ended before their time."""

    async def run(self) -> None:
        """Look after keys, until cancelled."""
        while True:
            await self._try()
            await asyncio.sleep(LOOK_S)

    async def _try(self) -> None:
        try:
            await self.look()
        except (DatabaseError, MonthKeyError, OSError) as error:
            self.failed += 1
            log.warning("people's keys cannot be looked after, trying again", error=str(error))
        except Exception:  # whatever it was: without this job old keys stay, and with them whoever was erased
            self.failed += 1
            log.exception("people's keys cannot be looked after, trying again")

    async def look(self) -> None:
        """One pass. Raises `DatabaseError`, `MonthKeyError`, `OSError`: the next one goes on."""
        months, now_ms = self._keyring.months, self._clock.now_ms()
        before = months.current
        await asyncio.to_thread(months.load, now_ms)
        if months.current != before or self._began_ms is None:
            self._began_ms = now_ms
        old = months.stale
        self._warn_of([month for month in old if month > months.furthest])
        self.left = await self._count()
        if not old and not self.left:
            return
        await self._wrap_anew()
        if now_ms - self._began_ms >= self._grace_ms:
            await self._destroy(old)

    def _warn_of(self, ahead: list[str]) -> None:
        if ahead:
            log.error("keys of months far ahead: a clock was wrong", months=ahead, hint="is the clock right? they go")

    @property
    def _stale(self) -> dict[str, str]:
        """What is wrapped under earlier months than the first, or later ones than the second, is wrapped anew."""
        return {"month": self._keyring.months.current, "furthest": self._keyring.months.furthest}

    async def _count(self) -> dict[str, int]:
        found: Counter[str] = Counter()
        for what in _WRAPPED:
            for row in await self._db.fetch(f"{what}.before", **self._stale):
                found[row["month"]] += int(row["found"])
        return dict(found)

    async def _wrap_anew(self) -> None:
        if self.left:
            log.info("wrapping people's keys anew", keys=sum(self.left.values()), month=self._keyring.months.current)
        self.broken = 0
        for what in _WRAPPED:
            await self._wrap_each(what)
        self.left = await self._count()
        if self.broken:
            log.error("people's keys that no month's key opens", hint="is keys_dir whole?", keys=self.broken)

    async def _wrap_each(self, what: str) -> None:
        after, stale = "", self._stale
        while rows := await self._db.fetch(f"{what}.slice", **stale, after=after, most=SLICE):
            after = rows[-1]["shopper"]
            await self._swap(what, await asyncio.to_thread(self._swaps, rows))
            done = Counter(row["month"] for row in rows)
            self.left = {month: max(0, found - done[month]) for month, found in self.left.items()}
            await asyncio.sleep(PAUSE_S)

    def _swaps(self, rows: list[Row]) -> list[dict[str, object]]:
        """Each key as it is wrapped and as it shall be; those that do not open are counted and left."""
        found: list[dict[str, object]] = []
        for row in rows:
            try:
                key = self._keyring.unwrap(row["shopper"], row["month"], row["wrapped"])
            except SealError:
                self.broken += 1
            else:
                month, wrapped = self._keyring.wrap(row["shopper"], key)
                found.append({"shopper": row["shopper"], "before": row["wrapped"], "month": month, "wrapped": wrapped})
        return found

    async def _swap(self, what: str, swaps: list[dict[str, object]]) -> None:
        """Who was erased meanwhile has no row to change. Raises `DatabaseError`."""
        try:
            async with self._db.transaction(patient=True) as tx:
                await tx.execute_many(f"{what}.swap", swaps)
        except ConflictError:
            log.debug("slice met another transaction; the next pass finds it")

    async def _destroy(self, old: Sequence[str]) -> None:
        """What still wraps a key stays: a file that was lost can be put back, a key that was destroyed cannot."""
        for month in old:
            if month not in self.left:
                await asyncio.to_thread(self._keyring.months.destroy, month)
                log.info("a month's key is destroyed: who was erased is unreadable in copies from before", month=month)
        self._keyring.forget()
