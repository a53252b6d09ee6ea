"""Ingest under faults on both databases: nothing acknowledged is lost, nothing is applied twice."""

import asyncio
import random
from collections.abc import Callable

import msgspec
import pytest

from push.campaigns.book import Book
from push.ingest.tick import RivalError
from push.model.campaigns import Trigger
from push.model.errors import OverloadedError
from push.model.ports import Database, Row
from push.model.presence import Observation
from push.profiles import consent
from push.registry.tags import tags_of
from tests.support.campaigns import campaign
from tests.support.clocks import SettableClock
from tests.support.ingest import (
    ALL_TIME,
    BEACONS,
    PEOPLE,
    STATIC,
    T0_MS,
    Box,
    Flaky,
    Server,
    WireGateway,
    agree,
)
from tests.support.outbox import enqueue, receipt
from tests.support.patience import PATIENCE_S


async def until(holds: Callable[[], bool], timeout_s: float = 10) -> None:
    async with asyncio.timeout(timeout_s):
        while not holds():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.001)


async def rows(db: Database) -> dict[str, list[Row]]:
    """Everything that ingest keeps."""
    return {name: await db.fetch(name, **ALL_TIME) for name in ("ingest.visits", "ingest.moments", "deliver.list")} | {
        "totals": await db.fetch("ingest.totals"),
        "journal": await db.fetch("ingest.journal_after", seq=-1),
    }


async def totals(db: Database) -> tuple[int, int]:
    (row,) = await db.fetch("ingest.totals")
    return int(row["batches"]), int(row["sightings"])


@pytest.mark.parametrize("fates", [["before"], ["after"], ["before", "after"], ["before", "before", "after"]])
async def test_a_commit_that_fails_or_whose_outcome_is_unknown_is_applied_once(
    db: Database, clock: SettableClock, fates: list[str]
) -> None:
    flaky = Flaky(db)
    server = await Server(flaky, clock, Box()).start()
    gateway = WireGateway("g1", clock)
    flaky.plan = list(fates)
    await server.take(gateway, gateway.batch(gateway.heard(STATIC["ann"])))
    assert sum(flaky.failed.values()) == len(fates)
    assert server.engine.counts["commit_failures"] >= len(fates)
    assert await totals(db) == (1, 1)
    found = await rows(db)
    assert [len(found[name]) for name in ("ingest.visits", "ingest.moments", "deliver.list")] == [1, 1, 1]
    assert server.woken == 1, "senders are woken although the answer to the commit was lost"
    assert server.box.settled("g1") == {(gateway.boot, 1)}


async def test_nothing_is_acknowledged_before_it_is_durable(db: Database, clock: SettableClock) -> None:
    flaky = Flaky(db)
    server = await Server(flaky, clock, Box()).start()
    gateway = WireGateway("g1", clock)
    flaky.plan = ["before"] * 1000
    server.engine.offer(*gateway.sealed(gateway.batch(gateway.heard(STATIC["ann"]))))
    ticking = asyncio.create_task(server.engine.tick())
    await until(lambda: flaky.failed["before"] >= 2)
    assert server.box.published == []
    ticking.cancel()
    await asyncio.gather(ticking, return_exceptions=True)
    again = await Server(db, clock, server.box).start()
    assert await totals(db) == (0, 0)
    await again.take(gateway, gateway.batch(gateway.heard(STATIC["ann"]), sequence=1))
    assert server.box.settled("g1") == {(gateway.boot, 1)}


async def test_a_database_that_cannot_be_read_for_a_while_stops_nothing(db: Database, clock: SettableClock) -> None:
    flaky = Flaky(db)
    server = await Server(flaky, clock, Box()).start()
    gateway = WireGateway("g1", clock)
    flaky.reads_to_fail = 2
    await server.take(gateway, gateway.batch(gateway.heard(STATIC["ann"])))
    assert flaky.failed["read"] == 2
    assert server.box.settled("g1") == {(gateway.boot, 1)}


async def test_what_was_fresh_before_an_outage_is_stale_after_it(db: Database, clock: SettableClock) -> None:
    flaky = Flaky(db)
    server = await Server(flaky, clock, Box()).start()
    gateway = WireGateway("g1", clock)
    flaky.plan = ["before"] * 2
    server.engine.offer(*gateway.sealed(gateway.batch(gateway.heard(STATIC["ann"]))))
    ticking = asyncio.create_task(server.engine.tick())
    await until(lambda: flaky.failed["before"] >= 1)
    clock.advance(31_000)
    await ticking
    (decision,) = await db.fetch("campaigns.decisions", **ALL_TIME)
    assert '"verdict":"stale"' in receipt(decision)
    assert await db.fetch("deliver.list", **ALL_TIME) == []


async def test_another_server_on_the_same_database_is_noticed(db: Database, clock: SettableClock) -> None:
    first = await Server(db, clock, Box()).start()
    second = await Server(db, clock, Box()).start()
    gateway = WireGateway("g1", clock)
    await first.take(gateway, gateway.batch(gateway.heard(STATIC["ann"])))
    clock.advance(10)
    second.engine.offer(*gateway.sealed(gateway.batch(gateway.heard(STATIC["ann"]), sequence=7)))
    with pytest.raises(RivalError):
        await second.engine.tick()
    assert second.box.published == []


