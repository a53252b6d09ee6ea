"""One push a visit holds under concurrency on both databases, and is given back exactly once."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from push.campaigns import outbox
from push.ingest.record import Recorder
from push.model.delivery import Route
from push.model.errors import ConflictError
from push.model.ports import Database
from push.model.presence import Changes
from push.model.sites import Rules
from tests.support.campaigns import campaign, moment, versioned
from tests.support.clocks import SettableClock
from tests.support.deciding import means
from tests.support.fresh import open_database
from tests.support.ingest import ALL_TIME, T0_MS, agree, register
from tests.support.outbox import enqueue, receipt, used

ROUTE = Route("dev-ann", "inapp")
QUEUE = ROUTE.queue(0)
VISIT = "vis_1"


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url, SettableClock(T0_MS)) as opened:
        await register(opened)
        await agree(opened, "ann")
        yield opened


async def test_two_moments_of_a_visit_decided_at_once_push_once(db: Database) -> None:
    """Both decisions may read an unused cap; the one that comes second learns of it, and says so."""
    recorder = Recorder(lambda _: Rules(), means(versioned(campaign("c"))))

    async def answer(name: str) -> int:
        while True:
            try:
                async with db.transaction() as tx:
                    changes = Changes(moments=[moment(name=name)])
                    return len(await recorder.write(tx, changes, {}, T0_MS))
            except ConflictError:
                continue

    assert sum(await asyncio.gather(*(answer(f"mom_{n}") for n in range(12)))) == 1
    assert await used(db, VISIT) == 1
    receipts = [receipt(d) for d in await db.fetch("campaigns.decisions", **ALL_TIME)]
    assert len(receipts) == 12
    assert sum('"verdict":"chosen"' in r for r in receipts) == 1
    assert sum('"verdict":"cap"' in r for r in receipts) == 11


async def enqueued(db: Database) -> str:
    """A message of Ann's visit in the outbox, its cap taken."""
    return await enqueue(db, SettableClock(T0_MS), "dev-ann", visit=VISIT, hold_ms=250)


async def test_an_enqueued_message_carries_what_senders_and_traces_need(db: Database) -> None:
    delivery = await enqueued(db)
    row = await db.fetch_one("deliver.trace", id=delivery)
    assert row is not None
    assert (row["visit"], row["campaign"], row["shopper"], row["device"]) == ("vis_1", "welcome-m1", "ann", "dev-ann")
    assert (row["expires_ms"], row["decided_ms"]) == (T0_MS + 600_000, T0_MS)
    assert (row["heard_ms"], row["received_ms"]) == (T0_MS, T0_MS)
    claim = {"queue": QUEUE, "lease_until_ms": T0_MS + 10_000, "most": 9}
    async with db.transaction() as tx:
        assert await tx.fetch("deliver.claim", now_ms=T0_MS + 249, **claim) == [], "held for the phone's own answer"
        assert len(await tx.fetch("deliver.claim", now_ms=T0_MS + 250, **claim)) == 1


async def test_however_many_take_a_message_back_its_cap_is_released_once(db: Database) -> None:
    delivery = await enqueued(db)

    async def cancel_visit() -> int:
        async with db.transaction() as tx:
            return await outbox.cancel_visit(tx, VISIT, T0_MS)

    async def cancel_shopper() -> int:
        async with db.transaction() as tx:
            return await outbox.cancel_shopper(tx, "ann", T0_MS)

    async def expire() -> int:
        async with db.transaction() as tx:
            rows = await tx.fetch("deliver.expire", now_ms=T0_MS + 10**9, most=64)
            await outbox.release_caps(tx, rows, T0_MS)
            return len(rows)

    ended = await asyncio.gather(*(f() for f in (cancel_visit, cancel_shopper, expire) * 4))
    assert sum(ended) == 1
    assert await used(db, VISIT) == 0
    row = await db.fetch_one("deliver.trace", id=delivery)
    assert row is not None
    assert row["state"] in {"cancelled", "expired"}


async def test_a_message_that_may_have_been_handed_over_keeps_its_cap(db: Database) -> None:
    delivery = await enqueued(db)
    async with db.transaction() as tx:
        await tx.fetch("deliver.claim", queue=QUEUE, now_ms=T0_MS + 300, lease_until_ms=T0_MS + 400, most=1)
        await tx.execute(
            "deliver.again",
            id=delivery,
            attempt=1,
            reason="timed out",
            next_ms=T0_MS + 999,
            queue=QUEUE,
            routes=outbox.encoded((ROUTE,)),
            later="[]",
            maybe_sent=True,
        )
    async with db.transaction() as tx:
        assert await outbox.cancel_visit(tx, VISIT, T0_MS) == 1
    assert await used(db, VISIT) == 1
