"""One small schema, and one small chain of stores, opened on each engine in turn."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from push.database.open import open_database
from push.database.schema import Schema, load_schema
from push.model.ports import Database
from tests.support import fresh
from tests.support.clocks import SettableClock
from tests.support.ingest import T0_MS, WELCOME, agree, register

STATEMENTS = """
-- name: things.add
INSERT INTO things (id, number, ratio, data, flag) VALUES (:id, :number, :ratio, :data, :flag)

-- name: things.get
SELECT id, number, ratio, data, flag FROM things WHERE id = :id

-- name: things.all
SELECT id FROM things ORDER BY id

-- name: things.renumber
UPDATE things SET number = :number WHERE number <> :number

-- name: things.take
DELETE FROM things WHERE number >= :number RETURNING id

-- name: parts.add
INSERT INTO parts (thing) VALUES (:thing)

-- name: caps.add
INSERT INTO caps (id, used, most) VALUES (:id, 0, :most)

-- name: caps.lock
SELECT used, most FROM caps WHERE id = :id {for_update}

-- name: caps.use
UPDATE caps SET used = :used WHERE id = :id
"""

TABLES = """
CREATE TABLE things (
    id TEXT PRIMARY KEY, number BIGINT, ratio DOUBLE PRECISION, data {blob}, flag INTEGER
);
CREATE TABLE parts (thing TEXT NOT NULL REFERENCES things (id));
CREATE TABLE caps (id TEXT PRIMARY KEY, used INTEGER NOT NULL, most INTEGER NOT NULL);
"""


@pytest.fixture
def schema(tmp_path: Path) -> Schema:
    sql, migrations = tmp_path / "sql", tmp_path / "migrations"
    sql.mkdir()
    migrations.mkdir()
    (sql / "test.sql").write_text(STATEMENTS)
    (migrations / "0001_tables.sql").write_text(TABLES)
    return load_schema(sql, migrations)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite://{tmp_path}/test.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite://{tmp_path}/test.db"
    url: str = request.getfixturevalue("empty_postgres_url")
    return url


@pytest.fixture
async def database(empty_url: str, schema: Schema) -> AsyncIterator[Database]:
    async with open_database(empty_url, SettableClock(), schema) as opened:
        yield opened


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(T0_MS)


@pytest.fixture
async def db(database_url: str, clock: SettableClock) -> AsyncIterator[Database]:
    """Where a campaign welcomes people, and Ann agreed to everything."""
    async with fresh.open_database(database_url, clock) as opened:
        await register(opened, [WELCOME])
        await agree(opened, "ann")
        yield opened
