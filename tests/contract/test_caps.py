"""Caps of people and budgets of campaigns hold on both databases, however many decide at once, and forget with her."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from zoneinfo import ZoneInfo

import pytest

from push.campaigns import budgets, touches
from push.campaigns.caps import HOUR_MS, Over, Tally, over_any
from push.campaigns.outbox import Send, put
from push.campaigns.routes import Plan
from push.campaigns.touches import Put
from push.deliver import receipts
from push.deliver.receipts import ReceiptIn
from push.model.again import insist
from push.model.campaigns import Budget, Cap
from push.model.decisions import Occasion, Touch
from push.model.delivery import Content, Lane, Message, Route
from push.model.ports import Database, Transaction
from push.profiles import consent
from push.profiles.rights import erasing
from push.retaining import DAY_MS
from tests.support.clocks import SettableClock
from tests.support.fresh import open_database
from tests.support.ingest import T0_MS, agree, register
from tests.support.keyrings import KEYRING

BERLIN = ZoneInfo("Europe/Berlin")
WRITERS = 16
PEOPLE = {"ann": "ann", "bob": "ann", "cyd": "cyd"}
"""Two facets of one person, who agreed; and somebody who never said anything, whom no consent is locked for."""
CAPS = (Cap(most=4, within="day"), Cap(of="campaign", most=2, hours=24), Cap(of="tag", tag="t", most=3, within="ever"))
BUDGETS = {"c3": (Budget(most=3), Budget(of="store", most=2, within="day"), Budget(of="chain", most=4, within="month"))}
PLAN = Plan((Route("dev-ann", "inapp"),))
TAGS = {"c1": ("t",), "c2": ("t",), "c3": ()}


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url, SettableClock(T0_MS)) as opened:
        await register(opened)
        await agree(opened, "ann")
        async with opened.transaction() as tx:
            await tx.execute("identity.set_person", id="bob", person="ann")
        yield opened


def at(shopper: str, *, store: str = "s1", visit: str = "") -> Occasion:
    return Occasion(
        id="o", kind="event", shopper=shopper, store=store, visit=visit, at_ms=T0_MS, heard_ms=T0_MS, received_ms=T0_MS
    )


def touch(campaign: str = "c1", *, at_ms: int = T0_MS, store: str = "s1", channel: str = "inapp") -> Touch:
    tags = TAGS.get(campaign, ())
    return Touch(campaign=campaign, tags=tags, channel=channel, store=store, is_here=False, at_ms=at_ms)


async def sent(db: Database, shopper: str, **asked: str) -> tuple[Touch, ...]:
    return await touches.of(db, shopper, at(shopper, **asked), 0)


class Writer:
    """Decides again and again about anybody, and takes some of it back as what was never handed over."""

    def __init__(self, db: Database, seed: int) -> None:
        self._db = db
        self._chance = random.Random(seed)  # noqa: S311 - a schedule that repeats itself
        self._name = f"w{seed}"
        self.held: list[tuple[str, tuple[str, ...]]] = []

    async def write(self, rounds: int) -> None:
        for n in range(rounds):
            message, shopper = f"{self._name}-{n}", self._chance.choice(sorted(PEOPLE))
            campaign, store = self._chance.choice(sorted(TAGS)), self._chance.choice(("s1", "s2"))
            taken = await insist(lambda m=message, p=shopper, c=campaign, s=store: self._decide(m, p, c, s))  # type: ignore[misc]
            if taken is not None:
                self.held.append((message, taken))
            if self.held and self._chance.random() < 0.2:
                back = self.held.pop()
                await insist(lambda back=back: self._take_back(*back))  # type: ignore[misc]

    async def _decide(self, message: str, shopper: str, campaign: str, store: str) -> tuple[str, ...] | None:
        async with self._db.transaction() as tx:
            await consent.standing_for_decision(tx, shopper, T0_MS)
            found = await touches.of(tx, shopper, at(shopper, store=store), T0_MS - 35 * DAY_MS)
            await asyncio.sleep(0.003)  # others would read the same meanwhile
            tally, tags = Tally(found, BERLIN, T0_MS), TAGS[campaign]
            if over_any(CAPS, tally, campaign=campaign, channel="inapp", store=store, tags=tags) is not None:
                return None
            limits = BUDGETS.get(campaign, ())
            if await budgets.take(tx, limits, campaign=campaign, store=store, now_ms=T0_MS) is not None:
                return None
            await tx.execute_many(*touches.written([Put(message, shopper, "", touch(campaign, store=store))]))
            return budgets.ids(limits, campaign=campaign, store=store, now_ms=T0_MS)

    async def _take_back(self, message: str, taken: tuple[str, ...]) -> None:
        async with self._db.transaction() as tx:
            await touches.drop(tx, [message])
            await budgets.give_back(tx, taken, T0_MS)


async def test_no_cap_and_no_budget_is_exceeded_by_sixteen_who_decide_at_once(db: Database) -> None:
    writers = [Writer(db, seed) for seed in range(WRITERS)]
    await asyncio.gather(*(writer.write(4) for writer in writers))
    held = Counter(counter for writer in writers for _, taken in writer.held for counter in taken)
    found = [await sent(db, person) for person in ("ann", "cyd")]
    for own in found:
        assert len(own) <= 4
        assert max(Counter(each.campaign for each in own).values()) <= 2
        assert sum(each.tags == ("t",) for each in own) <= 3
    assert await budgets.used(db, held) == held
    assert held["budget:campaign:c3:ever"] == sum(each.campaign == "c3" for own in found for each in own) <= 3
    assert max(held[f"budget:store:{store}:day:2023-11-14"] for store in ("s1", "s2")) <= 2
    assert sum(len(own) for own in found) == sum(len(writer.held) for writer in writers) > 4


async def test_a_budget_is_taken_whole_or_not_at_all(db: Database) -> None:
    async def take(tx: Transaction, store: str = "s1", later_ms: int = 0) -> str | None:
        limits = (Budget(most=2), Budget(of="store", most=1, within="hour"))
        return await budgets.take(tx, limits, campaign="c", store=store, now_ms=T0_MS + later_ms)

    async with db.transaction() as tx:
        assert await take(tx) is None
        assert await take(tx) == "the budget in this store, 1 message this hour, is used up"
        assert await take(tx, later_ms=HOUR_MS) is None, "what the store refused was not taken of the campaign"
        assert await take(tx, "s2") == "the budget of this campaign, 2 messages, is used up"
    await budgets.sweep(db, T0_MS + budgets.KEPT_MS + 1)
    names = ("budget:campaign:c:ever", "budget:store:s1:hour:2023-11-14T22", "budget:store:s1:hour:2023-11-14T23")
    assert await budgets.used(db, names) == dict(zip(names, (2, 0, 1), strict=True)), "long over: gone"


async def test_two_servers_take_of_one_budget_without_waiting_for_each_other_and_to_its_last_message(
    db: Database, database_url: str
) -> None:
    most, counter = 100, "budget:campaign:c:ever"

    async def take(tx: Transaction, most: int) -> bool:
        return await budgets.take(tx, (Budget(most=most),), campaign="c", store="", now_ms=T0_MS) is None

    async def taken(most: int) -> bool:
        async with db.transaction() as tx:
            return await take(tx, most)

    first = [await taken(most) for _ in range(3)]
    if database_url.startswith("postgresql"):
        async with db.transaction() as one:
            assert await take(one, most), "of a block, which is held from here on"
            first += [await taken(most), await taken(most)]
    used = len(first) + database_url.startswith("postgresql")
    assert await budgets.used(db, [counter]) == {counter: used}
    assert await taken(used + 1), "a smaller budget takes back what was leased"
    assert not await taken(used + 1)
    assert [await taken(most) for _ in range(most)] == [True] * (most - used - 1) + [False] * (used + 1)
    assert await budgets.used(db, [counter]) == {counter: most}


async def test_old_messages_are_known_as_far_as_caps_need_them_until_she_is_erased(db: Database) -> None:
    async with db.transaction() as tx:
        old = [touch("c1" if n else "c2", at_ms=T0_MS - (90 + n) * DAY_MS) for n in range(6)]
        sent_before = [Put(f"old{n}", "bob", "", each) for n, each in enumerate(old)]
        new = [Put("new", "ann", "", touch("c3", at_ms=T0_MS - DAY_MS)), Put("of cyd", "cyd", "", touch())]
        await tx.execute_many(*touches.written([*sent_before, *new]))
        found = await touches.of(tx, "ann", at("ann"), T0_MS - 35 * DAY_MS, each=2)
        assert [each.campaign for each in found] == ["c3", "c2", "c1", "c1"], "her other facet's, the newest first"
        once = Tally(found, BERLIN, T0_MS)
        full = over_any([Cap(of="campaign", most=2)], once, campaign="c1", channel="", store="", tags=())
        assert full == Over("she was sent 2 messages of this campaign so far, and 2 may be", None)
        assert await touches.of(tx, "ann", at("ann"), T0_MS, each=0) == ()
        for name in ("ann", "bob", "cyd"):
            later = {"id": name, "shopper": name, "campaign": "c1", "made_ms": T0_MS, "occasion": "{}"}
            await tx.execute("waiting.put", **later, kind="wait", store="s1", due_ms=None, until_ms=T0_MS)
            await tx.execute("campaigns.arm", campaigns='["c1"]', shopper=name, arm="holdout", first_ms=T0_MS)
        exported = await tx.fetch("rights.export_touches", ids='["ann","bob"]')
        await erasing.remove(tx, ["ann", "bob"])
    assert [row["message"] for row in exported] == ["old5", "old4", "old3", "old2", "old1", "old0", "new"]
    for kept in ("touches", "waiting", "arms"):
        left = await db.fetch(f"rights.export_{kept}", ids='["ann","bob","cyd"]')
        assert [row["shopper"] for row in left] == ["cyd"], kept


async def test_it_is_known_what_belongs_to_her_visit_and_what_she_did_of_it(db: Database) -> None:
    kinds = {"less": "less", "useful": "opened", "clicked": "opened", "dismissed": "dismissed", "shown": "shown"}
    visits = {"mine": "ann", "cart": "bob", "elsewhere": "bob", "over": "ann"}
    async with db.transaction() as tx:
        for visit, shopper in visits.items():
            store = "s2" if visit == "elsewhere" else "s1"
            values = {"id": visit, "store": store, "shopper": shopper, "entered_ms": T0_MS, "heard_ms": T0_MS}
            await tx.execute("ingest.open_visit", **values)
            await tx.execute_many(*touches.written([Put(visit, shopper, visit, touch(visit, store=store))]))
        await tx.execute("ingest.close_visit", id="over", left_ms=T0_MS)
        deliveries = {name: await message(tx, name) for name in (*kinds, "nothing")}
        said = [ReceiptIn(deliveries[kind], kind, T0_MS) for kind in kinds]  # type: ignore[arg-type]
        await receipts.keep(tx, "dev-ann", said, T0_MS)
    found = await sent(db, "ann", visit="mine")
    assert {each.campaign for each in found if each.is_here} == {"mine", "cart"}, "she carries two tags in this store"
    assert {each.campaign: each.outcome for each in found} == {**kinds, **dict.fromkeys((*visits, "nothing"), "sent")}
    assert len(await touches.of(db, "ann", at("ann", visit="over"), T0_MS + 1, each=0)) == 3, "as it was asked about"
    assert not any(each.is_here for each in await sent(db, "ann", store="s3"))


async def message(tx: Transaction, name: str) -> str:
    """A message to Ann, outside of any visit; its delivery."""
    content, ends_ms = Content(title="t", body=""), T0_MS + HOUR_MS
    said = Message(
        id=name, shopper="ann", campaign=name, content=content, created_ms=T0_MS, expires_ms=ends_ms, collapse_key=name
    )
    [delivery] = await put(tx, KEYRING, [Send(message=said, plan=PLAN, lane=Lane.MOMENT, source="test")])
    await tx.execute_many(*touches.written([Put(name, "ann", "", touch(name))]))
    return delivery
