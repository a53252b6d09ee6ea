"""A long queue, a full one and one of late messages keep no other waiting."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest

from push.campaigns import outbox
from push.campaigns.outbox import Send
from push.campaigns.routes import Plan
from push.deliver.attempts import outcome
from push.deliver.gates import Gates, GateSettings
from push.model.delivery import Accepted, Content, Lane, Message, Outgoing, Route, State
from push.model.errors import CredentialError, OutcomeUnknownError, PermanentError, TooLargeError
from push.model.people import Address
from push.profiles import people
from tests.support.faulty import FaultyDatabase
from tests.support.fresh import open_database
from tests.support.keyrings import KEYRING
from tests.support.outbox import SEALS, ScriptedChannel, join
from tests.support.sending import CLOCK, SETTINGS, becomes, is_state, reaches, running

INAPP = Route("d1", "inapp")
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


async def send(  # noqa: PLR0913 - a delivery has many sides
    db: FaultyDatabase,
    names: Sequence[str],
    routes: Sequence[Route],
    lane: Lane = Lane.BULK,
    *,
    hold_ms: int = 0,
    lifetime_ms: int = 600_000,
) -> list[str]:
    now_ms = CLOCK.now_ms()
    plan = Plan(tuple(routes), hold_ms=hold_ms)
    sends = [
        Send(
            message=Message(
                id=f"msg-{name}",
                shopper="shp_d1",
                campaign="",
                content=Content(title=name, body=""),
                created_ms=now_ms,
                expires_ms=now_ms + lifetime_ms,
                collapse_key=f"msg-{name}",
            ),
            plan=plan,
            lane=lane,
            source="test",
        )
        for name in names
    ]
    async with db.transaction() as tx:
        return await outbox.put(tx, KEYRING, sends)


def numbered(name: str, n: int) -> list[str]:
    return [f"{name}{k}" for k in range(n)]


async def test_a_long_queue_without_a_gate_keeps_no_other_of_its_lane_waiting(db: FaultyDatabase) -> None:
    inapp, webpush = ScriptedChannel("inapp"), ScriptedChannel("webpush")
    await send(db, numbered("many", 1000), [INAPP])
    [one] = await send(db, ["one"], [WEBPUSH])
    async with running(db, [inapp, webpush]):
        await reaches(db, one, State.ACCEPTED)
        assert len(inapp.sent) < 700


async def test_what_is_due_soon_is_not_missed_while_another_queue_is_full(db: FaultyDatabase) -> None:
    """Nothing comes back from the one service, so that nothing but the time wakes the sender."""
    stuck, inapp = ScriptedChannel("webpush"), ScriptedChannel("inapp")
    stuck.gate.clear()
    await send(db, numbered("stuck", 40), [WEBPUSH])
    async with running(db, [stuck, inapp]) as sender:
        await becomes(lambda: _many(stuck, 12))
        [soon] = await send(db, ["soon"], [INAPP], Lane.MOMENT, hold_ms=250)
        sender.wake()
        began_ms = CLOCK.now_ms()
        await reaches(db, soon, State.ACCEPTED)
        assert CLOCK.now_ms() - began_ms < 700
        stuck.gate.set()


async def _many(channel: ScriptedChannel, least: int) -> bool:
    return len(channel.sent) >= least


class Steady:
    """A channel that takes a little while for each."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.sent: list[Outgoing] = []

    async def send(self, outgoing: Outgoing) -> Accepted:
        self.sent.append(outgoing)
        await asyncio.sleep(0.01)
        return Accepted(status=201)


async def test_once_there_is_room_again_it_is_taken_at_once(db: FaultyDatabase) -> None:
    inapp = Steady("inapp")
    moments = await send(db, numbered("m", 96), [INAPP], Lane.MOMENT)
    began_ms = CLOCK.now_ms()
    async with running(db, [inapp], msgspec.structs.replace(SETTINGS, in_flight=8)):
        for moment in moments:
            await reaches(db, moment, State.ACCEPTED)
    assert CLOCK.now_ms() - began_ms < 5000, "twelve times full, and never idle for a second"


