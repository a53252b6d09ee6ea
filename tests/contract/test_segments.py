"""Who is in which segment, on both databases, while people, time and rules change."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from push.model.errors import AbsentError, MisfitError, StaleError, TakenError
from push.model.ports import Transaction
from push.profiles import consent, permits
from push.profiles.catalogue.view import Catalogue
from push.profiles.derived.sketches import Population
from push.profiles.desk import BUILT_IN
from push.profiles.identity import merging
from push.profiles.segments import asking, counting, membership, records, runner
from push.profiles.segments.again import look_again, look_at_visits
from push.profiles.segments.records import By, SegmentBody
from push.profiles.segments.settings import SegmentSettings
from tests.support import identities
from tests.support.clocks import SettableClock
from tests.support.faulty import FaultyDatabase
from tests.support.fresh import open_database
from tests.support.segmented import Town, fact, town
from tests.support.servers import becomes

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
BERLIN = fact("traits.city", "is", "Berlin")
LAPSED = fact("last.Order Completed", "not_within_days", 90)


@pytest.fixture
async def here(database_url: str) -> AsyncIterator[Town]:
    clock = SettableClock()
    async with open_database(database_url, clock) as db:
        yield town(db, clock, Catalogue(("Tobacco",)))


async def test_a_new_rule_is_asked_of_everybody_and_moves_nobody(here: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """In slices; who stopped in the middle goes on where that was."""
    monkeypatch.setattr(runner, "SLICE", 2)
    for n in range(5):
        await here.person(f"p{n}", {"city": "Berlin" if n % 2 else "Bonn"})
    await here.segment("berlin", BERLIN)
    assert await here.runner.build() == 2
    found = await records.get(here.db, "berlin")
    assert found is not None
    assert found.building is not None
    assert (found.building.done, found.building.total, found.members) == (2, 5, 1)
    again = town(here.db, here.clock)  # another process
    await again.built()
    assert await here.members("berlin") == ["p1", "p3"]
    found = await records.get(here.db, "berlin")
    assert found is not None
    assert found.building is None
    assert await here.told() == []


async def test_who_changes_enters_and_leaves_and_that_is_told(here: Town) -> None:
    await here.person("ann", {"city": "Bonn"})
    await here.segment("berlin", BERLIN)
    await here.built()
    assert await here.members("berlin") == []
    here.clock.advance(1000)
    await here.person("ann", {"city": "Berlin"})
    assert await here.look("ann") == [("berlin", "ann", "entered")]
    assert await here.look("ann") == []
    assert await here.members("berlin") == ["ann"]
    await here.person("ann", {"city": "Bonn"})
    assert await here.look("ann", changed=["traits.name"]) == []
    assert await here.look("ann", changed=["traits.city"]) == [("berlin", "ann", "left")]
    assert await here.members("berlin") == []
    assert await here.told() == [("berlin", "ann", "entered"), ("berlin", "ann", "left")]


async def test_who_may_not_be_profiled_is_in_nothing(here: Town) -> None:
    await here.person("ann", {"city": "Berlin"})
    await here.person("bob", {"city": "Berlin"}, agreed=False)
    await here.segment("berlin", BERLIN)
    await here.segment("anybody", {"kind": "all", "of": []})
    await here.built()
    assert await here.members("berlin") == ["ann"]
    assert await here.members("anybody") == ["ann"]
    async with here.db.transaction() as tx:
        await consent.set_consents(tx, "ann", {"profiling": False}, at_ms=here.clock.now_ms(), source="test")
        await look_again(tx, ["ann"], here.clock.now_ms())
    assert await here.runner.look() == 1
    assert await here.runner.look() == 0
    assert await here.members("berlin") == []
    assert ("anybody", "ann", "left") in await here.told()


async def test_whose_facts_were_read_is_kept_and_of_nobody_else(here: Town) -> None:
    await here.person("ann", {"city": "Berlin"})
    await here.person("bob", {"city": "Berlin"}, agreed=False)
    await here.segment("berlin", BERLIN)
    await here.built()
    [check] = await permits.kept(here.db, "ann")
    assert (check["purpose"], check["used_for"], check["allowed"]) == ("profiling", "segments", 1)
    assert await permits.kept(here.db, "bob") == []


async def test_time_alone_moves_people_when_it_is_time(here: Town) -> None:
    await here.person("ann")
    await here.did("ann", "Order Completed", {"order_id": "o1", "total": 10})
    await here.segment("lapsed", LAPSED)
    await here.built()
    assert await here.members("lapsed") == []
    here.clock.advance(90 * DAY_MS - 1000)
    assert await here.runner.look() == 0
    here.clock.advance(1000)
    assert await here.runner.look() == 1
    assert await here.members("lapsed") == ["ann"]
    assert await here.told() == [("lapsed", "ann", "entered")]
    await here.did("ann", "Order Completed", {"order_id": "o2", "total": 10})
    assert await here.look("ann") == [("lapsed", "ann", "left")]


async def test_events_count_with_their_properties_but_sensitive_goods_are_nobodys_fact(here: Town) -> None:
    rule: dict[str, Any] = {
        "kind": "did", "event": "Product Viewed", "least": 2, "within_days": 7,
        "where": [{"property": "category", "op": "begins", "value": "T"}],
    }  # fmt: skip
    await here.person("ann")
    await here.person("bob")
    await here.segment("tea", rule)
    for category in ("Tea", "Tea > Green"):
        await here.did("ann", "Product Viewed", {"product_id": "1", "category": category})
        await here.did("bob", "Product Viewed", {"product_id": "2", "category": "Tobacco"})
        here.clock.advance(1000)
    await here.built()
    assert await here.members("tea") == ["ann"]
    here.clock.advance(7 * DAY_MS - 2000)
    await here.built()
    assert await here.members("tea") == []


async def test_who_is_in_a_store_this_hour(here: Town) -> None:
    await here.person("ann", {"city": "Berlin"})
    here_and_now = {"kind": "all", "of": [BERLIN, {"kind": "place", "store": "s1", "within_hours": 1}]}
    await here.segment("here", here_and_now)
    await here.built()
    now_ms = here.clock.now_ms()
    async with here.db.transaction() as tx:
        visit = {"id": "v1", "store": "s1", "shopper": "ann", "entered_ms": now_ms, "heard_ms": now_ms}
        await tx.execute("ingest.open_visit", **visit)
        await tx.execute("ingest.open_stay", id="y1", visit="v1", store="s1", zone="shoes", entered_ms=now_ms)
        await look_at_visits(tx, ["v1"], now_ms)
    await here.built()
    assert await here.members("here") == ["ann"]
    told = await asking.reasons(here.db, here.means, "here", "ann", now_ms)
    assert told is not None
    assert told.rule is not None
    assert [part.holds for part in told.rule.of] == [True, True]
    async with here.db.transaction() as tx:
        await tx.execute("ingest.close_visit", id="v1", left_ms=now_ms + 1000)
        await look_at_visits(tx, ["y1", "y0"], now_ms)
    await here.built()
    here.clock.advance(HOUR_MS + 999)
    assert await here.runner.look() == 0
    here.clock.advance(1)
    await here.built()
    assert await here.members("here") == []


async def test_segments_ask_for_each_other_in_order_and_never_in_a_circle(here: Town) -> None:
    await here.person("ann", {"city": "Berlin"})
    await here.segment("z-berlin", BERLIN)
    await here.segment("a-rest", {"kind": "not", "of": {"kind": "segment", "segment": "z-berlin"}})
    await here.built()
    assert await here.members("a-rest") == []
    await here.person("ann", {"city": "Bonn"})
    here.clock.advance(1)
    await here.person("ann", {"city": "Bonn"})
    moved = await here.look("ann", changed=["traits.city"])
    assert moved == [("a-rest", "ann", "entered"), ("z-berlin", "ann", "left")]
    with pytest.raises(MisfitError, match=r"in a circle: .*z-berlin"):
        await here.segment("z-berlin", {"kind": "segment", "segment": "a-rest"})
    with pytest.raises(MisfitError, match="there is no segment nowhere"):
        await here.segment("b", {"kind": "segment", "segment": "nowhere"})
    async with here.db.transaction() as tx:
        with pytest.raises(TakenError, match="a-rest"):
            await records.delete(tx, "z-berlin", By("test", 1))
    await here.segment("z-berlin", fact("traits.city", "is", "Bonn"))  # whoever asks for it is asked anew
    await here.built()
    assert await here.members("a-rest") == []
    assert await here.members("z-berlin") == ["ann"]


async def test_who_merges_is_in_since_the_first_and_nobody_entered(here: Town) -> None:
    async with here.db.transaction() as tx:
        await identities.known(tx, ["u1", "a1"])
    user, anonymous = identities.facet("u1"), identities.facet("a1")
    await here.person(anonymous, {"city": "Berlin"})
    await here.person(user)
    await here.segment("berlin", BERLIN)
    await here.built()
    assert await here.members("berlin") == [anonymous]
    since_ms = here.clock.now_ms()
    here.clock.advance(5000)
    merged = await identities.link(here.db, [identities.said("u1", "a1", 5)])
    async with here.db.transaction() as tx:
        await consent.settle(tx, merged.shoppers)
    assert await here.look(*merged.persons) == []
    assert await here.members("berlin") == [user]
    assert (await asking.members(here.db, "berlin", "", 9))[0].since_ms == since_ms
    assert await membership.of(here.db, anonymous) == ["berlin"]
    links = await here.db.fetch("identity.links_of", ids=f'["{user}"]')
    async with here.db.transaction() as tx:
        cut = await merging.cut(tx, identities.RULED, links[0]["id"], merging.Hand("test", "wrong", 9))
        await consent.settle(tx, cut.shoppers)
    assert await here.look(*cut.persons) == [("berlin", user, "left")]
    assert await here.members("berlin") == [anonymous]
    assert (await asking.members(here.db, "berlin", "", 9))[0].since_ms == since_ms
    for decision in (merging.restore, merging.cut):  # before anybody looks
        async with here.db.transaction() as tx:
            await decision(tx, identities.RULED, links[0]["id"], merging.Hand("test", "wrong", 9))
    assert await here.look(*cut.persons) == []
    assert await here.members("berlin") == [anonymous]


async def test_who_merges_and_is_out_of_it_together_left(here: Town) -> None:
    """Also where only the one who became part of the other was in."""
    async with here.db.transaction() as tx:
        await identities.known(tx, ["u1", "a1"])
    user, anonymous = identities.facet("u1"), identities.facet("a1")
    await here.person(anonymous)
    await here.person(user, {"city": "Bonn"})
    await here.segment("nowhere", fact("traits.city", "unknown"))
    await here.built()
    merged = await identities.link(here.db, [identities.said("u1", "a1", 5)])
    assert await here.look(*merged.persons) == [("nowhere", user, "left")]
    assert await here.members("nowhere") == []


async def test_who_is_erased_leaves_no_trace(here: Town) -> None:
    await here.person("ann")
    await here.segment("berlin", BERLIN)
    await here.built()
    here.clock.advance(1)
    await here.person("ann", {"city": "Berlin"})
    await here.look("ann")
    async with here.db.transaction() as tx:
        await membership.forget(tx, ["ann"])
    assert await here.members("berlin") == []
    assert await here.told() == []
    assert await here.db.fetch("segments.dues", people='["ann"]') == []


async def test_two_who_look_at_the_same_people_count_them_once(here: Town) -> None:
    other = town(here.db, here.clock)
    names = [f"p{n}" for n in range(20)]
    for name in names:
        await here.person(name)
    await here.segment("berlin", BERLIN)
    await here.built()
    here.clock.advance(1)
    for name in names:
        await here.person(name, {"city": "Berlin"})
    await asyncio.gather(*(each.look(*names[n:]) for n in range(5) for each in (here, other)))
    assert len(await here.members("berlin")) == 20
    assert len(await here.told()) == 20


async def test_two_who_build_do_each_slice_once(here: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "SLICE", 3)
    for n in range(10):
        await here.person(f"p{n}", {"city": "Berlin"})
    await here.segment("berlin", BERLIN)
    other = town(here.db, here.clock)
    while any(await asyncio.gather(here.runner.build(), other.runner.build())):
        pass
    assert len(await here.members("berlin")) == 10
    assert here.runner.counts["built"] + other.runner.counts["built"] == 10


async def test_a_segment_is_put_and_deleted_as_its_writer_saw_it(here: Town) -> None:
    assert (await here.segment("berlin", BERLIN, 0)).revision == 1
    assert (await here.segment("berlin", BERLIN, 1)).is_changed is False
    with pytest.raises(StaleError):
        await here.segment("berlin", LAPSED, 0)
    assert (await here.segment("berlin", LAPSED, 1)).revision == 2
    with pytest.raises(StaleError):
        await here.segment("bonn", LAPSED, 7)
    async with here.db.transaction() as tx:
        with pytest.raises(StaleError):
            await records.delete(tx, "berlin", By("test", 1, 1))
        with pytest.raises(AbsentError):
            await records.delete(tx, "bonn", By("test", 1))
        assert (await records.delete(tx, "berlin", By("test", 1, 2))).revision == 2
    assert await records.get(here.db, "berlin") is None


async def test_a_deleted_segment_has_no_members(here: Town) -> None:
    await here.person("ann", {"city": "Berlin"})
    await here.segment("berlin", BERLIN)
    await here.built()
    async with here.db.transaction() as tx:
        await records.delete(tx, "berlin", By("test", 1))
    assert await membership.of(here.db, "ann") == []
    assert await here.look("ann") == []
    assert await membership.of(here.db, "nobody") == []


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"kind": "all", "of": [{"kind": "x"}]}, "rule.of[0]: an object was expected"),
        (fact("figures.luck", "known"), "there is no fact 'figures.luck'"),
        (fact("traits.", "known"), "there is no fact 'traits.'"),
        (fact("consent.everything", "known"), "there is no purpose 'everything'"),
        (fact("traits.*x", "within_days", 3), ""),
        (fact("figures.orders", "begins", "3"), "figures.orders is a number, which takes at_least"),
        (fact("stays", "known"), "stays is a stays, which takes a part of its own kind"),
    ],
)
async def test_a_rule_of_what_is_not_known_is_refused(here: Town, rule: dict[str, Any], words: str) -> None:
    if not words:
        assert (await here.segment("s", rule)).is_changed
        return
    with pytest.raises(MisfitError) as caught:
        await here.segment("s", rule)
    assert words in str(caught.value)


async def test_there_are_so_many_segments_at_most(here: Town) -> None:
    async def put(tx: Transaction, name: str) -> None:
        item = SegmentBody(name="One", rule=BERLIN)
        await records.put(tx, name, item, By("test", 1), records.Limits(SegmentSettings(most=1), BUILT_IN))

    async with here.db.transaction() as tx:
        await put(tx, "one")
    for name, words in (("two", "at most 1 segments"), ("overlap", "another name")):
        with pytest.raises(MisfitError, match=words):
            async with here.db.transaction() as tx:
                await put(tx, name)


async def test_who_cannot_be_read_keeps_nobody_else_waiting(here: Town) -> None:
    for name in ("ann", "bob", "eve"):
        await here.person(name, {"city": "Berlin"})
    async with here.db.transaction() as tx:
        await tx.execute("traits.put", shopper="bob", sealed=bytes(60), changed_ms=1)
    await here.segment("berlin", BERLIN)
    await here.built()
    assert await here.members("berlin") == ["ann", "eve"]
    await here.person("bob", {"city": "Berlin"})
    assert await here.runner.look() == 0
    here.clock.advance(HOUR_MS)
    assert await here.runner.look() == 1
    assert await here.members("berlin") == ["ann", "bob", "eve"]


async def test_the_runner_outlives_a_database_that_is_away(here: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "LOOK_S", 0.01)
    away = FaultyDatabase(here.db)
    away.away = True
    await here.person("ann", {"city": "Berlin"})
    await here.segment("berlin", BERLIN)
    task = asyncio.create_task(runner.Runner(away, here.means, SegmentSettings(), here.clock).run())

    async def asked_twice() -> bool:
        return away.asked["segments.peek_due"] > 1

    async def is_in() -> bool:
        return await membership.of(here.db, "ann") == ["berlin"]

    await becomes(asked_twice, "it tries again")
    away.away = False
    await becomes(is_in, "the segment is built")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_moved_is_forgotten_in_time(here: Town) -> None:
    await here.person("ann")
    await here.segment("berlin", BERLIN)
    await here.built()
    here.clock.advance(1)
    await here.person("ann", {"city": "Berlin"})
    await here.look("ann")
    here.clock.advance(31 * DAY_MS)
    await here.built()
    assert await here.told() == []
    assert await here.members("berlin") == ["ann"]


async def test_a_preview_says_how_many_and_how_sure_it_is(here: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(40):
        await here.person(f"shp_{n * 6 + 3:02x}", {"city": "Berlin" if n % 2 else "Bonn"})
    rule = records.checked("", BERLIN, BUILT_IN)
    told = await asking.preview(here.db, here.means, rule, here.clock.now_ms())
    assert (told.people, told.asked, told.estimate, told.low, told.high, told.is_exact) == (40, 40, 20, 20, 20, True)
    monkeypatch.setattr(asking, "MOST_ASKED", 30)
    told = await asking.preview(here.db, here.means, rule, here.clock.now_ms())
    assert not told.is_exact
    assert told.low <= told.estimate <= told.high <= 40
    assert told.fitting <= told.asked <= 30
    assert len(told.sample) == min(told.fitting, asking.SHOWN)
    monkeypatch.setattr(counting, "SLICE", 7)
    counts = counting.Counting(here.db, here.means, here.clock)
    await counts.begin("ann", records.checked("", fact("traits.city", "is", "Bonn"), BUILT_IN))
    await counts.begin("bob", rule)
    assert await counts.step()
    begun = await counts.begin("ann", rule)  # the one before is over
    assert (begun.people, begun.asked, begun.is_done) == (40, 0, False)
    while await counts.step():
        pass
    for who in ("ann", "bob"):
        found = counts.of(who)
        assert found is not None
        assert (found.people, found.asked, found.fitting, found.is_done) == (40, 40, 20, True)
    await counts.begin("ann", rule)
    counts.end("ann")
    assert (await counts.step(), counts.of("ann"), counts.of("eve")) == (False, None, None)


async def test_a_count_that_meets_what_nobody_expected_ends_alone(here: Town) -> None:
    async def broken() -> Population:
        raise OverflowError

    await here.person("ann")
    counts = counting.Counting(
        here.db, here.means._replace(sight=here.means.sight._replace(population=broken)), here.clock
    )
    await counts.begin("ann", records.checked("", fact("figures.orders", "at_least", 0), BUILT_IN))
    assert (await counts.step(), counts.of("ann")) == (True, None)


async def test_two_segments_overlap_in_those_who_are_in_both(here: Town) -> None:
    for n in range(6):
        await here.person(f"p{n}", {"city": "Berlin" if n % 2 else "Bonn", "level": n})
    await here.segment("berlin", BERLIN)
    await here.segment("high", fact("traits.level", "at_least", 3))
    await here.built()
    [found] = await asking.overlaps(here.db, ["berlin", "high"])
    assert (found.a, found.b, found.members) == ("berlin", "high", 2)


async def test_reasons_are_given_for_one_person(here: Town) -> None:
    await here.person("ann", {"city": "Bonn"})
    await here.person("bob", {"city": "Berlin"}, agreed=False)
    await here.segment("berlin", BERLIN)
    await here.built()
    told = await asking.reasons(here.db, here.means, "berlin", "ann", here.clock.now_ms())
    assert told is not None
    assert told.rule is not None
    assert (told.inside, told.rule.text, told.rule.seen) == (False, 'traits.city is "Berlin"', "Bonn")
    silent = await asking.reasons(here.db, here.means, "berlin", "bob", here.clock.now_ms())
    assert silent is not None
    assert (silent.inside, silent.rule) == (False, None)
    assert await asking.reasons(here.db, here.means, "nowhere", "ann", here.clock.now_ms()) is None
    assert await asking.reasons(here.db, here.means, "berlin", "nobody", here.clock.now_ms()) is None


async def test_figures_devices_and_times_are_facts(here: Town) -> None:
    await here.person("ann", {"address": {"city": "Berlin"}})
    await here.did("ann", "Order Completed", {"order_id": "o1", "total": 25, "currency": "EUR", "products": [
        {"product_id": "1", "category": "Tea", "brand": "Acme"}]})  # fmt: skip
    async with here.db.transaction() as tx:
        await tx.execute("profiles.new_device", id="d1", shopper="ann", platform="web", locale="de-DE", created_ms=1)
    rules = {
        "orders": fact("figures.orders", "is", 1),
        "spent": fact("figures.spent_minor", "at_least", 2500),
        "tea": fact("figures.categories", "contains", "tea"),
        "acme": fact("figures.brands", "is", "Acme"),
        "platform": fact("devices.platforms", "one_of", ["web"]),
        "address": fact("traits.address.city", "is", "Berlin"),
        "young": fact("known_since", "within_days", 1),
        "recent": fact("last.Order Completed", "within_days", 1),
        "marketing": {"kind": "consent", "purpose": "marketing"},
        "unlapsed": fact("figures.lapse_risk", "at_most", 1),
    }
    for name, rule in rules.items():
        await here.segment(name, rule)
    await here.built()
    assert await membership.of(here.db, "ann") == sorted(rules)
