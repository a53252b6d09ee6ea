"""The database port on PostgreSQL: a pool of connections, transactions at READ COMMITTED with row locks."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Final

import asyncpg

from push.database.migrations import CREATE_RECORD, READ_RECORD, WRITE_RECORD, Migration, pending
from push.database.statements import Engine, Statements
from push.model.errors import ConflictError, DatabaseError, UnfitError, UniqueError
from push.model.ports import Clock, Row, Transaction

POOL_SIZE: Final = 8
COMMAND_TIMEOUT_S: Final = 30.0
"""A statement that takes longer has met a dead server or a lock that nobody gives back."""

CACHED_STATEMENTS: Final = 512

_MIGRATION_LOCK: Final = int.from_bytes(b"footfall")
"""Advisory lock, so that replicas which start together migrate once."""

_CONFLICTS: Final = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
)


@asynccontextmanager
async def open_postgres(url: str, statements: Statements) -> AsyncIterator["PostgresDatabase"]:
    """A pool on the database at `url`, for the length of the block. Raises `DatabaseError`."""
    try:
        with _translated("connect"):
            pool = await asyncpg.create_pool(
                url,
                min_size=1,
                max_size=POOL_SIZE,
                command_timeout=COMMAND_TIMEOUT_S,
                statement_cache_size=CACHED_STATEMENTS,
                reset=_keep,
            )
    except ValueError:  # which may quote a part of the password
        raise DatabaseError(
            "database URL: expected postgresql://user:password@host:port/name, special characters as in %40"
        ) from None
    try:
        yield PostgresDatabase(pool, statements)
    finally:
        await pool.close()


async def _keep(_: object) -> None:
    """Nothing here changes a session's state, so giving a connection back needs no round trip to reset it."""


class PostgresQueries:
    """Named reads on one connection, or on any of the pool's."""

    def __init__(self, connection: Any, statements: Statements) -> None:  # noqa: ANN401 - asyncpg is untyped
        self._connection = connection
        self._statements = statements

    async def fetch(self, name: str, /, **params: object) -> list[Row]:
        """All rows. Raises `DatabaseError`."""
        statement = self._statements[name]
        values = statement.bind(params)
        with _translated(name):
            return [dict(row) for row in await self._connection.fetch(statement.sql, *values)]

    async def fetch_one(self, name: str, /, **params: object) -> Row | None:
        """The first row, None where there is none. Raises `DatabaseError`."""
        rows = await self.fetch(name, **params)
        return rows[0] if rows else None


class PostgresTransaction(PostgresQueries):
    """One connection inside a transaction."""

    async def execute(self, name: str, /, **params: object) -> int:
        """Run one statement; the number of rows that it changed. Raises `DatabaseError`."""
        statement = self._statements[name]
        values = statement.bind(params)
        with _translated(name):
            tag = await self._connection.execute(statement.sql, *values)
        return int(tag.rsplit(" ", 1)[-1])

    async def execute_many(self, name: str, rows: Sequence[Mapping[str, object]], /) -> None:
        """Run one statement for each row of parameters, pipelined. Raises `DatabaseError`."""
        if not rows:
            return
        statement = self._statements[name]
        values = [statement.bind(row) for row in rows]
        with _translated(name):
            await self._connection.executemany(statement.sql, values)


class PostgresDatabase(PostgresQueries):
    """`push.model.ports.Database` on a pool."""

    @asynccontextmanager
    async def transaction(self, *, patient: bool = False) -> AsyncIterator[Transaction]:
        """One transaction; an exception or a cancellation rolls back. Writers do not wait for each other here."""
        del patient
        async with self._exclusive() as connection:
            yield PostgresTransaction(connection, self._statements)

    async def scrub(self) -> None:
        """Nothing: what was deleted is overwritten once autovacuum was there; until then its seal protects it."""

    async def migrate(self, migrations: Sequence[Migration], clock: Clock) -> None:
        """Apply what is missing and record it, in one transaction. Raises `MigrationError`, `DatabaseError`."""
        async with self._exclusive() as connection:
            with _translated("record of migrations"):
                await connection.execute("SELECT pg_advisory_xact_lock($1)", _MIGRATION_LOCK)
                await connection.execute(CREATE_RECORD)
                applied = [tuple(row) for row in await connection.fetch(READ_RECORD)]
            for migration in pending(migrations, applied):
                with _translated(f"migration {migration.number:04}_{migration.name}"):
                    await _apply(connection, migration, clock.now_ms())

    @asynccontextmanager
    async def _exclusive(self) -> AsyncIterator[Any]:
        with _translated("connect"):
            connection = await self._connection.acquire()
        try:
            transaction = connection.transaction()
            with _translated("begin"):
                await transaction.start()
            try:
                yield connection
            except BaseException:
                with suppress(DatabaseError), _translated("rollback"):  # a lost connection has rolled back already
                    await transaction.rollback()
                raise
            with _translated("commit"):
                await transaction.commit()
        finally:
            await self._connection.release(connection)


async def _apply(connection: Any, migration: Migration, now_ms: int) -> None:  # noqa: ANN401 - asyncpg is untyped
    for sql in migration.statements(Engine.POSTGRESQL):
        await connection.execute(sql)
    await connection.execute(WRITE_RECORD.format("$"), migration.number, migration.name, now_ms)


@contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except asyncpg.PostgresError as error:
        raise _kind(error)(f"{what}: {_harmless(error)} ({error.sqlstate})") from None
    except (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError) as error:
        # An internal error is what a connection says that the server ended between two steps of one statement.
        raise DatabaseError(f"{what}: {str(error) or type(error).__name__}") from None


def _harmless(error: asyncpg.PostgresError) -> str:
    """The message without a row's values, which may be a person's: detail lines and class 22 messages quote them."""
    return "a value does not fit its type" if isinstance(error, asyncpg.DataError) else str(error.args[0])


def _kind(error: asyncpg.PostgresError) -> type[DatabaseError]:
    if isinstance(error, asyncpg.UniqueViolationError):
        return UniqueError
    if isinstance(error, asyncpg.IntegrityConstraintViolationError | asyncpg.DataError):
        return UnfitError
    return ConflictError if isinstance(error, _CONFLICTS) else DatabaseError
