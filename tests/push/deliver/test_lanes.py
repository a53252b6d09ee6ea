"""What is down, slow or full keeps nothing else back; what was not shown in time goes another way."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest

from push.campaigns import outbox
from push.campaigns.outbox import Send
from push.campaigns.routes import Plan
from push.deliver import receipts
from push.deliver.gates import GateSettings
from push.deliver.receipts import ReceiptIn
from push.deliver.sender import SenderSettings
from push.model.delivery import Basis, Content, Lane, Message, Route, State
from push.model.errors import BusyError, CredentialError, OutcomeUnknownError, PermanentError
from push.model.people import Address
from push.profiles import consent, people
from tests.support.faulty import FaultyDatabase
from tests.support.fresh import open_database
from tests.support.keyrings import KEYRING
from tests.support.outbox import SEALS, ScriptedChannel, join
from tests.support.sending import CLOCK, SETTINGS, becomes, is_state, outcomes, reaches, row_of, running

WEBPUSH = Route("d1", "webpush")
FCM = Route("d1", "fcm", "shop")


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[FaultyDatabase]:
    async with open_database(f"sqlite://{tmp_path}/push.db", CLOCK) as opened:
        await join(opened, CLOCK, "d1", subscription={"endpoint": "https://push.example/x", "keys": {}})
        async with opened.transaction() as tx:
            address = Address(
                channel="fcm", app="shop", service="", address={"token": "t"}, registered_ms=CLOCK.now_ms()
            )
            await people.set_address(tx, "d1", address, SEALS)
        yield FaultyDatabase(opened)


async def send(
    db: FaultyDatabase, name: str, plan: Plan | Sequence[Route], lane: Lane = Lane.BULK, basis: Basis = "marketing"
) -> str:
    now_ms = CLOCK.now_ms()
    message = Message(
        id=f"msg-{name}",
        shopper="shp_d1",
        campaign="",
        content=Content(title=name, body=""),
        created_ms=now_ms,
        expires_ms=now_ms + 600_000,
        collapse_key=f"msg-{name}",
        basis=basis,
    )
    found = plan if isinstance(plan, Plan) else Plan(tuple(plan))
    async with db.transaction() as tx:
        [delivery] = await outbox.put(tx, KEYRING, [Send(message=message, plan=found, lane=lane, source="test")])
    return delivery


def titles(channel: ScriptedChannel) -> list[str]:
    return [sent.message.content.title for sent in channel.sent]


async def test_a_service_that_takes_nothing_keeps_no_other_back(db: FaultyDatabase) -> None:
    stuck, well = ScriptedChannel("webpush"), ScriptedChannel("fcm")
    stuck.gate.clear()
    for n in range(40):
        await send(db, f"stuck{n}", [WEBPUSH])
    others = [await send(db, f"well{n}", [FCM]) for n in range(20)]
    async with running(db, [stuck, well], SETTINGS):
        for delivery in others:
            await reaches(db, delivery, State.ACCEPTED)
        assert len(stuck.sent) < 40
        stuck.gate.set()


async def test_a_moment_overtakes_a_mail_out_through_the_same_gate(db: FaultyDatabase) -> None:
    slow = ScriptedChannel("webpush")
    slow.gate.clear()
    for n in range(100):
        await send(db, f"bulk{n}", [WEBPUSH])
    async with running(db, [slow]) as sender:
        await becomes(lambda: _some(slow, 1))
        before = len(slow.sent)
        await send(db, "moment", [WEBPUSH], Lane.MOMENT)
        sender.wake()
        await becomes(lambda: _some(slow, before + 1))
        assert titles(slow)[before] == "moment"
        slow.gate.set()


async def _some(channel: ScriptedChannel, count: int) -> bool:
    return len(channel.sent) >= count


async def test_a_service_that_is_down_is_asked_now_and_then_and_gets_all_when_it_is_back(db: FaultyDatabase) -> None:
    failing = ScriptedChannel("webpush", [OutcomeUnknownError("outcome_unknown")] * 12)
    settings = SenderSettings(
        drain_s=1.0, retry=SETTINGS.retry, gate=GateSettings(failures=3, closed_ms=100, longest_closed_ms=200)
    )
    deliveries = [await send(db, f"m{n}", [WEBPUSH]) for n in range(10)]
    async with running(db, [failing], settings):
        for delivery in deliveries:
            await reaches(db, delivery, State.ACCEPTED)
    tried = {sent.delivery for sent in failing.sent}
    assert tried == set(deliveries)


async def test_where_a_credential_is_refused_the_next_way_is_taken(db: FaultyDatabase) -> None:
    refusing, webpush = ScriptedChannel("fcm", [CredentialError("key_revoked")]), ScriptedChannel("webpush")
    delivery = await send(db, "m", [FCM, WEBPUSH])
    async with running(db, [refusing, webpush]):
        await reaches(db, delivery, State.ACCEPTED)
    assert await outcomes(db, delivery) == [(1, "fcm", "key_revoked"), (1, "webpush", "accepted")]


async def test_a_closed_gate_is_passed_by(db: FaultyDatabase) -> None:
    refusing, webpush = ScriptedChannel("fcm", [CredentialError("key_revoked")]), ScriptedChannel("webpush")
    first = await send(db, "first", [FCM])
    settings = msgspec.structs.replace(SETTINGS, gate=GateSettings(closed_ms=60_000))
    async with running(db, [refusing, webpush], settings) as sender:
        await becomes(lambda: _some(refusing, 1))
        await becomes(lambda: _closed(sender.gates.troubles(CLOCK.now_ms())))
        second = await send(db, "second", [FCM, WEBPUSH])
        await reaches(db, second, State.ACCEPTED)
    assert len(refusing.sent) == 1
    assert await is_state(db, first, State.PENDING)


async def _closed(troubles: dict[str, str]) -> bool:
    return troubles == {"fcm/shop/": "key_revoked"}


async def test_what_a_busy_service_asks_for_holds_for_all_of_its_messages(db: FaultyDatabase) -> None:
    busy = ScriptedChannel("webpush", [BusyError("rate_limited", status=429, retry_after_ms=700)])
    first = await send(db, "first", [WEBPUSH])
    async with running(db, [busy]) as sender:
        await becomes(lambda: _closed_webpush(sender.gates.troubles(CLOCK.now_ms())))
        second = await send(db, "second", [WEBPUSH])
        for delivery in (first, second):
            await reaches(db, delivery, State.ACCEPTED)
    assert busy.sent[1].now_ms - busy.sent[0].now_ms >= 700


async def _closed_webpush(troubles: dict[str, str]) -> bool:
    return bool(troubles)


async def test_a_refusal_for_good_goes_on_to_the_next_way(db: FaultyDatabase) -> None:
    fcm, webpush = ScriptedChannel("fcm", [PermanentError("payload_too_large")]), ScriptedChannel("webpush")
    delivery = await send(db, "m", [FCM, WEBPUSH])
    async with running(db, [fcm, webpush]):
        await reaches(db, delivery, State.ACCEPTED)
    assert (await row_of(db, delivery))["channel"] == "webpush"


async def test_what_was_not_shown_in_time_goes_another_way_under_the_same_message(db: FaultyDatabase) -> None:
    fcm, webpush = ScriptedChannel("fcm"), ScriptedChannel("webpush")
    first = await send(db, "m", Plan((FCM,), ((WEBPUSH,),), fall_back_s=1))
    async with running(db, [fcm, webpush]):
        await reaches(db, first, State.ACCEPTED)
        await becomes(lambda: _some(webpush, 1))
    assert webpush.sent[0].message.id == fcm.sent[0].message.id
    assert webpush.sent[0].delivery != first
    assert webpush.sent[0].now_ms - fcm.sent[0].now_ms >= 1000


async def test_what_was_shown_in_time_does_not(db: FaultyDatabase) -> None:
    fcm, webpush = ScriptedChannel("fcm"), ScriptedChannel("webpush")
    first = await send(db, "m", Plan((FCM,), ((WEBPUSH,),), fall_back_s=1))
    async with running(db, [fcm, webpush]):
        await reaches(db, first, State.ACCEPTED)
        async with db.transaction() as tx:
            await receipts.keep(tx, "d1", [ReceiptIn(first, "shown", CLOCK.now_ms())], CLOCK.now_ms())
        row = await db.fetch_one("deliver.trace", id=first)
        assert row is not None
        last = await send(db, "later", Plan((FCM,), ((WEBPUSH,),), fall_back_s=1))
        await reaches(db, last, State.ACCEPTED)
        await becomes(lambda: _some(webpush, 1))
    assert titles(webpush) == ["later"]


async def test_where_no_way_of_a_step_works_the_next_step_is_due_at_once(db: FaultyDatabase) -> None:
    fcm, webpush = ScriptedChannel("fcm", [PermanentError("request_refused")]), ScriptedChannel("webpush")
    delivery = await send(db, "m", Plan((FCM,), ((WEBPUSH,),), fall_back_s=3600))
    async with running(db, [fcm, webpush]):
        await reaches(db, delivery, State.ACCEPTED)
    assert (await row_of(db, delivery))["channel"] == "webpush"


async def test_what_she_is_owed_goes_out_without_her_consent_to_offers(db: FaultyDatabase) -> None:
    webpush = ScriptedChannel("webpush")
    async with db.transaction() as tx:
        await consent.set_consents(tx, "shp_d1", {"marketing": False}, at_ms=1, source="test")
    offer = await send(db, "offer", [WEBPUSH])
    owed = await send(db, "owed", [WEBPUSH], Lane.SERVICE, "service")
    async with running(db, [webpush]):
        await reaches(db, owed, State.ACCEPTED)
        await reaches(db, offer, State.FAILED)
    assert titles(webpush) == ["owed"]
    assert (await row_of(db, offer))["reason"] == "consent_withdrawn"


async def test_a_newer_message_takes_the_place_of_one_that_waits(db: FaultyDatabase) -> None:
    webpush = ScriptedChannel("webpush")
    first = await send(db, "first", [WEBPUSH])
    async with db.transaction() as tx:
        row = await tx.fetch_one("deliver.message", id="msg-first")
        assert row is not None
        newer = Message(
            id="msg-newer", shopper="shp_d1", campaign="", content=Content(title="newer", body=""),
            created_ms=CLOCK.now_ms(), expires_ms=CLOCK.now_ms() + 60_000, collapse_key="msg-first",
        )  # fmt: skip
        await outbox.put(tx, KEYRING, [Send(message=newer, plan=Plan((WEBPUSH,)), lane=Lane.BULK, source="test")])
    async with running(db, [webpush]):
        await becomes(lambda: _some(webpush, 1))
    assert titles(webpush) == ["newer"]
    assert (await row_of(db, first))["reason"] == "replaced"


async def test_every_step_is_told_in_order(db: FaultyDatabase) -> None:
    webpush = ScriptedChannel("webpush")
    delivery = await send(db, "m", [WEBPUSH])
    async with running(db, [webpush]):
        await reaches(db, delivery, State.ACCEPTED)
    async with db.transaction() as tx:
        for kind in ("shown", "clicked", "useful", "shown"):
            one = msgspec.convert({"delivery": delivery, "kind": kind, "at_ms": 5}, ReceiptIn)
            assert await receipts.keep(tx, "d1", [one], CLOCK.now_ms()) == 1
    rows = await db.fetch("events.after", after_seq=0, most=100)
    assert [row["kind"] for row in rows] == ["queued", "accepted", "shown", "clicked", "useful"]
    assert [row["seq"] for row in rows] == [1, 2, 3, 4, 5]
    assert await is_state(db, delivery, State.OPENED)
