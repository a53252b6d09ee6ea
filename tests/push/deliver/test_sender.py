"""The sender on a real database: it survives what happens to single deliveries, rests when idle, and stops in order."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from push.deliver.attempts import RECHECK_MS
from push.deliver.sender import IDLE_MS, SenderSettings
from push.model.delivery import Accepted, State
from push.model.errors import DeviceGoneError, OutcomeUnknownError, PermanentError, TransientError, UnreachableError
from push.profiles import people
from tests.support.faulty import FaultyDatabase
from tests.support.fresh import open_database
from tests.support.outbox import SEALS, SUBSCRIPTION, ScriptedChannel, enqueue, join, state, web_push
from tests.support.sending import CLOCK, becomes, outcomes, reaches, row_of, running


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[FaultyDatabase]:
    async with open_database(f"sqlite://{tmp_path}/push.db", CLOCK) as opened:
        await join(opened, CLOCK, "d1", subscription=dict(SUBSCRIPTION))
        yield FaultyDatabase(opened)


# --- one delivery -----------------------------------------------------------------------------------------------------


async def test_a_message_goes_out_at_once_and_its_hops_are_timed(db: FaultyDatabase) -> None:
    channel = ScriptedChannel("inapp", [Accepted(status=201, reference="https://push.example/m/1", seq=42)])
    delivery = await enqueue(db, CLOCK, "d1")
    async with running(db, [channel]):
        await reaches(db, delivery, State.ACCEPTED)

    row = await row_of(db, delivery)
    assert row["decided_ms"] <= row["handed_over_ms"] <= row["accepted_ms"] <= row["decided_ms"] + 2000
    assert (row["channel"], row["attempt"]) == ("inapp", 1)
    assert channel.sent[0].message.content.body == "Grüße"


async def test_a_wake_up_is_heard_at_once(db: FaultyDatabase) -> None:
    async with running(db, [ScriptedChannel("inapp")]) as sender:
        await becomes(lambda: _asked(db, 2))
        began_s = time.monotonic()
        delivery = await enqueue(db, CLOCK, "d1")
        sender.wake()
        await reaches(db, delivery, State.ACCEPTED)
        assert time.monotonic() - began_s < 0.9


async def _asked(db: FaultyDatabase, times: int) -> bool:
    return db.asked["begin"] >= times


@pytest.mark.parametrize("error", [TransientError("busy", status=503), OutcomeUnknownError("lost"), ValueError("bug")])
async def test_what_may_work_later_is_tried_again_under_the_same_id(db: FaultyDatabase, error: Exception) -> None:
    channel = ScriptedChannel("inapp", [error, error])
    delivery = await enqueue(db, CLOCK, "d1")
    with capture_logs():
        async with running(db, [channel]):
            await reaches(db, delivery, State.ACCEPTED)

    assert len({(sent.delivery, sent.message.id) for sent in channel.sent}) == 1
    reason = "channel_failed" if isinstance(error, ValueError) else str(error)
    assert await outcomes(db, delivery) == [(1, "inapp", reason), (2, "inapp", reason), (3, "inapp", "accepted")]


async def test_a_services_retry_after_is_kept_to(db: FaultyDatabase) -> None:
    channel = ScriptedChannel("inapp", [TransientError("rate_limited", status=429, retry_after_ms=700)])
    delivery = await enqueue(db, CLOCK, "d1")
    async with running(db, [channel]):
        await reaches(db, delivery, State.ACCEPTED)

    assert channel.sent[1].now_ms - channel.sent[0].now_ms >= 700


async def test_the_next_channel_is_tried_where_one_cannot_reach_the_device(db: FaultyDatabase) -> None:
    inapp = ScriptedChannel("inapp", [UnreachableError("app_not_connected")])
    webpush = ScriptedChannel("webpush")
    delivery = await enqueue(db, CLOCK, "d1", channels=("inapp", "webpush"))
    async with running(db, [inapp, webpush]):
        await reaches(db, delivery, State.ACCEPTED)

    assert (await row_of(db, delivery))["channel"] == "webpush"
    assert webpush.sent[0].address == SUBSCRIPTION


async def test_no_other_channel_is_tried_where_one_may_have_sent(db: FaultyDatabase) -> None:
    inapp = ScriptedChannel("inapp", [OutcomeUnknownError("lost")])
    webpush = ScriptedChannel("webpush")
    delivery = await enqueue(db, CLOCK, "d1", channels=("inapp", "webpush"))
    async with running(db, [inapp, webpush]):
        await reaches(db, delivery, State.ACCEPTED)

    assert webpush.sent == []


async def test_a_channel_that_she_withdrew_meanwhile_is_not_used(db: FaultyDatabase) -> None:
    inapp, webpush = ScriptedChannel("inapp"), ScriptedChannel("webpush")
    both = await enqueue(db, CLOCK, "d1", channels=("inapp", "webpush"), name="both")
    only = await enqueue(db, CLOCK, "d1", channels=("inapp",), name="only")
    async with db.transaction() as tx:
        refused = {"shopper": "shp_d1", "purpose": "inapp", "granted": False, "at_ms": 1, "source": "test"}
        await tx.execute("consent.put", **refused)
    async with running(db, [inapp, webpush]):
        await reaches(db, both, State.ACCEPTED)
        await reaches(db, only, State.FAILED)

    assert inapp.sent == []
    assert (await row_of(db, only))["reason"] == "consent_withdrawn"


async def test_a_dead_address_is_removed_unless_it_was_renewed(db: FaultyDatabase) -> None:
    webpush = ScriptedChannel("webpush", [DeviceGoneError("subscription_gone"), DeviceGoneError("subscription_gone")])
    webpush.gate.clear()
    first = await enqueue(db, CLOCK, "d1", channels=("webpush",))
    async with running(db, [webpush]) as sender:
        await becomes(lambda: _sent(webpush, 1))
        renewed = web_push({"endpoint": "new", "keys": {}}, CLOCK.now_ms() + 1)
        async with db.transaction() as tx:
            await people.set_address(tx, "d1", renewed, SEALS)
        webpush.gate.set()
        await reaches(db, first, State.FAILED)
        assert await _subscription(db) == {"endpoint": "new", "keys": {}}
        second = await enqueue(db, CLOCK, "d1", channels=("webpush",), name="m2")
        sender.wake()
        await reaches(db, second, State.FAILED)

    assert await _subscription(db) is None


async def _subscription(db: FaultyDatabase) -> dict[str, object] | None:
    return next((found.address for found in await people.addresses_of(db, "d1", SEALS)), None)


async def _sent(channel: ScriptedChannel, times: int) -> bool:
    return len(channel.sent) >= times


async def test_one_whose_address_does_not_open_fails_alone(db: FaultyDatabase) -> None:
    async with db.transaction() as tx:
        await people.set_address(tx, "d1", web_push(dict(SUBSCRIPTION), 1), SEALS)
        stored = {"device": "d1", "channel": "webpush", "app": "default", "service": "", "hash": "", "registered_ms": 1}
        await tx.execute("profiles.set_address", sealed=b"under no key of hers", **stored)
    await join(db, CLOCK, "d2")
    bad, good = await enqueue(db, CLOCK, "d1", channels=("webpush",)), await enqueue(db, CLOCK, "d2")
    async with running(db, [ScriptedChannel("inapp"), ScriptedChannel("webpush")]):
        await reaches(db, bad, State.FAILED)
        await reaches(db, good, State.ACCEPTED)


async def test_what_a_service_says_is_kept_without_the_address(db: FaultyDatabase) -> None:
    delivery = await enqueue(db, CLOCK, "d1", channels=("webpush",))
    said = f"queued for {SUBSCRIPTION['endpoint']}".upper()
    async with running(db, [ScriptedChannel("webpush", [Accepted(status=201, reference=said)])]):
        await reaches(db, delivery, State.ACCEPTED)
    [attempt] = await db.fetch("deliver.attempts_of", delivery=delivery)
    assert attempt["reference"] == "QUEUED FOR (address)"


async def test_a_services_reference_of_any_bytes_is_kept_as_far_as_it_can_be(db: FaultyDatabase) -> None:
    """A header's bytes become lone surrogates, which no database takes; any push service may send them."""
    channel = ScriptedChannel("inapp", [Accepted(status=201, reference="https://p.example/\udcff\0")])
    delivery = await enqueue(db, CLOCK, "d1")
    async with running(db, [channel]):
        await reaches(db, delivery, State.ACCEPTED)

    [row] = await db.fetch("deliver.attempts_of", delivery=delivery)
    assert row["reference"] == "https://p.example/??"


