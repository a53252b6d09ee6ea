"""Coupons on both databases: a code is taken once and used once, whoever asks at once; erased, it is nobody's."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import msgspec
import pytest

from push.campaigns import codes, outbox, pools
from push.campaigns.answering import Answer, answer
from push.campaigns.book import Versioned
from push.campaigns.coupons import Coupons
from push.campaigns.means import Means
from push.deliver import redeeming
from push.deliver.redeeming import Asked, CouponError, Objection
from push.model.again import insist
from push.model.campaigns import Campaign
from push.model.coupons import Kind, Pool
from push.model.errors import ConflictError, MisfitError
from push.model.ports import Database
from push.model.vault import Vault
from push.profiles.rights import erasing
from tests.support.campaigns import NOW_MS, campaign
from tests.support.clocks import SettableClock
from tests.support.deciding import POLICY, entered, means
from tests.support.fresh import open_database
from tests.support.ingest import T0_MS, agree, register
from tests.support.keyrings import KEYRING

VAULT = Vault(bytes(range(32)))
DAY_MS = 86_400_000
AT_ONCE = 16


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url, SettableClock(T0_MS)) as opened:
        await register(opened)
        for name in ("ann", "bob"):
            await agree(opened, name)
        yield opened


async def make(db: Database, kind: Kind = "list", *handed_in: str, **said: object) -> None:
    asked = {"id": "spring", "name": "Spring", "kind": kind, "reward": "a coffee", **said}
    async with db.transaction() as tx:
        await pools.make(tx, VAULT, msgspec.convert(asked, Pool), "ann", NOW_MS)
    if handed_in:
        await pools.fill(db, VAULT, "spring", "\n".join(handed_in), "ann", NOW_MS)


def offering(name: str = "c") -> Campaign:
    return msgspec.structs.replace(campaign(name, title="Take {{ coupon.code }}"), coupon="spring")


def giving(*offers: Campaign) -> Means:
    patient = msgspec.structs.replace(POLICY, pushes_per_visit=99)
    found = means([Versioned(each, 1) for each in offers or (offering(),)], patient)
    return found._replace(content=found.content._replace(coupon=Coupons(VAULT, KEYRING, SettableClock(NOW_MS)).take))


async def told(db: Database, shopper: str = "ann", n: int = 0, made: Means | None = None) -> Answer:
    async def once() -> Answer | None:
        async with db.transaction() as tx:
            return await answer(tx, made or giving(), entered(id=f"mom_{shopper}{n}", shopper=shopper), NOW_MS + n)

    found = await insist(once)
    assert found is not None
    return found


async def code_of(db: Database, shopper: str = "ann", n: int = 0) -> str:
    found = await told(db, shopper, n)
    assert found.sent is not None, found.decision.considered
    return found.sent.content.data["coupon"]


async def left(db: Database) -> tuple[int | None, int, int]:
    record = await pools.get(db, "spring")
    return record.left, record.taken, record.redeemed


async def use(db: Database, code: str, receipt: str = "", store: str = "s1", now_ms: int = NOW_MS) -> str:
    """The reward, or why not."""
    try:
        return (await redeeming.redeem(db, VAULT, Asked(code, store, receipt), now_ms)).reward
    except CouponError as error:
        return error.what


@pytest.mark.parametrize("kind", ["list", "signed"])
async def test_of_sixteen_who_redeem_a_code_at_once_one_does_and_the_others_are_told_when(
    db: Database, kind: Kind
) -> None:
    await make(db, kind, *(("ABCD-1",) if kind == "list" else ()))
    code = await code_of(db)
    tills = [use(db, code.lower().replace("-", " "), f"sale-{n}", "s1", NOW_MS + n) for n in range(AT_ONCE)]
    answers = await asyncio.gather(*tills)
    assert Counter(answers) == {"a coffee": 1, "used": AT_ONCE - 1}
    winner = answers.index("a coffee")
    assert await use(db, code, f"sale-{winner}") == "a coffee", "the same sale asks again"
    with pytest.raises(CouponError) as caught:
        await redeeming.redeem(db, VAULT, Asked(code, "s1"), NOW_MS)
    assert caught.value.used == redeeming.Used(NOW_MS + winner, "s1")
    said = await db.fetch("campaigns.verdicts", shoppers='["ann"]', since_ms=0)
    assert [(row["campaign"], row["kind"]) for row in said] == [("c", "redeemed")], "she is not offered it again"
    assert (await left(db))[1:] == (1, 1)


async def test_a_pool_that_runs_dry_gives_nobody_a_code_twice(db: Database) -> None:
    await make(db, "list", "AAAA", "BBBB", "CCCC", per_person=0)
    offers = [offering(f"c{n}") for n in range(5)]
    asked = [(("ann", "bob")[n % 2], n, giving(offers[n])) for n in range(5)]
    found = await asyncio.gather(*(told(db, who, n, made) for who, n, made in asked))
    taken = [one.sent.content.data["coupon"] for one in found if one.sent is not None]
    assert len(found) == 5
    assert sorted(taken) == ["AAAA", "BBBB", "CCCC"]
    dry = [each for one in found for each in one.decision.considered if each.verdict == "coupon"]
    assert {each.why for each in dry} == {"the pool spring has no coupon left"}
    assert await left(db) == (0, 3, 0)
    assert (await pools.get(db, "spring")).is_dry


async def test_a_code_goes_back_where_its_message_was_cancelled_before_anybody_saw_it(db: Database) -> None:
    await make(db, "list", "AAAA", per_person=1)
    made = await told(db)
    assert made.sent is not None
    [touch] = await db.fetch("rights.export_touches", ids='["ann"]')
    assert await use(db, "BBBB") == "unknown"
    async with db.transaction() as tx:
        await outbox.cancel_message(tx, touch["message"], NOW_MS)
    assert await left(db) == (1, 0, 0)
    assert await use(db, "AAAA") == "unknown", "nobody has it"
    assert await code_of(db, "bob") == "AAAA"
    assert await code_of(db, "bob", 1) == "AAAA", "who has one of this campaign is told it again"
    refused = (await told(db, "bob", 2, giving(offering("other")))).decision.considered[0]
    assert (refused.verdict, "one person gets 1" in refused.why) == ("coupon", True)
    assert await left(db) == (0, 1, 0)


async def test_who_is_erased_leaves_a_code_that_is_good_once_and_nobodys(db: Database) -> None:
    await make(db, "signed")
    code = await code_of(db)
    async with db.transaction() as tx:
        [exported] = await tx.fetch("rights.export_coupons", ids='["ann"]')
        await erasing.remove(tx, ["ann"])
    assert (exported["campaign"], exported["redeemed_ms"]) == ("c", None)
    assert await db.fetch("rights.export_coupons", ids='["ann"]') == []
    assert [await use(db, code), await use(db, code)] == ["a coffee", "used"]
    coupons = Coupons(VAULT, KEYRING, SettableClock(NOW_MS))
    with pytest.raises(ConflictError, match="erased"):
        async with db.transaction() as tx:
            await coupons.take(tx, "spring", "ann", "c", NOW_MS)


async def test_each_reason_not_to_redeem_has_a_name_of_its_own(db: Database) -> None:
    await make(db, "signed", stores=["s1"], days=1)
    code = await code_of(db)
    slip = code[:-1] + ("A" if code[-1] != "A" else "B")
    letters = code.replace("-", "")
    forged = letters[:8] + ("A" if letters[8] != "A" else "B") + letters[9:-1]
    forged += codes.LETTERS[codes.check(forged)]
    cases: dict[str, Objection] = {"NOSUCH": "unknown", slip: "mistyped", forged: "forged"}
    for typed, expected in cases.items():
        assert await use(db, typed) == expected
    assert await use(db, code, store="s2") == "elsewhere"
    assert await use(db, code, now_ms=NOW_MS + DAY_MS) == "expired"
    assert await use(db, code) == "a coffee"


async def test_codes_come_in_all_or_none_and_a_file_may_come_twice(db: Database) -> None:
    await make(db, "list", "AAAA")
    async with db.transaction() as tx:
        await pools.make(tx, VAULT, Pool(id="other", name="O", kind="list", reward="x"), "ann", NOW_MS)
    bad = "code;note\nBBBB;x\nb-b-b-b\n?\nAAAA"
    with pytest.raises(MisfitError) as caught:
        await pools.fill(db, VAULT, "other", bad, "ann", NOW_MS)
    assert [fault.field for fault in caught.value.faults] == ["line 3", "line 4"]
    with pytest.raises(MisfitError, match="line 2: the pool spring has this code"):
        await pools.fill(db, VAULT, "other", "BBBB\nAAAA", "ann", NOW_MS)
    assert (await pools.get(db, "other")).left == 0
    again = await pools.fill(db, VAULT, "spring", "aaaa\nBBBB,1,2\n", "ann", NOW_MS)
    assert (again.added, again.known) == (1, 1)
    assert await left(db) == (2, 0, 0)


async def test_a_code_may_end_with_the_visit(db: Database) -> None:
    await make(db, "signed", with_visit=True)
    visit = {"id": "v1", "store": "s1", "shopper": "ann", "entered_ms": NOW_MS, "heard_ms": NOW_MS}
    async with db.transaction() as tx:
        await tx.execute("ingest.open_visit", **visit)
        found = await answer(tx, giving(), entered(id="m", visit="v1"), NOW_MS)
        assert found is not None
        assert found.sent is not None
        await tx.execute("ingest.close_visit", id="v1", left_ms=NOW_MS)
    code = found.sent.content.data["coupon"]
    assert await use(db, code, now_ms=NOW_MS + redeeming.AFTER_VISIT_MS) == "expired"
    assert await use(db, code, now_ms=NOW_MS + redeeming.AFTER_VISIT_MS - 1) == "a coffee"
