"""A thousand people are in a store whose server is killed with -9 again and again: nobody's visit is lost or split."""

import asyncio
import random
import re
import secrets
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from beacons import wire  # noqa: TC001 - so that hints can be read
from beacons.columns import Sighting
from beacons.ids import IdKind
from beacons.registry import Beacon
from push.model.vault import Vault
from push.profiles import consent, people
from push.registry import directory
from tests.support.box import STORE
from tests.support.breakable import External
from tests.support.brokers import Start
from tests.support.clocks import RealClock
from tests.support.fresh import open_database
from tests.support.stack import Stack, deployment
from tests.support.tasks import background
from tests.support.wire_gateway import WireGateway, boot_ms

pytestmark = pytest.mark.system

PEOPLE: Final = 1000
CHUNK: Final = 125
KILLED_AFTER_S: Final = (0.31, 0.52, 0.77)
"""Full flow lasts so long before each kill."""
PATIENCE: Final = 5
"""A busy machine takes so many times as long."""
RESUMED: Final = re.compile(r'"people": (\d+), "ticks": \d+, "in_ms": (\d+)')
CHANGES: Final = 0.1
"""Share of times that a chunk of people is heard at which they change over before."""
NEAR_DBM: Final = -50
FAR_DBM: Final = -80
AGAIN_S: Final = 1.0
"""A batch that is not acknowledged is sent again after so long."""
CARDS: Final = [secrets.token_bytes(20) for _ in range(PEOPLE)]
SETTINGS: Final[Mapping[str, object]] = {
    "push.presence.leave_after_s": 600,  # however long a busy machine takes to start it again
    "push.presence.stale_s": 600,
    "push.ingest.checkpoint_s": 1,
}


async def register(path: Path) -> None:
    """A thousand people who agreed to be located, each with a card."""
    async with open_database(f"sqlite:{path}", RealClock()) as db, db.transaction() as tx:
        for n, card in enumerate(CARDS):
            await people.ensure_shopper(tx, f"p{n}", 1)
            await consent.set_consents(tx, f"p{n}", {"location": True}, at_ms=1, source="test")
            beacon = Beacon(id=f"card-{n}", role="tag", format="ibeacon", static_id=card.hex(), shopper=f"p{n}")
            await directory.put_beacon(tx, beacon, None, Vault(bytes(32)))


