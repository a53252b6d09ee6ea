"""Stops: everything, a store, or a campaign is silenced at once, what waits in the outbox included.

    press ─one transaction▶ the stop, and what waits is cancelled ─▶ in force here ─within a second▶ on every replica

A decision that had begun when it was pressed may put one more message into the outbox. So each stop is carried through
again for a while: whoever follows them cancels what came after.
"""

import asyncio
from collections.abc import Callable
from typing import Annotated, Final

import msgspec
import structlog

from push.campaigns import events, outbox
from push.model.delivery import Lane
from push.model.errors import AbsentError, DatabaseError, TakenError
from push.model.ids import fresh
from push.model.ports import Clock, Database, Queries, Row, Transaction
from push.registry.audit import audit

LOOK_S: Final = 0.5
"""How often stops that others pressed are looked for."""
AGAIN_MS: Final = 10_000
"""How long a stop is carried through again: no decision takes longer."""
AT_ONCE: Final = 2_000
"""Deliveries that are cancelled in one transaction: some tenths of a second."""
MOST_LISTED: Final = 200
ALL: Final = "all"
REASON: Final = "stopped"
_MAIL_OUTS: Final = str(int(Lane.BULK))
"""Queues' names begin with their lane."""
_END: Final = "9"
Scope = Annotated[str, msgspec.Meta(pattern=r"^(all|(store|campaign):[A-Za-z0-9_-]{1,64})$(?!\n)")]
"""``all``, ``store:ID`` or ``campaign:ID``."""

log = structlog.get_logger()


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """What is silenced, why, and who pressed it; who ended it, where somebody did."""

    id: str
    scope: str
    why: str
    stopped_by: str
    stopped_ms: int
    ended_by: str | None = None
    ended_ms: int | None = None

    @property
    def store(self) -> str | None:
        """The store that it is about, where it is about one."""
        kind, _, name = self.scope.partition(":")
        return name if kind == "store" else None


async def listed(db: Queries) -> list[Stop]:
    """Those that hold, and then the latest of those that do not any more."""
    return [_stop(row) for row in await db.fetch("campaigns.stops", most=MOST_LISTED)]


async def holding(db: Queries) -> list[Stop]:
    """Those that hold."""
    return [_stop(row) for row in await db.fetch("campaigns.stopped")]


async def get(tx: Transaction, name: str) -> Stop:
    """A stop that nobody ends until the transaction does. Raises `AbsentError`."""
    row = await tx.fetch_one("campaigns.stop_of", id=name)
    if row is None:
        raise AbsentError(f"stop {name}")
    return _stop(row)


def _stop(row: Row) -> Stop:
    return msgspec.convert(dict(row), Stop)


async def press(tx: Transaction, scope: str, why: str, actor: str, now_ms: int) -> Stop:
    """Silence a scope, and cancel what waits of it."""
    stop = Stop(id=fresh("stp"), scope=scope, why=why, stopped_by=actor, stopped_ms=now_ms)
    row = {"id": stop.id, "scope": scope, "why": why, "stopped_by": actor, "stopped_ms": now_ms}
    await tx.execute("campaigns.stop", **row)
    await cancel(tx, scope, now_ms)
    await audit(tx, actor, "stop", scope, now_ms, after={"why": why, "stop": stop.id}, store=stop.store)
    return stop


async def end(tx: Transaction, name: str, actor: str, now_ms: int) -> Stop:
    """Let a scope speak again. Raises `AbsentError`; `TakenError`: it was ended before."""
    before = await get(tx, name)
    if before.ended_ms is not None:
        raise TakenError(f"stop {name}", f"{before.ended_by} has ended it already", ())
    await tx.execute("campaigns.end_stop", id=name, ended_by=actor, ended_ms=now_ms)
    told = {"stop": name, "stopped_by": before.stopped_by}
    await audit(tx, actor, "end stop", before.scope, now_ms, before=told, store=before.store)
    return msgspec.structs.replace(before, ended_by=actor, ended_ms=now_ms)


async def cancel(tx: Transaction, scope: str, now_ms: int) -> int:
    """Cancel what waits of a scope, the most urgent first, at most `AT_ONCE`; how many were met."""
    kind, _, name = scope.partition(":")
    what = {"scope": scope, "campaign": name if kind == "campaign" else "", "store": name if kind == "store" else ""}
    await tx.execute("campaigns.stop_falling_back", **what)
    below = _END if scope == ALL else _MAIL_OUTS
    rows = await tx.fetch("campaigns.cancel_stopped", **what, below=below, now_ms=now_ms, most=AT_ONCE)
    await outbox.release_caps(tx, rows, now_ms)
    cancelled = [row for row in rows if row["state"] == "cancelled"]
    await events.append(tx, events.of("cancelled", cancelled, REASON), now_ms)
    return len(rows)


class Stops:
    """The scopes that are silenced, in force: `use` is told of them whenever they are others."""

    def __init__(self, db: Database, clock: Clock, use: Callable[[frozenset[str]], None]) -> None:
        self._db = db
        self._clock = clock
        self._use = use
        self.scopes: frozenset[str] = frozenset()
        self._holding: tuple[Stop, ...] = ()
        self._done: frozenset[str] = frozenset()

    async def load(self) -> None:
        """Bring into force what was committed before this call. Raises `DatabaseError`."""
        self._holding = tuple(await holding(self._db))
        self._done &= frozenset(stop.id for stop in self._holding)
        scopes = frozenset(stop.scope for stop in self._holding)
        if scopes != self.scopes:
            self.scopes = scopes
            self._use(scopes)

    async def carry_through(self) -> bool:
        """Cancel what came into the outbox after a stop, or was too much for one transaction; whether more is left.

        Raises `DatabaseError`.
        """
        more = False
        for stop in self._holding:
            if stop.id not in self._done:
                now_ms = self._clock.now_ms()
                async with self._db.transaction() as tx:
                    is_full = await cancel(tx, stop.scope, now_ms) == AT_ONCE
                more = more or is_full
                if not is_full and now_ms - stop.stopped_ms > AGAIN_MS:
                    self._done |= {stop.id}
        return more

    async def run(self) -> None:
        """Follow what is pressed and ended here and elsewhere, until cancelled."""
        while True:
            more = False
            try:
                await self.load()
                more = await self.carry_through()
            except DatabaseError as error:
                log.warning("stops cannot be read, trying again", error=str(error))
            await asyncio.sleep(0 if more else LOOK_S)
