"""Where people stand among everyone, on both databases: exact after every purchase, merge, cut, refusal and erasure."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence

import msgspec
import pytest

from beacons.registry import Store
from push.deliver import receipts
from push.deliver.receipts import ReceiptIn
from push.model.ports import Database
from push.model.profiles import Json, Statement
from push.profiles import consent, traits
from push.profiles.collect.apply import MOST, apply
from push.profiles.derived import signals, sketches, standings, store
from push.profiles.derived.features import NOTHING
from push.profiles.derived.figures import Given, figures
from push.profiles.derived.signals import NO_SIGNALS, Signals, Tally
from push.profiles.desk import Desk
from push.profiles.identity import merging
from push.profiles.identity.facets import listed
from push.profiles.identity.kinds import Kinds
from push.profiles.identity.merging import Hand
from push.profiles.settings import ProfileSettings
from push.profiles.trait_words import TraitSettings
from push.registry import directory
from tests.support.clocks import SettableClock
from tests.support.fresh import open_database
from tests.support.identities import RULED, facet, identifier, known, link, said
from tests.support.keyrings import KEYRING
from tests.support.outbox import VAULT, enqueue, join
from tests.support.purchases import Purchase, at_s, cdnow, event, journey, order
from tests.support.scores import check_scores

DAY_S = 86_400


DESK = Desk(
    VAULT, KEYRING, Kinds(), ProfileSettings(traits={"points": TraitSettings(strategy="highest")}, minimum_age=0)
)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url, SettableClock()) as opened:
        yield opened


async def know(db: Database, names: Sequence[str], *, profiled: bool = True) -> None:
    async with db.transaction() as tx:
        for shopper in (await known(tx, names)).values():
            words = {"profiling": profiled, "adult": True}
            await consent.set_consents(tx, shopper, words, at_ms=1, source="test")  # type: ignore[arg-type]


async def say(db: Database, told: Mapping[str, Sequence[Statement]]) -> None:
    """Under each name what is said of her, twice."""
    many = [
        msgspec.structs.replace(one, id=f"{name}-{one.id}", home=identifier(name))
        for name, mine in told.items()
        for one in mine
    ]
    for n in range(0, len(many), MOST):
        for _ in range(2):
            async with db.transaction() as tx:
                await apply(tx, DESK, many[n : n + MOST], 5)


async def stands(db: Database) -> dict[str, int]:
    """By person the number of her orders."""
    rows = await db.fetch("derived.standings", ids=listed(map(facet, NAMES)))
    return {row["person"]: row["orders"] for row in rows}


async def counted(db: Database) -> dict[tuple[str, int], int]:
    return {(row["name"], row["bucket"]): row["n"] for row in await db.fetch("derived.sketches")}


NAMES = ["u1", "u2", "a1", "a2"]


def bought(number: int, day: int, euros: int) -> Statement:
    return order(number, Purchase("u", day * DAY_S, euros * 100))


async def test_a_purchase_moves_a_person_and_nobody_else(db: Database) -> None:
    await know(db, NAMES)
    await say(db, {"u1": [bought(1, 100, 30)], "u2": [bought(2, 101, 50), bought(3, 103, 70)]})
    assert await stands(db) == {facet("u1"): 1, facet("u2"): 2}
    before = await counted(db)
    assert before[("recency", 103)] == before[("frequency", 1)] == before[("frequency", 2)] == 1
    await say(db, {"u1": [bought(4, 103, 30)]})
    assert await counted(db) == {
        ("frequency", 2): 2,
        ("recency", 103): 2,
        ("monetary:USD", sketches.money_bucket(6_000)): 1,
        ("monetary:USD", sketches.money_bucket(12_000)): 1,
        ("piece:USD", sketches.money_bucket(3_000)): 1,
        ("piece:USD", sketches.money_bucket(6_000)): 1,
    }


async def test_a_merge_is_exact_and_so_is_its_cut(db: Database) -> None:
    await know(db, NAMES)
    await say(db, {"u1": [bought(1, 100, 30)], "a1": [bought(2, 90, 10), bought(1, 100, 30)], "a2": [bought(5, 80, 8)]})
    apart = await counted(db), await stands(db)
    merged = await link(db, [said("u1", "a1", 1), said("u1", "a2", 1)])
    async with db.transaction() as tx:
        await consent.settle(tx, merged.shoppers)
        await standings.reconsider(tx, DESK, merged.persons, 9)
    assert await stands(db) == {facet("u1"): 3}  # an order that two of them told of is one
    assert sum(n for (name, _), n in (await counted(db)).items() if name == "frequency") == 1
    for other in ("a1", "a2"):
        async with db.transaction() as tx:
            cut = await merging.cut(tx, RULED, said("u1", other, 1).id, Hand("operator:ann", "", 10))
            await consent.settle(tx, cut.shoppers)
            await standings.reconsider(tx, DESK, cut.persons, 11)
    assert (await counted(db), await stands(db)) == apart


async def test_who_may_not_be_profiled_stands_nowhere_and_who_is_erased_leaves_nothing(db: Database) -> None:
    await know(db, ["u1"])
    await know(db, ["u2"], profiled=False)
    await say(db, {"u1": [bought(1, 100, 30)], "u2": [bought(2, 90, 10)]})
    assert await stands(db) == {facet("u1"): 1}
    async with db.transaction() as tx:
        await standings.forget(tx, [facet("u1"), facet("u2")])
    assert (await stands(db), await counted(db)) == ({}, {})


@pytest.mark.parametrize(("whose", "people", "today"), [(cdnow, 300, "1998-07-01"), (journey, 40, "2018-02-01")])
async def test_scores_are_those_that_numpy_finds(
    db: Database, whose: Callable[[], list[Purchase]], people: int, today: str
) -> None:
    """Days and counts to the very rank; money to half of who spent the same within two percent, as is stated."""
    by_customer: dict[str, list[Statement]] = {}
    purchases = whose()
    for number, one in enumerate(purchases):
        by_customer.setdefault(f"u{one.who}", []).append(order(number, one))
    some = dict(list(by_customer.items())[:people])
    await know(db, list(some))
    await say(db, some)
    everyone = await sketches.population(db)
    for name in ("recency", "frequency", "monetary:USD"):
        assert everyone.everyone(name) == people
    found = await store.load(db, KEYRING, [facet(name) for name in some])
    given = Given(at_s(today) * 1000, everyone)
    seen = {name.removeprefix("u"): figures(found[facet(name)], NO_SIGNALS, given) for name in some}
    check_scores([one for one in purchases if one.who in seen], seen, everyone)


def identify(statement: str, at_ms: int, /, **words: Json) -> Statement:
    return msgspec.structs.replace(event("", at_ms, statement), kind="identify", traits=words)


async def test_traits_are_read_by_person_and_held_as_configured(db: Database) -> None:
    await know(db, NAMES)
    first, other = identify("s1", 1, points=7, name="Ada"), identify("s2", 2, points=5, name="Ada L.")
    await say(db, {"u1": [first], "a1": [other]})
    assert (await traits.load(db, KEYRING, [facet("u1")]))[facet("u1")] == {"points": 7, "name": "Ada"}
    await link(db, [said("u1", "a1", 1)])
    strategies = DESK.settings.traits
    for name in ("u1", "a1"):
        found = await traits.load(db, KEYRING, [facet(name), "shp_nobody"], strategies)
        assert found == {facet(name): {"points": 7, "name": "Ada L."}}


async def test_when_she_comes_and_what_she_opens(db: Database) -> None:
    """Three messages at nine in the evening of her store, of which one was opened; two visits, one of them then."""
    clock = SettableClock(at_s("2026-11-02T12:00") * 1000)  # nine in the evening in Tokyo, on a Monday
    shopper = await join(db, clock, "phone")
    async with db.transaction() as tx:
        await directory.put_store(tx, Store(id="s1", name="Ginza", time_zone="Asia/Tokyo"))
        for n, entered_ms in enumerate([clock.now_ms(), clock.now_ms() - 26 * 3_600_000]):
            visit = {"id": f"v{n}", "store": "s1", "shopper": shopper, "entered_ms": entered_ms}
            await tx.execute("ingest.open_visit", **visit, heard_ms=entered_ms)
    for n in range(3):
        delivery = await enqueue(db, clock, "phone", name=f"m{n}")
        async with db.transaction() as tx:
            await tx.fetch("deliver.answer", id=delivery, device="phone", seq=n, now_ms=clock.now_ms())
            if n == 1:
                await receipts.keep(
                    tx, "phone", [ReceiptIn(delivery, "opened", clock.now_ms() + 9)], clock.now_ms() + 9
                )
    await enqueue(db, clock, "phone", name="waiting")  # nobody was told yet
    heard = await signals.load(db, [shopper, "nobody"], clock.now_ms())
    told = Tally(3, 1)
    assert heard == {shopper: Signals(2, {21: 1, 19: 1}, {0: 1, 6: 1}, {21: told}, {0: told}, {"inapp": told})}
    async with db.transaction() as tx:
        await standings.reconsider(tx, DESK, [shopper], clock.now_ms())
    assert await counted(db) == {
        ("told:hour", 21): 3, ("opened:hour", 21): 1, ("told:weekday", 0): 3, ("opened:weekday", 0): 1,
        ("channel:inapp", 0): 3, ("channel:inapp", 1): 1,
    }  # fmt: skip
    seen = figures(NOTHING, heard[shopper], Given(clock.now_ms(), await sketches.population(db)))
    assert (seen.best_hour, seen.best_weekday, seen.channel) == (21, 0, "inapp")
    async with db.transaction() as tx:
        segment = {"id": "vip", "name": "VIP", "description": "", "rule": "{}", "places": False}
        await tx.execute("segments.put", **segment, changed_by="operator:ann", changed_ms=1)
        await tx.execute("segments.enter", segment="vip", person=shopper, since_ms=1)
        await standings.reconsider(tx, DESK, [shopper], clock.now_ms())
    assert {name: n for (name, _), n in (await counted(db)).items() if "@" in name} == {
        "told:hour@vip": 3, "opened:hour@vip": 1, "told:weekday@vip": 3, "opened:weekday@vip": 1,
    }  # fmt: skip
    assert (await signals.load(db, [shopper], clock.now_ms()))[shopper].segments == ("vip",)


async def test_who_is_looked_at_beside_others_is_seen_as_if_alone(db: Database) -> None:
    clock = SettableClock(at_s("2026-11-02T12:00") * 1000)
    busy, quiet = [await join(db, clock, name) for name in ("phone", "tablet")]
    times = [(busy, n) for n in range(signals.MOST + 50)] + [(quiet, signals.MOST * 2 + n) for n in range(signals.MOST)]
    async with db.transaction() as tx:
        await directory.put_store(tx, Store(id="s1", name="Hamburg", time_zone="UTC"))
        for number, (shopper, minutes) in enumerate(times):
            entered_ms = clock.now_ms() - minutes * 60_000
            visit = {"id": f"v{number}", "store": "s1", "shopper": shopper, "entered_ms": entered_ms}
            await tx.execute("ingest.open_visit", **visit, heard_ms=entered_ms)
    alone = [await signals.load(db, [shopper], clock.now_ms()) for shopper in (busy, quiet)]
    assert await signals.load(db, [busy, quiet], clock.now_ms()) == alone[0] | alone[1]
    assert {one.visits for one in (alone[0] | alone[1]).values()} == {signals.MOST}


async def test_everyone_is_read_anew_once_a_minute(db: Database) -> None:
    clock = SettableClock(5)
    populations = sketches.Populations(clock)
    await know(db, ["u1"])
    assert (await populations.now(db)).everyone("frequency") == 0
    await say(db, {"u1": [bought(1, 100, 30)]})
    assert (await populations.now(db)).everyone("frequency") == 0
    clock.advance(sketches.KEEP_MS)
    assert (await populations.now(db)).everyone("frequency") == 1
