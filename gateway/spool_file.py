"""The spool's file: opened by one process alone, brought to the current schema, set aside if it is broken."""

import asyncio
import contextlib
import fcntl
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, TextIO

import aiosqlite
import structlog

from gateway.spool import Boot, Limits, Spool

PAGE_BYTES: Final = 4096
SLACK: Final = 1.5
"""Pages beyond the batches themselves: indexes, dead letters, half-filled pages. A last bound under the counted one."""
WAL_BYTES: Final = 4 * 1024 * 1024
CORRUPT: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

SCHEMA: Final = (
    """
    CREATE TABLE boot (boot TEXT PRIMARY KEY, clock TEXT NOT NULL, offset_ms INTEGER) WITHOUT ROWID;
    CREATE TABLE batch (
        id INTEGER PRIMARY KEY AUTOINCREMENT, boot TEXT NOT NULL, sequence INTEGER NOT NULL,
        ran_ms INTEGER NOT NULL, base_ms INTEGER NOT NULL, bytes INTEGER NOT NULL, sightings BLOB NOT NULL,
        UNIQUE (boot, sequence));
    CREATE TABLE dead_letter (
        id INTEGER PRIMARY KEY AUTOINCREMENT, boot TEXT NOT NULL, sequence INTEGER NOT NULL,
        reason TEXT NOT NULL, base_ms INTEGER NOT NULL, sightings BLOB NOT NULL);
    CREATE TABLE state (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
    """,
)
"""Numbered schemas: entry n brings a file from `user_version` n to n + 1."""

log = structlog.get_logger()


class SpoolError(Exception):
    """A spool that cannot be used: where it is, what is wrong, and what to do."""


@contextlib.asynccontextmanager
async def open_spool(
    path: Path, boot: Boot, limits: Limits, counters: Counter[str], max_pages: int | None = None
) -> AsyncIterator[Spool]:
    """The spool at `path`, made where there is none. Raises `SpoolError`.

    A broken file is set aside under another name, counted as `spool_set_aside`, and a new one begun:
    a gateway without its backlog is worth more than none.
    """
    pages = max_pages or int(limits.max_bytes * SLACK) // PAGE_BYTES + 256
    with await asyncio.to_thread(_lock, path):
        try:
            spool = await _start(path, boot, limits, counters, pages)
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", None) not in CORRUPT:
                raise SpoolError(f"spool {path}: {error}; expected a writable SQLite file") from error
            await asyncio.to_thread(_set_aside, path, counters)
            spool = await _start(path, boot, limits, counters, pages)
        try:
            yield spool
        finally:
            await spool.close()


async def _start(path: Path, boot: Boot, limits: Limits, counters: Counter[str], max_pages: int) -> Spool:
    db = await aiosqlite.connect(path, isolation_level=None)
    try:
        await db.execute("PRAGMA journal_mode = WAL")
        await db.execute(f"PRAGMA synchronous = {limits.synchronous}")
        await db.execute("PRAGMA secure_delete = ON")
        await db.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
        await db.execute(f"PRAGMA max_page_count = {max_pages}")
        await _migrate(db, path)
        spool = Spool(db, boot, limits, counters)
        await spool.start()
    except BaseException:
        await db.close()
        raise
    return spool


async def _migrate(db: aiosqlite.Connection, path: Path) -> None:
    rows = list(await db.execute_fetchall("PRAGMA user_version"))
    version = rows[0][0]
    if version > len(SCHEMA):
        raise SpoolError(f"spool {path}: schema {version}; expected at most {len(SCHEMA)}: a newer gateway wrote it")
    for number in range(version, len(SCHEMA)):
        await db.executescript(f"BEGIN IMMEDIATE; {SCHEMA[number]} PRAGMA user_version = {number + 1}; COMMIT;")


def _lock(path: Path) -> TextIO:
    """The lock file, held until it is closed: by this process, or nobody."""
    lock = path.with_suffix(".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("w")
    except OSError as error:
        raise SpoolError(f"spool {path}: {error.strerror}; expected a directory that this user may write to") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise SpoolError(f"spool {path}: another gateway process uses it; stop that one first") from None
    return file


def _set_aside(path: Path, counters: Counter[str]) -> None:
    number = next(n for n in range(1, 10_000) if not path.with_suffix(f".broken-{n}").exists())
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{suffix}").rename(f"{path.with_suffix(f'.broken-{number}')}{suffix}")
    counters["spool_set_aside"] += 1
    log.error("spool_set_aside", path=str(path), number=number)
