"""Opens the database that a URL names, brings its tables up to date, and hands out the port."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import lru_cache
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from push.database.postgres import PostgresDatabase, open_postgres
from push.database.schema import Schema, own_schema
from push.database.sqlite import SqliteDatabase, open_sqlite
from push.database.statements import Engine, Statements
from push.model.errors import DatabaseError
from push.model.ports import Clock, Database

_ENGINES: Final = {"sqlite": Engine.SQLITE, "postgresql": Engine.POSTGRESQL, "postgres": Engine.POSTGRESQL}


@asynccontextmanager
async def open_database(url: str, clock: Clock, schema: Schema | None = None) -> AsyncIterator[Database]:
    """The database at `url`, migrated, for the length of the block.

    ``sqlite:///var/lib/footfall/push.db`` (absolute), ``sqlite:push.db`` (relative) or ``postgresql://user@host/name``.
    The files of `schema` are read here where it is not given. Raises `DatabaseError`, `StatementError`,
    `MigrationError`.
    """
    shipped: Schema = await asyncio.to_thread(own_schema)  # read here: whoever asks again is not held up
    files = shipped if schema is None else schema
    async with _connected(url, files) as database:
        await database.migrate(files.migrations, clock)
        yield database


def _connected(url: str, schema: Schema) -> AbstractAsyncContextManager[SqliteDatabase | PostgresDatabase]:
    engine = _ENGINES.get(url.partition(":")[0].lower())
    if engine is None:
        # Not the URL itself: a password may stand anywhere in one that is misspelled.
        raise DatabaseError("database URL: expected sqlite:///path, sqlite:path or postgresql://user@host/name")
    statements = _compiled(schema, engine)
    return open_sqlite(sqlite_path(url), statements) if engine is Engine.SQLITE else open_postgres(url, statements)


@lru_cache(maxsize=8)
def _compiled(schema: Schema, engine: Engine) -> Statements:
    return Statements(schema.statements, engine)


def sqlite_path(url: str) -> Path:
    """The file that a ``sqlite:`` URL names. Raises `DatabaseError` where it names none."""
    rest = url.partition(":")[2]
    path = rest.removeprefix("//") if rest.startswith("///") else rest
    if path.startswith("//") or not path.strip("/"):
        raise DatabaseError("database URL: expected a path, as in sqlite:///var/lib/push.db or sqlite:push.db")
    return Path(unquote(path))
