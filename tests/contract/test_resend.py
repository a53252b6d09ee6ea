"""Dead letters sent again, on both engines: when, how long, and to whom."""

from collections.abc import AsyncIterator, Sequence

import pytest

from push.campaigns import outbox
from push.campaigns.outbox import Send
from push.campaigns.routes import Plan
from push.deliver import load, results
from push.deliver.attempts import Attempt, Result
from push.deliver.resend import Again, Objection, resend
from push.deliver.retry import RetrySettings
from push.model.delivery import Accepted, Content, Lane, Message, Route
from push.model.errors import PermanentError
from push.model.ports import Database
from push.profiles import consent
from tests.support.clocks import SettableClock
from tests.support.fresh import open_database
from tests.support.keyrings import KEYRING
from tests.support.outbox import enqueue, join

LIFETIME_MS = 3_600_000


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
async def db(database_url: str, clock: SettableClock) -> AsyncIterator[Database]:
    async with open_database(database_url, clock) as opened:
        await join(opened, clock, "d1")
        yield opened


async def put(db: Database, clock: SettableClock, name: str = "m1", later: Sequence[str] = ()) -> str:
    """A message as a sender asks for it; its delivery."""
    now_ms = clock.now_ms()
    message = Message(
        id=name,
        shopper="shp_d1",
        campaign="",
        content=Content(title="Hello", body=""),
        created_ms=now_ms,
        expires_ms=now_ms + LIFETIME_MS,
        collapse_key=name,
    )
    steps = tuple((Route("d1", channel),) for channel in later)
    plan = Plan((Route("d1", "inapp"),), steps, 60 if steps else 0)
    async with db.transaction() as tx:
        [delivery] = await outbox.put(
            tx, KEYRING, [Send(message=message, plan=plan, lane=Lane.BULK, source="sender:shop")]
        )
    return delivery


async def end(db: Database, clock: SettableClock, error: PermanentError | None) -> None:
    """Claim what is due and write down that it failed, or was accepted."""
    now_ms = clock.now_ms()
    async with db.transaction() as tx:
        ids: list[str] = []
        for queue in await tx.fetch("deliver.queues"):
            lease = {"now_ms": now_ms, "lease_until_ms": now_ms + 90_000, "most": 10}
            ids += [row["id"] for row in await tx.fetch("deliver.claim", queue=queue["queue"], **lease)]
        for one in (await load.claimed(tx, KEYRING, ids, now_ms)).claimed:
            attempt = Attempt(one.routes[0], now_ms, now_ms, error, Accepted() if error is None else None)
            await results.write(tx, [Result(one, (attempt,))], RetrySettings(), now_ms)


async def expire(db: Database, clock: SettableClock) -> None:
    async with db.transaction() as tx:
        assert await tx.fetch("deliver.expire", now_ms=clock.now_ms(), most=64)


async def again(db: Database, clock: SettableClock, delivery: str, source: str | None = None) -> Again | Objection:
    async with db.transaction() as tx:
        return await resend(tx, delivery, source, clock.now_ms())


GONE = PermanentError("gone")


async def test_what_failed_gets_its_whole_lifetime_anew(db: Database, clock: SettableClock) -> None:
    delivery = await put(db, clock)
    await end(db, clock, GONE)
    clock.advance(LIFETIME_MS * 3)
    found = await again(db, clock, delivery)
    assert isinstance(found, Again)
    assert (found.message, found.again_of, found.expires_ms) == ("m1", delivery, clock.now_ms() + LIFETIME_MS)
    await end(db, clock, None)
    rows = await db.fetch("deliver.of_message", message="m1")
    assert [(row["state"], row["again_of"]) for row in rows] == [("failed", None), ("accepted", delivery)]


async def test_what_expired_can_be_sent_again_and_again(db: Database, clock: SettableClock) -> None:
    delivery = await put(db, clock)
    for _ in range(3):
        clock.advance(LIFETIME_MS + 1)
        await expire(db, clock)
        found = await again(db, clock, delivery)
        assert isinstance(found, Again), found
        delivery = found.delivery


async def test_what_answered_a_moment_has_only_what_is_left_of_it(db: Database, clock: SettableClock) -> None:
    delivery = await enqueue(db, clock, "d1", lifetime_s=600)
    at_ms = clock.now_ms()
    await end(db, clock, GONE)
    found = await again(db, clock, delivery)
    assert isinstance(found, Again)
    assert found.expires_ms == at_ms + 600_000
    clock.advance(600_001)
    await expire(db, clock)
    assert await again(db, clock, found.delivery) == "too_late"


async def test_it_is_sent_once_whoever_asks_how_often(db: Database, clock: SettableClock) -> None:
    delivery = await put(db, clock)
    assert await again(db, clock, delivery) == "not_dead"
    await end(db, clock, GONE)
    assert isinstance(await again(db, clock, delivery), Again)
    assert await again(db, clock, delivery) == "on_its_way"
    await end(db, clock, None)
    assert await again(db, clock, delivery) == "arrived"
    assert await again(db, clock, "none") == "unknown"
    assert await again(db, clock, delivery, "sender:other") == "unknown"


async def test_what_she_does_not_agree_to_any_more_is_not_sent_again(db: Database, clock: SettableClock) -> None:
    delivery = await put(db, clock)
    await end(db, clock, GONE)
    async with db.transaction() as tx:
        await consent.set_consents(tx, "shp_d1", {"inapp": False}, at_ms=clock.now_ms(), source="test")
    assert await again(db, clock, delivery) == "no_way"


async def test_a_way_that_was_never_hers_is_not_taken(db: Database, clock: SettableClock) -> None:
    """The steps that it had are tried one after the other; without an address there is none."""
    delivery = await put(db, clock, later=["email"])
    await end(db, clock, GONE)
    await end(db, clock, GONE)
    found = await again(db, clock, delivery)
    assert isinstance(found, Again)
    rows = await db.fetch("deliver.outgoing", ids=f'["{found.delivery}"]')
    assert rows[0]["routes"] == '[["d1","inapp","default",""]]'
