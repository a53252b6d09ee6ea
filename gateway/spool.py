"""The spool: every Batch is written here before it is sent, and leaves when the server has it.

One SQLite file in WAL mode. It is bounded by size and age; what it must drop is dropped oldest
first and counted, and the server learns of it through each Batch's `oldest`. Age counts the hours
that the gateway ran, since its wall clock may be wrong. With ``synchronous=NORMAL`` a crash of the
process loses nothing, and a power cut at most what was written since the last checkpoint of the
system's cache; ``FULL`` waits for the disk each time. What left is overwritten at once
(``secure_delete``), and gone from the log as well after the next `scrub`.
"""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import aiosqlite
import msgspec
import structlog

from beacons.columns import Sighting, pack
from beacons.wire import SightingColumns

ROW_OVERHEAD_BYTES: Final = 128
"""What a row and its index entry take beside the sightings, measured."""
DROP_ROWS: Final = 32
"""Batches given up at a time when space is short: some seconds of a busy store."""
DEAD_LETTERS: Final = 1000
"""Refused batches kept for inspection; older ones are forgotten, the counter is not."""
EXPIRE_EVERY_MS: Final = 60_000
T = TypeVar("T")

log = structlog.get_logger()


class Boot(NamedTuple):
    """One start of the gateway: its random id, and the name of the boot clock's run that it reads."""

    id: str
    clock: str


class Limits(NamedTuple):
    """What the spool may hold."""

    max_bytes: int
    max_age_ms: int
    synchronous: str = "NORMAL"


class Stored(msgspec.Struct, frozen=True):
    """A Batch as it waits: everything but what only sending knows."""

    id: int
    boot: str
    sequence: int
    base_ms: int
    bytes: int
    sightings: SightingColumns


class OldBoot(NamedTuple):
    """What is known of a boot: whose clock it read, and that clock's distance from UTC, None if never learned."""

    clock: str
    offset_ms: int | None


