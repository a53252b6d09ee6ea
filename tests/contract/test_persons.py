"""One person under two identifiers: what she says, gets and is spared holds for all of her, until a link is cut."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping

import pytest
from msgspec.structs import replace

from push.api import consents
from push.campaigns import outbox, routes
from push.campaigns.outbox import Send
from push.campaigns.routes import Plan
from push.deliver import load
from push.ingest.record import Recorder
from push.model.delivery import Content, Lane, Message, Route, State
from push.model.errors import ConflictError
from push.model.people import Purpose
from push.model.ports import Database
from push.model.presence import Changes, Record, VisitOpened
from push.model.screens import Screen
from push.model.sites import Rules
from push.profiles import consent, ledger, nicknames
from push.profiles.collect.gate import covered, gate
from push.profiles.ledger import Circumstances, Word
from push.registry import screens
from tests.support.campaigns import campaign, moment, versioned
from tests.support.clocks import SettableClock
from tests.support.deciding import means
from tests.support.fresh import open_database
from tests.support.ingest import ALL_TIME, T0_MS, agree, register
from tests.support.keyrings import KEYRING
from tests.support.outbox import enqueue, join, receipt, state

PHONE, TABLET = "shp_phone", "shp_tablet"


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(T0_MS)


@pytest.fixture
async def db(database_url: str, clock: SettableClock) -> AsyncIterator[Database]:
    """Two devices of whom nobody knows that they are one person's."""
    async with open_database(database_url, clock) as opened:
        await join(opened, clock, "phone", purposes=())
        await join(opened, clock, "tablet", purposes=())
        yield opened


async def link(db: Database, persons: Mapping[str, str]) -> dict[str, Mapping[Purpose, bool]]:
    """Let facets be of these persons; what changed of their consents."""
    async with db.transaction() as tx:
        for facet, person in persons.items():
            await tx.execute("identity.set_person", id=facet, person=person)
        return await consent.settle(tx, persons)


async def join_both(db: Database) -> dict[str, Mapping[Purpose, bool]]:
    return await link(db, {PHONE: PHONE, TABLET: PHONE})


async def cut(db: Database) -> dict[str, Mapping[Purpose, bool]]:
    return await link(db, {PHONE: PHONE, TABLET: TABLET})


async def say(db: Database, shopper: str, purposes: Mapping[Purpose, bool], at_ms: int) -> None:
    async with db.transaction() as tx:
        await consent.set_consents(tx, shopper, purposes, at_ms=at_ms, source="test")


async def granted(db: Database, *shoppers: str) -> list[set[str]]:
    return [set(await consent.granted(db, shopper)) for shopper in shoppers]


async def reach(db: Database, *shoppers: str) -> dict[str, list[Route]]:
    rows = load.by_shopper(await db.fetch("deliver.reach", shoppers=json.dumps(shoppers)))
    return {shopper: routes.reach(rows[shopper]) for shopper in shoppers}


# --- consent ----------------------------------------------------------------------------------------------------------


async def test_the_latest_word_of_a_person_holds_for_all_of_her_and_a_cut_undoes_that(db: Database) -> None:
    await say(db, PHONE, {"location": True, "marketing": True, "inapp": True}, 10)
    await say(db, TABLET, {"location": False, "marketing": True}, 20)
    apart = await granted(db, PHONE, TABLET)

    changed = await join_both(db)
    both = await granted(db, PHONE, TABLET)
    back = await cut(db)

    assert apart == [{"location", "marketing", "inapp"}, {"marketing"}]
    assert both == [{"marketing", "inapp"}] * 2
    assert changed == {PHONE: {"location": False}, TABLET: {"inapp": True}}
    assert back == {PHONE: {"location": True}, TABLET: {"inapp": False}}
    assert await granted(db, PHONE, TABLET) == apart
    assert {row["purpose"] for row in await db.fetch("profiles.consents_of", shopper=TABLET)} == {
        "location",
        "marketing",
    }


async def test_of_words_of_the_same_time_a_refusal_holds(db: Database) -> None:
    await say(db, PHONE, {"profiling": True}, 10)
    await say(db, TABLET, {"profiling": False}, 10)
    await join_both(db)
    assert await granted(db, PHONE, TABLET) == [set(), set()]
    assert await consent.allows_profiling(db, [PHONE, "nobody"]) == {PHONE: False, "nobody": False}


