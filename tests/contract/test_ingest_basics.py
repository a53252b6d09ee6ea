"""Ingest on both databases: what arrives is applied once, acknowledged, and says no more than it may."""

from typing import Literal

import msgspec
import pytest

from beacons.columns import Sighting
from beacons.ids import IdKind
from beacons.registry import Gateway, Store
from beacons.wire import MAX_PAYLOAD_BYTES, SightingColumns, Status
from push.ingest.engine import MAX_QUEUED_BYTES
from push.model.ports import Database
from push.registry import directory
from tests.support.clocks import SettableClock
from tests.support.ingest import (
    ALL_TIME,
    PEOPLE,
    SECRETS,
    STATIC,
    T0_MS,
    VAULT,
    Box,
    Server,
    WireGateway,
    rotating_id,
)
from tests.support.outbox import receipt


@pytest.fixture
async def server(db: Database, clock: SettableClock) -> Server:
    return await Server(db, clock, Box()).start()


@pytest.fixture
def gateway(clock: SettableClock) -> WireGateway:
    return WireGateway("g1", clock)


async def test_one_sighting_becomes_visit_moment_decision_and_delivery(server: Server, gateway: WireGateway) -> None:
    await server.take(gateway, gateway.batch(gateway.heard(STATIC["ann"], ago_ms=300)))
    (visit,) = await server.db.fetch("ingest.visits", **ALL_TIME)
    assert (visit["store"], visit["shopper"], visit["entered_ms"], visit["left_ms"]) == ("s1", "ann", T0_MS - 300, None)
    (moment,) = await server.db.fetch("ingest.moments", **ALL_TIME)
    assert (moment["kind"], moment["heard_ms"], moment["received_ms"]) == ("store_entered", T0_MS - 300, T0_MS)
    (decision,) = await server.db.fetch("campaigns.decisions", **ALL_TIME)
    assert decision["campaign"] == "welcome"
    assert '"version":1' in receipt(decision)
    (delivery,) = await server.db.fetch("deliver.list", **ALL_TIME)
    assert (delivery["device"], delivery["state"], delivery["visit"]) == ("dev-ann", "pending", visit["id"])
    assert server.woken == 1


async def test_a_rotating_tag_is_known_by_what_it_says_now(server: Server, gateway: WireGateway) -> None:
    now = gateway.heard(rotating_id("ann", T0_MS), kind=IdKind.EID)
    old = gateway.heard(rotating_id("ann", T0_MS - 10**7), kind=IdKind.EID)
    await server.take(gateway, gateway.batch(old))
    assert await server.db.fetch("ingest.visits", **ALL_TIME) == []
    await server.take(gateway, gateway.batch(now))
    assert len(await server.db.fetch("ingest.visits", **ALL_TIME)) == 1


async def test_an_acknowledgement_says_what_is_durable_and_gives_the_time_back(
    server: Server, gateway: WireGateway, clock: SettableClock
) -> None:
    sent = gateway.batch()
    server.engine.offer(*gateway.sealed(sent, "json"))
    clock.advance(7)
    await server.engine.tick()
    (ack,) = server.box.acks("g1")
    assert (ack.boot, ack.applied, ack.refused) == (gateway.boot, ((1, 1),), ())
    assert (ack.echo_boot_ms, ack.received_ms, ack.sent_ms) == (sent.sent_boot_ms, T0_MS, T0_MS + 7)


async def test_the_same_batch_twice_changes_nothing_and_is_acknowledged_again(
    server: Server, gateway: WireGateway
) -> None:
    sent = gateway.batch(gateway.heard(STATIC["ann"]))
    await server.take(gateway, sent, sent)
    await server.take(gateway, sent)
    assert [a.applied for a in server.box.acks("g1")] == [((1, 1),), ((1, 1),)]
    totals = await server.db.fetch_one("ingest.totals")
    assert totals is not None
    assert {k: int(v) for k, v in totals.items()} == {"batches": 1, "sightings": 1, "resolved": 1, "unsynchronised": 0}
    assert server.engine.counts["duplicates"] == 2