async def test_without_a_channel_of_that_name_it_fails(db: FaultyDatabase) -> None:
    delivery = await enqueue(db, CLOCK, "d1", channels=("pigeon",))
    async with running(db, []):
        await reaches(db, delivery, State.FAILED)


# --- many -------------------------------------------------------------------------------------------------------------


async def test_no_more_than_the_bound_are_on_their_way_and_all_arrive(db: FaultyDatabase) -> None:
    channel = ScriptedChannel("inapp")
    channel.gate.clear()
    deliveries = [await enqueue(db, CLOCK, "d1", name=f"m{n}") for n in range(20)]
    async with running(db, [channel], SenderSettings(in_flight=4)) as sender:
        await becomes(lambda: _sent(channel, 4))
        sender.wake()
        await asyncio.sleep(0.05)
        assert (len(channel.sent), sender.in_flight) == (4, 4)
        channel.gate.set()
        for delivery in deliveries:
            await reaches(db, delivery, State.ACCEPTED)

    assert {sent.message.content.title for sent in channel.sent} == {f"Hello m{n}" for n in range(20)}
    assert len(channel.sent) == 20


@pytest.mark.parametrize("in_flight", [1, 64])
async def test_it_rests_while_nothing_is_due(db: FaultyDatabase, in_flight: int) -> None:
    """One is on its way, one waits for its app, one for its time: none of them keeps the sender busy."""
    held = ScriptedChannel("webpush")
    held.gate.clear()
    await enqueue(db, CLOCK, "d1", name="waiting", channels=("inapp",))
    await enqueue(db, CLOCK, "d1", name="later", hold_ms=60_000)
    inapp = ScriptedChannel("inapp", [UnreachableError("app_not_connected")])
    async with running(db, [inapp, held], SenderSettings(in_flight=in_flight, drain_s=0)) as sender:
        await becomes(lambda: _sent(inapp, 1))
        await enqueue(db, CLOCK, "d1", name="held", channels=("webpush",))
        sender.wake()
        await becomes(lambda: _sent(held, 1))
        db.asked.clear()
        began_s, busy_s = time.monotonic(), time.process_time()
        await asyncio.sleep(1.5)
        most = 3 + (time.monotonic() - began_s) * 1000 / IDLE_MS  # a busy machine may let us sleep for longer
        assert db.asked["begin"] <= most
        assert db.asked["deliver.queues"] <= most
        assert time.process_time() - busy_s < 0.5


