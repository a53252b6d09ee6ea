"""What pages read of somebody, on both databases: her past in order across sources, and why something was not sent."""

from push.campaigns import outbox
from push.console.persons import happenings, linked, who
from push.console.persons.happenings import PER_PAGE, Happening, Names
from push.model.decisions import Considered, Decision, Receipt, Verdict
from push.model.ports import Database, Transaction
from push.profiles import keys
from push.profiles.desk import BUILT_IN
from push.profiles.identity.facets import listed
from tests.support.ingest import T0_MS
from tests.support.keyrings import KEYRING

NAMES = Names({"s1": "Hamburg"}, {("s1", "shoes"): "Shoes"})
EVA = "shp_eva"
TWIN = "shp_eva_phone"


async def known(db: Database) -> None:
    """One person, by two identifiers."""
    async with db.transaction() as tx:
        for facet in (EVA, TWIN):
            await tx.execute("identity.new_facet", id=facet, kind="user_id", created_ms=T0_MS)
        await tx.execute("identity.set_person", id=TWIN, person=EVA)


async def visited(tx: Transaction, name: str, shopper: str, at_ms: int) -> None:
    await tx.execute("ingest.open_visit", id=name, store="s1", shopper=shopper, entered_ms=at_ms, heard_ms=at_ms)


async def decided(tx: Transaction, name: str, at_ms: int, verdicts: list[tuple[Verdict, str]]) -> None:
    """A decision of which nothing was sent."""
    moment = {"id": f"m-{name}", "kind": "zone_entered", "store": "s1", "zone": "shoes", "shopper": TWIN}
    times = {"at_ms": at_ms, "heard_ms": at_ms, "received_ms": at_ms}
    await tx.execute("ingest.moment", **moment, **times, visit="v", mark_s=0, confidence=0.9, triggers=True)
    considered = tuple(
        Considered(campaign=f"c{n}", version=1, verdict=verdict, why=why) for n, (verdict, why) in enumerate(verdicts)
    )
    [key] = (await keys.ensure(tx, KEYRING, [TWIN])).values()
    decision = Decision(
        id=name, moment=f"m-{name}", shopper=TWIN, store="s1", campaign=None, considered=considered, decided_ms=at_ms
    )
    await tx.execute_many(*outbox.decisions({TWIN: key}, [Receipt(decision=decision, inputs=None)]))


async def past(db: Database, after: str = "") -> happenings.Page:
    return await happenings.page(db, KEYRING, TWIN, after, NAMES)


async def test_what_happened_at_one_time_is_turned_whole_across_sources(db: Database) -> None:
    await known(db)
    async with db.transaction() as tx:
        for n in range(PER_PAGE):
            await visited(tx, f"v{n:02}", (EVA, TWIN)[n % 2], T0_MS + n // 9)
            await decided(tx, f"d{n:02}", T0_MS + n // 9, [])
    seen: list[Happening] = []
    after = ""
    while True:
        page = await past(db, after)
        seen += page.items
        after = page.after
        if not after:
            break
    assert len(seen) == 2 * PER_PAGE
    assert [one.at_ms for one in seen] == sorted((one.at_ms for one in seen), reverse=True)
    assert sum(one.word == "visit" for one in seen) == PER_PAGE


async def test_silence_is_told_with_its_reasons(db: Database) -> None:
    await known(db)
    async with db.transaction() as tx:
        await decided(tx, "d1", T0_MS, [("cap", "1 of 1 pushes"), ("consent", "")])
        await decided(tx, "d2", T0_MS - 1, [])
        await visited(tx, "v1", EVA, T0_MS - 3_600_000)
        await tx.execute("ingest.close_visit", id="v1", left_ms=T0_MS - 1_800_000)
    first, second, third = (await past(db)).items
    assert (first.word, first.title) == ("quiet", "Held back: had enough for now and not agreed to")
    assert first.line == "Hamburg · Shoes · came to the zone"
    assert first.reasons == (("c0", "had enough for now · 1 of 1 pushes"), ("c1", "not agreed to"))
    assert second.title == "Nothing worth saying"
    assert (third.title, third.line) == ("Hamburg", "stayed 30 min")


async def test_every_statement_about_somebody_runs(db: Database) -> None:
    await known(db)
    assert await who.devices_of(db, EVA) == []
    assert await who.agreements_of(db, BUILT_IN, EVA) == []
    assert await who.words_of(db, BUILT_IN, EVA) == []
    assert await who.checks_of(db, BUILT_IN, EVA) == []
    for statement in ("persons.tags", "persons.segments"):
        assert await db.fetch(statement, shopper=EVA, most=5) == []
    assert await db.fetch("persons.links", shopper=EVA, most=linked.MOST) == []
    assert await db.fetch_one("persons.here", shopper=EVA) is None
    assert len(await db.fetch("persons.facets_named", ids=listed([EVA, TWIN]))) == 2
