"""The database port on SQLite: one writer, a few readers, write-ahead log.

Each connection runs on its own thread (aiosqlite), so a statement is one hop off the loop. The writer's connection is
never shared: `Turns` hands it to one transaction at a time.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar, cast

import aiosqlite

from push.database.migrations import CREATE_RECORD, READ_RECORD, WRITE_RECORD, Migration, pending
from push.database.statements import Engine, Statements
from push.database.turns import Turns
from push.model.errors import ConflictError, DatabaseError, UnfitError, UniqueError
from push.model.ports import Clock, Read, Row, Transaction, Write

READERS: Final = 3
BUSY_TIMEOUT_MS: Final = 5_000
"""How long to wait for another process (a backup, the command line) that holds the write lock."""

CACHED_STATEMENTS: Final = 512

_WRITER_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA cache_size = -65536",  # KiB: ids are hashes, each on a page of its own, which 2 MB do not hold
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
)
_READER_PRAGMAS: Final = ("PRAGMA query_only = ON",)

_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_UNIQUE: Final = frozenset({sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY})
_PRIMARY_CODE: Final = 0xFF
"""Extended result codes keep the primary one in the lowest byte (sqlite.org/rescode.html)."""


@asynccontextmanager
async def open_sqlite(
    path: Path, statements: Statements, busy_timeout_ms: int = BUSY_TIMEOUT_MS
) -> AsyncIterator["SqliteDatabase"]:
    """Open or create the database file, for the length of the block. Raises `DatabaseError`."""
    busy = f"PRAGMA busy_timeout = {busy_timeout_ms}"
    with _translated(f"open {path}"):
        await asyncio.to_thread(_touch, path)
    async with AsyncExitStack() as stack:
        writer = await _connect(stack, path, (busy, *_WRITER_PRAGMAS))
        readers = [await _connect(stack, path, (busy, *_READER_PRAGMAS)) for _ in range(READERS)]
        yield SqliteDatabase(writer, readers, statements)


def _touch(path: Path) -> None:
    """Fail here where the file cannot be opened: aiosqlite would leave a thread behind that outlives the loop."""
    sqlite3.connect(path).close()


async def _connect(stack: AsyncExitStack, path: Path, pragmas: Sequence[str]) -> aiosqlite.Connection:
    with _translated(f"open {path}"):
        connection = await stack.enter_async_context(
            aiosqlite.connect(path, isolation_level=None, cached_statements=CACHED_STATEMENTS)
        )
        for pragma in pragmas:
            await connection.execute_fetchall(pragma)
    return connection


def _rows(connection: sqlite3.Connection, sql: str, values: Sequence[object]) -> list[Row]:
    """All rows of a statement, on its connection's thread. Columns are named once: a row factory does for each row."""
    cursor = connection.execute(sql, values)
    found = cursor.fetchall()
    if not found:
        return []
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in found]


T = TypeVar("T")


async def _hop(connection: aiosqlite.Connection, do: Callable[[sqlite3.Connection], T]) -> T:
    """Do something on a connection's thread: aiosqlite itself runs one statement at a time there."""
    raw = connection._conn  # noqa: SLF001 - see above
    return cast("T", await connection._execute(do, raw))  # type: ignore[no-untyped-call]  # noqa: SLF001 - likewise


class SqliteQueries:
    """Named reads on one connection."""

    def __init__(self, connection: aiosqlite.Connection, statements: Statements) -> None:
        self._connection = connection
        self._statements = statements

    async def fetch(self, name: str, /, **params: object) -> list[Row]:
        """All rows. Raises `DatabaseError`."""
        statement = self._statements[name]
        values = statement.bind(params)
        with _translated(name):
            return await _hop(self._connection, lambda raw: _rows(raw, statement.sql, values))

    async def fetch_one(self, name: str, /, **params: object) -> Row | None:
        """The first row, None where there is none. Raises `DatabaseError`."""
        rows = await self.fetch(name, **params)
        return rows[0] if rows else None


class SqliteTransaction(SqliteQueries):
    """The writer's connection while it is one transaction's."""

    async def fetch_each(self, reads: Sequence[Read]) -> list[list[Row]]:
        """All rows of each, in one hop: a hop costs five times what a small read does. Raises `DatabaseError`."""
        asked = [(self._statements[read.name].sql, self._statements[read.name].bind(read.params)) for read in reads]

        with _translated(", ".join(read.name for read in reads)):
            return await _hop(self._connection, lambda raw: [_rows(raw, sql, values) for sql, values in asked])

    async def execute(self, name: str, /, **params: object) -> int:
        """Run one statement; the number of rows that it changed. Raises `DatabaseError`."""
        statement = self._statements[name]
        values = statement.bind(params)
        with _translated(name):
            cursor = await self._connection.execute(statement.sql, values)
            if cursor.description is not None:  # a RETURNING clause: only the last row ends the statement
                await cursor.fetchall()
        return cursor.rowcount

    async def execute_many(self, name: str, rows: Sequence[Mapping[str, object]], /) -> None:
        """Run one statement for each row of parameters, in one hop. Raises `DatabaseError`."""
        if not rows:
            return
        statement = self._statements[name]
        values = [statement.bind(row) for row in rows]
        with _translated(name):
            await self._connection.executemany(statement.sql, values)

    async def execute_each(self, writes: Sequence[Write]) -> None:
        """Run each statement for its rows, in one hop. Raises `DatabaseError`."""
        some = [(self._statements[write.name], write.rows) for write in writes if write.rows]
        asked = [(statement.sql, [statement.bind(row) for row in rows]) for statement, rows in some]

        def execute(raw: sqlite3.Connection) -> None:
            for sql, values in asked:
                raw.executemany(sql, values)

        with _translated(", ".join(statement.name for statement, _ in some)):
            await _hop(self._connection, execute)


