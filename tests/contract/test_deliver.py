"""Deliveries on both engines: no terminal state is left, caps count what may have arrived, receipts are kept."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from push.campaigns import outbox
from push.deliver import load, receipts, results
from push.deliver.attempts import RECHECK_MS, Attempt, Attempts, Means, Result
from push.deliver.gates import Gates, GateSettings
from push.deliver.load import Claimed
from push.deliver.receipts import ReceiptIn
from push.deliver.retry import RetrySettings
from push.model.delivery import NEXT, Accepted, State, entries
from push.model.errors import (
    DeliveryError,
    DeviceGoneError,
    OutcomeUnknownError,
    PermanentError,
    TransientError,
    UnreachableError,
)
from push.model.ports import Database, Row
from tests.support.clocks import SettableClock
from tests.support.fresh import open_database
from tests.support.keyrings import KEYRING
from tests.support.outbox import SEALS, ScriptedChannel, enqueue, join, state, used

LEASE_MS = 45_000
LIFETIME_S = 600
RETRY = RetrySettings()


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
async def db(database_url: str, clock: SettableClock) -> AsyncIterator[Database]:
    async with open_database(database_url, clock) as opened:
        await join(opened, clock, "d1")
        yield opened


async def claim(db: Database, clock: SettableClock, most: int = 10) -> list[Claimed]:
    """As a sender claims: what is too late expires first."""
    now_ms = clock.now_ms()
    async with db.transaction() as tx:
        await outbox.release_caps(tx, await tx.fetch("deliver.expire", now_ms=now_ms, most=64), now_ms)
        ids: list[str] = []
        for queue in await tx.fetch("deliver.queues"):
            lease = {"now_ms": now_ms, "lease_until_ms": now_ms + LEASE_MS, "most": most}
            ids += [row["id"] for row in await tx.fetch("deliver.claim", queue=queue["queue"], **lease)]
        return (await load.claimed(tx, KEYRING, ids, now_ms)).claimed


async def settle(
    db: Database, clock: SettableClock, one: Claimed, *errors: DeliveryError | None, began_ms: int | None = None
) -> None:
    """Write what one channel after the other said of a claimed delivery: None is accepted."""
    now_ms = clock.now_ms()
    attempts = tuple(
        Attempt(
            route, now_ms if began_ms is None else began_ms, now_ms, error, Accepted(seq=7) if error is None else None
        )
        for route, error in zip(one.routes, errors, strict=False)
    )
    async with db.transaction() as tx:
        await results.write(tx, [Result(one, attempts)], RETRY, now_ms)


async def report(db: Database, clock: SettableClock, delivery: str, kind: str, *, at_ms: int | None = None) -> int:
    one = ReceiptIn(delivery, "shown" if kind == "shown" else "opened", clock.now_ms() if at_ms is None else at_ms)
    async with db.transaction() as tx:
        return await receipts.keep(tx, "d1", [one], clock.now_ms())


async def trace(db: Database, delivery: str) -> Row:
    row = await db.fetch_one("deliver.trace", id=delivery)
    assert row is not None
    return row


# --- the state machine ------------------------------------------------------------------------------------------------


class World:
    """Deliveries to which anything may happen in any order: leases run out, answers come late, receipts overtake."""

    def __init__(self, db: Database, clock: SettableClock, seed: int) -> None:
        self.db = db
        self.clock = clock
        self.random = random.Random(seed)  # noqa: S311 - a repeatable course of events
        self.claims: list[Claimed] = []
        self.deliveries: list[str] = []

    async def enqueue(self) -> None:
        n = len(self.deliveries)
        visit = f"v{n % 2}"
        self.deliveries.append(await enqueue(self.db, self.clock, "d1", visit=visit, name=f"m{n}", lifetime_s=60))

    async def claim(self) -> None:
        self.claims += await claim(self.db, self.clock)

    async def answer(self) -> None:
        if self.claims:
            kinds = (OutcomeUnknownError, TransientError, UnreachableError, DeviceGoneError, PermanentError)
            error = self.random.choice([None, *(kind("x") for kind in kinds)])
            await settle(self.db, self.clock, self.random.choice(self.claims), error)

    async def receipt(self) -> None:
        if self.deliveries:
            await report(self.db, self.clock, self.random.choice(self.deliveries), self.random.choice(["shown", ""]))

    async def leave(self) -> None:
        async with self.db.transaction() as tx:
            await outbox.cancel_visit(tx, self.random.choice(["v0", "v1"]), self.clock.now_ms())

    async def withdraw(self) -> None:
        async with self.db.transaction() as tx:
            await outbox.cancel_shopper(tx, "shp_d1", self.clock.now_ms())

    async def connect(self) -> None:
        async with self.db.transaction() as tx:
            await tx.execute("profiles.seen", id="d1", seen_ms=self.clock.now_ms())
            await tx.execute("deliver.wake_device", device="d1", now_ms=self.clock.now_ms())

    async def answer_report(self) -> None:
        if self.deliveries:
            async with self.db.transaction() as tx:
                now_ms = self.clock.now_ms()
                which = self.random.choice(self.deliveries)
                await tx.fetch_one("deliver.answer", id=which, device="d1", seq=now_ms, now_ms=now_ms)

    async def time(self) -> None:
        self.clock.advance(self.random.choice([1, 500, 5_000, 20_000]))

    async def states(self) -> dict[str, State]:
        rows = await self.db.fetch("deliver.list", since_ms=0, most=1000)
        return {row["id"]: State(row["state"]) for row in rows}


@pytest.mark.parametrize("seed", range(5))
async def test_whatever_happens_in_whatever_order_every_step_is_one_of_the_table(
    db: Database, clock: SettableClock, seed: int
) -> None:
    world = World(db, clock, seed)
    steps: list[Callable[[], Awaitable[None]]] = [
        world.enqueue, world.claim, world.claim, world.answer, world.answer, world.receipt, world.leave,
        world.withdraw, world.connect, world.answer_report, world.time, world.time,
    ]  # fmt: skip
    before: dict[str, State] = {}
    for _ in range(150):
        step = world.random.choice(steps)
        await step()
        after = await world.states()
        for delivery, was in before.items():
            now = after[delivery]
            assert now == was or now in NEXT[was], f"{step.__name__}: {was} became {now}"
        before = after
    used_up = [await used(db, visit) for visit in ("v0", "v1")]
    arrived = sum(s in {State.ACCEPTED, State.SHOWN, State.OPENED} for s in before.values())
    open_ = sum(s in {State.PENDING, State.SENDING} for s in before.values())
    assert sum(used_up) >= arrived + open_, "a cap was given back although its message may have arrived"


@pytest.mark.parametrize("kind", ["shown", "opened"])
@pytest.mark.parametrize("was", State)
async def test_a_receipt_moves_exactly_the_states_that_the_table_says(
    db: Database, clock: SettableClock, was: State, kind: str
) -> None:
    delivery = await enqueue(db, clock, "d1")
    await bring(db, clock, delivery, was)
    assert await state(db, delivery) == was

    await report(db, clock, delivery, kind)

    assert await state(db, delivery) == (kind if was.value in entries(State(kind)) else was)


async def bring(db: Database, clock: SettableClock, delivery: str, to: State) -> None:
    """By the way that a delivery takes there."""
    if to is State.PENDING:
        return
    if to is State.CANCELLED:
        async with db.transaction() as tx:
            await outbox.cancel_visit(tx, "v1", clock.now_ms())
        return
    if to is State.EXPIRED:
        clock.advance(LIFETIME_S * 1000)
        await claim(db, clock)
        return
    [one] = await claim(db, clock)
    if to is not State.SENDING:
        await settle(db, clock, one, PermanentError("x") if to is State.FAILED else None)
    if to in {State.SHOWN, State.OPENED}:
        await report(db, clock, delivery, to.value)


# --- caps: given back only where nothing can have arrived -------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "left"),
    [
        ([PermanentError("x")], 0),
        ([TransientError("x"), PermanentError("x")], 0),
        ([OutcomeUnknownError("x"), PermanentError("x")], 1),
        ([OutcomeUnknownError("x"), TransientError("x"), PermanentError("x")], 1),
        ([TransientError("x"), OutcomeUnknownError("x"), TransientError("x"), DeviceGoneError("x")], 1),
        ([None], 1),
    ],
)
async def test_a_failed_delivery_gives_its_cap_back_unless_it_may_have_arrived(
    db: Database, clock: SettableClock, answers: list[DeliveryError | None], left: int
) -> None:
    await enqueue(db, clock, "d1", channels=("webpush",))
    for answer in answers:
        clock.advance(61_000)
        [one] = await claim(db, clock)
        await settle(db, clock, one, answer)

    assert await used(db) == left


@pytest.mark.parametrize(("answer", "left"), [(TransientError("x"), 0), (OutcomeUnknownError("x"), 1)])
async def test_an_expired_or_cancelled_one_alike(
    db: Database, clock: SettableClock, answer: DeliveryError, left: int
) -> None:
    for name in ("late", "left"):
        await enqueue(db, clock, "d1", visit=name, name=name)
    for one in await claim(db, clock):
        await settle(db, clock, one, answer)
    async with db.transaction() as tx:
        await outbox.cancel_visit(tx, "left", clock.now_ms())
    clock.advance(LIFETIME_S * 1000)
    await claim(db, clock)

    assert [await used(db, "late"), await used(db, "left")] == [left, left]


async def test_a_sender_that_died_while_sending_may_have_sent(db: Database, clock: SettableClock) -> None:
    delivery = await enqueue(db, clock, "d1", lifetime_s=60)
    await claim(db, clock)
    clock.advance(60_000)
    assert await claim(db, clock) == []

    assert await state(db, delivery) == State.EXPIRED
    assert await used(db) == 1


async def test_a_lease_that_ran_out_is_claimed_again_and_remembers_that_it_may_have_sent(
    db: Database, clock: SettableClock
) -> None:
    await enqueue(db, clock, "d1")
    [first] = await claim(db, clock)
    assert await claim(db, clock) == []
    clock.advance(LEASE_MS)
    [second] = await claim(db, clock)
    assert (second.id, second.message, second.attempt) == (first.id, first.message, 2)

    await settle(db, clock, second, PermanentError("x"))

    assert await used(db) == 1


# --- taken back -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["visit", "shopper"])
async def test_what_is_being_sent_when_it_is_taken_back_is_not_tried_again(
    db: Database, clock: SettableClock, how: str
) -> None:
    delivery = await enqueue(db, clock, "d1")
    [one] = await claim(db, clock)
    async with db.transaction() as tx:
        if how == "visit":
            await outbox.cancel_visit(tx, "v1", clock.now_ms())
        else:
            await outbox.cancel_shopper(tx, "shp_d1", clock.now_ms())
    await settle(db, clock, one, TransientError("x"))
    clock.advance(60_000)

    assert await claim(db, clock) == []
    assert await state(db, delivery) == State.EXPIRED
    assert await used(db) == 0


async def test_what_is_taken_back_after_it_was_claimed_is_not_handed_over(db: Database, clock: SettableClock) -> None:
    delivery, channel = await enqueue(db, clock, "d1"), ScriptedChannel("inapp")
    [one] = await claim(db, clock)
    async with db.transaction() as tx:
        await outbox.cancel_shopper(tx, "shp_d1", clock.now_ms())
    clock.advance(RECHECK_MS + 1)
    means = Means(db, SEALS, clock, {"inapp": channel})
    result = await Attempts(means, Gates(GateSettings(), 8), 90).make(one)
    async with db.transaction() as tx:
        await results.write(tx, [result], RETRY, clock.now_ms())

    assert channel.sent == []
    assert await state(db, delivery) == State.FAILED
    assert await used(db) == 0


async def test_what_was_handed_over_just_before_counts_as_handed_over(db: Database, clock: SettableClock) -> None:
    delivery = await enqueue(db, clock, "d1")
    [one] = await claim(db, clock)
    async with db.transaction() as tx:
        await outbox.cancel_visit(tx, "v1", clock.now_ms())
    await settle(db, clock, one, None)

    assert await state(db, delivery) == State.ACCEPTED
    assert await used(db) == 1


# --- an app that may yet connect --------------------------------------------------------------------------------------


async def test_what_waits_for_an_app_is_due_once_it_connects(db: Database, clock: SettableClock) -> None:
    await enqueue(db, clock, "d1")
    clock.advance(1000)
    [one] = await claim(db, clock)
    await settle(db, clock, one, UnreachableError("app_not_connected"))
    clock.advance(30_000)
    assert await claim(db, clock) == []

    await World(db, clock, 0).connect()

    [again] = await claim(db, clock)
    assert again.id == one.id


async def test_an_app_that_connects_while_the_attempt_is_being_written_down_is_not_missed(
    db: Database, clock: SettableClock
) -> None:
    await enqueue(db, clock, "d1")
    clock.advance(1000)
    [one] = await claim(db, clock)
    began_ms = clock.now_ms()
    clock.advance(3)
    await World(db, clock, 0).connect()
    clock.advance(3)
    await settle(db, clock, one, UnreachableError("app_not_connected"), began_ms=began_ms)

    [again] = await claim(db, clock)
    assert again.id == one.id


async def test_it_waits_although_the_other_channel_refused_for_good(db: Database, clock: SettableClock) -> None:
    await enqueue(db, clock, "d1", channels=("inapp", "webpush"))
    clock.advance(1000)
    [one] = await claim(db, clock)
    await settle(db, clock, one, UnreachableError("app_not_connected"), DeviceGoneError("subscription_gone"))
    await World(db, clock, 0).connect()

    assert [again.id for again in await claim(db, clock)] == [one.id]


# --- receipts ---------------------------------------------------------------------------------------------------------


async def test_receipts_are_kept_once_and_only_for_ones_own_deliveries(db: Database, clock: SettableClock) -> None:
    await join(db, clock, "d2")
    mine, other = await enqueue(db, clock, "d1"), await enqueue(db, clock, "d2")
    for one in await claim(db, clock):
        await settle(db, clock, one, None)

    assert await report(db, clock, mine, "shown") == 1
    clock.advance(5000)
    assert await report(db, clock, mine, "shown") == 1
    assert await report(db, clock, other, "shown") == 0
    assert await report(db, clock, "dlv_unknown", "shown") == 0
    assert (await trace(db, mine))["shown_ms"] == clock.now_ms() - 5000
    assert await state(db, other) == State.ACCEPTED


async def test_receipts_in_the_wrong_order_end_in_the_same_truth(db: Database, clock: SettableClock) -> None:
    delivery = await enqueue(db, clock, "d1")
    [one] = await claim(db, clock)
    await settle(db, clock, one, None)
    now_ms = clock.now_ms()
    clock.advance(10_000)

    await report(db, clock, delivery, "opened", at_ms=now_ms + 2000)
    await report(db, clock, delivery, "shown", at_ms=now_ms + 1000)

    row = await trace(db, delivery)
    assert (row["state"], row["shown_ms"], row["opened_ms"]) == ("opened", now_ms + 1000, now_ms + 2000)


async def test_a_phones_clock_that_runs_ahead_is_cut_at_now(db: Database, clock: SettableClock) -> None:
    delivery = await enqueue(db, clock, "d1")
    [one] = await claim(db, clock)
    await settle(db, clock, one, None)
    await report(db, clock, delivery, "shown", at_ms=clock.now_ms() + 3_600_000)

    assert (await trace(db, delivery))["shown_ms"] == clock.now_ms()


@pytest.mark.parametrize("error", [OutcomeUnknownError("x"), None])
async def test_a_receipt_that_overtakes_the_answer_ends_the_sending(
    db: Database, clock: SettableClock, error: DeliveryError | None
) -> None:
    delivery = await enqueue(db, clock, "d1")
    [one] = await claim(db, clock)
    await report(db, clock, delivery, "shown")
    await settle(db, clock, one, error)
    clock.advance(LEASE_MS)

    assert await claim(db, clock) == []
    row = await trace(db, delivery)
    assert (row["state"], row["channel"]) == ("shown", "inapp" if error is None else None)


async def test_what_arrived_although_its_answer_got_lost_is_not_sent_again(db: Database, clock: SettableClock) -> None:
    delivery = await enqueue(db, clock, "d1")
    [one] = await claim(db, clock)
    await settle(db, clock, one, OutcomeUnknownError("x"))
    await report(db, clock, delivery, "shown")
    clock.advance(120_000)

    assert await claim(db, clock) == []
    assert await state(db, delivery) == State.SHOWN


async def test_a_late_receipt_is_told_in_the_trace_and_changes_no_terminal_state(
    db: Database, clock: SettableClock
) -> None:
    delivery = await enqueue(db, clock, "d1")
    [one] = await claim(db, clock)
    await settle(db, clock, one, OutcomeUnknownError("x"))
    clock.advance(LIFETIME_S * 1000)
    await claim(db, clock)

    await report(db, clock, delivery, "opened")

    row = await trace(db, delivery)
    assert (row["state"], row["opened_ms"]) == ("expired", clock.now_ms())


# --- claiming ---------------------------------------------------------------------------------------------------------


async def test_no_more_is_claimed_than_asked_for_and_first_comes_first(db: Database, clock: SettableClock) -> None:
    for n in range(5):
        await enqueue(db, clock, "d1", name=f"m{n}")
        clock.advance(1)

    first, rest = await claim(db, clock, 2), await claim(db, clock)

    begin_ms = clock.now_ms() - 5
    assert sorted(one.seq - begin_ms for one in first) == [0, 1]
    assert sorted(one.seq - begin_ms for one in rest) == [2, 3, 4]


async def test_senders_that_claim_at_once_never_get_the_same(db: Database, clock: SettableClock) -> None:
    for n in range(12):
        await enqueue(db, clock, "d1", name=f"m{n}")

    claims = await asyncio.gather(*(claim(db, clock, 4) for _ in range(4)))

    assert all(len(claimed_) <= 4 for claimed_ in claims)
    got = [one.id for claimed_ in claims for one in claimed_]
    assert len(got) == len(set(got))
    rest = [one.id for one in await claim(db, clock, 12)]
    assert len({*got, *rest}) == len(got) + len(rest) == 12


async def test_next_due_is_the_earliest_of_what_waits_and_of_leases(db: Database, clock: SettableClock) -> None:
    async def next_due() -> int | None:
        row = await db.fetch_one("deliver.queues")
        return None if row is None else int(row["due_ms"])

    assert await next_due() is None
    await enqueue(db, clock, "d1", hold_ms=250)
    assert await next_due() == clock.now_ms() + 250
    clock.advance(250)
    await claim(db, clock)
    assert await next_due() == clock.now_ms() + LEASE_MS