async def test_what_is_too_late_lets_what_is_behind_it_pass(db: FaultyDatabase) -> None:
    webpush = ScriptedChannel("webpush")
    late = await send(db, numbered("late", 300), [WEBPUSH], lifetime_ms=-1)
    [one] = await send(db, ["one"], [WEBPUSH])
    async with running(db, [webpush]) as sender:
        await reaches(db, one, State.ACCEPTED)
        for delivery in late:
            await reaches(db, delivery, State.EXPIRED)
        assert sender.counts["expired"] == 300
    assert [sent.message.content.title for sent in webpush.sent] == ["one"]


async def test_a_service_that_is_tried_out_keeps_nobody_who_has_another_way(db: FaultyDatabase) -> None:
    """It failed, is let one through to see, and that one hangs: the others go the other way meanwhile."""
    hanging = ScriptedChannel("fcm", [OutcomeUnknownError("no_answer")])
    webpush = ScriptedChannel("webpush")
    settings = msgspec.structs.replace(SETTINGS, gate=GateSettings(failures=1, closed_ms=400, longest_closed_ms=400))
    await send(db, ["first"], [FCM])
    async with running(db, [hanging, webpush], settings) as sender:
        await becomes(lambda: _many(hanging, 1))
        hanging.gate.clear()
        await becomes(lambda: _many(hanging, 2))
        others = await send(db, numbered("other", 5), [FCM, WEBPUSH])
        sender.wake()
        for other in others:
            await reaches(db, other, State.ACCEPTED)
        assert len(hanging.sent) == 2
        hanging.gate.set()


async def test_where_every_way_is_tried_out_or_closed_nobody_asks_again_and_again(db: FaultyDatabase) -> None:
    hanging = ScriptedChannel("fcm", [OutcomeUnknownError("no_answer")])
    refusing = ScriptedChannel("webpush", [CredentialError("key_revoked")] * 9)
    settings = msgspec.structs.replace(
        SETTINGS, gate=GateSettings(failures=1, closed_ms=400, longest_closed_ms=600_000)
    )
    await send(db, ["first"], [FCM])
    async with running(db, [hanging, refusing], settings) as sender:
        await becomes(lambda: _many(hanging, 1))
        hanging.gate.clear()
        await becomes(lambda: _many(hanging, 2))
        gate = sender.gates.gate("webpush/default/")
        gate.closed_until_ms = CLOCK.now_ms() + 600_000
        [both] = await send(db, ["both"], [FCM, WEBPUSH])
        sender.wake()
        db.asked.clear()
        await asyncio.sleep(1.0)
        await becomes(lambda: is_state(db, both, State.PENDING))
        assert refusing.sent == []
        assert db.asked["deliver.claim"] <= 6
        hanging.gate.set()


def test_who_finds_the_first_way_closed_and_the_second_full_waits_at_the_second() -> None:
    gates = Gates(GateSettings(failures=1), 256)
    gates.gate("a").closed_until_ms = 10_000
    assert gates.again_ms("a", 0) == 10_000
    assert gates.again_ms("b", 0) == 0
    assert not gates.is_well("a", 0)
    assert gates.is_well("b", 0)


async def test_what_nobody_was_asked_about_says_nothing_of_the_service(db: FaultyDatabase) -> None:
    """Every other message cannot be sent at all, and the service is down: it is left alone all the same."""
    async with db.transaction() as tx:
        await tx.execute("profiles.new_device", id="d2", shopper="shp_d1", platform="sim", locale="en", created_ms=1)
    down = ScriptedChannel("fcm", [OutcomeUnknownError("no_answer")] * 999)
    settings = msgspec.structs.replace(
        SETTINGS, in_flight=1, gate=GateSettings(failures=2, closed_ms=60_000, longest_closed_ms=60_000)
    )
    for n in range(4):
        await send(db, [f"down{n}"], [FCM])
        await send(db, [f"nowhere{n}"], [Route("d2", "fcm", "shop")])
    async with running(db, [down], settings) as sender:
        await becomes(lambda: _closed(sender.gates.troubles(CLOCK.now_ms())))
    assert len(down.sent) == 2


async def _closed(troubles: dict[str, str]) -> bool:
    return bool(troubles)


async def test_a_message_that_is_too_large_says_nothing_of_the_service_either() -> None:
    assert outcome(TooLargeError(5000, 4096)) == "idle"
    assert outcome(PermanentError("refused", status=400)) == "good"
