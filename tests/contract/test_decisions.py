"""Decisions on both databases: made again they are the same, both or neither of them and what they say is there, and a
page that asks gets the same answer as a phone would, within the same caps.
"""

import asyncio
from collections.abc import AsyncIterator, Collection

import msgspec
import pytest

from push.campaigns import receipts
from push.campaigns.answering import Question, answer, answer_all, rehearse
from push.campaigns.asker import Asker
from push.campaigns.book import Versioned
from push.campaigns.means import Means
from push.model.campaigns import Budget, Campaign, Cap, Option, Slot, Step, Trigger
from push.model.decisions import Occasion, Receipt
from push.model.ports import Database, Queries
from push.profiles import permits, registered
from push.profiles.permits import ToProfile
from push.profiles.rights import erasing
from tests.support.campaigns import NOW_MS, campaign
from tests.support.clocks import SettableClock
from tests.support.deciding import POLICY, entered, means
from tests.support.fresh import open_database
from tests.support.ingest import ALL_TIME, T0_MS, agree, register
from tests.support.keyrings import KEYRING

AGES = {"kind": "not", "of": {"kind": "fact", "fact": "traits.age", "op": "at_most", "value": 17}}
DID = {"kind": "did", "event": "Order Completed", "least": 0, "within_days": 90}


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url, SettableClock(T0_MS)) as opened:
        await register(opened)
        for name in ("ann", "bob"):
            await agree(opened, name)
        yield opened


async def kept(db: Database, *campaigns: Campaign) -> list[Versioned]:
    """Campaigns as they stand in the database."""
    async with db.transaction() as tx:
        for each in campaigns:
            await tx.execute(
                "campaigns.put_version",
                campaign=each.id,
                version=1,
                definition=msgspec.json.encode(each).decode(),
                made_by="test",
                made_ms=T0_MS,
            )
    return [Versioned(each, 1) for each in campaigns]


async def receipt_of(db: Database, with_: Means, decision: str) -> Receipt:
    row = await db.fetch_one("campaigns.decision", id=decision)
    assert row is not None
    return receipts.unseal(with_.keyring, row)


def several() -> list[Campaign]:
    slots = (Slot(name="how", options=(Option(id="warm", text="Dear"), Option(id="short", text="Hi"))),)
    return [
        campaign("broken", value=9, title="{{ product.name }}"),
        msgspec.structs.replace(campaign("spent", value=8), budgets=(Budget(most=0),)),
        msgspec.structs.replace(campaign("slotted", value=7, title="{{ slots.how }} {{ store.name }}"), slots=slots),
        msgspec.structs.replace(campaign("grown", value=2), audience=AGES),
        msgspec.structs.replace(campaign("kept", value=2), holdout=0.9),
        msgspec.structs.replace(campaign("capped", value=2), caps=(Cap(of="campaign", most=0),)),
    ]


async def test_every_decision_made_again_is_the_same_bit_for_bit(db: Database) -> None:
    made = means(await kept(db, *several()))
    for n, who in enumerate(("ann", "bob", "ann")):
        async with db.transaction() as tx:
            found = await answer(tx, made, entered(id=f"mom_{n}", shopper=who), NOW_MS + n)
        assert found is not None
        receipt = await receipt_of(db, made, found.decision.id)
        assert receipt.decision == found.decision
        again = await receipts.replay(db, receipt, made.in_force.zones)
        assert msgspec.json.encode(again) == msgspec.json.encode(found.decision)
        verdicts = {each.campaign: each.verdict for each in found.decision.considered}
        assert verdicts["broken" if n < 2 else "slotted"] == ("template" if n < 2 else "cap")
        assert n > 1 or (verdicts["spent"], verdicts["slotted"]) == ("budget", "chosen")


async def test_what_a_rehearsal_says_leaves_nothing_behind(db: Database) -> None:
    made = means(await kept(db, campaign("c")))
    rehearsed = await rehearse(db, made, entered(), NOW_MS)
    assert rehearsed is not None
    assert rehearsed.decision.campaign == "c"
    for what in ("campaigns.decisions", "deliver.list"):
        assert await db.fetch(what, **ALL_TIME) == []
    assert await rehearse(db, means(), entered(), NOW_MS) is None