async def test_what_she_says_now_comes_after_all_she_said_even_where_a_clock_was_ahead(db: Database) -> None:
    await join_both(db)
    await say(db, PHONE, {"marketing": True}, 1_000)
    await say(db, TABLET, {"marketing": False}, 900)
    assert await granted(db, PHONE, TABLET) == [set(), set()]
    await say(db, PHONE, {"marketing": True}, 900)
    assert await granted(db, PHONE, TABLET) == [{"marketing"}] * 2


async def test_her_own_word_outranks_what_others_claim_and_what_waits_for_her_is_no_word(db: Database) -> None:
    def word(name: str, purpose: Purpose, at_ms: int, *, claimed: bool = False, pending: bool = False) -> Word:
        how = Circumstances(source="test", claimed=claimed, pending=pending)
        return Word(id=name, shopper=TABLET, purpose=purpose, granted=True, at_ms=at_ms, how=how)

    await say(db, PHONE, {"marketing": False}, 10)
    async with db.transaction() as tx:
        claimed = word("a", "marketing", 20, claimed=True)
        await ledger.keep(tx, [claimed, claimed, word("b", "email", 30, pending=True)])
        await consent.settle(tx, [TABLET])
    assert await granted(db, TABLET) == [{"marketing"}]
    await join_both(db)
    assert await granted(db, PHONE, TABLET) == [set(), set()]
    assert [(row["purpose"], row["pending"]) for row in await ledger.read(db, TABLET)] == [
        ("marketing", 0),
        ("marketing", 0),
        ("email", 1),
    ]


async def test_what_waits_to_be_confirmed_takes_nothing_from_what_she_said_before(db: Database) -> None:
    """Apps send what a page's banner says with every event: neither a consent nor a refusal ends by that."""
    how = Circumstances(source="app", pending=True)
    await say(db, PHONE, {"email": True}, 10)
    await say(db, TABLET, {"email": False}, 10)
    async with db.transaction() as tx:
        for shopper in (PHONE, TABLET):
            word = Word(id=f"w-{shopper}", shopper=shopper, purpose="email", granted=True, at_ms=20, how=how)
            await ledger.keep(tx, [word])
        await consent.settle(tx, [PHONE, TABLET])
    assert await granted(db, PHONE, TABLET) == [{"email"}, set()]
    assert [(one.purpose, one.granted) for one in await consent.consents(db, TABLET)] == [("email", False)]


async def test_what_others_claim_covers_no_time_after_her_own_word(db: Database) -> None:
    for at_ms, yes, claimed in ((5, True, True), (10, False, False), (20, True, True), (30, True, False)):
        how = Circumstances(source="test", claimed=claimed)
        word = Word(id=f"w{at_ms}", shopper=PHONE, purpose="profiling", granted=yes, at_ms=at_ms, how=how)
        async with db.transaction() as tx:
            await ledger.keep(tx, [word])
            await consent.settle(tx, [PHONE])
    passed = await gate(db, [PHONE], keep_orders=False)
    assert [covered(passed.words[PHONE], at_ms) for at_ms in (7, 15, 25, 35)] == [True, False, False, True]


async def test_nobody_is_located_or_profiled_without_her_word_that_she_is_of_age(db: Database) -> None:
    await say(db, PHONE, {"location": True, "profiling": True, "marketing": True}, 10)
    await say(db, TABLET, {"adult": True}, 20)
    before = await granted(db, PHONE)
    await consent.use_minimum_age(db, 16)
    asked = await granted(db, PHONE)
    await join_both(db)
    of_age = await granted(db, PHONE, TABLET)
    await say(db, PHONE, {"adult": False}, 30)
    young = await granted(db, PHONE, TABLET)
    await consent.use_minimum_age(db, 16)
    await consent.use_minimum_age(db, 0)

    assert before == [{"location", "profiling", "marketing"}]
    assert asked == [{"marketing"}]
    assert of_age == [{"adult", "location", "profiling", "marketing"}] * 2
    assert young == [{"marketing"}] * 2
    assert await granted(db, PHONE, TABLET) == [{"location", "profiling", "marketing"}] * 2