# --- a database that is away ------------------------------------------------------------------------------------------


async def test_a_database_that_goes_away_and_comes_back_ends_nothing(db: FaultyDatabase) -> None:
    channel = ScriptedChannel("inapp")
    async with running(db, [channel]) as sender:
        db.away = True
        sender.wake()
        await becomes(lambda: _looked_in_vain(db))
        db.away = False
        delivery = await enqueue(db, CLOCK, "d1")
        sender.wake()
        await reaches(db, delivery, State.ACCEPTED)


async def _looked_in_vain(db: FaultyDatabase) -> bool:
    return db.asked["begin"] >= 2


async def test_what_was_sent_while_the_database_was_away_is_written_down_and_not_sent_again(
    db: FaultyDatabase,
) -> None:
    channel = ScriptedChannel("inapp")
    channel.gate.clear()
    delivery = await enqueue(db, CLOCK, "d1")
    with capture_logs() as said:

        async def tried_in_vain() -> bool:
            return any(line["event"] == "results cannot be written, trying again" for line in said)

        async with running(db, [channel]):
            await becomes(lambda: _sent(channel, 1))
            db.away = True
            channel.gate.set()
            await becomes(tried_in_vain)
            db.away = False
            await reaches(db, delivery, State.ACCEPTED)

    assert len(channel.sent) == 1


