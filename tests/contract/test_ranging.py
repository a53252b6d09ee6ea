"""Both ways lead to the same: a phone that ranges rotating fixtures, and gateways that hear a tag where they are."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from math import hypot, log10

import pytest

from beacons.ids import IdKind
from beacons.registry import Beacon, Gateway, Store, Zone
from push.api.contract import Call, Context
from push.api.messages import Ranged, Ranging, report_sightings
from push.channels.inapp import EventStreams
from push.model.ports import Database
from push.model.tokens import Principal
from push.registry import directory, plans
from push.registry.layout import Plan
from push.registry.records import NOBODY
from tests.support import small_api
from tests.support.clocks import SettableClock
from tests.support.ingest import (
    ALL_TIME,
    EXPONENT,
    SECRETS,
    T0_MS,
    VAULT,
    Box,
    Server,
    WireGateway,
    agree,
    identity_key,
    rotating_id,
)

ENDS_M = {"1": (4.0, 5.0), "2": (14.0, 5.0), "3": (24.0, 5.0)}
"""A gateway and a fixture hang together in the middle of each zone."""
ZONES = {"door": 0.0, "shoes": 10.0, "till": 20.0}
HOUR_MS = 3_600_000


def fixture(name: str, store: str, at_m: tuple[float, float]) -> Beacon:
    return Beacon(
        id=name, role="fixture", format="eid", exponent=EXPONENT, counter_s=10**6, counter_at_ms=T0_MS, store=store,
        x_m=at_m[0], y_m=at_m[1],
    )  # fmt: skip


@pytest.fixture
async def server(db: Database, clock: SettableClock) -> Server:
    async with db.transaction() as tx:
        await plans.put_plan(tx, "s1", Plan(width_m=30, height_m=10), NOBODY)
        for zone, x_m in ZONES.items():
            corners = ((x_m, 0.0), (x_m + 10, 0.0), (x_m + 10, 10.0), (x_m, 10.0))
            await directory.put_zone(tx, Zone(store="s1", id=zone, name=zone, polygon_m=corners))
        for name, at_m in ENDS_M.items():
            placed = Gateway(id=f"g{name}", store="s1", x_m=at_m[0], y_m=at_m[1])
            await directory.put_gateway(tx, placed, SECRETS[f"g{name}"], VAULT)
            await directory.put_beacon(tx, fixture(f"f{name}", "s1", at_m), identity_key(f"f{name}"), VAULT)
        await directory.put_beacon(tx, fixture("away", "s2", (1.0, 1.0)), identity_key("away"), VAULT)
        await directory.put_store(tx, Store(id="s1", name="Store s1"))
    for name in ("bob", "cyd"):
        await agree(db, name, ["location"])
    return await Server(db, clock, Box()).start()


def dbm(end: str, x_m: float) -> int:
    """As loud as it is from so far along the middle of the store."""
    at_m = ENDS_M[end]
    return round(-59 - 20 * log10(hypot(at_m[0] - x_m, 1)))


async def ranged(server: Server, shopper: str, heard: Mapping[bytes, int]) -> None:
    """What her phone ranged is posted, and taken in."""
    context: Context = small_api.context(server.db, server.clock, EventStreams(), small_api.Nowhere())
    context = context._replace(presence=server.engine)
    body = Ranging("s1", tuple(Ranged("eid", raw.hex(), rssi_dbm) for raw, rssi_dbm in heard.items()))
    call = Call(Principal("device", f"dev-{shopper}"), {}, {}, body)
    posted = asyncio.create_task(report_sightings(context, call))
    while not posted.done():
        await server.engine.tick()
        await asyncio.sleep(0)
    await posted


async def walk(server: Server, hear: Callable[[float], Awaitable[None]]) -> None:
    """From the door to the till at one metre a second, and to stand there for a while."""
    for second in range(28):
        await server.pass_time(1, step_s=1)
        await hear(min(2.0 + second, 25.0))


async def happened(server: Server, shopper: str) -> list[tuple[str, str | None]]:
    found = await server.db.fetch("ingest.moments", **ALL_TIME)
    hers = sorted((m for m in found if m["shopper"] == shopper), key=lambda m: (m["at_ms"], m["kind"] != "zone_left"))
    return [(m["kind"], m["zone"]) for m in hers if m["kind"] != "dwelled"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # what is meant is between phone and presence
async def test_a_phone_that_ranges_fixtures_gets_the_moments_that_gateways_give(
    server: Server, clock: SettableClock
) -> None:
    gateways = {end: WireGateway(f"g{end}", clock) for end in ENDS_M}

    async def hear(x_m: float) -> None:
        for end, gateway in gateways.items():
            tag = gateway.heard(rotating_id("bob", clock.now_ms()), rssi_dbm=dbm(end, x_m), kind=IdKind.EID)
            server.engine.offer(*gateway.sealed(gateway.batch(tag)))
        at_ms = clock.now_ms()
        await ranged(server, "ann", {rotating_id(f"f{end}", at_ms): dbm(end, x_m) for end in ENDS_M})

    await walk(server, hear)
    by_gateways = await happened(server, "bob")
    assert [zone for kind, zone in by_gateways if kind == "zone_entered"] == ["door", "shoes", "till"]
    assert await happened(server, "ann") == by_gateways
    [placed] = [person for person in server.engine.presence.present("s1") if person.shopper == "ann"]
    assert placed.x_m is not None
    assert abs(placed.x_m - 25) < 4

    # What was recorded an hour ago, or is heard in another store just now, places nobody.
    recorded = {rotating_id(f"f{end}", clock.now_ms() - HOUR_MS): -50 for end in ENDS_M}
    await ranged(server, "cyd", recorded | {rotating_id("away", clock.now_ms()): -50})
    assert await happened(server, "cyd") == []

    # A phone in a pocket ranges less often: she stays longer than whom gateways heard last. They hear nobody any more.
    await server.pass_time(40, step_s=5)
    assert ("left", None) in await happened(server, "bob")
    assert ("left", None) not in await happened(server, "ann")
    for _ in range(6):
        await server.pass_time(1, step_s=1)
        await ranged(server, "ann", {rotating_id(f"f{end}", clock.now_ms()): dbm(end, 3) for end in ENDS_M})
    assert (await happened(server, "ann"))[-1] == ("zone_entered", "door")
    await server.pass_time(70, step_s=5)
    assert ("left", None) in await happened(server, "ann")
