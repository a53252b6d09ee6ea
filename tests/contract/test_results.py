"""What came of a campaign, on both databases: each person once, who bought in time, and who came too lately to say."""

from collections.abc import AsyncIterator

import pytest

from push.campaigns import results
from push.campaigns.answering import answer
from push.campaigns.proof import Arm
from push.campaigns.results import DAY_MS
from push.deliver import receipts
from push.deliver.receipts import ReceiptIn
from push.model.ports import Database
from push.model.profiles import Identifier, Statement
from push.profiles import keys
from push.profiles.collect import tracked
from tests.support.campaigns import campaign
from tests.support.clocks import SettableClock
from tests.support.deciding import entered, means, saying
from tests.support.fresh import open_database
from tests.support.ingest import T0_MS, agree, register
from tests.support.keyrings import KEYRING


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url, SettableClock(T0_MS)) as opened:
        await register(opened)
        for name in ("ann", "bob", "cyd"):
            await agree(opened, name)
        yield opened


async def bought(db: Database, shopper: str, name: str, at_ms: int) -> None:
    said = Statement(
        id=f"{shopper}-{at_ms}", home=Identifier("user_id", shopper), kind="track", name=name, source="test",
        at_ms=at_ms, received_ms=at_ms,
    )  # fmt: skip
    async with db.transaction() as tx:
        await tracked.write(tx, await keys.ensure(tx, KEYRING, [shopper]), [(shopper, said)])


async def test_each_person_counts_once_and_purchases_as_long_as_they_are_in_time(db: Database) -> None:
    with_ = means([saying(campaign("c"))])
    async with db.transaction() as tx:
        found = await answer(tx, with_, entered(shopper="ann"), T0_MS)
        assert found is not None
        assert found.sent is not None
        for who, arm, first_ms in (
            ("ann", "treated", T0_MS),
            ("bob", "holdout", T0_MS + DAY_MS),
            ("cyd", "treated", T0_MS + 9 * DAY_MS),
        ):
            await tx.execute("campaigns.arm", campaigns='["c"]', shopper=who, arm=arm, first_ms=first_ms)
        for kind in ("opened", "redeemed"):
            await receipts.keep(tx, "dev-ann", [ReceiptIn(found.sent.delivery, kind, T0_MS)], T0_MS)
    await bought(db, "ann", "order_completed", T0_MS + DAY_MS)
    await bought(db, "ann", "Order Completed", T0_MS + 2 * DAY_MS)
    await bought(db, "bob", "Order Completed", T0_MS)
    await bought(db, "bob", "Product Viewed", T0_MS + 2 * DAY_MS)
    await bought(db, "bob", "Order Completed", T0_MS + 8 * DAY_MS)
    seen = await results.results(db, "c", 7, T0_MS + 10 * DAY_MS)
    assert (seen.reached, seen.shown, seen.opened, seen.redeemed) == (1, 1, 1, 1)
    assert (seen.treated, seen.holdout) == (Arm(people=1, bought=1), Arm(people=1, bought=0))
    assert (seen.too_soon, seen.lift, seen.sure) == (1, None, False)
    later = await results.results(db, "c", 7, T0_MS + 20 * DAY_MS)
    assert (later.treated.people, later.too_soon) == (2, 0)
    none = await results.results(db, "other", 7, T0_MS)
    assert (none.reached, none.treated) == (0, Arm(people=0, bought=0))
