"""Two at once about one person, on both databases: what is said of her reaches whom somebody else merges with her."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from push.model.ports import Database, Transaction
from push.profiles import consent
from push.profiles.erased import Ledger
from push.profiles.identity import facets, merging
from push.profiles.rights import erasing
from push.profiles.rights.erasing import Erased, Means
from tests.support.clocks import SettableClock
from tests.support.fresh import open_database
from tests.support.identities import RULED, facet, known, said
from tests.support.keyrings import KEYRING
from tests.support.outbox import VAULT

NAMES = ("u1", "e1")
BOTH = [facet(name) for name in NAMES]


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """Two who may be located, of whom nobody knows yet that they are one."""
    async with open_database(database_url, SettableClock()) as opened:
        async with opened.transaction() as tx:
            await known(tx, NAMES)
            for shopper in BOTH:
                await consent.set_consents(tx, shopper, {"location": True}, at_ms=10, source="test")
        yield opened


async def while_merged(db: Database, doing: Callable[[], Awaitable[object]]) -> None:
    """Begin something about somebody whose merge is written and not committed yet: it has to wait for that."""
    async with db.transaction() as tx:
        merged = await merging.link(tx, RULED, [said("u1", "e1", 5)], 9)
        await consent.settle(tx, merged.shoppers)
        waiting = asyncio.ensure_future(doing())
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        assert not done
    await waiting


async def test_a_withdrawal_reaches_whom_somebody_merges_meanwhile(db: Database) -> None:
    async def withdraw() -> None:
        async with db.transaction() as tx:
            await consent.set_consents(tx, facet("u1"), {"location": False}, at_ms=20, source="test")

    await while_merged(db, withdraw)
    assert [await consent.granted(db, shopper) for shopper in BOTH] == [frozenset(), frozenset()]


async def test_an_erasure_takes_whom_somebody_merges_meanwhile(db: Database, tmp_path: Path) -> None:
    gone: list[Erased] = []

    async def note(tx: Transaction, erased: Erased) -> None:
        del tx
        gone.append(erased)

    async def erase() -> None:
        await erasing.erase(Means(db, VAULT, KEYRING, Ledger(tmp_path)), facet("u1"), 30, note)

    await while_merged(db, erase)
    assert sorted(gone[0].facets) == sorted(BOTH)
    assert await facets.persons(db, BOTH) == {}