class Hall:
    """Two gateways, each for a zone; people change over to the other now and then. Not settled, it is said again."""

    def __init__(self, gateways: list[WireGateway]) -> None:
        self.gateways = gateways
        self.made = [0, 0]
        self.unsettled: list[dict[int, tuple[wire.Batch, float]]] = [{}, {}]
        self.is_full_flow = True
        self._chance = random.Random(1)  # noqa: S311 - a schedule

    async def run(self) -> None:
        """Send until it is enough, and until all is acknowledged."""
        side = [n % 2 for n in range(PEOPLE // CHUNK)]
        while self.is_full_flow or any(self.unsettled):
            if self.is_full_flow:
                chunk = self._chance.randrange(len(side))
                side[chunk] ^= self._chance.random() < CHANGES
                for at in (0, 1):
                    cards = range(chunk * CHUNK, (chunk + 1) * CHUNK)
                    await self._hear(at, cards, NEAR_DBM if at == side[chunk] else FAR_DBM)
            for at in (0, 1):
                await self._say_again(at)
            await asyncio.sleep(0.03)

    async def _hear(self, at: int, cards: range, rssi_dbm: int) -> None:
        now_ms = boot_ms()
        heard = [Sighting(IdKind.IBEACON, CARDS[n], now_ms, now_ms, rssi_dbm, rssi_dbm, 2) for n in cards]
        self.made[at] += 1
        batch = self.gateways[at].batch(self.made[at], heard)
        self.unsettled[at][batch.sequence] = batch, asyncio.get_running_loop().time()
        await self.gateways[at].say(batch)

    async def _say_again(self, at: int) -> None:
        gateway, now_s = self.gateways[at], asyncio.get_running_loop().time()
        for sequence in gateway.settled() & self.unsettled[at].keys():
            del self.unsettled[at][sequence]
        for sequence, (batch, said_s) in list(self.unsettled[at].items()):
            if now_s - said_s >= AGAIN_S:
                fresh = gateway.batch(sequence)
                again = msgspec.structs.replace(batch, sent_boot_ms=fresh.sent_boot_ms, sent_wall_ms=fresh.sent_wall_ms)
                self.unsettled[at][sequence] = batch, now_s
                await gateway.say(again)


def rows(path: Path, query: str) -> list[tuple[Any, ...]]:
    """What stands in the server's database."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10) as held:
        return held.execute(query).fetchall()


async def open_hall(stack: Stack) -> Hall:
    """A store with two zones, and a gateway in each."""
    operator, gateways = await stack.operator(), []
    for n, name in enumerate(("g1", "g2")):
        enrolled = await stack.enrol(name)
        zone = {"store": STORE, "id": f"z-{name}", "name": name, "polygon_m": [[n, 0], [n + 1, 0], [n + 1, 1]]}
        await operator.put(f"/v1/stores/{STORE}/zones/z-{name}", zone)
        placed = {"id": name, "store": STORE, "zone": f"z-{name}"}
        body = {"gateway": placed, "secret": enrolled.secret.hex()}
        await operator.put(f"/v1/stores/{STORE}/gateways/{name}", body)
        gateways.append(WireGateway(enrolled))
    return Hall(gateways)


async def test_a_thousand_open_visits_survive_a_server_that_is_killed_in_its_ticks(
    tmp_path: Path, start_broker: Start
) -> None:
    path = tmp_path / "data" / "push.db"
    path.parent.mkdir()
    await register(path)
    async with deployment(tmp_path, External(await start_broker("mosquitto"))) as stack:
        stack.settings |= SETTINGS
        await stack.start_server()
        hall = await open_hall(stack)

        async def all_are_in() -> bool:
            [(many,)] = await asyncio.to_thread(rows, path, "SELECT COUNT(*) FROM visits")
            return bool(many >= PEOPLE)

        async def some_changed_over() -> bool:
            [(many,)] = await asyncio.to_thread(rows, path, "SELECT COUNT(left_ms) FROM stays")
            return bool(many)

        async with (
            hall.gateways[0].on_air(stack.broker.port),
            hall.gateways[1].on_air(stack.broker.port),
            background(hall.run()) as flow,
        ):
            await stack.until("everybody to be in", all_are_in)
            for after_s in KILLED_AFTER_S:
                await asyncio.sleep(after_s)
                await stack.end_server()
                await stack.start_server()
            await stack.until("people to have changed over", some_changed_over)
            hall.is_full_flow = False
            await flow
        books = await stack.get("/v1/statistics")
        log = await asyncio.to_thread((tmp_path / "server.log").read_text)
    await asyncio.to_thread(assert_whole, path)
    marks = {m["boot"]: (m["floor"], m["done"]) for m in books["marks"]}
    assert marks == {g.boot: (made, []) for g, made in zip(hall.gateways, hall.made, strict=True)}
    assert (books["batches"], books["duplicate_batches_applied"]) == (sum(hall.made), 0)
    resumed = [(int(many), int(in_ms)) for many, in_ms in RESUMED.findall(log)]
    assert [many for many, _ in resumed] == [0] + [PEOPLE] * len(KILLED_AFTER_S)
    assert max(in_ms for _, in_ms in resumed) < 1000 * PATIENCE, resumed


def assert_whole(path: Path) -> None:
    """One open visit for each, each moment once, and stays that follow each other."""
    assert rows(path, "SELECT COUNT(*), COUNT(DISTINCT shopper), COUNT(left_ms) FROM visits") == [(PEOPLE, PEOPLE, 0)]
    kinds = dict(rows(path, "SELECT kind, COUNT(*) FROM moments WHERE kind <> 'dwelled' GROUP BY kind"))
    assert kinds.pop("store_entered") == PEOPLE
    [(stays, left)] = rows(path, "SELECT COUNT(*), COUNT(left_ms) FROM stays")
    assert kinds == {"zone_entered": stays, "zone_left": left}
    assert stays > left > 0
    assert rows(path, "SELECT visit FROM stays WHERE left_ms IS NULL GROUP BY visit HAVING COUNT(*) > 1") == []
    overlaps = (
        "SELECT a.id, b.id FROM stays a JOIN stays b ON a.visit = b.visit AND a.id <> b.id"
        " WHERE a.entered_ms < b.entered_ms AND COALESCE(a.left_ms, 1 << 60) > b.entered_ms"
    )
    assert rows(path, overlaps) == []
