"""A crash at any time, on both databases: the server goes on with the same visits, and decides nothing twice."""

import asyncio
import random
import zlib
from collections.abc import AsyncIterator

import msgspec
import pytest

from beacons.registry import Beacon, Zone
from push.campaigns.book import Book
from push.ingest import unsettled
from push.ingest.engine import Engine, IngestSettings, Outside
from push.model.ports import Database, Row
from push.model.presence import Observation
from push.model.sites import Rules
from push.presence.presence import Presence
from push.profiles.consent import ConsentBook
from push.registry import directory
from push.registry.tags import tags_of
from tests.support import deciding
from tests.support.brokers import until
from tests.support.clocks import SettableClock
from tests.support.fresh import open_database
from tests.support.ingest import (
    ALL_TIME,
    PEOPLE,
    STATIC,
    T0_MS,
    VAULT,
    Box,
    Flaky,
    Server,
    WireGateway,
    agree,
    register,
)
from tests.support.outbox import enqueue, state


async def rows(db: Database) -> dict[str, list[Row]]:
    """Everything that ingest keeps."""
    return {name: await db.fetch(name, **ALL_TIME) for name in ("ingest.visits", "ingest.moments", "deliver.list")} | {
        "totals": await db.fetch("ingest.totals"),
        "journal": await db.fetch("ingest.journal_after", seq=-1),
    }


def there(server: Server) -> set[tuple[object, ...]]:
    """Who is where, since when, and in which visit."""
    return {
        (store, p.shopper, p.visit, p.zone, p.entered_ms, p.last_ms, p.stay_since_ms if p.zone else None)
        for store in ("s1", "s2")
        for p in server.engine.presence.present(store)
    }


