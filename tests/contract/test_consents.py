"""What a withdrawal takes back with it, on both databases, and from when on it holds."""

import asyncio
import contextlib
from collections.abc import Mapping

import pytest

from push.api import consents
from push.campaigns import outbox
from push.campaigns.outbox import Send
from push.campaigns.routes import Plan
from push.channels.inapp import EventStreams
from push.model.delivery import Content, Lane, Message, State
from push.model.errors import ConflictError, DatabaseError
from push.model.people import PURPOSES, Purpose
from tests.support import small_api
from tests.support.clocks import SettableClock
from tests.support.faulty import FaultyDatabase
from tests.support.fresh import open_database
from tests.support.keyrings import KEYRING
from tests.support.outbox import enqueue, join, state, ways

BEHIND: tuple[Purpose, ...] = ("location", "marketing", "profiling")


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("granted", [True, False])
async def test_a_waiting_message_goes_with_what_it_was_made_of(
    database_url: str, purpose: Purpose, *, granted: bool
) -> None:
    """Granted before: taken back, as with the only way left. Never granted, and said once more: nothing changes."""
    clock = SettableClock()
    others = tuple(p for p in PURPOSES if granted or p != purpose)
    async with open_database(database_url, clock) as db:
        shopper = await join(db, clock, "phone", purposes=others)
        delivery = await enqueue(db, clock, "phone")
        async with db.transaction() as tx:
            await consents.Change(tx).write(shopper, {purpose: False}, "test", clock.now_ms())
        found = await state(db, delivery)
    assert found == (State.CANCELLED if granted and purpose in {*BEHIND, "inapp"} else State.PENDING)


@pytest.mark.parametrize("withdrawn", [("webpush",), ("webpush", "email")])
async def test_what_has_another_way_left_goes_on_waiting(database_url: str, withdrawn: tuple[Purpose, ...]) -> None:
    """Beside the first, or as a later step."""
    clock = SettableClock()
    steps = ways("phone", ("webpush",)), ways("phone", ("email",))
    async with open_database(database_url, clock) as db:
        shopper = await join(db, clock, "phone")
        beside = await enqueue(db, clock, "phone", channels=("webpush", "email"))
        message = Message(
            id="msg_2", shopper=shopper, campaign="", content=Content(title="Hello", body=""), collapse_key="msg_2",
            created_ms=clock.now_ms(), expires_ms=clock.now_ms() + 60_000,
        )  # fmt: skip
        plan = Plan(steps[0], later=(steps[1],), fall_back_s=60)
        async with db.transaction() as tx:
            [later] = await outbox.put(tx, KEYRING, [Send(message=message, plan=plan, lane=Lane.BULK, source="test")])
            await consents.Change(tx).write(shopper, dict.fromkeys(withdrawn, False), "test", clock.now_ms())
        found = {await state(db, delivery) for delivery in (beside, later)}
        told = [row["kind"] for row in await db.fetch("events.after", after_seq=0, most=9)]
    assert found == {State.PENDING if withdrawn == ("webpush",) else State.CANCELLED}
    assert told == ["queued", "queued", *(["cancelled"] * 2 if len(withdrawn) == 2 else [])]


@pytest.mark.parametrize(
    ("error", "noted"),
    [(None, {"location": False, "inapp": True}), (DatabaseError, {"location": False}), (ConflictError, None)],
)
async def test_a_withdrawal_holds_even_where_nobody_knows_whether_it_was_committed(
    database_url: str, error: type[DatabaseError] | None, noted: dict[Purpose, bool] | None
) -> None:
    clock, book = SettableClock(), dict[str, Mapping[Purpose, bool]]()
    async with open_database(database_url, clock) as db:
        context = small_api.context(FaultyDatabase(db), clock, EventStreams(), small_api.Nowhere())
        context = context._replace(note_consent=book.__setitem__)
        shopper = await join(db, clock, "phone")
        asked: dict[Purpose, bool] = {"location": False, "inapp": True}
        try:
            async with consents.changing(context) as change:
                await change.write(shopper, asked, "test", clock.now_ms())
                if error is not None:
                    raise error("away")
        except DatabaseError as raised:
            assert type(raised) is error  # noqa: PT017 - the first case raises nothing
    assert book.get(shopper) == noted


async def test_two_who_speak_for_the_same_people_the_other_way_round_are_both_heard(database_url: str) -> None:
    """Each holds whom the other waits for: PostgreSQL ends one, which begins anew."""
    clock = SettableClock()
    async with open_database(database_url, clock) as db:
        context = small_api.context(db, clock, EventStreams(), small_api.Nowhere())
        people = [await join(db, clock, name) for name in ("phone", "tablet")]
        begun = [asyncio.Event(), asyncio.Event()]

        async def speak(mine: int) -> None:
            async def work(change: consents.Change) -> None:
                for place in (mine, 1 - mine):
                    await change.write(people[place], {"marketing": False}, f"test:{mine}", clock.now_ms())
                    begun[mine].set()
                    with contextlib.suppress(TimeoutError):  # on SQLite the other one waits until this one is done
                        async with asyncio.timeout(0.2):
                            await begun[1 - mine].wait()

            await consents.changed(context, work)

        await asyncio.gather(speak(0), speak(1))
        for shopper in people:
            said = await db.fetch("profiles.consent_history", shopper=shopper)
            assert [row["granted"] for row in said if row["purpose"] == "marketing"] == [1, 0]
