"""What gateways learn of how they hear is kept on both databases, and gone on with after a restart."""

from math import hypot, log10

import pytest

from beacons.columns import Sighting
from beacons.ids import IdKind
from beacons.registry import Beacon, Gateway
from push.api import health
from push.api.contract import Call, Context
from push.channels.inapp import EventStreams
from push.health.inbox import GatewayHealth
from push.ingest import learning
from push.model.ports import Database
from push.model.tokens import Principal
from push.registry import directory, plans
from push.registry.layout import Plan
from push.registry.records import NOBODY
from tests.support import small_api
from tests.support.clocks import SettableClock
from tests.support.ingest import EXPONENT, SECRETS, T0_MS, VAULT, Box, Server, WireGateway, identity_key, rotating_id

Places = dict[str, tuple[float, float]]
GATEWAYS_M: Places = {"g1": (5.0, 5.0), "g2": (15.0, 5.0), "g3": (10.0, 9.0)}
FIXTURES_M: Places = {"f1": (3.0, 3.0), "f2": (10.0, 5.0), "f3": (16.0, 8.0), "f4": (12.0, 6.0)}
DEAF_DB = {"g1": 0, "g2": 0, "g3": 9}
FOLDS = 14
"""Four fixtures teach an anchor of its place within so many minutes."""


async def put_gateway(db: Database, name: str, at_m: tuple[float, float]) -> None:
    async with db.transaction() as tx:
        placed = Gateway(id=name, store="s1", x_m=at_m[0], y_m=at_m[1])
        await directory.put_gateway(tx, placed, SECRETS[name], VAULT)


@pytest.fixture
async def server(db: Database, clock: SettableClock) -> Server:
    """A store with a plan, and gateways and rotating fixtures in their places."""
    async with db.transaction() as tx:
        await plans.put_plan(tx, "s1", Plan(width_m=20, height_m=12), NOBODY)
        for name, (x_m, y_m) in FIXTURES_M.items():
            fixture = Beacon(
                id=name, role="fixture", format="eid", exponent=EXPONENT, counter_s=10**6, counter_at_ms=T0_MS,
                store="s1", x_m=x_m, y_m=y_m, power_1m_dbm=-65,
            )  # fmt: skip
            await directory.put_beacon(tx, fixture, identity_key(name), VAULT)
    for name, at_m in GATEWAYS_M.items():
        await put_gateway(db, name, at_m)
    return await Server(db, clock, Box()).start()


def heard(gateway: WireGateway) -> list[Sighting]:
    """Every fixture, as loud as its distance explains, less how deaf the gateway is."""
    x_m, y_m = GATEWAYS_M[gateway.name]
    found = []
    for name, (at_x_m, at_y_m) in FIXTURES_M.items():
        away_m = hypot(x_m - at_x_m, y_m - at_y_m, 1)
        rssi_dbm = round(-65 - 20 * log10(away_m)) - DEAF_DB[gateway.name]
        raw = rotating_id(name, gateway.clock.now_ms())
        found.append(gateway.heard(raw, rssi_dbm=rssi_dbm, kind=IdKind.EID))
    return found


async def api_told(server: Server, gateway: str) -> GatewayHealth:
    """What operators are told of a gateway's health."""
    context: Context = small_api.context(server.db, server.clock, EventStreams(), small_api.Nowhere())
    context.health.use(server.engine.directory, server.clock.now_ms())
    call = Call(Principal("operator", "olga"), {"id": gateway}, {}, None)
    return await health.gateway(context._replace(presence=server.engine), call)


async def test_what_fixtures_teach_survives_a_restart_and_not_a_move(server: Server, clock: SettableClock) -> None:
    gateways = [WireGateway(name, clock) for name in GATEWAYS_M]
    for _ in range(FOLDS):
        await server.pass_time(5)
        for gateway in gateways:
            await server.take(gateway, gateway.batch(*heard(gateway)))
        await learning.step(server.engine, server.db, clock.now_ms())
    deaf = server.engine.learned("g3")
    assert deaf is not None
    assert -11 <= deaf.offset_db <= -6
    straight = server.engine.learned("g1")
    assert straight is not None
    assert abs(straight.offset_db) < 2
    told = await api_told(server, "g3")
    assert (told.learned_db, told.learned_since_ms) == deaf
    again = await Server(server.db, clock, Box()).start()
    assert again.engine.learned("g3") == deaf
    await put_gateway(server.db, "g3", (18.0, 9.0))
    await again.reload()
    assert again.engine.learned("g3") is None
    assert server.engine.learned("elsewhere") is None