async def test_a_withdrawal_on_one_device_takes_back_what_waits_for_another(db: Database, clock: SettableClock) -> None:
    await join_both(db)
    await say(db, PHONE, {"location": True, "marketing": True, "inapp": True, "screen": True}, T0_MS)
    delivery = await enqueue(db, clock, "phone")
    async with db.transaction() as tx:
        await nicknames.put(tx, KEYRING, PHONE, "Anouk", T0_MS)
        how = Circumstances(source="test")
        found = await consents.write(tx, TABLET, {"marketing": False, "screen": False}, dict.fromkeys(
            ("marketing", "screen"), how
        ), T0_MS)  # fmt: skip
    assert {facet: each.changed for facet, each in found.items()} == {
        PHONE: {"marketing": False, "screen": False},
        TABLET: {"marketing": False, "screen": False},
    }
    assert await state(db, delivery) == State.CANCELLED
    assert await nicknames.of(db, KEYRING, PHONE) is None


async def test_whom_nobody_knows_is_settled_as_nobody(db: Database) -> None:
    async with db.transaction() as tx:
        assert await consent.settle(tx, ["nobody"]) == {}


async def test_two_who_settle_the_same_person_at_once_agree_with_the_ledger(db: Database) -> None:
    await join_both(db)

    async def speak(shopper: str, n: int) -> None:
        while True:
            try:
                return await say(db, shopper, {"marketing": n % 2 == 0, "inapp": n % 3 == 0}, T0_MS + n)
            except ConflictError:
                continue

    await asyncio.gather(*(speak(PHONE if n % 2 else TABLET, n) for n in range(12)))
    said = sorted(await ledger.read(db, PHONE), key=lambda row: int(row["again_ms"]))
    last = {row["purpose"]: bool(row["granted"]) for row in said}
    wanted = {purpose for purpose, yes in last.items() if yes}
    assert await granted(db, PHONE, TABLET) == [wanted, wanted]


async def test_a_key_that_anybody_has_turns_a_word_so_often_a_day_and_then_refusals_alone(db: Database) -> None:
    how = Circumstances(source="page", said_by="publishable")
    refused = 0
    for n in range(9):
        word = Word(id=f"w{n}", shopper=PHONE, purpose="marketing", granted=n % 2 == 0, at_ms=n, how=how)
        async with db.transaction() as tx:
            refused += await ledger.keep(tx, [word, word], ledger.Bound(T0_MS + n, 4))
            await consent.settle(tx, [PHONE])
    kept = [(row["granted"], row["at_ms"], row["again_ms"]) for row in await ledger.read(db, PHONE)]
    async with db.transaction() as tx:
        again = Word(id="next", shopper=PHONE, purpose="marketing", granted=True, at_ms=20, how=how)
        assert await ledger.keep(tx, [again], ledger.Bound(T0_MS + 2 * ledger.DAY_MS, 4)) == 0
    assert refused == 6  # three words, each of them twice
    assert kept == [(1, 0, 0), (0, 1, 1), (1, 2, 2), (0, 3, 7)]
    assert await granted(db, PHONE) == [set()]


# --- what she gets, and is spared -------------------------------------------------------------------------------------


async def test_a_message_reaches_all_her_devices_whichever_facet_it_is_for(db: Database) -> None:
    apart = await reach(db, PHONE, TABLET)
    await join_both(db)
    both = await reach(db, PHONE, TABLET)
    await cut(db)

    assert [{route.device for route in apart[facet]} for facet in (PHONE, TABLET)] == [{"phone"}, {"tablet"}]
    assert [{route.device for route in both[facet]} for facet in (PHONE, TABLET)] == [{"phone", "tablet"}] * 2
    assert await reach(db, PHONE, TABLET) == apart


async def test_the_inbox_of_a_device_has_what_was_for_her_whichever_facet(db: Database, clock: SettableClock) -> None:
    delivery = await enqueue(db, clock, "phone")

    async def reads(device: str) -> bool:
        found = await db.fetch_one("inbox.delivery", delivery=delivery, device=device)
        return (
            found is not None and await db.fetch_one("deliver.of_device", delivery=delivery, device=device) is not None
        )

    apart = [await reads(device) for device in ("phone", "tablet")]
    await join_both(db)
    both = [await reads(device) for device in ("phone", "tablet")]
    await cut(db)
    assert (apart, both) == ([True, False], [True, True])
    assert [await reads(device) for device in ("phone", "tablet")] == apart