async def test_reordered_batches_are_all_applied(server: Server, gateway: WireGateway) -> None:
    first, second, third = gateway.batch(), gateway.batch(), gateway.batch()
    await server.take(gateway, third)
    await server.take(gateway, first)
    await server.take(gateway, second)
    assert [a.applied for a in server.box.acks("g1")] == [((3, 3),), ((1, 1), (3, 3)), ((1, 3),)]


async def test_what_the_gateway_gave_up_is_counted_lost_and_not_waited_for(
    server: Server, gateway: WireGateway
) -> None:
    await server.take(gateway, gateway.batch(sequence=2), gateway.batch(sequence=10, oldest=8))
    (ack,) = server.box.acks("g1")
    assert ack.applied == ((1, 7), (10, 10))
    (row,) = await server.db.fetch("ingest.marks")
    assert msgspec.json.decode(row["applied"])["lost"] == 6


async def test_an_oldest_beyond_the_sequence_is_not_believed(server: Server, gateway: WireGateway) -> None:
    await server.take(gateway, gateway.batch(sequence=5, oldest=2**53))
    assert server.box.acks("g1")[0].applied == ((1, 5),)
    await server.take(gateway, gateway.batch(gateway.heard(STATIC["ann"]), sequence=2**53))
    assert server.box.acks("g1")[1].applied == ((1, 5), (2**53, 2**53))
    assert len(await server.db.fetch("ingest.visits", **ALL_TIME)) == 1


async def test_columns_that_do_not_fit_are_refused_in_the_acknowledgement(server: Server, gateway: WireGateway) -> None:
    broken = msgspec.structs.replace(gateway.batch(), sightings=SightingColumns(kind=b"\1", id=b"short"))
    await server.take(gateway, broken, gateway.batch())
    (ack,) = server.box.acks("g1")
    assert ack.applied == ((2, 2),)
    ((sequence, reason),) = ack.refused
    assert sequence == 1
    assert "20 bytes of id" in reason


async def test_a_gateway_that_leaves_thousands_of_gaps_is_refused_and_stops_nobody(
    server: Server, gateway: WireGateway
) -> None:
    for sequence in range(2, 2 * 1000 + 4, 2):
        server.engine.offer(*gateway.sealed(gateway.batch(sequence=sequence, oldest=1)))
    await server.settle()
    refused = [r for ack in server.box.acks("g1") for r in ack.refused]
    assert [sequence for sequence, _ in refused] == [2002]
    assert "gaps" in refused[0][1]
    other = WireGateway("g2", gateway.clock)
    await server.take(other, other.batch())
    assert server.box.settled("g2") == {(other.boot, 1)}
    await server.take(gateway, gateway.batch(sequence=3, oldest=1), gateway.batch(sequence=2002, oldest=1))
    assert (gateway.boot, 2002) in server.box.settled("g1"), "a closed gap makes room"


async def test_a_boot_that_was_never_synchronised_yields_counts_and_no_visit(
    server: Server, gateway: WireGateway
) -> None:
    sighting = gateway.heard(STATIC["ann"])
    await server.take(gateway, gateway.batch(sighting, sighting, synchronised=False))
    assert server.box.settled("g1") == {(gateway.boot, 1)}
    totals = await server.db.fetch_one("ingest.totals")
    assert totals is not None
    assert (int(totals["sightings"]), int(totals["unsynchronised"])) == (2, 2)
    assert await server.db.fetch("ingest.visits", **ALL_TIME) == []


async def test_the_store_comes_from_the_registry_not_from_the_topic(server: Server, gateway: WireGateway) -> None:
    async with server.db.transaction() as tx:
        await directory.put_gateway(tx, Gateway(id="g1", store="s2"), SECRETS["g1"], VAULT)
        await directory.put_store(tx, Store(id="s2", name="x", allow_static_tags=True))
    await server.reload()
    await server.take(gateway, gateway.batch(gateway.heard(STATIC["ann"])))
    (visit,) = await server.db.fetch("ingest.visits", **ALL_TIME)
    assert visit["store"] == "s2"
    assert server.box.settled("g1"), "answered where it listens"