@pytest.mark.parametrize("seed", range(8))
async def test_a_crash_at_any_point_leads_to_the_state_of_a_run_without_one(
    db: Database, clock: SettableClock, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - a schedule that repeats itself
    for name in PEOPLE:
        await agree(db, name)
    server = await Server(db, clock, Box()).start()
    gateways = [WireGateway("g1", clock), WireGateway("g2", clock, boot="11" * 8)]
    for _ in range(60):
        clock.advance(chance.choice([200, 1000, 4000, 9000]))
        if chance.random() < 0.5:
            gateway = chance.choice(gateways)
            seen = [gateway.heard(STATIC[n], rssi_dbm=-chance.randint(40, 95), ago_ms=chance.choice([0, 500, 35_000]))
                    for n in chance.sample(PEOPLE, 2)]  # fmt: skip
            server.engine.offer(*gateway.sealed(gateway.batch(*seen)))
        while server.engine.depth or await server.engine.catch_up():
            await server.engine.tick()
        await server.engine.tick()
    before = await rows(db)
    reborn = await Server(db, clock, Box()).start()
    assert there(reborn) == there(server)
    assert await rows(db) == before, "coming back writes nothing by itself"
    for _ in range(20):
        clock.advance(1000)
        await reborn.take(gateways[0], gateways[0].batch())
    after = await rows(db)
    assert [m["id"] for m in after["ingest.moments"]][: len(before["ingest.moments"])] == [
        m["id"] for m in before["ingest.moments"]
    ]
    visits = after["ingest.visits"]
    assert len({(v["store"], v["shopper"]) for v in visits if v["left_ms"] is None}) == len(
        [v for v in visits if v["left_ms"] is None]
    ), "nobody is in a store twice"


async def test_a_second_crash_right_after_a_restart_loses_no_visit(db: Database, clock: SettableClock) -> None:
    """Each restart gives a fresh deadline; the replay after the next one must know of it."""
    await agree(db, "bob")
    gateway = WireGateway("g1", clock)
    server = await Server(db, clock, Box()).start()
    await server.take(gateway, gateway.batch(gateway.heard(STATIC["ann"])))
    clock.advance(600_000)
    server = await Server(db, clock, Box()).start()
    clock.advance(1000)
    server.engine.offer(*gateway.sealed(gateway.batch(gateway.heard(STATIC["bob"]))))
    await server.engine.tick()
    assert server.engine.presence.shoppers() == {"ann", "bob"}
    server = await Server(db, clock, Box()).start()
    assert server.engine.presence.shoppers() == {"ann", "bob"}
    await server.take(gateway, gateway.batch())
    await server.pass_time(65)
    visits = await db.fetch("ingest.visits", **ALL_TIME)
    assert len(visits) == 2
    assert all(v["left_ms"] is not None for v in visits)


async def test_what_only_the_journal_tells_yet_of_batches_is_neither_lost_nor_counted_twice(
    db: Database, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many gateways' marks and counts a tick writes none but in its journal row, until a checkpoint."""
    monkeypatch.setattr(unsettled, "FEW", 0)
    flaky = Flaky(db)
    server = await Server(flaky, clock, Box()).start()
    gateway = WireGateway("g1", clock)
    await server.take(gateway, gateway.batch(gateway.heard(STATIC["ann"])))  # a start makes a checkpoint
    later = [gateway.sealed(gateway.batch(gateway.heard(STATIC["ann"]))) for _ in range(2)]
    for payload in later:
        server.engine.offer(*payload)
        await server.engine.tick()
    assert server.box.settled("g1") == {(gateway.boot, n) for n in (1, 2, 3)}
    assert [row["batches"] for row in await db.fetch("ingest.totals")] == [1]
    server = await Server(flaky, clock, Box()).start()
    server.engine.offer(*later[1])
    flaky.plan = ["after", "before", "after"]  # the tick itself, which is a checkpoint, and the next
    await server.engine.tick()
    await server.settle()
    assert server.engine.counts["duplicates"] == 1
    assert server.box.settled("g1") == {(gateway.boot, n) for n in (1, 2, 3)}
    await Server(db, clock, Box()).start()
    assert [row["batches"] for row in await db.fetch("ingest.totals")] == [3]
    [mark] = await db.fetch("ingest.marks")
    assert msgspec.json.decode(mark["applied"])["floor"] == 3


async def test_a_registry_that_changed_before_a_crash_opens_and_closes_the_same_stays(
    db: Database, clock: SettableClock
) -> None:
    server = await Server(db, clock, Box()).start()
    gateway = WireGateway("g2", clock)
    await server.take(gateway, gateway.batch(gateway.heard(STATIC["ann"])))
    async with db.transaction() as tx:
        for name in ("g1", "g2"):
            held = server.engine.directory.gateways[name]
            await directory.put_gateway(tx, msgspec.structs.replace(held, zone="coats"), b"", VAULT)
    server = await Server(db, clock, Box()).start()
    assert server.engine.presence.present("s1")[0].zone == "shoes"
    await server.take(gateway, gateway.batch())
    await server.pass_time(70)
    moments = await db.fetch("ingest.moments", **ALL_TIME)
    assert [m["zone"] for m in moments if m["kind"] == "zone_left"] == ["shoes"]


async def test_a_crash_after_a_standstill_loses_no_visit(db: Database, clock: SettableClock) -> None:
    await agree(db, "bob")
    gateway = WireGateway("g1", clock)
    server = await Server(db, clock, Box()).start()
    await server.take(gateway, gateway.batch(gateway.heard(STATIC["ann"])))
    clock.advance(300_000)
    server.engine.offer(*gateway.sealed(gateway.batch(gateway.heard(STATIC["bob"]))))
    await server.engine.tick()
    server = await Server(db, clock, Box()).start()
    assert server.engine.presence.shoppers() == {"ann", "bob"}


async def test_a_crash_after_the_registry_changed_leads_to_the_same_stays(db: Database, clock: SettableClock) -> None:
    server = await Server(db, clock, Box()).start()
    gateway = WireGateway("g2", clock)
    await server.take(gateway, gateway.batch(gateway.heard(STATIC["ann"])))
    async with db.transaction() as tx:
        held = server.engine.directory.gateways["g2"]
        await directory.put_zone(tx, Zone(store="s1", id="coats", name="Coats"))
        await directory.put_gateway(tx, msgspec.structs.replace(held, zone="coats"), b"", VAULT)
    await server.reload()
    for _ in range(5):
        clock.advance(1000)
        await server.take(gateway, gateway.batch(gateway.heard(STATIC["ann"])))
    (ann,) = server.engine.presence.present("s1")
    assert ann.zone == "coats"
    reborn = await Server(db, clock, Box()).start()
    assert there(reborn) == there(server)


# ------------------------------------------------------------------------------------------------- a thousand visits

MANY = 1000
CROWD = [f"p{n}" for n in range(MANY)]


def card(person: int) -> bytes:
    return person.to_bytes(2, "big") * 10


@pytest.fixture
async def town(clock: SettableClock, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Flaky, Flaky]]:
    """Two databases in which nothing happened yet."""
    folder = tmp_path_factory.mktemp("town")
    async with (
        open_database(f"sqlite:{folder / 'a.db'}", clock) as one,
        open_database(f"sqlite:{folder / 'b.db'}", clock) as two,
    ):
        await register(one)
        await register(two)
        yield Flaky(one), Flaky(two)


async def crowded(db: Database, clock: SettableClock, box: Box) -> Engine:
    """An engine that knows a thousand people, who all agreed, and comes back to where the last one was."""
    held = await directory.load(db, VAULT)
    cards = [
        Beacon(id=f"card-{who}", role="tag", format="ibeacon", static_id=card(n).hex(), shopper=who)
        for n, who in enumerate(CROWD)
    ]
    consents = ConsentBook()
    for who in CROWD:
        consents.note(who, {"location": True})
    made = Engine(
        IngestSettings(checkpoint_s=3),
        Outside(db, clock, box, lambda: None, deciding.means()),
        Presence(),
        consents,
        Rules(),
    )
    await made.use(msgspec.structs.replace(held, tags=tags_of(cards, {})), Book(()))
    await made.resume()
    return made


async def kill(engine: Engine, db: Flaky, *, is_committed: bool) -> None:
    """Let a tick end before its commit, or after it and before anybody was told."""
    db.plan = [] if is_committed else ["before"] * 100
    ticking = asyncio.create_task(engine.tick())
    await until(lambda: bool(db.failed) or ticking.done())
    ticking.cancel()
    await asyncio.gather(ticking, return_exceptions=True)
    db.plan = []
    db.failed.clear()


async def shop(db: Flaky, clock: SettableClock, kills: frozenset[int]) -> tuple[list[Row], list[Row]]:
    """Visits and moments of a thousand people who come in and walk about; in some seconds the server is killed."""
    chance = random.Random(5)  # noqa: S311 - a schedule that repeats itself
    start_ms, box = clock.now_ms(), Box()
    engine = await crowded(db, clock, box)
    gateways = [WireGateway("g1", clock, booted_ms=start_ms), WireGateway("g2", clock, "11" * 8, start_ms)]
    for second in range(12):
        clock.advance(1000)
        for gateway in gateways:
            there = [n for n in range(MANY) if n < 250 * (second + 1) and chance.random() < 0.7]
            loud = {n: -50 if (n + second // 4) % 2 == (gateway.name == "g1") else -80 for n in there}
            engine.offer(*gateway.sealed(gateway.batch(*[gateway.heard(card(n), rssi_dbm=loud[n]) for n in there])))
        waiting = list(engine._queue)  # noqa: SLF001 - what gateways send again, as nobody acknowledged it
        if second in kills:
            await kill(engine, db, is_committed=second % 2 == 0)
            engine = await crowded(db, clock, box)
            for topic, payload, _ in waiting:
                engine.offer(topic, payload)
        await engine.tick()
    return await db.fetch("ingest.visits", **ALL_TIME), await db.fetch("ingest.moments", **ALL_TIME)


async def test_killed_amid_a_thousand_visits_none_is_lost_doubled_or_split_and_no_moment_happens_twice(
    town: tuple[Flaky, Flaky], clock: SettableClock
) -> None:
    """Before the commit, and after it where the gateways did not learn of it; beside one that was never killed."""
    start_ms = clock.now_ms()
    whole, moments = await shop(town[0], clock, frozenset())
    clock.advance(start_ms - clock.now_ms())
    visits, again = await shop(town[1], clock, frozenset({2, 3, 6, 9}))
    assert len(visits) == MANY
    assert [v["left_ms"] for v in visits] == [None] * MANY
    assert {v["id"] for v in visits} == {v["id"] for v in whole}
    assert len({(m["visit"], m["kind"]) for m in again if m["kind"] == "store_entered"}) == MANY
    assert (
        sum(m["kind"] == "store_entered" for m in again) == sum(m["kind"] == "store_entered" for m in moments) == MANY
    )
    entered = [(m["visit"], m["zone"], m["heard_ms"]) for m in again if m["kind"] == "zone_entered"]
    assert len(entered) == len(set(entered)) > 0


# ---------------------------------------------------------------------------------------- what a release before left


async def test_visits_that_a_release_before_left_open_go_on(db: Database, clock: SettableClock) -> None:
    """It wrote down what was heard, person by person, and not what was decided: that is in the database."""
    person = ["s1", "ann", "v1", T0_MS - 60_000, T0_MS - 9000, T0_MS - 9000, "shoes", "y1", T0_MS - 50_000, 1,
              {"g2": [-60.0, T0_MS - 9000]}]  # fmt: skip
    snapshot = msgspec.msgpack.encode([{"enter_dbm": -85.0}, {}, [person]])
    heard = [Observation("ann", "g2", T0_MS - 5000, T0_MS - 4000, -60.0, 3, T0_MS - 4000)]
    async with db.transaction() as tx:
        times = {"entered_ms": T0_MS - 60_000, "heard_ms": T0_MS - 60_000}
        await tx.execute("ingest.open_visit", id="v1", store="s1", shopper="ann", **times)
        await tx.execute("ingest.open_stay", id="y1", visit="v1", store="s1", zone="shoes", entered_ms=T0_MS - 50_000)
        await tx.execute("ingest.put_checkpoint", journal_seq=7, at_ms=T0_MS - 8000, payload=zlib.compress(snapshot))
        payload = zlib.compress(msgspec.msgpack.encode(heard))
        await tx.execute("ingest.journal", seq=8, at_ms=T0_MS - 3000, payload=payload)
    server = await Server(db, clock, Box()).start()
    (ann,) = server.engine.presence.present("s1")
    assert (ann.visit, ann.zone, ann.entered_ms, ann.last_ms) == ("v1", "shoes", T0_MS - 60_000, T0_MS - 4000)
    gateway = WireGateway("g2", clock)
    await server.take(gateway, gateway.batch(gateway.heard(STATIC["ann"])))
    (again,) = (await Server(db, clock, Box()).start()).engine.presence.present("s1")
    assert (again.visit, again.zone) == ("v1", "shoes"), "and from then on by what this release writes"
    await server.pass_time(70)
    (visit,) = await db.fetch("ingest.visits", **ALL_TIME)
    assert (visit["id"], visit["left_ms"]) == ("v1", T0_MS)


async def test_a_store_that_was_deleted_before_a_crash_leaves_no_visit_open(db: Database, clock: SettableClock) -> None:
    at = {"store": "burnt-down", "entered_ms": T0_MS}
    async with db.transaction() as tx:
        await tx.execute("ingest.open_visit", id="vis_1", shopper="ann", heard_ms=T0_MS, **at)
        await tx.execute("ingest.open_stay", id="sty_1", visit="vis_1", zone="till", **{**at, "entered_ms": T0_MS + 7})
        await tx.execute("ingest.open_visit", id="vis_2", shopper="ann", heard_ms=1, store="s1", entered_ms=T0_MS)
    delivery = await enqueue(db, clock, "dev-ann", visit="vis_1")
    await Server(db, clock, Box()).start()
    left_ms = {row["id"]: row["left_ms"] for row in await db.fetch("ingest.visits", **ALL_TIME)}
    assert left_ms == {"vis_1": T0_MS + 7, "vis_2": None}
    assert await state(db, delivery) == "cancelled"
