"""Nicknames are sealed under whose they are; those from before they were so are sealed at the next start."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from push.model.ports import Database
from push.profiles import nicknames, people
from tests.support.clocks import SettableClock
from tests.support.dumping import dump, holding
from tests.support.fresh import open_database
from tests.support.keyrings import KEYRING, NOVEMBER_MS


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(f"sqlite:{tmp_path / 'push.db'}", SettableClock(NOVEMBER_MS)) as opened:
        async with opened.transaction() as tx:
            for one in ("ada", "ben"):
                await people.ensure_shopper(tx, one, NOVEMBER_MS)
        yield opened


def as_before(path: Path) -> None:
    """As the version before kept them."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE nicknames SET nickname = 'Zuckerschnute', sealed = NULL")


async def test_what_lay_there_in_clear_is_sealed_and_still_greets(db: Database, tmp_path: Path) -> None:
    async with db.transaction() as tx:
        await nicknames.put(tx, KEYRING, "ada", "Ada", NOVEMBER_MS)
    await asyncio.to_thread(as_before, tmp_path / "push.db")
    assert holding(await dump("", tmp_path), "Zuckerschnute")
    assert await nicknames.seal_old(db, KEYRING) == 1
    assert holding(await dump("", tmp_path), "Zuckerschnute") == {}
    assert await nicknames.of(db, KEYRING, "ada") == "Zuckerschnute"
    assert await nicknames.seal_old(db, KEYRING) == 0


async def test_without_her_key_nobody_reads_it(db: Database) -> None:
    async with db.transaction() as tx:
        await nicknames.put(tx, KEYRING, "ben", "Benno", NOVEMBER_MS)
        await tx.execute("keys.erase", shopper="ben")
    assert await nicknames.of(db, KEYRING, "ben") is None
    assert await nicknames.of(db, KEYRING, "ada") is None
