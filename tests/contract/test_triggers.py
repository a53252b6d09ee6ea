"""What campaigns answer beside presence, on both databases: each once, in time, and not where it is needless."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from push.campaigns import feeds
from push.campaigns.feeds import Said
from push.campaigns.settling import settle
from push.model.campaigns import Schedule, Step, Where
from push.model.profiles import Json
from push.profiles import consent
from push.profiles.segments import records
from tests.support.segmented import fact
from tests.support.triggered import Street, answering, street

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""What no engine does otherwise: each world on PostgreSQL takes half a second."""
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
BOUGHT = "Order Completed"
ADDED = "Product Added"
MUG: dict[str, Json] = {"product_id": "mug", "price": 9}


@pytest.fixture
async def here(database_url: str) -> AsyncIterator[Street]:
    async with street(database_url) as opened:
        yield opened


@on_sqlite
async def test_an_event_is_answered_once_where_it_is_as_asked(here: Street) -> None:
    where = (Where(property="plan", op="is", value="gold"),)
    here.live(
        answering("welcome", "event", event="Signed Up", where=where),
        answering("thanks", "purchase"),
    )
    await here.did("ann", "Signed Up", {"plan": "gold"})
    await here.did("bob", "Signed Up", {"plan": "tin"})
    await here.did("cyd", BOUGHT, {"order_id": "o1", "products": [MUG]})
    assert await here.after(0) == [("ann", "welcome"), ("cyd", "thanks")]
    assert len(await here.after(HOUR_MS)) == 2


async def test_a_wait_ends_in_a_message_unless_she_did_what_it_was_for(here: Street) -> None:
    here.live(answering("still-looking", "event", event="Product Viewed", wait_s=600, unless=(BOUGHT,)))
    for name in ("ann", "bob"):
        await here.did(name, "Product Viewed", MUG)
    await here.settled()
    assert await here.after(5 * MINUTE_MS) == []
    await here.did("bob", BOUGHT, {"order_id": "o1", "products": [MUG]})
    assert await here.after(5 * MINUTE_MS - 1) == []
    assert await here.after(1) == [("ann", "still-looking")]
    assert await here.db.fetch("triggered.waiting") == []