class Spool:
    """Batches on disk. Counts into `counters`; all methods may be called concurrently.

    `count`, `bytes`, `oldest` (lowest sequence held, by boot), `boots` and `refused` (batches put away) are always
    current.
    """

    def __init__(self, db: aiosqlite.Connection, boot: Boot, limits: Limits, counters: Counter[str]) -> None:
        self.count = 0
        self.bytes = 0
        self.refused = 0
        self.sequence = 0
        self.oldest: dict[str, int] = {}
        self.boots: dict[str, OldBoot] = {boot.id: OldBoot(boot.clock, None)}
        self._db = db
        self._boot = boot
        self.limits = limits
        self._counters = counters
        self._lock = asyncio.Lock()
        self._ran_ms = 0
        self._oldest_ran_ms: int | None = None
        self._started_ms: int | None = None
        self._expired_ms: int | None = None
        self._left_traces = True

    async def append(self, sightings: Sequence[Sighting], now_ms: int) -> Stored | None:
        """Write a batch; None (and counted) where the disk refuses it even after older ones were dropped."""
        return await _whole(self._append(sightings, now_ms))

    async def after(self, row_id: int, limit: int) -> list[Stored]:
        """Up to `limit` batches written after `row_id`, oldest first."""
        rows = await self._db.execute_fetchall(
            "SELECT id, boot, sequence, base_ms, bytes, sightings FROM batch WHERE id > ? ORDER BY id LIMIT ?",
            (row_id, limit),
        )
        return [Stored(row[0], row[1], row[2], row[3], row[4], _columns(row[5])) for row in rows]

    async def remove(self, done: Sequence[Stored]) -> None:
        """Let go of what the server has made durable."""
        await _whole(self._remove(done))

    async def refuse(self, refused: Sequence[tuple[Stored, str]]) -> None:
        """Put away what the server will never take, with its reason."""
        await _whole(self._refuse(refused))

    async def scrub(self) -> None:
        """Leave no bytes behind of what left: who was where is nobody's to read from this disk. Cheap where none did.

        Raises `sqlite3.OperationalError`: the disk is full; the next time does it.
        """
        if self._left_traces:
            await _whole(self._scrub())

    async def learn_offset(self, clock: str, offset_ms: int) -> None:
        """Keep what was learned of a clock's distance from UTC, for every boot that read that clock."""
        await _whole(self._learn_offset(clock, offset_ms))

    async def put_state(self, name: str, value: bytes) -> None:
        """Keep a small value across restarts."""
        async with self._lock:
            await self._db.execute("INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)", (name, value))

    async def state(self, name: str) -> bytes | None:
        """What `put_state` kept."""
        rows = list(await self._db.execute_fetchall("SELECT value FROM state WHERE name = ?", (name,)))
        return bytes(rows[0][0]) if rows else None

    def waited_ms(self, now_ms: int) -> int | None:
        """How long the oldest batch has waited, in time that gateways ran; None where none waits."""
        return None if self._oldest_ran_ms is None else max(0, self._ran(now_ms) - self._oldest_ran_ms)

    async def close(self) -> None:
        """Close the file."""
        async with self._lock:
            await self._db.close()

    async def start(self) -> None:
        """Take stock of what earlier boots left, and record this one."""
        await self._recount()
        ran = list(await self._db.execute_fetchall("SELECT coalesce(max(ran_ms), 0) FROM batch"))
        self._ran_ms = ran[0][0]
        await self._with_room(self._record_boot)
        rows = await self._db.execute_fetchall("SELECT boot, clock, offset_ms FROM boot")
        self.boots |= {boot: OldBoot(clock, offset_ms) for boot, clock, offset_ms in rows}

    async def _record_boot(self) -> int:
        await self._db.execute("DELETE FROM boot WHERE boot NOT IN (SELECT boot FROM batch)")
        cursor = await self._db.execute(
            "INSERT OR IGNORE INTO boot (boot, clock, offset_ms) VALUES (?, ?, NULL)", self._boot
        )
        return cursor.rowcount

    async def _append(self, sightings: Sequence[Sighting], now_ms: int) -> Stored | None:
        base_ms = min(s.first_ms for s in sightings)
        columns = pack(sightings, base_ms)
        blob = msgspec.msgpack.encode(columns)
        size = len(blob) + ROW_OVERHEAD_BYTES
        async with self._lock:
            await self._keep_bounds(size, now_ms)
            row_id = await self._with_room(lambda: self._insert(base_ms, size, blob, now_ms))
            if row_id is None:
                self._counters["batches_lost"] += 1
                return None
            self.sequence += 1
            self.count += 1
            self.bytes += size
            self.oldest.setdefault(self._boot.id, self.sequence)
            if self._oldest_ran_ms is None:
                self._oldest_ran_ms = self._ran(now_ms)
            self._counters["batches_spooled"] += 1
        return Stored(row_id, self._boot.id, self.sequence, base_ms, size, columns)

    async def _remove(self, done: Sequence[Stored]) -> None:
        async with self._lock:
            gone = await self._delete("id IN (SELECT value FROM json_each(?))", _ids(done))
            self._counters["batches_acknowledged"] += gone

    async def _refuse(self, refused: Sequence[tuple[Stored, str]]) -> None:
        async with self._lock:
            await self._db.execute("BEGIN IMMEDIATE")
            try:
                await self._bury(refused)
                await self._db.execute("COMMIT")
                self._left_traces = True
            except sqlite3.Error:
                await self._db.execute("ROLLBACK")
                raise
            await self._recount()
        self._counters["batches_refused"] += len(refused)

    async def _scrub(self) -> None:
        async with self._lock:
            rows = list(await self._db.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)"))
            self._left_traces = bool(rows[0][0])  # somebody looks into the file: the next time does it

    async def _learn_offset(self, clock: str, offset_ms: int) -> None:
        async with self._lock:
            await self._db.execute("UPDATE boot SET offset_ms = ? WHERE clock = ?", (offset_ms, clock))
            for boot, known in self.boots.items():
                if known.clock == clock:
                    self.boots[boot] = OldBoot(clock, offset_ms)

    async def _with_room(self, write: Callable[[], Awaitable[int]]) -> int | None:
        """What `write` returns, the oldest batches dropped until it fits; None where the disk refuses it even so."""
        while True:
            try:
                return await write()
            except sqlite3.OperationalError as error:
                full = error.sqlite_errorcode == sqlite3.SQLITE_FULL
                if full and await self._drop_oldest(DROP_ROWS, "disk_full"):
                    continue
                self._counters["spool_errors"] += 1
                log.error("spool_write_failed", error=str(error), held=self.count)  # noqa: TRY400 - its text says all
                return None

    async def _insert(self, base_ms: int, size: int, blob: bytes, now_ms: int) -> int:
        cursor = await self._db.execute(
            "INSERT INTO batch (boot, sequence, ran_ms, base_ms, bytes, sightings) VALUES (?, ?, ?, ?, ?, ?)",
            (self._boot.id, self.sequence + 1, self._ran(now_ms), base_ms, size, blob),
        )
        assert cursor.lastrowid is not None  # noqa: S101 - an INSERT that did not raise has a row id
        return cursor.lastrowid

    def _ran(self, now_ms: int) -> int:
        """How long gateways on this spool have run, all together, in ms."""
        if self._started_ms is None:
            self._started_ms = now_ms
        return self._ran_ms + now_ms - self._started_ms

    async def _keep_bounds(self, size: int, now_ms: int) -> None:
        while self.count and self.bytes + size > self.limits.max_bytes:
            await self._drop_oldest(DROP_ROWS, "size")
        if self._expired_ms is None or now_ms - self._expired_ms >= EXPIRE_EVERY_MS:
            self._expired_ms = now_ms
            dropped = await self._delete("ran_ms < ?", self._ran(now_ms) - self.limits.max_age_ms)
            self._count_drops(dropped, "age")

    async def _drop_oldest(self, rows: int, why: str) -> int:
        try:
            dropped = await self._delete("id IN (SELECT id FROM batch ORDER BY id LIMIT ?)", rows)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
                raise
            return 0  # not even the log of a deletion fits: the new batch is the one to lose
        self._count_drops(dropped, why)
        return dropped

    def _count_drops(self, dropped: int, why: str) -> None:
        if dropped:
            self._counters[f"batches_dropped_{why}"] += dropped
            log.warning("spool_dropped", batches=dropped, why=why, held=self.count)

    async def _delete(self, where: str, value: object) -> int:
        rows = list(
            await self._db.execute_fetchall(
                f"DELETE FROM batch WHERE {where} RETURNING boot, bytes",  # noqa: S608 - `where` is one of ours
                (value,),
            )
        )
        self._left_traces = self._left_traces or bool(rows)
        self.count -= len(rows)
        self.bytes -= sum(size for _, size in rows)
        await self._renew_oldest({boot for boot, _ in rows})
        return len(rows)

    async def _renew_oldest(self, boots: Iterable[str]) -> None:
        if not self.count:  # as after most acknowledgements: nothing to ask the file about
            self.oldest.clear()
            self._oldest_ran_ms = None
            return
        for boot in boots:
            rows = list(await self._db.execute_fetchall("SELECT min(sequence) FROM batch WHERE boot = ?", (boot,)))
            self.oldest.pop(boot, None)
            if rows[0][0] is not None:
                self.oldest[boot] = rows[0][0]
        await self._renew_waiting()

    async def _renew_waiting(self) -> None:
        rows = list(await self._db.execute_fetchall("SELECT ran_ms FROM batch ORDER BY id LIMIT 1"))
        self._oldest_ran_ms = rows[0][0] if rows else None

    async def _recount(self) -> None:
        rows = list(
            await self._db.execute_fetchall("SELECT boot, min(sequence), count(*), sum(bytes) FROM batch GROUP BY boot")
        )
        self.oldest = {boot: oldest for boot, oldest, _, _ in rows}
        self.count = sum(count for _, _, count, _ in rows)
        self.bytes = sum(size for _, _, _, size in rows)
        await self._renew_waiting()
        refused = list(await self._db.execute_fetchall("SELECT count(*) FROM dead_letter"))
        self.refused = refused[0][0]

    async def _bury(self, refused: Sequence[tuple[Stored, str]]) -> None:
        for stored, reason in refused:
            await self._db.execute(
                "INSERT INTO dead_letter (boot, sequence, reason, base_ms, sightings)"
                " SELECT boot, sequence, ?, base_ms, sightings FROM batch WHERE id = ?",
                (reason[:200], stored.id),
            )
        await self._db.execute(
            "DELETE FROM batch WHERE id IN (SELECT value FROM json_each(?))", (_ids([s for s, _ in refused]),)
        )
        await self._db.execute(
            "DELETE FROM dead_letter WHERE id <= (SELECT max(id) FROM dead_letter) - ?", (DEAD_LETTERS,)
        )


async def _whole(work: Coroutine[Any, Any, T]) -> T:
    """Do all of `work`, however often whoever waits for it is cancelled: what file and object say must agree."""
    task = asyncio.create_task(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return task.result()


def _columns(blob: bytes) -> SightingColumns:
    return msgspec.msgpack.decode(blob, type=SightingColumns)


def _ids(stored: Sequence[Stored]) -> str:
    return msgspec.json.encode([s.id for s in stored]).decode()