async def test_a_pause_holds_for_all_of_her_and_ends_for_all_of_her(db: Database) -> None:
    async def paused(shopper: str, now_ms: int) -> bool:
        async with db.transaction() as tx:
            alone = (await consent.standing_for_decision(tx, shopper, now_ms)).snoozed_until_ms > now_ms
        rows = await db.fetch("deliver.snoozes", shoppers=json.dumps([PHONE, TABLET]), now_ms=now_ms)
        assert (shopper in {row["shopper"] for row in rows}) == alone
        return alone

    async with db.transaction() as tx:
        await consent.snooze(tx, PHONE, 1_000, 10)
    apart = [await paused(shopper, 20) for shopper in (PHONE, TABLET)]
    await join_both(db)
    both = [await paused(shopper, 20) for shopper in (PHONE, TABLET)]
    async with db.transaction() as tx:
        await consent.snooze(tx, TABLET, 0, 30)
    ended = [await paused(shopper, 40) for shopper in (PHONE, TABLET)]
    await cut(db)
    assert (apart, both, ended) == ([True, False], [True, True], [False, False])
    assert [await paused(shopper, 40) for shopper in (PHONE, TABLET)] == [True, False]


async def test_a_newer_message_takes_the_place_of_one_to_another_facet_of_hers(
    db: Database, clock: SettableClock
) -> None:
    await join_both(db)

    async def put(name: str, shopper: str) -> str:
        clock.advance(10)
        message = Message(
            id=name, shopper=shopper, campaign="", content=Content(title="Hello", body=""), collapse_key="news",
            created_ms=clock.now_ms(), expires_ms=clock.now_ms() + 60_000,
        )  # fmt: skip
        plan = Plan((Route("phone", "inapp"),))
        async with db.transaction() as tx:
            [delivery] = await outbox.put(
                tx, KEYRING, [Send(message=message, plan=plan, lane=Lane.BULK, source="test")]
            )
        return delivery

    first, second = await put("m1", PHONE), await put("m2", TABLET)
    assert [await state(db, delivery) for delivery in (first, second)] == [State.CANCELLED, State.PENDING]


@pytest.fixture
async def floor(database_url: str) -> AsyncIterator[Database]:
    """Ann and Bob, both in the store s1, who agreed to everything."""
    async with open_database(database_url, SettableClock(T0_MS)) as opened:
        await register(opened)
        for name in ("ann", "bob"):
            await agree(opened, name)
        yield opened


@pytest.mark.parametrize("linked", [True, False])
@pytest.mark.parametrize("at_once", [True, False])
async def test_one_person_with_two_tags_gets_one_push(floor: Database, *, linked: bool, at_once: bool) -> None:
    if linked:
        await link(floor, {"ann": "ann", "bob": "ann"})
    recorder = Recorder(lambda _: Rules(), means(versioned(campaign("c"))))

    async def enter(names: Iterable[str]) -> int:
        opened: list[Record] = [VisitOpened(f"vis_{name}", "s1", name, T0_MS) for name in names]
        moments = [replace(moment(name=f"mom_{name}"), shopper=name, visit=f"vis_{name}") for name in names]
        while True:
            try:
                async with floor.transaction() as tx:
                    return len(await recorder.write(tx, Changes(opened, moments), {}, T0_MS))
            except ConflictError:
                continue

    groups = [["ann"], ["bob"]] if at_once else [["ann", "bob"]]
    pushes = await asyncio.gather(*map(enter, groups))
    verdicts = [receipt(row) for row in await floor.fetch("campaigns.decisions", **ALL_TIME)]
    assert sum(pushes) == (1 if linked else 2)
    assert sum('"verdict":"cap"' in receipt for receipt in verdicts) == (1 if linked else 0)
    shown = await floor.fetch("insight.decisions_of", shopper="bob", everywhere=1, stores="[]", most=9)
    assert [row["shopper"] for row in shown] == (["ann", "ann"] if linked else ["bob"])


async def test_a_screen_greets_a_person_whichever_facet_chose_the_nickname(floor: Database) -> None:
    await link(floor, {"ann": "ann", "bob": "ann"})
    recorder = Recorder(lambda _: Rules(), means())
    async with floor.transaction() as tx:
        await nicknames.put(tx, KEYRING, "bob", "Bobby", T0_MS)
        await screens.put_screen(tx, Screen(id="sc", store="s1", zone="shoes", name="Hall"), T0_MS)
        await recorder.write(tx, Changes([VisitOpened("vis_ann", "s1", "ann", T0_MS)], []), {}, T0_MS)
    rows = await floor.fetch("deliver.reach", shoppers='["ann"]')
    assert {row["device"]: row["by_screen"] for row in rows} == {"dev-ann": 1, "dev-bob": 1}