async def test_static_tags_count_only_where_the_store_allows_them_and_staff_nowhere(
    server: Server, clock: SettableClock
) -> None:
    await server.say("dan", {"location": True})
    strict = WireGateway("g3", clock)
    await server.take(strict, strict.batch(strict.heard(STATIC["ann"])))
    assert await server.db.fetch("ingest.visits", **ALL_TIME) == []
    await server.take(strict, strict.batch(strict.heard(rotating_id("ann", T0_MS), kind=IdKind.EID)))
    assert len(await server.db.fetch("ingest.visits", **ALL_TIME)) == 1
    lenient = WireGateway("g1", clock)
    await server.take(lenient, lenient.batch(lenient.heard(bytes.fromhex("99" * 20))))
    assert len(await server.db.fetch("ingest.visits", **ALL_TIME)) == 1


async def test_late_batches_complete_the_record_and_trigger_nothing(
    server: Server, gateway: WireGateway, clock: SettableClock
) -> None:
    hour_ms = 3_600_000
    early = [gateway.heard(rotating_id("ann", T0_MS - hour_ms), ago_ms=hour_ms, kind=IdKind.EID)]
    much_later = [gateway.heard(STATIC["ann"], ago_ms=hour_ms // 2)]
    await server.take(gateway, gateway.batch(*early, *much_later))
    visits = await server.db.fetch("ingest.visits", **ALL_TIME)
    assert [(v["entered_ms"], v["left_ms"], v["late"]) for v in visits] == [
        (T0_MS - hour_ms, T0_MS - hour_ms, 1),
        (T0_MS - hour_ms // 2, T0_MS - hour_ms // 2, 1),
    ]
    assert await server.db.fetch("ingest.moments", **ALL_TIME) == []
    assert server.box.settled("g1") == {(gateway.boot, 1)}
    more = [
        gateway.heard(STATIC["ann"], ago_ms=hour_ms + 20_000),
        gateway.heard(STATIC["ann"], ago_ms=hour_ms - 20_000),
    ]
    await server.take(gateway, gateway.batch(*more))
    visits = await server.db.fetch("ingest.visits", **ALL_TIME)
    assert (visits[0]["entered_ms"], visits[0]["left_ms"]) == (T0_MS - hour_ms - 20_000, T0_MS - hour_ms + 20_000)
    assert len(visits) == 2
    clock.advance(1000)
    await server.take(gateway, gateway.batch(gateway.heard(STATIC["ann"])))
    assert [m["kind"] for m in await server.db.fetch("ingest.moments", **ALL_TIME)] == ["store_entered"]


async def test_a_late_sighting_moves_the_end_of_an_open_visit(
    server: Server, gateway: WireGateway, clock: SettableClock
) -> None:
    await server.take(gateway, gateway.batch(gateway.heard(STATIC["ann"])))
    await server.pass_time(50)
    await server.take(gateway, gateway.batch(gateway.heard(STATIC["ann"], ago_ms=35_000)))
    await server.pass_time(40)
    (visit,) = await server.db.fetch("ingest.visits", **ALL_TIME)
    assert visit["left_ms"] == T0_MS + 15_000
    assert clock.now_ms() == T0_MS + 90_000


async def test_absurd_times_are_counted_and_placed_nowhere(server: Server, gateway: WireGateway) -> None:
    for base_ms, offset_ms in ((-(2**53), -(2**53)), (0, 0), (2**53, 2**53)):
        sent = msgspec.structs.replace(
            gateway.batch(Sighting(IdKind.EID, b"12345678", 0, 2**31, -60, -60, 1)),
            base_ms=base_ms,
            offset_ms=offset_ms,
            sent_boot_ms=None,
        )
        await server.take(gateway, sent)
    assert server.box.settled("g1") == {(gateway.boot, n) for n in (1, 2, 3)}
    assert await server.db.fetch("ingest.visits", **ALL_TIME) == []


async def test_a_status_is_kept_as_it_last_was(server: Server, gateway: WireGateway) -> None:
    online = Status(state="online", version="1.0", boot=gateway.boot, uptime_s=5, counters={"batches": 3})
    offline = msgspec.structs.replace(online, state="offline")
    await server.take(gateway, online)
    await server.take(gateway, online, offline)
    (row,) = await server.db.fetch("ingest.statuses")
    assert (row["gateway"], row["state"], row["received_ms"]) == ("g1", "offline", T0_MS)
    assert msgspec.json.decode(row["status"], type=Status) == offline


async def test_every_gateway_gets_its_own_configuration_retained(server: Server) -> None:
    await server.engine.publish_configs()
    for name in ("g1", "g2", "g3"):
        (config,) = server.box.configs(name)
        assert len(config.pass_id) == 20 * (len(PEOPLE) + 1), "people's cards and the shelf"
        assert config.drop_id == b"\x99" * 20
        assert config.pass_eid


async def test_quiet_ticks_write_nothing(server: Server, clock: SettableClock) -> None:
    await server.engine.tick()
    before = await server.db.fetch("ingest.journal_after", seq=0)
    for _ in range(5):
        clock.advance(1000)
        await server.engine.tick()
    assert await server.db.fetch("ingest.journal_after", seq=0) == before


async def test_payloads_larger_together_than_what_can_wait_are_dropped_and_counted(server: Server) -> None:
    fit = MAX_QUEUED_BYTES // (MAX_PAYLOAD_BYTES + 1)
    for _ in range(fit + 3):
        server.engine.offer("footfall/v1/s1/gw-1/sightings", bytes(4 * MAX_PAYLOAD_BYTES))
    assert server.engine.depth == fit
    assert server.engine.counts["dropped"] == 3
    await server.settle()
    assert server.engine.refused["oversized"] == fit
    server.engine.offer("footfall/v1/s1/gw-1/sightings", bytes(4 * MAX_PAYLOAD_BYTES))
    assert server.engine.depth == 1


async def test_payloads_beyond_what_can_wait_are_dropped_and_counted(server: Server, gateway: WireGateway) -> None:
    for _ in range(10_002):
        server.engine.offer("footfall/v1/x", b"")
    assert server.engine.depth == 10_000
    assert server.engine.counts["dropped"] == 2
    await server.engine.tick()
    assert 0 < server.engine.depth < 10_000, "a tick takes some, so that the loop is not held up"
    await server.settle()
    assert server.engine.refused["unknown topic"] == 10_000
    await server.take(gateway, gateway.batch())
    assert server.box.settled("g1")


async def test_a_gateway_that_goes_on_with_another_configuration_is_told_its_own_again(
    server: Server, gateway: WireGateway
) -> None:
    """As after a broker came back with what it had retained long ago, or a server with a database that began anew."""
    right = server.engine.directory.config_versions["g1"]

    async def say(version: int, state: Literal["online", "offline"] = "online") -> list[int]:
        """What the server answers to a status."""
        told = len(server.box.configs("g1"))
        status = Status(state=state, version="1.0", boot=gateway.boot, config_version=version)
        await server.take(gateway, status)
        return [config.version for config in server.box.configs("g1")[told:]]

    for wrong in (right - 1, right + 50):
        assert await say(right) == []
        assert await say(wrong) == [], "the right one may be on its way"
        assert await say(wrong, "offline") == [], "that is what it said when it connected"
        assert await say(wrong) == [right]
        assert await say(wrong) == [], "it was told just now"
        assert await say(wrong) == [right]
    assert await say(right - 1) == []
    assert await say(right) == []
    assert await say(right - 1) == []
    assert server.box.configs("g2") == []
