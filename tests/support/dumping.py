"""Everything that a database holds, as text, to be searched."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import asyncpg


async def dump(url: str, folder: Path) -> dict[str, list[str]]:
    """Every row of every table as text, by table; `folder` is the data directory, where the URL is empty."""
    return await (_of_postgres(url) if url else asyncio.to_thread(_of_sqlite, folder / "push.db"))


def holding(found: dict[str, list[str]], text: str) -> dict[str, list[str]]:
    """The rows that hold a text, by table."""
    hits = {table: [row for row in rows if text in row] for table, rows in found.items()}
    return {table: rows for table, rows in hits.items() if rows}


def _of_sqlite(path: Path) -> dict[str, list[str]]:
    with closing(sqlite3.connect(path)) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: [repr(row) for row in connection.execute(_all_of(table))] for table in tables}


def _all_of(table: str) -> str:
    return f'SELECT * FROM "{table}"'  # noqa: S608 - our own name


async def _of_postgres(url: str) -> dict[str, list[str]]:
    connection = await asyncpg.connect(url)
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        names = [row["tablename"] for row in tables]
        return {name: [repr(tuple(each)) for each in await connection.fetch(_all_of(name))] for name in names}
    finally:
        await connection.close()