async def test_whoever_asks_gets_an_answer_within_the_caps_of_everything(db: Database) -> None:
    offer = campaign("c", trigger=Trigger(kind="asked", stores=("s1",)))
    policy = msgspec.structs.replace(POLICY, caps=(Cap(of="all", most=3, within="day"),))
    made = means(await kept(db, offer), policy)
    asker = Asker(db, made, SettableClock(T0_MS))

    def question(n: int, who: str = "ann", store: str = "s1") -> Occasion:
        return entered(kind="asked", id=f"ask_{n}", shopper=who, store=store, visit="")

    answers = await asyncio.gather(*(asker.ask(question(n)) for n in range(20)), asker.ask(question(99, "bob")))
    said = [each for each in answers if each is not None and each.sent is not None]
    assert len(said) == 4
    assert {each.decision.shopper for each in said} == {"ann", "bob"}
    assert all(each.sent is not None and each.sent.content.title == "Hello" for each in said)
    assert await asker.ask(question(100, store="s2")) is None
    assert await db.fetch("deliver.list", **ALL_TIME) == [], "whoever asks shows it"
    await asker.close()


async def test_who_asks_hears_of_what_went_wrong_and_the_others_are_answered(db: Database) -> None:
    offer = campaign("c", trigger=Trigger(kind="asked"), title="{{ shopper.name | default: 'Hello' }}")

    async def read(_db: Queries, some: Collection[ToProfile]) -> dict[str, dict[str, str]]:
        if any(permit.shopper == "ann" for permit in some):
            raise LookupError
        return {}

    asker = Asker(db, means(await kept(db, offer))._replace(read_traits=read), SettableClock(T0_MS))
    asked = [asker.ask(entered(kind="asked", id=f"ask_{who}", shopper=who, visit="")) for who in ("ann", "bob")]
    first, second = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(first, LookupError)
    assert not isinstance(second, BaseException)
    assert second is not None
    assert second.decision.campaign == "c"


async def test_many_at_once_are_decided_about_as_one_after_the_other(db: Database) -> None:
    """Ann is asked about thrice, once by her other name; Cyd agreed to nothing; Dan is erased; Eve is nobody."""
    async with db.transaction() as tx:
        await tx.execute("identity.set_person", id="bob", person="ann")
        await erasing.remove(tx, ["dan"])
        await registered.put(tx, KEYRING, "ann", {"name": "Ann", "age": 30}, T0_MS)
    hers = campaign("hers", value=9, title="Dear {{ shopper.name | default: 'you' }}")
    hers = msgspec.structs.replace(hers, audience=AGES, caps=(Cap(of="campaign", most=1),), steps=(Step(after_s=60),))
    evening = msgspec.structs.replace(campaign("evening", value=3), when="evening")
    policy = msgspec.structs.replace(POLICY, pushes_per_visit=9)
    made = means(await kept(db, hers, evening, campaign("any")), policy)
    names = ("ann", "cyd", "bob", "dan", "eve", "ann")
    asked = [Question(entered(id=f"mom_{n}", shopper=who)) for n, who in enumerate(names)]
    asked.append(Question(entered(kind="left", id="unanswered")))
    async with db.transaction() as tx:
        answers = await answer_all(tx, made, asked, NOW_MS)
    said = [None if one is None or one.sent is None else one.sent.content.title for one in answers]
    assert said == ["Dear Ann", None, "Hello", None, None, "Hello", None]
    assert [one is not None for one in answers] == [True, True, True, False, False, True, False]
    for one in answers:
        if one is not None:
            receipt = await receipt_of(db, made, one.decision.id)
            assert await receipts.replay(db, receipt, made.in_force.zones) == one.decision
    waiting = await db.fetch("deliver.list", **ALL_TIME)
    told = sorted((row["shopper"], row["campaign"], row["state"]) for row in waiting)
    assert told == [("ann", "any", "pending"), ("ann", "hers", "pending"), ("bob", "any", "cancelled")]
    checks = await permits.kept(db, "ann")
    assert sorted((row["used_for"], row["times"]) for row in checks) == [("segments", 3), ("words", 3)]
