"""What an app reports of its messages, on both databases: once each, in any order, and of verdicts the last word."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise

import pytest

from push.deliver import receipts
from push.deliver.receipts import ReceiptIn
from push.model.delivery import ReceiptKind, State
from push.model.ports import Database
from tests.support.clocks import SettableClock
from tests.support.fresh import open_database
from tests.support.outbox import enqueue, join, state

NOW_MS = 1_700_000_000_000
LATER_MS = NOW_MS + 60_000


@pytest.fixture
async def box(database_url: str) -> AsyncIterator[Database]:
    """Where two people have a phone each."""
    clock = SettableClock(NOW_MS)
    async with open_database(database_url, clock) as opened:
        await join(opened, clock, "phone")
        await join(opened, clock, "other")
        yield opened


async def told(db: Database, delivery: str, *said: tuple[ReceiptKind, int], device: str = "phone") -> int:
    """Report kinds at seconds after now, all in one call."""
    asked = [ReceiptIn(delivery, kind, NOW_MS + 1000 * at_s) for kind, at_s in said]
    async with db.transaction() as tx:
        return await receipts.keep(tx, device, asked, LATER_MS)


async def happened(db: Database) -> list[str]:
    """Events since the message was queued, in their order."""
    return [row["kind"] for row in await db.fetch("events.after", after_seq=1, most=100)]


async def new_delivery(db: Database) -> str:
    return await enqueue(db, SettableClock(NOW_MS), "phone")


@pytest.mark.parametrize(
    ("kind", "becomes"),
    [
        ("shown", State.SHOWN),
        ("dismissed", State.SHOWN),
        ("opened", State.OPENED),
        ("clicked", State.OPENED),
        ("redeemed", State.OPENED),
        ("useful", State.PENDING),
        ("less", State.PENDING),
    ],
)
async def test_each_kind_is_told_once_and_moves_the_delivery_as_far_as_it_proves(
    box: Database, kind: ReceiptKind, becomes: State
) -> None:
    delivery = await new_delivery(box)
    assert await told(box, delivery, (kind, 1)) == 1
    assert await told(box, delivery, (kind, 1), (kind, 2)) == 2
    assert await state(box, delivery) == becomes
    assert await happened(box) == [kind]


async def test_nobody_reports_for_somebody_else(box: Database) -> None:
    delivery = await new_delivery(box)
    assert await told(box, delivery, ("useful", 1), ("opened", 1), device="other") == 0
    assert await told(box, "unknown", ("useful", 1)) == 0
    assert (await happened(box), await state(box, delivery)) == ([], State.PENDING)


async def test_late_receipts_are_welcome_and_complete_the_record(box: Database) -> None:
    delivery = await new_delivery(box)
    await told(box, delivery, ("redeemed", 9))
    await told(box, delivery, ("shown", 1))
    row = await box.fetch_one("deliver.trace", id=delivery)
    assert row is not None
    assert (row["state"], row["shown_ms"], row["opened_ms"]) == (State.OPENED, NOW_MS + 1000, NOW_MS + 9000)


Said = Sequence[tuple[ReceiptKind, int]]


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ([("useful", 1), ("less", 2)], ["useful", "less"]),
        ([("useful", 1), ("less", 2), ("useful", 3)], ["useful", "less", "useful"]),
        ([("less", 2), ("useful", 1)], ["less"]),
        ([("useful", 1), ("useful", 3), ("less", 2)], ["useful"]),
        ([("useful", 1), ("less", 2), ("useful", 1)], ["useful", "less"]),
        ([("useful", 600), ("less", 601)], ["useful", "less"]),
    ],
    ids=["changed", "and back", "overtaken", "confirmed since", "sent twice", "a clock that runs ahead"],
)
@pytest.mark.parametrize("batched", [True, False], ids=["in one call", "in calls of their own"])
async def test_of_verdicts_the_last_word_counts_and_each_change_is_told(
    box: Database, said: Said, heard: list[str], *, batched: bool
) -> None:
    delivery = await new_delivery(box)
    for call in [list(said)] if batched else [[one] for one in said]:
        await told(box, delivery, *call)
    assert await happened(box) == heard


async def test_two_devices_that_judge_at_once_leave_one_verdict(box: Database) -> None:
    delivery = await new_delivery(box)
    await asyncio.gather(*(told(box, delivery, (kind, n)) for n in range(20) for kind in ("useful", "less")))
    before = await happened(box)
    assert all(one != next_ for one, next_ in pairwise(before)), before
    await told(box, delivery, ("useful", 20))
    await told(box, delivery, ("less", 21))
    assert (await happened(box))[-1] == "less"