class SqliteDatabase:
    """`push.model.ports.Database` on one file."""

    def __init__(
        self, writer: aiosqlite.Connection, readers: Sequence[aiosqlite.Connection], statements: Statements
    ) -> None:
        self._writer = writer
        self._turns = Turns()
        self._statements = statements
        self._readers: asyncio.LifoQueue[SqliteQueries] = asyncio.LifoQueue()
        for reader in readers:
            self._readers.put_nowait(SqliteQueries(reader, statements))

    async def fetch(self, name: str, /, **params: object) -> list[Row]:
        """All rows, as of the last commit. Raises `DatabaseError`."""
        reader = await self._readers.get()
        try:
            return await reader.fetch(name, **params)
        finally:
            self._readers.put_nowait(reader)

    async def fetch_one(self, name: str, /, **params: object) -> Row | None:
        """The first row, None where there is none. Raises `DatabaseError`."""
        rows = await self.fetch(name, **params)
        return rows[0] if rows else None

    @asynccontextmanager
    async def transaction(self, *, patient: bool = False) -> AsyncIterator[Transaction]:
        """`BEGIN IMMEDIATE` to `COMMIT`; an exception or a cancellation rolls back."""
        async with self._exclusive(patient=patient):
            yield SqliteTransaction(self._writer, self._statements)

    async def scrub(self) -> None:
        """Empty the write-ahead log; `secure_delete` overwrote the rest. Raises `DatabaseError`: somebody reads on."""
        async with self._turns.turn(patient=False):
            [row] = await self._run("scrub", "PRAGMA wal_checkpoint(TRUNCATE)")
        if row["busy"]:
            raise ConflictError("scrub: the write-ahead log is being read")

    async def migrate(self, migrations: Sequence[Migration], clock: Clock) -> None:
        """Apply what is missing and record it, in one transaction. Raises `MigrationError`, `DatabaseError`."""
        async with self._exclusive():
            await self._run("record of migrations", CREATE_RECORD)
            rows = await self._run("record of migrations", READ_RECORD)
            for migration in pending(migrations, [(row["number"], row["name"]) for row in rows]):
                await self._apply(migration, clock.now_ms())

    async def _apply(self, migration: Migration, now_ms: int) -> None:
        what = f"migration {migration.number:04}_{migration.name}"
        for sql in migration.statements(Engine.SQLITE):
            await self._run(what, sql)
        await self._run(what, WRITE_RECORD.format("?"), migration.number, migration.name, now_ms)

    async def _run(self, what: str, sql: str, *values: object) -> list[Row]:
        with _translated(what):
            return await _hop(self._writer, lambda raw: _rows(raw, sql, values))

    @asynccontextmanager
    async def _exclusive(self, *, patient: bool = False) -> AsyncIterator[None]:
        async with self._turns.turn(patient=patient):
            try:
                with _translated("begin"):
                    await self._writer.execute_fetchall("BEGIN IMMEDIATE")
                yield
                with _translated("commit"):
                    await self._writer.commit()
            except BaseException:
                # A cancelled statement still runs on the writer's thread. The rollback queues behind it, and the lock
                # must not pass on before it has run, however often we are cancelled.
                await _finish(self._roll_back())
                raise

    async def _roll_back(self) -> None:
        # Should this fail (a dead disk), the next transaction's `BEGIN` fails too, and tries again to roll back.
        with suppress(DatabaseError), _translated("rollback"):
            await self._writer.rollback()


async def _finish(work: Coroutine[None, None, None]) -> None:
    """Await to the end, cancelled or not; a cancellation is passed on then."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


@contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise _kind(error)(f"{what}: {error}") from None
    except OverflowError as error:  # a number beyond 64 bits
        raise UnfitError(f"{what}: {error}") from None
    except ValueError as error:  # aiosqlite: the connection is closed
        raise DatabaseError(f"{what}: {error}") from None


def _kind(error: sqlite3.Error) -> type[DatabaseError]:
    code = getattr(error, "sqlite_errorcode", 0)
    if code in _UNIQUE:
        return UniqueError
    if isinstance(error, sqlite3.IntegrityError | sqlite3.DataError):
        return UnfitError
    return ConflictError if code & _PRIMARY_CODE in _BUSY else DatabaseError