@pytest.mark.parametrize("seed", range(6))
async def test_any_schedule_of_loss_duplicates_reordering_and_crashes_applies_each_batch_once(
    db: Database, clock: SettableClock, seed: int
) -> None:
    """Gateways send until acknowledged; the network and the server do their worst; the counts come out exact."""
    chance = random.Random(seed)  # noqa: S311 - a schedule that repeats itself
    for name in PEOPLE:
        await agree(db, name)
    flaky, box = Flaky(db), Box()
    server = await Server(flaky, clock, box).start()
    gateways = [WireGateway("g1", clock), WireGateway("g2", clock, boot="11" * 8), WireGateway("g3", clock)]
    unsent = [(g, g.batch(*[g.heard(STATIC[chance.choice(PEOPLE)]) for _ in range(chance.randint(0, 3))]))
              for g in gateways for _ in range(8)]  # fmt: skip
    wanted = (len(unsent), sum(len(b.sightings.kind) for _, b in unsent))
    for _ in range(200):
        unsent = [(g, b) for g, b in unsent if (b.boot, b.sequence) not in box.settled(g.name)]
        if not unsent:
            break
        for gateway, batch in chance.sample(unsent, chance.randint(1, len(unsent))):
            for _ in range(chance.choice([0, 1, 1, 1, 2])):
                now = msgspec.structs.replace(batch, sent_boot_ms=clock.now_ms() - gateway.booted_ms)
                server.engine.offer(*gateway.sealed(now))
        flaky.plan = [chance.choice(["ok", "ok", "ok", "before", "after"]) for _ in range(3)]
        clock.advance(chance.choice([0, 50, 1000]))
        await server.engine.tick()
        box.published = [p for p in box.published if chance.random() < 0.7]
        if chance.random() < 0.2:
            server = await Server(flaky, clock, box).start()
    assert unsent == [], "everything is acknowledged in the end"
    assert await totals(db) == wanted
    visits = await db.fetch("ingest.visits", **ALL_TIME)
    moments = await db.fetch("ingest.moments", **ALL_TIME)
    entered = [m for m in moments if m["kind"] == "store_entered"]
    assert sorted(m["visit"] for m in entered) == sorted(v["id"] for v in visits if not v["late"])
    deliveries = await db.fetch("deliver.list", **ALL_TIME)
    assert len({d["visit"] for d in deliveries}) == len(deliveries), "one push a visit"


async def test_the_journal_is_let_go_of_at_checkpoints(db: Database, clock: SettableClock) -> None:
    server = await Server(db, clock, Box()).start()
    gateway = WireGateway("g1", clock)
    longest = 0
    for _ in range(100):
        clock.advance(1000)
        await server.take(gateway, gateway.batch(gateway.heard(STATIC["ann"])))
        longest = max(longest, len(await db.fetch("ingest.journal_after", seq=-1)))
    assert longest <= 32, "a checkpoint every 30 s, and the row that marks its number"


async def test_a_clock_set_back_goes_on_taking_checkpoints_and_triggering(db: Database, clock: SettableClock) -> None:
    await agree(db, "bob")
    server = await Server(db, clock, Box()).start()
    gateway = WireGateway("g1", clock)
    await server.take(gateway, gateway.batch(gateway.heard(STATIC["ann"])))
    clock.advance(-3_600_000)
    gateway.booted_ms -= 3_600_000
    await server.take(gateway, gateway.batch(gateway.heard(STATIC["bob"])))
    await server.pass_time(100)
    visits = await db.fetch("ingest.visits", **ALL_TIME)
    assert {v["shopper"] for v in visits} == {"ann", "bob"}
    assert all(v["left_ms"] is not None and v["left_ms"] >= v["entered_ms"] for v in visits)
    assert len(await db.fetch("ingest.journal_after", seq=-1)) <= 32


async def test_a_standstill_of_the_server_empties_no_store(db: Database, clock: SettableClock) -> None:
    server = await Server(db, clock, Box()).start()
    gateway = WireGateway("g1", clock)
    await server.take(gateway, gateway.batch(gateway.heard(STATIC["ann"])))
    clock.advance(300_000)
    await server.engine.tick()
    assert [p.shopper for p in server.engine.presence.present("s1")] == ["ann"]
    await server.take(gateway, gateway.batch())
    await server.pass_time(65)
    assert server.engine.presence.present("s1") == []


def ranged(shopper: str, clock: SettableClock, ago_ms: int = 0) -> Observation:
    at_ms = clock.now_ms() - ago_ms
    return Observation(shopper, "shelf", at_ms, at_ms, -60.0, 1, clock.now_ms())


