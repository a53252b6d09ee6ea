"""Databases that need not be migrated each for itself: copies of one that was, made when somebody first asks.

To migrate takes 50 ms of CPU on SQLite and five times that on PostgreSQL; tests open thousands of databases.
`tests/contract/test_schema.py` is about migrations, and does them.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Final

from push.database import open as shipped
from push.database.open import sqlite_path
from push.database.schema import Schema, own_schema
from push.database.statements import read_statements
from push.model.ports import Clock, Database
from push.secrets import make_folder
from push.settings import PushSettings
from tests.support.clocks import SettableClock

_LOOKS: Final = Path(__file__).parent / "looks"


@asynccontextmanager
async def open_database(url: str, clock: Clock) -> AsyncIterator[Database]:
    """As `push.database.open.open_database`; a file of SQLite that is not there yet begins migrated.

    It knows the statements of `tests/support/looks` as well, which look at what nobody but tests lists whole.
    """
    schema = await asyncio.to_thread(_with_looks)
    await asyncio.to_thread(prepare, url)
    async with shipped.open_database(url, clock, schema) as opened:
        yield opened


async def prepared(asked: PushSettings) -> PushSettings:
    """The same settings, of a server whose database in its own folder need not be migrated at the start."""
    if not asked.database_url:
        await asyncio.to_thread(make_folder, Path(asked.data_dir))
        await asyncio.to_thread(prepare, asked.database())
    return asked


def prepare(url: str) -> None:
    """Lay down a migrated file where a URL of SQLite names one that is not there, in a folder that is."""
    if url.startswith("sqlite:"):
        path = sqlite_path(url)
        if path.parent.is_dir() and not path.exists():
            path.write_bytes(_migrated())


@cache
def _with_looks() -> Schema:
    own = own_schema()
    return Schema(own.statements | read_statements(_LOOKS), own.migrations)


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory(prefix="footfall-db-") as folder:
        path = Path(folder) / "push.db"
        asyncio.run(_migrate(f"sqlite://{path}"))
        return path.read_bytes()


async def _migrate(url: str) -> None:
    async with shipped.open_database(url, SettableClock()):
        """Migrated; closing it leaves no journal beside it."""
