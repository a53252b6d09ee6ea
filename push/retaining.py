"""Retention: what is older than was said goes, slice by slice, and a row says how much went and what is left.

A crash loses a slice at most, which the next run finds again.
"""

import asyncio
from collections import Counter
from typing import Final, NamedTuple

import msgspec
import structlog

from push.campaigns import budgets
from push.floors.forgetting import forget_gone
from push.model.errors import DatabaseError
from push.model.ids import fresh
from push.model.ports import Clock, Database
from push.profiles import late
from push.profiles.rights.erasing import scrub
from push.profiles.rights.settings import RetentionSettings

DAY_MS: Final = 86_400_000
EVERY_S: Final = 3_600.0
SLICE: Final = 500
"""Records in one transaction: some milliseconds, while which nobody else writes on SQLite."""
PAUSE_S: Final = 0.02
RUNS_D: Final = 400
"""How long it is known what was removed: a year, and a little."""

log = structlog.get_logger()


class Kind(NamedTuple):
    """A kind of data: the setting that says for how long, and statements in their order, what refers to it first."""

    name: str
    setting: str
    removes: tuple[str, ...]


KINDS: Final = (
    Kind("tracked", "tracked_d", ("tracked",)),
    Kind("visits", "visits_d", ("stays", "moments", "caps", "visits")),
    Kind("decisions", "messages_d", ("decisions",)),
    Kind("messages", "messages_d", ("receipts", "attempts", "deliveries", "messages")),
    Kind("coupons", "messages_d", ("coupons",)),
    Kind("touches", "touches_d", ("touches",)),
    Kind("happenings", "messages_d", ("events",)),
    Kind("audit", "audit_d", ("audit",)),
    Kind("checks", "checks_d", ("checks",)),
    Kind("floor_minutes", "minutes_d", ("floor_minutes",)),
    Kind("zone_minutes", "minutes_d", ("zone_minutes",)),
    Kind("requests", "requests_d", ("requests",)),
)


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """What one run removed of a kind, and when the oldest that it left is from."""

    kind: str
    at_ms: int
    before_ms: int
    removed: int
    oldest_ms: int | None


class Retainer:
    """Removes what is older than the settings say."""

    def __init__(self, db: Database, clock: Clock, settings: RetentionSettings) -> None:
        self._db = db
        self._clock = clock
        self._settings = settings
        self.removed: Counter[str] = Counter()
        """Records removed by kind, since the start."""
        self.oldest_ms: dict[str, int] = {}
        """When the oldest record of each kind is from that the last run left."""

    def ages_s(self) -> dict[str, int]:
        """How old the oldest record of each kind is, in seconds."""
        now_ms = self._clock.now_ms()
        return {kind: (now_ms - oldest_ms) // 1000 for kind, oldest_ms in self.oldest_ms.items()}

    async def run(self) -> None:
        """Remove, every hour, until cancelled."""
        while True:
            try:
                await self.look()
            except DatabaseError as error:
                log.warning("old data cannot be removed, trying again", error=str(error))
            await asyncio.sleep(EVERY_S)

    async def look(self) -> list[Removed]:
        """One run over every kind. Raises `DatabaseError`."""
        now_ms = self._clock.now_ms()
        done = [await self._kind(kind, now_ms) for kind in KINDS]
        await late.sweep(self._db, now_ms)
        await budgets.sweep(self._db, now_ms)
        await self._forget_gone()
        if any(one.removed for one in done):
            await scrub(self._db)
        return done

    async def _kind(self, kind: Kind, now_ms: int) -> Removed:
        before_ms = now_ms - int(getattr(self._settings, kind.setting)) * DAY_MS
        removed = 0
        while found := await self._slice(kind, before_ms):
            removed += found
            self.removed[kind.name] += found
            await asyncio.sleep(PAUSE_S)
        return await self._note(kind, before_ms, removed, now_ms)

    async def _forget_gone(self) -> None:
        """Minutes of stores that were taken out of the registry, whatever their age."""
        for kind in ("floor_minutes", "zone_minutes"):
            while found := await forget_gone(self._db, kind, SLICE):
                self.removed[kind] += found
                await asyncio.sleep(PAUSE_S)

    async def _slice(self, kind: Kind, before_ms: int) -> int:
        async with self._db.transaction(patient=True) as tx:
            rows = await tx.fetch(f"retention.{kind.name}_expired", before_ms=before_ms, most=SLICE)
            ids = msgspec.json.encode([row["id"] for row in rows]).decode()
            for what in kind.removes if rows else ():
                await tx.execute(f"retention.{kind.name}_remove_{what}", ids=ids)
        return len(rows)

    async def _note(self, kind: Kind, before_ms: int, removed: int, now_ms: int) -> Removed:
        """Say what was removed and what is left: a run that had nothing to do is no news."""
        row = await self._db.fetch_one(f"retention.{kind.name}_oldest")
        oldest = None if row is None else row["oldest_ms"]
        self.oldest_ms.pop(kind.name, None)
        if oldest is not None:
            self.oldest_ms[kind.name] = oldest
        run = Removed(kind=kind.name, at_ms=now_ms, before_ms=before_ms, removed=removed, oldest_ms=oldest)
        if removed:
            async with self._db.transaction(patient=True) as tx:
                await tx.execute("retention.note", id=fresh("ret"), **msgspec.structs.asdict(run))
                await tx.execute("retention.prune_runs", before_ms=now_ms - RUNS_D * DAY_MS)
        return run
