"""Caps hold under concurrency on both databases, and are given back exactly once."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from push.campaigns import outbox
from push.campaigns.decide import Chosen
from push.campaigns.routes import Plan
from push.ingest.record import Recorder
from push.model.decisions import Decision
from push.model.delivery import Content, Route
from push.model.errors import ConflictError
from push.model.ports import Database, Transaction
from push.model.presence import Changes
from push.model.sites import Rules
from push.profiles import keys
from tests.support.campaigns import campaign, moment, versioned
from tests.support.clocks import SettableClock
from tests.support.fresh import open_database
from tests.support.ingest import ALL_TIME, T0_MS, agree, register
from tests.support.keyrings import KEYRING
from tests.support.outbox import receipt

CAP = outbox.visit_cap("vis_1")
ROUTE = Route("dev-ann", "inapp")
QUEUE = ROUTE.queue(0)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url, SettableClock(T0_MS)) as opened:
        await register(opened)
        await agree(opened, "ann")
        yield opened


async def used(db: Database) -> int:
    row = await db.fetch_one("campaigns.cap_used", id=CAP)
    return 0 if row is None else int(row["used"])


@pytest.mark.parametrize("most", [0, 1, 3])
async def test_a_cap_is_never_exceeded_by_parallel_transactions(db: Database, most: int) -> None:
    async def take(n: int) -> bool:
        async with db.transaction() as tx:
            await asyncio.sleep(0.001 * (n % 3))
            return await outbox.take_cap(tx, CAP, most, n)

    assert sum(await asyncio.gather(*(take(n) for n in range(40)))) == most
    assert await used(db) == most


@pytest.mark.parametrize("seed", range(3))
async def test_a_cap_holds_while_it_is_taken_and_given_back(db: Database, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a schedule that repeats itself
    most, held, worst = 3, 0, 0

    async def customer(waits: list[float]) -> None:
        nonlocal held, worst
        for wait_s in waits:
            async with db.transaction() as tx:
                got = await outbox.take_cap(tx, CAP, most, 1)
            if got:
                held += 1
                worst = max(worst, held)
                await asyncio.sleep(wait_s)
                held -= 1
                async with db.transaction() as tx:
                    await outbox.release_caps(tx, [{"cap": CAP, "maybe_sent": 0}], 2)

    await asyncio.gather(*(customer([chance.random() / 200 for _ in range(6)]) for _ in range(12)))
    assert 0 < worst <= most
    assert await used(db) == 0


async def test_a_rolled_back_decision_takes_nothing(db: Database) -> None:
    async def fail() -> None:
        async with db.transaction() as tx:
            assert await outbox.take_cap(tx, CAP, 1, 1)
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    assert await used(db) == 0


async def test_two_moments_of_a_visit_decided_at_once_push_once(db: Database) -> None:
    """Both decisions may read an unused cap; the one that comes second learns of it, and says so."""
    recorder = Recorder(lambda _: Rules(), 1, KEYRING)
    recorder.book = type(recorder.book)(versioned(campaign("c")))

    async def answer(name: str) -> int:
        while True:
            try:
                async with db.transaction() as tx:
                    changes = Changes(moments=[moment(name=name)])
                    return len(await recorder.write(tx, changes, {}, T0_MS))
            except ConflictError:
                continue

    assert sum(await asyncio.gather(*(answer(f"mom_{n}") for n in range(12)))) == 1
    assert await used(db) == 1
    receipts = [receipt(d) for d in await db.fetch("campaigns.decisions", **ALL_TIME)]
    assert len(receipts) == 12
    assert sum('"verdict":"chosen"' in r for r in receipts) == 1
    assert sum('"verdict":"cap"' in r for r in receipts) == 11


async def test_a_cap_that_is_used_up_between_reading_and_taking_is_noticed(db: Database) -> None:
    recorder = Recorder(lambda _: Rules(), 1, KEYRING)
    recorder.book = type(recorder.book)(versioned(campaign("c")))

    class Late:
        """A transaction in which somebody else takes the cap right after it was read."""

        def __init__(self, tx: Transaction) -> None:
            self._tx = tx
            self.fetch, self.execute, self.execute_many = tx.fetch, tx.execute, tx.execute_many

        async def fetch_one(self, name: str, /, **params: object) -> object:
            row = await self._tx.fetch_one(name, **params)
            if name == "campaigns.used_by_person":
                await outbox.take_cap(self._tx, CAP, 1, 1)
            return row

    async with db.transaction() as tx:
        changes = Changes(moments=[moment()])
        assert await recorder.write(Late(tx), changes, {}, T0_MS) == []  # type: ignore[arg-type]
    (decision,) = await db.fetch("campaigns.decisions", **ALL_TIME)
    assert "1 of 1 pushes of this visit are used" in receipt(decision)
    assert await used(db) == 1


async def enqueued(db: Database) -> str:
    """A message of Ann's visit in the outbox, its cap taken."""
    decision = Decision(
        id="dec_1", moment="mom_1", shopper="ann", store="s1", campaign="c", considered=(), decided_ms=T0_MS
    )
    async with db.transaction() as tx:
        assert await outbox.take_cap(tx, CAP, 1, T0_MS)
        opened = await keys.ensure(tx, KEYRING, ["ann"])
        await outbox.keep_decision(tx, opened["ann"], decision)
        chosen = Chosen(campaign("c"), Content(title="t", body=""))
        send = outbox.answer(decision, chosen, moment(), Plan((ROUTE,), hold_ms=250))
        [delivery] = await outbox.write(tx, opened, [send])
        return delivery


async def test_an_enqueued_message_carries_what_senders_and_traces_need(db: Database) -> None:
    delivery = await enqueued(db)
    row = await db.fetch_one("deliver.trace", id=delivery)
    assert row is not None
    assert (row["visit"], row["campaign"], row["shopper"], row["device"]) == ("vis_1", "c", "ann", "dev-ann")
    assert (row["expires_ms"], row["decided_ms"]) == (T0_MS + 600_000, T0_MS)
    assert (row["heard_ms"], row["received_ms"]) == (T0_MS - 100, T0_MS - 50)
    claim = {"queue": QUEUE, "lease_until_ms": T0_MS + 10_000, "most": 9}
    async with db.transaction() as tx:
        assert await tx.fetch("deliver.claim", now_ms=T0_MS + 249, **claim) == [], "held for the phone's own answer"
        assert len(await tx.fetch("deliver.claim", now_ms=T0_MS + 250, **claim)) == 1


async def test_however_many_take_a_message_back_its_cap_is_released_once(db: Database) -> None:
    delivery = await enqueued(db)

    async def cancel_visit() -> int:
        async with db.transaction() as tx:
            return await outbox.cancel_visit(tx, "vis_1", T0_MS)

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
    assert await used(db) == 0
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
        assert await outbox.cancel_visit(tx, "vis_1", T0_MS) == 1
    assert await used(db) == 1


async def test_caps_never_fall_below_nothing(db: Database) -> None:
    async with db.transaction() as tx:
        await outbox.take_cap(tx, CAP, 1, 1)
        await outbox.release_caps(tx, [{"cap": CAP, "maybe_sent": 0}] * 3, 1)
    assert await used(db) == 0
