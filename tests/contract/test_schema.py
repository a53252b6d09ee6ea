"""The real statements and migrations hold on both engines."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from push.database.migrations import MigrationError
from push.database.open import open_database, sqlite_path
from push.database.schema import Schema, load_schema
from push.database.statements import Engine, Source, Statements
from push.model.errors import DatabaseError
from tests.support.clocks import SettableClock

REAL = load_schema()


async def test_every_migration_applies_and_every_statement_prepares(empty_url: str) -> None:
    engine = Engine.SQLITE if empty_url.startswith("sqlite") else Engine.POSTGRESQL
    async with open_database(empty_url, SettableClock(), REAL):
        prepare = prepare_sqlite if engine is Engine.SQLITE else prepare_postgres
        broken = [f"{name}: {error}" async for name, error in prepare(empty_url, Statements(REAL.statements, engine))]
    assert broken == []


async def prepare_sqlite(url: str, statements: Statements) -> AsyncIterator[tuple[str, str]]:
    with contextlib.closing(sqlite3.connect(sqlite_path(url))) as connection:
        for statement in statements:
            try:
                connection.execute(f"EXPLAIN {statement.sql}", [None] * len(statement.params))
            except sqlite3.Error as error:
                yield statement.name, str(error)


async def prepare_postgres(url: str, statements: Statements) -> AsyncIterator[tuple[str, str]]:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            try:
                await connection.prepare(statement.sql)
            except asyncpg.PostgresError as error:
                yield statement.name, str(error)
    finally:
        await connection.close()


async def records(url: str, schema: Schema) -> list[tuple[int, str, int]]:
    """What the database says was applied; reading it needs a statement of its own."""
    name = "records"
    sql = "SELECT number, name, applied_ms FROM schema_migrations ORDER BY number"
    statements = {name: Source(name=name, text=sql, where="here")}
    async with open_database(url, SettableClock(0), Schema(statements, schema.migrations)) as database:
        return [(row["number"], row["name"], row["applied_ms"]) for row in await database.fetch(name)]


async def extended(tmp_path: Path, text: str) -> Schema:
    (tmp_path / "migrations" / "0002_more.sql").write_text(text)
    return await asyncio.to_thread(load_schema, tmp_path / "sql", tmp_path / "migrations")


async def test_a_migration_is_recorded_once_with_its_time(empty_url: str, schema: Schema) -> None:
    for now_ms in (5, 6):
        async with open_database(empty_url, SettableClock(now_ms), schema):
            pass
    assert await records(empty_url, schema) == [(1, "tables", 5)]


async def test_an_old_database_is_brought_up_to_date(empty_url: str, schema: Schema, tmp_path: Path) -> None:
    async with open_database(empty_url, SettableClock(5), schema):
        pass
    newer = await extended(tmp_path, "ALTER TABLE things ADD COLUMN colour TEXT;\nCREATE INDEX i ON things (colour);")
    async with open_database(empty_url, SettableClock(6), newer):
        pass
    assert await records(empty_url, newer) == [(1, "tables", 5), (2, "more", 6)]


async def test_a_database_newer_than_the_code_is_refused(empty_url: str, schema: Schema, tmp_path: Path) -> None:
    async with open_database(empty_url, SettableClock(), await extended(tmp_path, "CREATE TABLE more (id TEXT);")):
        pass
    with pytest.raises(MigrationError, match=r"the database has migration 0002_more"):
        await open_database(empty_url, SettableClock(), schema).__aenter__()


async def test_a_failing_migration_leaves_nothing(empty_url: str, schema: Schema, tmp_path: Path) -> None:
    broken = await extended(tmp_path, "CREATE TABLE more (id TEXT);\nINSERT INTO nowhere VALUES (1);")
    with pytest.raises(DatabaseError, match=r"migration 0002_more: .*nowhere"):
        await open_database(empty_url, SettableClock(), broken).__aenter__()
    assert await records(empty_url, schema) == [(1, "tables", 0)]
    mended = await extended(tmp_path, "CREATE TABLE more (id TEXT);")
    async with open_database(empty_url, SettableClock(), mended):
        pass


@pytest.mark.parametrize(
    "url", ["mysql://host/name", "push.db", "sqlite:", "sqlite:///", "sqlite://relative/push.db", ""]
)
async def test_a_url_that_names_no_database_is_refused(url: str, schema: Schema) -> None:
    with pytest.raises(DatabaseError, match="expected"):
        await open_database(url, SettableClock(), schema).__aenter__()


@pytest.mark.parametrize("mark", ["", "/", "?", "#", "["], ids=["plain", "slash", "query", "fragment", "bracket"])
@pytest.mark.parametrize("scheme", ["mysql", "sqlite", "postgresql"])
async def test_a_url_that_is_refused_is_not_quoted(scheme: str, mark: str, schema: Schema) -> None:
    """A password may stand anywhere in one that is misspelled."""
    url = f"{scheme}://user:hunter{mark}2secret@127.0.0.1:1/name"
    with pytest.raises(DatabaseError) as refused:
        await open_database(url, SettableClock(), schema).__aenter__()
    assert "hunter" not in str(refused.value)
    assert "2secret" not in str(refused.value)


async def test_a_place_that_cannot_be_opened_says_where(tmp_path: Path, schema: Schema) -> None:
    with pytest.raises(DatabaseError, match=r"missing/push\.db"):
        await open_database(f"sqlite://{tmp_path}/missing/push.db", SettableClock(), schema).__aenter__()


async def test_a_server_that_is_not_there_is_a_database_error(tmp_path: Path, schema: Schema) -> None:
    with pytest.raises(DatabaseError, match="connect"):
        await open_database(f"postgresql://u@/n?host={tmp_path}", SettableClock(), schema).__aenter__()
