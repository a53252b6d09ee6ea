"""Campaigns' lives and stops, alike on both databases: nobody writes over what she has not seen, nothing waits on."""

import asyncio

import msgspec
import pytest

from push.campaigns import lifecycle, records, stops
from push.campaigns.lifecycle import By
from push.campaigns.stops import Stops
from push.model.campaigns import Campaign
from push.model.errors import ConflictError, StaleError, TakenError
from push.model.ports import Database
from tests.support import outbox
from tests.support.campaigns import campaign
from tests.support.clocks import SettableClock

ANN, BOB = "operator:ann", "operator:bob"


async def put(db: Database, one: Campaign, actor: str = ANN, expect: int | None = None) -> bool:
    async with db.transaction() as tx:
        return await lifecycle.put_live(tx, one, By(actor, 5, expect))


async def test_a_newer_draft_leaves_alone_what_speaks(db: Database) -> None:
    first, second = campaign("c", title="First"), campaign("c", title="Second")
    assert await put(db, first)
    assert not await put(db, first)
    async with db.transaction() as tx:
        await lifecycle.save_draft(tx, second, By(ANN, 6))
        await lifecycle.ask_review(tx, "c", By(ANN, 7))
    [speaks] = await records.live(db)
    assert (speaks.campaign, speaks.version) == (first, 1)
    async with db.transaction() as tx:
        with pytest.raises(TakenError, match="not reviewed yet"):
            await lifecycle.launch(tx, "c", By(ANN, 8))
        await lifecycle.approve(tx, "c", By(BOB, 9))
        await lifecycle.launch(tx, "c", By(ANN, 10))
    [speaks] = await records.live(db)
    assert (speaks.campaign, speaks.version) == (second, 2)
    told = await records.versions(db, "c", 99, 10)
    assert [(one.version, one.stage, one.by_two, one.live_ms) for one in told] == [
        (2, "launched", True, 10),
        (1, "launched", False, 5),
    ]


async def test_whether_it_is_live_is_its_states_to_say(db: Database) -> None:
    paused = msgspec.structs.replace(campaign("c"), live=False)
    await put(db, paused)
    assert (await records.live(db), await records.in_force(db)) == ([], [paused])
    async with db.transaction() as tx:
        await lifecycle.resume(tx, "c", By(ANN, 6))
    assert await records.in_force(db) == [campaign("c")]
    async with db.transaction() as tx:
        await lifecycle.end(tx, "c", By(ANN, 7))
    assert await records.in_force(db) == []
    assert await put(db, campaign("c")), "what has ended may speak again"


async def test_of_two_who_saw_the_same_one_writes(db: Database) -> None:
    await put(db, campaign("c"))
    told = await asyncio.gather(
        *(put(db, campaign("c", title=f"{n}"), expect=1) for n in range(4)), return_exceptions=True
    )
    lost = [one for one in told if isinstance(one, StaleError | ConflictError)]
    assert (len(lost), told.count(True)) == (3, 1), told
    new = await asyncio.gather(
        *(put(db, campaign("d", title=f"{n}"), expect=0) for n in range(4)), return_exceptions=True
    )
    assert new.count(True) == 1, new


async def test_a_stop_cancels_what_waits_and_gives_back_what_it_took(db: Database, clock: SettableClock) -> None:
    for device in ("d1", "d2"):
        await outbox.join(db, clock, device)
    one = await outbox.enqueue(db, clock, "d1", name="m1")
    other = await outbox.enqueue(db, clock, "d2", name="m2", visit="v2")
    used: list[frozenset[str]] = []
    held = Stops(db, clock, used.append)
    async with db.transaction() as tx:
        stop = await stops.press(tx, "campaign:welcome-m1", "wrong price", ANN, clock.now_ms())
    assert [await outbox.state(db, each) for each in (one, other)] == ["cancelled", "pending"]
    assert [await outbox.used(db, visit) for visit in ("v1", "v2")] == [0, 1]
    await held.load()
    assert used == [{"campaign:welcome-m1"}]
    async with db.transaction() as tx:
        await stops.press(tx, "store:s1", "all wrong here", BOB, clock.now_ms())
    assert await outbox.state(db, other) == "cancelled"
    async with db.transaction() as tx:
        await stops.end(tx, stop.id, BOB, clock.now_ms())
        with pytest.raises(TakenError):
            await stops.end(tx, stop.id, BOB, clock.now_ms())
    await held.load()
    assert used[-1] == {"store:s1"}
    assert [(one.scope, one.ended_by) for one in await stops.listed(db)] == [
        ("store:s1", None),
        ("campaign:welcome-m1", BOB),
    ]


async def test_what_was_decided_while_somebody_pressed_goes_with_the_rest(db: Database, clock: SettableClock) -> None:
    await outbox.join(db, clock, "d1")
    held = Stops(db, clock, lambda _: None)
    async with db.transaction() as tx:
        await stops.press(tx, "all", "a mistake", ANN, clock.now_ms())
    late = await outbox.enqueue(db, clock, "d1")
    await held.load()
    await held.carry_through()
    assert await outbox.state(db, late) == "cancelled"
