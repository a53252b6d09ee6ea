"""What ingest learns and refuses of beacons, on both databases: clocks, replays, copies, staff, single changes."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from beacons import eid
from beacons.ids import IdKind
from beacons.registry import Beacon
from push.ingest import keeping, searching
from push.model.errors import DatabaseError
from push.model.ports import Database
from push.registry import directory, loading
from tests.support.clocks import SettableClock
from tests.support.fresh import open_database
from tests.support.ingest import (
    BEACONS,
    EXPONENT,
    T0_MS,
    VAULT,
    Box,
    Flaky,
    Server,
    WireGateway,
    agree,
    identity_key,
    register,
    rotating_id,
)

PERIOD_MS = 1000 << EXPONENT


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(T0_MS + 3_600_000)


@pytest.fixture
async def db(database_url: str, clock: SettableClock) -> AsyncIterator[Database]:
    async with open_database(database_url, clock) as opened:
        await register(opened)
        await agree(opened, "ann")
        yield opened


async def hear(server: Server, gateway: WireGateway, raw: bytes) -> int:
    """A tick in which a gateway hears a rotating id now; how many sightings resolved."""
    while await server.engine.turn():
        pass
    before = server.engine.counts["resolved"]
    await server.take(gateway, gateway.batch(gateway.heard(raw, kind=IdKind.EID)))
    return server.engine.counts["resolved"] - before


async def reread(server: Server, db: Database, ids: list[str]) -> None:
    """A change of some beacons as the registrar brings it into force."""
    engine = server.engine
    async with engine.changing:
        async for change in loading.change(db, VAULT, engine.directory.tags, ids):
            await engine.change(change)


async def test_a_clock_that_was_learned_outlives_the_server(db: Database, clock: SettableClock) -> None:
    server, gateway = await Server(db, clock, Box()).start(), WireGateway("g1", clock)
    assert await hear(server, gateway, rotating_id("ann", clock.now_ms() + 100_000)) == 1
    assert not await keeping.write(db, server.engine.ears)
    (row,) = await db.fetch("resolver.clocks", after="", most=10)
    assert row["beacon"] == "tag-ann"
    assert 100_000 - PERIOD_MS <= row["ahead_ms"] <= 100_000
    again = await Server(db, clock, Box()).start()
    clock.advance(60_000)
    assert await hear(again, WireGateway("g1", clock, boot="11" * 8), rotating_id("ann", clock.now_ms() + 200_000)) == 1


async def test_clocks_that_could_not_be_written_are_written_later(db: Database, clock: SettableClock) -> None:
    server, gateway = await Server(db, clock, Box()).start(), WireGateway("g1", clock)
    await hear(server, gateway, rotating_id("ann", clock.now_ms() + 100_000))
    flaky = Flaky(db)
    flaky.plan = ["before"]
    with pytest.raises(DatabaseError):
        await keeping.write(flaky, server.engine.ears)
    assert await db.fetch("resolver.clocks", after="", most=10) == []
    await keeping.write(flaky, server.engine.ears)
    assert len(await db.fetch("resolver.clocks", after="", most=10)) == 1


async def test_who_is_registered_anew_starts_with_the_new_clock(db: Database, clock: SettableClock) -> None:
    server, gateway = await Server(db, clock, Box()).start(), WireGateway("g1", clock)
    await hear(server, gateway, rotating_id("ann", clock.now_ms() + 100_000))
    await keeping.write(db, server.engine.ears)
    tag = next(b for b in BEACONS if b.id == "tag-ann")
    async with db.transaction() as tx:
        await directory.put_beacon(tx, msgspec.structs.replace(tag, counter_s=7), None, VAULT)
    await reread(server, db, ["tag-ann"])
    said = eid.compute(identity_key("ann"), EXPONENT, 7 + (clock.now_ms() - T0_MS) // 1000)
    assert await hear(server, gateway, said) == 1
    assert await hear(server, gateway, rotating_id("ann", clock.now_ms())) == 0
    again = await Server(db, clock, Box()).start()
    assert again.engine.ears.clocks.ahead_ms(again.engine.directory.tags.find("tag-ann")) == 0


async def test_a_beacon_that_is_gone_leaves_no_clock_behind(db: Database, clock: SettableClock) -> None:
    server, gateway = await Server(db, clock, Box()).start(), WireGateway("g1", clock)
    raw = rotating_id("ann", clock.now_ms() + 100_000)
    await hear(server, gateway, raw)
    await keeping.write(db, server.engine.ears)
    async with db.transaction() as tx:
        await tx.execute("registry.delete_beacon", id="tag-ann")
    assert await db.fetch("resolver.clocks", after="", most=10) == []
    await reread(server, db, ["tag-ann"])
    assert await hear(server, gateway, raw) == 0
    server.engine.ears.clocks.write_again([])
    assert not await keeping.write(db, server.engine.ears)


async def test_a_recorded_id_resolves_in_its_window_and_is_refused_after_it(db: Database, clock: SettableClock) -> None:
    server, gateway = await Server(db, clock, Box()).start(), WireGateway("g1", clock)
    recorded = rotating_id("ann", clock.now_ms())
    assert await hear(server, gateway, recorded) == 1
    clock.advance(PERIOD_MS)
    assert await hear(server, gateway, rotating_id("ann", clock.now_ms())) == 1
    clock.advance(PERIOD_MS - 1000)
    assert await hear(server, gateway, recorded) == 0, "its beacon has turned since"
    assert server.engine.counts["replayed"] == 1
    clock.advance(86_400_000)
    assert await hear(server, gateway, recorded) == 0, "and its window is over for good"


async def test_a_copied_tag_raises_an_alarm_and_places_nobody_until_it_is_quiet(
    db: Database, clock: SettableClock
) -> None:
    server = await Server(db, clock, Box()).start()
    here, there = WireGateway("g1", clock), WireGateway("g3", clock)
    assert await hear(server, here, rotating_id("ann", clock.now_ms())) == 1
    clock.advance(3_000)
    assert await hear(server, there, rotating_id("ann", clock.now_ms())) == 0
    (alarm,) = server.engine.ears.clones.alarms
    assert (alarm.beacon, alarm.stores) == ("tag-ann", ("s1", "s2"))
    clock.advance(3_000)
    assert await hear(server, here, rotating_id("ann", clock.now_ms())) == 0
    visits = await db.fetch("ingest.marks")
    assert visits
    clock.advance(601_000)
    assert await hear(server, here, rotating_id("ann", clock.now_ms())) == 1
    assert server.engine.ears.clones.alarms == ()


async def test_nothing_of_a_rotating_staff_tag_is_written(db: Database, clock: SettableClock) -> None:
    guard = Beacon(
        id="badge", role="tag", format="eid", exponent=EXPONENT, counter_s=10**6, counter_at_ms=T0_MS, shopper="ann",
        staff=True,
    )  # fmt: skip
    async with db.transaction() as tx:
        await directory.put_beacon(tx, guard, b"\3" * 16, VAULT)
    server, gateway = await Server(db, clock, Box()).start(), WireGateway("g1", clock)
    said = eid.compute(b"\3" * 16, EXPONENT, (clock.now_ms() + 60_000 - T0_MS) // 1000 + 10**6)
    assert await hear(server, gateway, said) == 0
    clock.advance(3_600_000)
    await server.take(gateway, gateway.batch(gateway.heard(said, kind=IdKind.EID, ago_ms=3_600_000)))
    assert server.engine.counts["resolved"] == 0
    assert not await keeping.write(db, server.engine.ears)
    assert await db.fetch("resolver.clocks", after="", most=10) == []
    assert not server.engine.presence.shoppers()


async def test_a_tag_that_lost_power_is_found_again_and_stays_found(db: Database, clock: SettableClock) -> None:
    server, gateway = await Server(db, clock, Box()).start(), WireGateway("g1", clock)
    restarted_ms = clock.now_ms() - 1_800_000

    def said() -> bytes:
        return eid.compute(identity_key("ann"), EXPONENT, (clock.now_ms() - restarted_ms) // 1000)

    resolved = []
    for _ in range(40):
        resolved.append(await hear(server, gateway, said()))
        while await searching.step(server.engine, clock.now_ms()):
            pass
        clock.advance(2_000)
    assert resolved[0] == 0
    assert resolved[-1] == 1
    await keeping.write(db, server.engine.ears)
    again = await Server(db, clock, Box()).start()
    assert await hear(again, WireGateway("g1", clock, boot="22" * 8), said()) == 1
    clock.advance(86_400_000)
    assert await hear(again, WireGateway("g1", clock, boot="33" * 8), said()) == 1


async def test_everything_is_compared_where_anything_may_have_changed(db: Database, clock: SettableClock) -> None:
    server, gateway = await Server(db, clock, Box()).start(), WireGateway("g1", clock)
    new = Beacon(id="new", role="tag", format="eid", exponent=EXPONENT, counter_at_ms=T0_MS, shopper="ann")
    async with db.transaction() as tx:
        await tx.execute("registry.delete_beacon", id="tag-ann")
        await directory.put_beacon(tx, new, b"\4" * 16, VAULT)
    engine = server.engine
    tags, before = engine.directory.tags, engine.directory.tags.find("tag-bob")
    async with engine.changing:
        async for change in loading.changes(db, VAULT, tags):
            await engine.change(change)
    assert tags.count == len(BEACONS)
    assert tags.find("tag-bob") == before, "who was not changed stands where she stood"
    assert await hear(server, gateway, rotating_id("ann", clock.now_ms())) == 0
    assert await hear(server, gateway, eid.compute(b"\4" * 16, EXPONENT, (clock.now_ms() - T0_MS) // 1000)) == 1
