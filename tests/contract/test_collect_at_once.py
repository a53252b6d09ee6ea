"""What is said of somebody while somebody else withdraws, erases or merges, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from push.database.open import open_database
from push.model.ports import Database, Transaction
from push.model.profiles import Statement
from push.profiles import consent
from push.profiles.collect.apply import Verdict
from push.profiles.collect.intake import Intake
from push.profiles.desk import Desk
from push.profiles.erased import Ledger
from push.profiles.identity.facets import listed
from push.profiles.identity.kinds import Kinds
from push.profiles.rights import erasing
from push.profiles.rights.erasing import Erased, Means
from push.profiles.settings import ProfileSettings
from tests.support.clocks import SettableClock
from tests.support.identities import facet, identifier, known
from tests.support.keyrings import KEYRING
from tests.support.outbox import VAULT
from tests.support.small_api import Nothing

DESK = Desk(VAULT, KEYRING, Kinds(), ProfileSettings(minimum_age=0))
NAMES = sorted(("u1", "e1", "a1"), key=facet)
SAID = Statement(id="st-1", home=identifier("u1"), kind="track", name="Hello", source="shop", at_ms=30, received_ms=30)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """People who may be profiled."""
    async with open_database(database_url, SettableClock()) as opened:
        async with opened.transaction() as tx:
            for shopper in (await known(tx, NAMES)).values():
                await consent.set_consents(tx, shopper, {"profiling": True}, at_ms=10, source="test")
        yield opened


@pytest.fixture
async def intake(db: Database) -> AsyncIterator[Intake]:
    """Where statements come in, as the server takes them."""
    opened = Intake(db, SettableClock(50), DESK, Nothing(), 10)
    running = asyncio.ensure_future(opened.run())
    yield opened
    assert not running.done()
    running.cancel()


async def begun(intake: Intake, *statements: Statement) -> asyncio.Future[dict[str, Verdict]]:
    """Begin to take in what has to wait for somebody; on PostgreSQL it gets as far as it may."""
    waiting = asyncio.ensure_future(intake.take(statements))
    done, _ = await asyncio.wait([waiting], timeout=0.3)
    assert not done
    return waiting


async def test_a_withdrawal_that_is_being_written_is_waited_for(db: Database, intake: Intake) -> None:
    async with db.transaction() as tx:
        await consent.set_consents(tx, facet("u1"), {"profiling": False}, at_ms=20, source="test")
        waiting = await begun(intake, SAID)
    assert await waiting == {"st-1": "no_consent"}
    assert await db.fetch("collect.known", ids=listed(["st-1"])) == []


async def test_who_is_being_erased_is_not_brought_back_by_what_is_said_of_her(
    db: Database, intake: Intake, tmp_path: Path
) -> None:
    waiting: list[asyncio.Future[dict[str, Verdict]]] = []

    async def note(tx: Transaction, erased: Erased) -> None:
        del tx, erased
        waiting.append(await begun(intake, replace(SAID, also=(identifier("p1"),))))

    await erasing.erase(Means(db, VAULT, KEYRING, Ledger(tmp_path)), facet("u1"), 40, note)
    assert await waiting[0] == {"st-1": "no_consent"}
    assert await db.fetch("collect.known", ids=listed(["st-1"])) == []


async def test_whoever_is_concerned_is_held_in_one_order(db: Database, intake: Intake) -> None:
    """Nobody waits for the first while she holds the last: who holds the first gets the last one, too."""
    first, middle, last = NAMES
    linked = replace(SAID, id="st-2", home=identifier(last), also=(identifier(middle),))
    async with db.transaction() as tx:
        await tx.fetch("identity.hold", ids=listed([facet(first)]))
        waiting = await begun(intake, linked, replace(SAID, home=identifier(first)))
        await tx.fetch("identity.hold", ids=listed([facet(last)]))
    assert await waiting == {"st-1": "kept", "st-2": "kept"}
    assert intake.counts["conflicts"] == 0
