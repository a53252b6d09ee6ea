"""One message by several deliveries, on both engines: what was replaced or seen goes no other way."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import msgspec
import pytest

from push.campaigns import outbox
from push.campaigns.outbox import Send
from push.campaigns.routes import Plan
from push.deliver import fallback, load, receipts, results
from push.deliver.attempts import Attempt, Attempts, Means, Result
from push.deliver.gates import Gates, GateSettings
from push.deliver.load import Claimed
from push.deliver.receipts import ReceiptIn
from push.deliver.resend import Again, resend
from push.deliver.retry import RetrySettings
from push.model.delivery import Accepted, Content, Lane, Message, Outgoing, Route, State
from push.model.errors import DeliveryError, OutcomeUnknownError, PermanentError, TransientError, UnreachableError
from push.model.people import Device
from push.model.ports import Database, Row
from push.profiles import people
from tests.support.clocks import SettableClock
from tests.support.fresh import open_database
from tests.support.keyrings import KEYRING
from tests.support.outbox import SEALS, ScriptedChannel, join, state
from tests.support.patience import PATIENCE_S

FALL_BACK_MS = 60_000
RETRY = RetrySettings(base_ms=10, cap_ms=100)
INAPP, WEBPUSH, EMAIL = Route("d1", "inapp"), Route("d1", "webpush"), Route("d1", "email")


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
async def db(database_url: str, clock: SettableClock) -> AsyncIterator[Database]:
    async with open_database(database_url, clock) as opened:
        await join(opened, clock, "d1")
        yield opened


async def put(db: Database, clock: SettableClock, name: str, *steps: Route, key: str | None = None) -> str:
    """A message with one channel after the other; its delivery."""
    now_ms = clock.now_ms()
    message = Message(
        id=name,
        shopper="shp_d1",
        campaign="",
        content=Content(title=name, body=""),
        created_ms=now_ms,
        expires_ms=now_ms + 3_600_000,
        collapse_key=key or name,
    )
    later = tuple((step,) for step in steps[1:])
    plan = Plan((steps[0],), later, FALL_BACK_MS // 1000 if later else 0)
    async with db.transaction() as tx:
        [delivery] = await outbox.put(
            tx, KEYRING, [Send(message=message, plan=plan, lane=Lane.BULK, source="sender:shop")]
        )
    return delivery


async def claim(db: Database, clock: SettableClock) -> dict[str, Claimed]:
    now_ms = clock.now_ms()
    lease = {"now_ms": now_ms, "lease_until_ms": now_ms + 90_000, "most": 10}
    async with db.transaction() as tx:
        await tx.fetch("deliver.expire", now_ms=now_ms, most=64)
        await fallback.fall_back(tx, now_ms)
        ids: list[str] = []
        for queue in await tx.fetch("deliver.queues"):
            ids += [row["id"] for row in await tx.fetch("deliver.claim", queue=queue["queue"], **lease)]
        return {one.id: one for one in (await load.claimed(tx, KEYRING, ids, now_ms)).claimed}


async def settle(db: Database, clock: SettableClock, one: Claimed, error: DeliveryError | None = None) -> None:
    now_ms = clock.now_ms()
    attempt = Attempt(one.routes[0], now_ms, now_ms, error, Accepted(status=201) if error is None else None)
    async with db.transaction() as tx:
        await results.write(tx, [Result(one, (attempt,))], RETRY, now_ms)


async def see(db: Database, clock: SettableClock, delivery: str) -> None:
    async with db.transaction() as tx:
        await receipts.keep(tx, "d1", [ReceiptIn(delivery, "shown", clock.now_ms())], clock.now_ms())


async def of_message(db: Database, message: str) -> list[tuple[str, str | None]]:
    return [(row["state"], row["reason"]) for row in await db.fetch("deliver.of_message", message=message)]


async def test_an_older_message_that_is_being_sent_is_not_tried_again_after_a_newer_one(
    db: Database, clock: SettableClock
) -> None:
    """Tried again, it would take the place of the newer one on the phone."""
    older = await put(db, clock, "ready-soon", WEBPUSH, key="order-1")
    found = await claim(db, clock)
    newer = await put(db, clock, "ready", WEBPUSH, key="order-1")
    await settle(db, clock, found[older], TransientError("service_failed", status=500))
    clock.advance(1000)
    assert list(await claim(db, clock)) == [newer]
    assert await state(db, older) is State.EXPIRED


async def test_an_older_message_falls_back_no_more_once_there_is_a_newer_one(
    db: Database, clock: SettableClock
) -> None:
    older = await put(db, clock, "ready-soon", WEBPUSH, EMAIL, key="order-1")
    await settle(db, clock, (await claim(db, clock))[older])
    clock.advance(1000)
    newer = await put(db, clock, "ready", WEBPUSH, key="order-1")
    other = await put(db, clock, "another", WEBPUSH, EMAIL)
    for one in (await claim(db, clock)).values():
        await settle(db, clock, one)
    clock.advance(FALL_BACK_MS)
    assert [one.message.id for one in (await claim(db, clock)).values()] == ["another"]
    assert await of_message(db, "ready-soon") == [("accepted", None)]
    assert await state(db, newer) is State.ACCEPTED
    assert await state(db, other) is State.ACCEPTED


async def test_what_was_seen_late_goes_no_further_way(db: Database, clock: SettableClock) -> None:
    """Shown after the second way was taken, and before the third."""
    first = await put(db, clock, "m", INAPP, WEBPUSH, EMAIL)
    await settle(db, clock, (await claim(db, clock))[first])
    clock.advance(FALL_BACK_MS)
    [second] = (await claim(db, clock)).values()
    await settle(db, clock, second)
    await see(db, clock, first)
    clock.advance(FALL_BACK_MS)
    assert await claim(db, clock) == {}
    assert await of_message(db, "m") == [("shown", None), ("accepted", None)]


async def test_what_was_seen_while_the_next_way_waits_is_not_sent_that_way(db: Database, clock: SettableClock) -> None:
    first = await put(db, clock, "m", INAPP, WEBPUSH)
    await settle(db, clock, (await claim(db, clock))[first])
    clock.advance(FALL_BACK_MS)
    [second] = (await claim(db, clock)).values()
    await settle(db, clock, second, TransientError("service_failed", status=500))
    await see(db, clock, first)
    clock.advance(1000)
    assert await claim(db, clock) == {}
    assert await of_message(db, "m") == [("shown", None), ("cancelled", "seen")]
    told = await db.fetch("events.after", after_seq=0, most=99)
    assert [(row["kind"], row["reason"]) for row in told][-2:] == [("shown", None), ("cancelled", "seen")]


async def test_a_dead_letter_is_sent_again_after_what_was_sent_in_its_place_died_too(
    db: Database, clock: SettableClock
) -> None:
    first = await put(db, clock, "m", INAPP)
    await settle(db, clock, (await claim(db, clock))[first], PermanentError("refused"))
    sent = []
    for _ in range(3):
        async with db.transaction() as tx:
            found = await resend(tx, first, None, clock.now_ms())
        assert isinstance(found, Again)
        sent.append(found.delivery)
        await settle(db, clock, (await claim(db, clock))[found.delivery], PermanentError("refused"))
        clock.advance(1000)
    assert len({first, *sent}) == 4
    assert await of_message(db, "m") == [("failed", "refused")] * 4


async def test_one_that_is_sent_again_by_several_ways_need_not_wait_for_one_gate(
    db: Database, clock: SettableClock
) -> None:
    now_ms = clock.now_ms()
    async with db.transaction() as tx:
        await people.new_device(tx, Device(id="d2", shopper="shp_d1", platform="web", locale="en", seen_ms=now_ms))
    first = await put(db, clock, "m", INAPP, Route("d2", "inapp"))
    one = (await claim(db, clock))[first]
    await settle(db, clock, one, PermanentError("refused"))
    await settle(db, clock, (await claim(db, clock))[first], PermanentError("refused"))
    async with db.transaction() as tx:
        assert isinstance(await resend(tx, first, None, now_ms), Again)
    assert [row["queue"] for row in await waiting(db)] == ["2/inapp/default/+"]


async def waiting(db: Database) -> Sequence[Row]:
    return await db.fetch("deliver.queues")


async def test_a_way_that_stays_down_makes_room_for_the_next_step_in_time(db: Database, clock: SettableClock) -> None:
    """Not shown by then, whether it was handed over or not: what stays down may not keep the next way from her."""
    first = await put(db, clock, "m", WEBPUSH, EMAIL)
    for _ in range(3):
        await settle(db, clock, (await claim(db, clock))[first], TransientError("service_failed", status=503))
        clock.advance(FALL_BACK_MS // 2)
    found = (await claim(db, clock))[first]
    assert found.routes == (EMAIL, WEBPUSH)
    await settle(db, clock, found)
    assert await state(db, first) is State.ACCEPTED
    assert await waiting(db) == []


async def test_what_may_have_arrived_keeps_to_its_way_until_then(db: Database, clock: SettableClock) -> None:
    first = await put(db, clock, "m", WEBPUSH, EMAIL)
    await settle(db, clock, (await claim(db, clock))[first], OutcomeUnknownError("no_answer"))
    clock.advance(FALL_BACK_MS // 2)
    assert (await claim(db, clock))[first].routes == (WEBPUSH,)


async def test_what_became_too_late_on_one_way_is_not_handed_over_by_the_next(
    db: Database, clock: SettableClock
) -> None:
    class Slow(ScriptedChannel):
        async def send(self, outgoing: Outgoing) -> Accepted:
            clock.advance(3_600_000)
            return await super().send(outgoing)

    slow, webpush = Slow("inapp", [UnreachableError("app_not_connected")]), ScriptedChannel("log")
    first = await put(db, clock, "m", INAPP)
    one = msgspec.structs.replace((await claim(db, clock))[first], routes=(INAPP, Route("d1", "log")))
    means = Means(db, SEALS, clock, {"inapp": slow, "log": webpush}, longest_s=-7200.0)
    result = await Attempts(means, Gates(GateSettings(), 8), 90).make(one)
    async with db.transaction() as tx:
        await results.write(tx, [result], RETRY, clock.now_ms())
    assert webpush.sent == []
    assert await claim(db, clock) == {}
    assert await state(db, first) is State.EXPIRED


async def test_two_calls_that_forget_old_answers_at_once_do_not_wait_for_each_other(
    postgres_url: str, clock: SettableClock
) -> None:
    async with open_database(postgres_url, clock) as opened:
        async with opened.transaction() as tx:
            for n in range(40):
                await tx.execute("idempotency.claim", key=f"old{n}", fingerprint="", now_ms=n)
        async with asyncio.timeout(PATIENCE_S), opened.transaction() as one, opened.transaction() as other:
            assert await one.execute("idempotency.prune", key="a", since_ms=1000, most=16) == 16
            assert await other.execute("idempotency.prune", key="b", since_ms=1000, most=16) == 16


async def test_a_clock_that_was_set_back_makes_nobody_ask_again_and_again(db: Database, clock: SettableClock) -> None:
    """Her phone was seen at a time that is yet to come."""
    first = await put(db, clock, "m", INAPP)
    async with db.transaction() as tx:
        await tx.execute("profiles.seen", id="d1", seen_ms=clock.now_ms() + 600_000)
    await settle(db, clock, (await claim(db, clock))[first], UnreachableError("app_not_connected"))
    clock.advance(1000)
    assert await claim(db, clock) == {}
    async with db.transaction() as tx:
        await tx.execute("deliver.wake_device", device="d1", now_ms=clock.now_ms())
    assert list(await claim(db, clock)) == [first]


async def test_one_that_is_seen_by_a_replica_whose_clock_is_a_little_ahead_is_not_missed(
    db: Database, clock: SettableClock
) -> None:
    first = await put(db, clock, "m", INAPP)
    one = (await claim(db, clock))[first]
    async with db.transaction() as tx:
        await tx.execute("profiles.seen", id="d1", seen_ms=clock.now_ms() + 500)
    await settle(db, clock, one, UnreachableError("app_not_connected"))
    assert list(await claim(db, clock)) == [first]