async def test_what_could_not_be_read_again_before_the_next_channel_is_tried_again(db: FaultyDatabase) -> None:
    slow, webpush = ScriptedChannel("inapp", [UnreachableError("app_not_connected")]), ScriptedChannel("webpush")
    slow.gate.clear()
    delivery = await enqueue(db, CLOCK, "d1", channels=("inapp", "webpush"))
    db.refused.add("deliver.outgoing")
    async with running(db, [slow, webpush]):
        await becomes(lambda: _sent(slow, 1))
        sent_ms = slow.sent[0].now_ms
        await becomes(lambda: _is_past(sent_ms + RECHECK_MS))
        slow.gate.set()
        await becomes(lambda: _attempted(db, delivery))
        db.refused.clear()
        await reaches(db, delivery, State.ACCEPTED)

    assert (await outcomes(db, delivery))[1] == (1, "none", "database_failed")


async def _is_past(when_ms: int) -> bool:
    return CLOCK.now_ms() > when_ms


async def _attempted(db: FaultyDatabase, delivery: str) -> bool:
    return bool(await outcomes(db, delivery))


async def test_who_is_erased_gets_nothing_and_everybody_else_does(db: FaultyDatabase) -> None:
    await join(db, CLOCK, "d2")
    gone, good = await enqueue(db, CLOCK, "d1"), await enqueue(db, CLOCK, "d2")
    async with db.transaction() as tx:
        await tx.execute("keys.erase", shopper="shp_d1")
    channel = ScriptedChannel("inapp")
    async with running(db, [channel]):
        await reaches(db, good, State.ACCEPTED)
        await reaches(db, gone, State.CANCELLED)
    assert (await row_of(db, gone))["reason"] == "erased"
    assert [sent.delivery for sent in channel.sent] == [good]


async def test_what_is_for_a_device_that_is_gone_fails_alone(db: FaultyDatabase) -> None:
    delivery = await enqueue(db, CLOCK, "nobody")
    async with running(db, [ScriptedChannel("inapp")]):
        await reaches(db, delivery, State.FAILED)

    assert (await row_of(db, delivery))["reason"] == "device_unknown"


# --- stopping ---------------------------------------------------------------------------------------------------------


async def test_a_stop_lets_what_is_on_its_way_arrive_and_claims_no_more(db: FaultyDatabase) -> None:
    channel = ScriptedChannel("inapp")
    channel.gate.clear()
    first = await enqueue(db, CLOCK, "d1")
    async with running(db, [channel]) as sender:
        await becomes(lambda: _sent(channel, 1))
        second = await enqueue(db, CLOCK, "d1", name="m2")
        sender.stop()
        asyncio.get_running_loop().call_later(0.2, channel.gate.set)

    assert (await state(db, first), await state(db, second)) == (State.ACCEPTED, State.PENDING)


async def test_a_stop_waits_no_longer_than_its_bound_and_the_rest_is_sent_after_the_lease(db: FaultyDatabase) -> None:
    channel = ScriptedChannel("inapp")
    channel.gate.clear()
    delivery = await enqueue(db, CLOCK, "d1")
    began_s = time.monotonic()
    async with running(db, [channel], SenderSettings(drain_s=0.3)):
        await becomes(lambda: _sent(channel, 1))

    assert time.monotonic() - began_s < 5
    assert await state(db, delivery) == State.SENDING


async def test_a_refusal_for_good_ends_it(db: FaultyDatabase) -> None:
    channel = ScriptedChannel("inapp", [PermanentError("payload_too_large", status=413)])
    delivery = await enqueue(db, CLOCK, "d1")
    async with running(db, [channel]):
        await reaches(db, delivery, State.FAILED)

    row = await row_of(db, delivery)
    assert (row["reason"], row["ended_ms"] is None) == ("payload_too_large", False)