async def test_a_phones_report_is_answered_once_it_is_durable_with_what_it_put_into_the_outbox(
    db: Database, clock: SettableClock
) -> None:
    flaky = Flaky(db)
    server = await Server(flaky, clock, Box()).start()
    flaky.plan = ["before"] * 1000
    report = asyncio.create_task(server.engine.report("ann", "dev-ann", [ranged("ann", clock)]))
    again = asyncio.create_task(server.engine.report("ann", "dev-ann", [ranged("ann", clock)]))
    await asyncio.sleep(0)
    ticking = asyncio.create_task(server.engine.tick())
    await until(lambda: flaky.failed["before"] >= 2)
    assert not report.done()
    flaky.plan = []
    await ticking
    (delivery,) = await db.fetch("deliver.list", **ALL_TIME)
    assert await report == await again == [delivery["id"]]
    assert server.engine.identify([], T0_MS) == []
    assert server.engine.identify([(1, bytes.fromhex("88" * 20)), (1, bytes(20))], T0_MS) == ["shelf", None]


async def test_a_report_whose_caller_went_away_is_kept_all_the_same(db: Database, clock: SettableClock) -> None:
    server = await Server(db, clock, Box()).start()
    report = asyncio.create_task(server.engine.report("ann", "dev-ann", [ranged("ann", clock)]))
    await asyncio.sleep(0)
    report.cancel()
    await asyncio.gather(report, return_exceptions=True)
    await server.engine.tick()
    assert len(await db.fetch("ingest.visits", **ALL_TIME)) == 1


async def test_reports_beyond_what_can_wait_are_refused_with_a_type(db: Database, clock: SettableClock) -> None:
    server = await Server(db, clock, Box()).start()
    waiting = [asyncio.create_task(server.engine.report("ann", "dev-ann", [])) for _ in range(2000)]
    await asyncio.sleep(0)
    with pytest.raises(OverloadedError, match="reports"):
        await server.engine.report("ann", "dev-ann", [])
    await server.engine.tick()
    assert await asyncio.gather(*waiting) == [[]] * 2000


async def test_a_late_report_of_a_fixture_that_is_gone_stops_nothing(db: Database, clock: SettableClock) -> None:
    server = await Server(db, clock, Box()).start()
    lost = Observation("ann", "gone", T0_MS - 60_000, T0_MS - 60_000, -50.0, 1, T0_MS)
    report = asyncio.create_task(server.engine.report("ann", "dev-ann", [lost]))
    await asyncio.sleep(0)
    await server.engine.tick()
    assert await report == []


async def test_a_gateway_taken_out_of_the_registry_while_its_late_batch_waits_stops_nothing(
    db: Database, clock: SettableClock
) -> None:
    server = await Server(db, clock, Box()).start()
    gateway = WireGateway("g1", clock)
    server.engine.offer(*gateway.sealed(gateway.batch(gateway.heard(STATIC["ann"], ago_ms=3_600_000))))
    await server.engine.tick()
    held = server.engine.directory
    left = msgspec.structs.replace(held, gateways={"g2": held.gateways["g2"]}, tags=tags_of(BEACONS[:1], {}))
    await server.engine.use(left, Book(()))
    await server.settle()
    assert await db.fetch("ingest.visits", **ALL_TIME) == []


async def test_what_answers_leaving_is_sent_and_what_waited_is_cancelled(db: Database, clock: SettableClock) -> None:
    async with db.transaction() as tx:
        offer = campaign("bye", trigger=Trigger(kind="left"))
        await tx.execute("campaigns.put", id="bye", definition=msgspec.json.encode(offer).decode(), updated_ms=1)
    server = await Server(db, clock, Box()).start()
    gateway = WireGateway("g1", clock)
    await server.take(gateway, gateway.batch(gateway.heard(STATIC["ann"])))
    await server.pass_time(65)

    async def states() -> dict[str, str]:
        return {d["campaign"]: d["state"] for d in await db.fetch("deliver.list", **ALL_TIME)}

    assert await states() == {"welcome": "cancelled", "bye": "pending"}
    await server.take(gateway, gateway.batch(gateway.heard(STATIC["ann"])))
    [visit] = await db.fetch("ingest.visits", **ALL_TIME)
    assert visit["left_ms"] is None, "she came back"
    await enqueue(db, clock, "dev-ann", visit=visit["id"], name="again")
    await server.pass_time(65)
    assert await states() == {"welcome": "cancelled", "bye": "pending", "welcome-again": "cancelled"}


async def test_engine_runs_by_itself(db: Database, clock: SettableClock) -> None:
    server = await Server(db, clock, Box()).start()
    gateway = WireGateway("g1", clock)
    running = asyncio.create_task(server.engine.run())
    server.engine.offer(*gateway.sealed(gateway.batch(gateway.heard(STATIC["ann"]))))
    server.engine.offer(*gateway.sealed(gateway.batch(gateway.heard(STATIC["ann"], ago_ms=3_600_000))))
    async with asyncio.timeout(PATIENCE_S):
        await until(lambda: server.box.settled("g1") == {(gateway.boot, 1), (gateway.boot, 2)})
        await server.say("ann", {"location": False})
        await server.engine.forget("ann")
    assert server.engine.presence.shoppers() == set()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await consent.granted(db, "ann") == {"marketing", "profiling", "inapp", "webpush"}