async def test_what_falls_due_while_its_campaign_is_paused_is_said_once_that_goes_on_or_dropped_after_a_day(
    here: Street,
) -> None:
    campaign = answering("still-looking", "event", event="Product Viewed", wait_s=600)
    here.live(campaign)
    await here.keeps(campaign)
    await here.did("ann", "Product Viewed", MUG)
    await here.settled()
    here.live()
    await here.keeps(msgspec.structs.replace(campaign, live=False))
    assert await here.after(HOUR_MS // 6) == []
    assert await here.after(DAY_MS - MINUTE_MS) == [], "it is paused"
    await here.keeps(campaign)
    here.live(campaign)
    assert await here.after(0) == [("ann", "still-looking")]
    await here.did("bob", "Product Viewed", MUG)
    await here.settled()
    here.live()
    await here.keeps(msgspec.structs.replace(campaign, live=False))
    await here.after(HOUR_MS // 6)
    await here.after(DAY_MS + MINUTE_MS)
    assert await here.db.fetch("triggered.waiting") == []
    assert here.runner.counts["paused"] == 1


@on_sqlite
async def test_a_basket_is_left_behind_after_the_last_thing_done_to_it(here: Street) -> None:
    here.live(answering("basket", "basket", minutes=30))
    for name in ("ann", "bob"):
        await here.did(name, ADDED, MUG)
    await here.after(20 * MINUTE_MS)
    await here.did("ann", ADDED, {"product_id": "cup", "price": 5})
    await here.did("bob", BOUGHT, {"order_id": "o1", "products": [MUG]})
    assert await here.after(29 * MINUTE_MS) == []
    assert await here.after(MINUTE_MS) == [("ann", "basket")]
    assert len(await here.after(DAY_MS)) == 1


async def test_silence_is_broken_once_and_again_only_after_she_was_back(here: Street) -> None:
    here.live(answering("miss-you", "silent", days=30))
    await here.did("ann", "Page Viewed")
    assert await here.after(30 * DAY_MS - 1) == []
    assert await here.after(1) == [("ann", "miss-you")]
    assert len(await here.after(100 * DAY_MS)) == 1
    await here.did("ann", "Page Viewed")
    assert len(await here.after(29 * DAY_MS)) == 1
    assert len(await here.after(DAY_MS)) == 2
    assert await records.page(here.db, "", 9) == [], "the segment behind it is nobody's to see"


@on_sqlite
async def test_a_birthday_is_met_on_its_day_whatever_is_said_of_it_later(here: Street) -> None:
    """At its time on the chain's clock; who moves her birthday to every day has one a year."""
    here.live(answering("birthday", "birthday", at="10:00"))
    await here.settled()
    await here.is_known("ann", {"birthday": "1990-11-17"})  # T0 is the 14th, 23:13 in Berlin
    assert await here.after(2 * DAY_MS) == []
    assert await here.after(10 * HOUR_MS) == []
    assert await here.after(HOUR_MS) == [("ann", "birthday")]
    here.clock.advance(DAY_MS)
    await here.is_known("ann", {"birthday": "1990-11-20"})
    assert len(await here.after(10 * DAY_MS)) == 1


@on_sqlite
async def test_a_scheduled_campaign_tells_its_segment_once_a_day_that_it_has(here: Street) -> None:
    campaign = answering("sale", "scheduled", segment="berlin", at="10:00")
    here.live(msgspec.structs.replace(campaign, schedule=Schedule(weekdays=(3,))))  # T0 is a Tuesday, 23:13 in Berlin
    for name, city in (("ann", "Berlin"), ("bob", "Bonn"), ("cyd", "Berlin")):
        await here.town.person(name, {"city": city})
    await here.town.segment("berlin", fact("traits.city", "is", "Berlin"))
    await here.settled()
    assert await here.after(DAY_MS + 10 * HOUR_MS) == []
    assert await here.after(HOUR_MS) == [("ann", "sale"), ("cyd", "sale")]
    assert len(await here.after(6 * DAY_MS)) == 2
    assert len(await here.after(DAY_MS)) == 4


async def test_a_scheduled_campaign_may_go_by_everybodys_own_clock(here: Street) -> None:
    """T0 is at 22:13 UTC: ten o'clock is next in Tokyo (1:00), then in Berlin (9:00), where the stores are."""
    campaign = answering("sale", "scheduled", segment="everybody", at="10:00")
    here.live(msgspec.structs.replace(campaign, schedule=Schedule(zone="person")))
    for name, zone in (("ann", "Asia/Tokyo"), ("bob", "no/zone"), ("cyd", "America/New_York")):
        await here.town.person(name, {"timezone": zone})
    await here.town.segment("everybody", {"kind": "all", "of": []})
    await here.settled()
    assert [who for who, _ in await here.after(3 * HOUR_MS)] == ["ann"]
    assert [who for who, _ in await here.after(8 * HOUR_MS)] == ["ann", "bob"]
    assert [who for who, _ in await here.after(6 * HOUR_MS)] == ["ann", "bob", "cyd"]


@on_sqlite
async def test_what_is_told_long_after_it_happened_is_history(here: Street) -> None:
    here.live(answering("welcome", "event", event="Signed Up"), answering("thanks", "purchase"))
    await here.did("ann", "Signed Up", late_ms=2 * HOUR_MS)
    await here.did("bob", "order_completed", {"order_id": "o1"}, late_ms=HOUR_MS // 2)
    assert await here.after(0) == [("bob", "thanks")]
    await here.did("cyd", "Signed Up")
    assert await here.after(2 * HOUR_MS) == [("bob", "thanks")], "nobody asked for so long"


@on_sqlite
async def test_who_enters_a_segment_is_answered_but_not_who_was_in_before(here: Street) -> None:
    await here.town.person("ann", {"city": "Berlin"})
    await here.town.segment("berlin", fact("traits.city", "is", "Berlin"))
    await here.settled()
    here.live(answering("moved-in", "segment_entered", segment="berlin"))
    await here.settled()
    await here.is_known("bob", {"city": "Berlin"})
    assert await here.after(1000) == [("bob", "moved-in")]


async def test_a_feed_tells_a_segment_of_an_event_once_and_rules_what_it_says(here: Street) -> None:
    where = (Where(property="home", op="at_least", value=1),)
    here.live(answering("half-time", "feed", feed="match", event="half-time", segment="fans", where=where))
    for name in ("ann", "bob"):
        await here.town.person(name, {"fan": True})
    await here.town.segment("fans", fact("traits.fan", "is", value=True))
    await here.settled()
    now_ms = here.clock.now_ms()
    told = Said(
        feed="match", event="half-time", id="m1", properties={"home": 2}, state={"home": 2}, until_ms=now_ms + 1
    )
    for said in (told, told, Said(feed="match", event="half-time", properties={"home": 0})):
        async with here.db.transaction() as tx:
            await feeds.hear(tx, here.means, said, now_ms)
    await here.settled()
    assert here.means.in_force.feeds == {"feed.match.home": 2}
    assert await here.after(1) == [("ann", "half-time"), ("bob", "half-time")]
    assert here.means.in_force.feeds == {}


@on_sqlite
async def test_a_step_follows_where_a_message_was_not_opened(here: Street) -> None:
    first = answering("offer", "event", event="Signed Up")
    here.live(msgspec.structs.replace(first, steps=(Step(after_s=3600, unless="opened"), Step(after_s=60))))
    for name in ("ann", "bob"):
        await here.did(name, "Signed Up")
    assert len(await here.after(0)) == 2
    await here.opened("ann")
    assert len(await here.after(HOUR_MS - 1)) == 2
    assert (await here.after(1))[2:] == [("bob", "offer")]
    assert (await here.after(MINUTE_MS))[3:] == [("bob", "offer")]
    assert len(await here.after(DAY_MS)) == 4


@on_sqlite
async def test_a_step_waits_for_the_hour_in_which_she_opens(here: Street) -> None:
    """T0 is at 22:13 UTC; what she opened, she opened at seven."""
    first = answering("offer", "event", event="Signed Up")
    here.live(msgspec.structs.replace(first, steps=(Step(after_s=3600, at_good_time=True),)))
    await here.did("ann", "Signed Up")
    assert len(await here.after(0)) == 1
    here.live(here.means.in_force.book.ready["offer"].campaign, answering("other", "event", event="Searched"))
    await here.did("ann", "Searched")
    assert len(await here.after(0)) == 2
    at_seven_ms = here.clock.now_ms() // DAY_MS * DAY_MS + 7 * HOUR_MS
    async with here.db.transaction() as tx:
        await tx.execute("triggered.opened", campaign="other", at_ms=at_seven_ms)
    assert len(await here.after(HOUR_MS)) == 2
    assert len(await here.after(at_seven_ms + DAY_MS - here.clock.now_ms() - 1)) == 2
    assert len(await here.after(1)) == 3


async def test_killed_between_it_is_asked_again_and_decided_once(here: Street) -> None:
    """Whoever took it and was gone before the commit left it as it was; of two at it, one decides."""
    here.live(answering("welcome", "event", event="Signed Up"))
    await here.did("ann", "Signed Up")

    async def die() -> None:
        async with here.db.transaction() as tx:
            assert len(await settle(tx, here.means, "ann", here.clock.now_ms())) == 1
            raise KeyError

    with pytest.raises(KeyError):
        await die()
    await here.at_once(4)
    assert await here.sent() == [("ann", "welcome")]


@on_sqlite
async def test_one_who_cannot_be_read_keeps_no_others_waiting_and_is_given_up(here: Street) -> None:
    here.live(answering("welcome", "event", event="Signed Up"))
    for name in ("ann", "bob"):
        await here.did(name, "Signed Up")
    async with here.db.transaction() as tx:
        await tx.execute("triggered.spoil", shopper="ann")
    assert await here.after(0) == [("bob", "welcome")]
    for _ in range(8):
        await here.after(MINUTE_MS)
    assert await here.db.fetch("triggered.waiting") == []
    assert here.runner.counts["given_up"] == 1


@on_sqlite
async def test_who_may_not_be_profiled_any_more_triggers_nothing(here: Street) -> None:
    here.live(answering("welcome", "event", event="Signed Up"))
    await here.did("ann", "Signed Up")
    async with here.db.transaction() as tx:
        await consent.set_consents(tx, "ann", {"profiling": False}, at_ms=here.clock.now_ms(), source="test")
    assert await here.after(0) == []


@on_sqlite
async def test_what_waits_for_the_next_visit_is_said_when_she_comes_and_at_the_tills_there(here: Street) -> None:
    offer, receipt = answering("next-time", "event", event="Signed Up"), answering("at-tills", "purchase")
    here.live(
        msgspec.structs.replace(offer, when="next_visit"),
        msgspec.structs.replace(receipt, when="checkout"),
    )
    await here.comes("ann", "s1")
    await here.did("ann", BOUGHT, {"order_id": "o1", "products": [MUG]})
    await here.did("bob", "Signed Up")
    assert await here.after(0) == []
    assert await here.after(DAY_MS // 4) == []
    await here.comes("bob", "s2")
    assert await here.after(0) == [("bob", "next-time")]
    await here.comes("ann", "s1", zone="tills")
    assert await here.after(0) == [("ann", "at-tills"), ("bob", "next-time")]
    assert len(await here.after(DAY_MS)) == 2


async def test_what_waits_for_her_visit_is_weighed_against_what_greets_her_at_the_door(here: Street) -> None:
    """One push a visit: the greeting does not use it up before what waited is asked."""
    offer = answering("next-time", "event", event="Signed Up", unless=(BOUGHT,))
    offer = msgspec.structs.replace(offer, when="next_visit", value=5.0)
    greeting = msgspec.structs.replace(answering("greeting", "store_entered"), value=1.0)
    here.live(offer, greeting)
    for name in ("ann", "bob", "cyd"):
        await here.did(name, "Signed Up")
    await here.did("bob", BOUGHT, {"order_id": "o1", "products": [MUG]})
    assert await here.after(0) == []
    await here.comes("ann", "s1")
    await here.comes("bob", "s1")
    assert await here.sent() == [("ann", "next-time"), ("bob", "greeting")]
    here.live(offer, msgspec.structs.replace(greeting, priority=1))
    await here.comes("cyd", "s1")
    assert (await here.after(0))[2:] == [("cyd", "greeting")]
    assert await here.db.fetch("triggered.waiting") == []


@on_sqlite
async def test_what_she_did_under_another_identifier_cancels_and_who_is_erased_is_left_alone(here: Street) -> None:
    here.live(answering("still-looking", "event", event="Product Viewed", wait_s=600, unless=(BOUGHT,)))
    for name in ("ann", "bob", "cyd"):
        await here.did(name, "Product Viewed", MUG)
    await here.settled()
    async with here.db.transaction() as tx:
        await tx.execute("triggered.join", person="ann", other="bob")
        await tx.execute("triggered.erase", shopper="cyd")
    await here.did("bob", BOUGHT, {"order_id": "o1", "products": [MUG]})
    assert await here.after(HOUR_MS // 2) == []
    assert await here.db.fetch("triggered.waiting") == []
