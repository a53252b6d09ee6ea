"""Nobody is located, profiled or written to against her will, on both databases, whatever happens in which order."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping

import pytest

from push.access import tokens
from push.campaigns import outbox
from push.campaigns.outbox import Said
from push.campaigns.routes import Plan
from push.ingest.packing import unpack
from push.model.campaigns import Trigger
from push.model.delivery import Content, Route
from push.model.ids import subject
from push.model.people import PURPOSES, Purpose
from push.model.ports import Database, Row
from push.model.presence import Observation
from push.model.vault import SealError
from push.profiles import consent, people, registered, sealed
from tests.support.campaigns import campaign, versioned
from tests.support.clocks import SettableClock
from tests.support.deciding import decided, entered
from tests.support.fresh import open_database
from tests.support.ingest import ALL_TIME, PEOPLE, STATIC, T0_MS, VAULT, Box, Server, WireGateway, agree, register
from tests.support.keyrings import KEYRING
from tests.support.outbox import SEALS, web_push

TITLE = "{{ shopper.name | default: 'Somebody' }}"
TRIGGERS = [
    Trigger(kind="store_entered"),
    Trigger(kind="zone_entered"),
    Trigger(kind="dwelled", mark_s=30),
    Trigger(kind="dwelled", mark_s=120),
]


@pytest.fixture
async def db(database_url: str, clock: SettableClock) -> AsyncIterator[Database]:
    async with open_database(database_url, clock) as opened:
        await register(opened, [campaign(f"c{n}", trigger=trigger, title=TITLE) for n, trigger in enumerate(TRIGGERS)])
        async with opened.transaction() as tx:
            for name in PEOPLE:
                await registered.put(tx, KEYRING, name, {"name": name.upper()}, 0)
        yield opened


class Watch:
    """Looks at what was written since it last looked, and at what its shopper allows at this moment."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.seen: set[str] = set()
        self.deliveries = 0

    async def look(self) -> None:
        db = self.server.db
        granted = {name: await consent.granted(db, name) for name in PEOPLE}
        located = {name for name in PEOPLE if "location" in granted[name]}
        assert self.server.engine.presence.shoppers() <= located
        for row in await self._new("ingest.journal_after", "seq", {"seq": -1}):
            entry = unpack(bytes(row["payload"]), self.server.engine.presence.numbers)
            assert set(entry.seen.subject.tolist()) <= {subject(name) for name in located}
            assert set(entry.names.values()) <= located
        for row in await self._new("ingest.visits", "id", ALL_TIME):
            assert row["shopper"] in located
        for row in await self._new("deliver.list", "id", ALL_TIME):
            self.deliveries += 1
            delivery = await db.fetch_one("deliver.trace", id=row["id"])
            assert delivery is not None
            agreed = granted[delivery["shopper"]]
            assert {"location", "marketing"} <= agreed
            assert agreed & {"inapp", "webpush"}
            title = sealed.content(KEYRING, delivery, delivery["message"]).title
            assert title == (delivery["shopper"].upper() if "profiling" in agreed else "Somebody")
        for row in await db.fetch("deliver.list", **ALL_TIME):
            if row["state"] == "pending":
                assert {"location", "marketing"} <= granted[row["shopper"]]

    async def _new(self, statement: str, key: str, params: Mapping[str, object]) -> list[Row]:
        rows = [r for r in await self.server.db.fetch(statement, **params) if f"{statement}/{r[key]}" not in self.seen]
        self.seen |= {f"{statement}/{r[key]}" for r in rows}
        return rows


async def change(server: Server, shopper: str, purposes: Mapping[Purpose, bool]) -> None:
    """A change of consent as the API makes it: written with what it takes back, then brought into force."""
    async with server.db.transaction() as tx:
        await consent.set_consents(tx, shopper, purposes, at_ms=server.clock.now_ms(), source="test")
        if any(purposes.get(p) is False for p in ("location", "marketing")):
            await outbox.cancel_shopper(tx, shopper, server.clock.now_ms())
    server.consents.note(shopper, purposes)
    if purposes.get("location") is False:
        gone = asyncio.create_task(server.engine.forget(shopper))
        await asyncio.sleep(0)
        await server.engine.tick()
        await gone


@pytest.mark.parametrize("seed", range(6))
async def test_under_any_grants_withdrawals_and_moments(db: Database, clock: SettableClock, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a schedule that repeats itself
    server = await Server(db, clock, Box()).start()
    gateways = [WireGateway("g1", clock), WireGateway("g2", clock, boot="11" * 8)]
    watch = Watch(server)
    await change(server, "ann", dict.fromkeys(PURPOSES, True))
    for _ in range(70):
        clock.advance(chance.choice([100, 1000, 9000, 9000, 9000]))
        who = chance.choice(PEOPLE)
        match chance.randrange(5):
            case 0:
                await change(server, who, {p: chance.random() < 0.8 for p in chance.sample(PURPOSES, 4)})
            case 1:
                here = Observation(who, "shelf", clock.now_ms(), clock.now_ms(), -50.0, 1, clock.now_ms())
                report = asyncio.create_task(server.engine.report(who, f"dev-{who}", [here]))
                await asyncio.sleep(0)
                await server.engine.tick()
                await report
            case 2 if chance.random() < 0.3:
                server = await Server(db, clock, server.box).start()
                watch.server = server
            case _:
                gateway = chance.choice(gateways)
                ago_ms = chance.choice([0, 0, 0, 36_000, 3_600_000])
                await server.take(gateway, gateway.batch(*[gateway.heard(STATIC[n], ago_ms=ago_ms) for n in PEOPLE]))
        await server.engine.tick()
        await watch.look()
    assert watch.deliveries, "the schedule does push sometimes, or it would prove nothing"


async def test_nothing_is_allowed_until_it_is_granted(db: Database, clock: SettableClock) -> None:
    server = await Server(db, clock, Box()).start()
    gateway = WireGateway("g1", clock)
    await server.take(gateway, gateway.batch(*[gateway.heard(raw) for raw in STATIC.values()]))
    assert await db.fetch("ingest.visits", **ALL_TIME) == []
    assert server.box.settled("g1"), "counted and acknowledged all the same"


async def test_a_report_that_waited_while_she_withdrew_is_not_taken_in(db: Database, clock: SettableClock) -> None:
    await agree(db, "ann")
    server = await Server(db, clock, Box()).start()
    here = Observation("ann", "shelf", T0_MS, T0_MS, -50.0, 1, T0_MS)
    report = asyncio.create_task(server.engine.report("ann", "dev-ann", [here]))
    await asyncio.sleep(0)
    await change(server, "ann", {"location": False})
    assert await report == []
    assert await db.fetch("ingest.visits", **ALL_TIME) == []
    assert server.engine.presence.shoppers() == set()


async def test_a_late_batch_that_waited_while_she_withdrew_leaves_no_visit(db: Database, clock: SettableClock) -> None:
    await agree(db, "ann")
    server = await Server(db, clock, Box()).start()
    gateway = WireGateway("g1", clock)
    server.engine.offer(*gateway.sealed(gateway.batch(gateway.heard(STATIC["ann"], ago_ms=3_600_000))))
    await server.engine.tick()
    assert await server.engine.catch_up()
    await server.say("ann", {"location": False})
    await server.engine.tick()
    assert await db.fetch("ingest.visits", **ALL_TIME) == []
    assert server.box.settled("g1")


async def test_who_withdraws_is_let_go_of_durably(db: Database, clock: SettableClock) -> None:
    await agree(db, "ann")
    server = await Server(db, clock, Box()).start()
    gateway = WireGateway("g2", clock)
    await server.take(gateway, gateway.batch(gateway.heard(STATIC["ann"])))
    await change(server, "ann", {"location": False})
    (visit,) = await db.fetch("ingest.visits", **ALL_TIME)
    assert visit["left_ms"] is not None
    assert [d["state"] for d in await db.fetch("deliver.list", **ALL_TIME)] == ["cancelled"]
    reborn = await Server(db, clock, Box()).start()
    assert reborn.engine.presence.shoppers() == set()


async def test_who_withdrew_while_the_server_was_down_is_let_go_of_at_its_start(
    db: Database, clock: SettableClock
) -> None:
    await agree(db, "ann")
    server = await Server(db, clock, Box()).start()
    gateway = WireGateway("g2", clock)
    await server.take(gateway, gateway.batch(gateway.heard(STATIC["ann"])))
    await agree(db, "ann", ["location"], granted=False)
    reborn = await Server(db, clock, Box()).start()
    await reborn.engine.tick()
    assert reborn.engine.presence.shoppers() == set()
    (visit,) = await db.fetch("ingest.visits", **ALL_TIME)
    assert visit["left_ms"] is not None


async def test_a_withdrawal_beside_a_decision_takes_back_what_it_wrote(db: Database) -> None:
    """The decision has read her consent and not committed yet; the withdrawal waits for it, and finds its message."""
    await agree(db, "ann")
    offers = versioned(campaign("c"))
    decision = decided(offers)
    said = Said(offers[0].campaign, Content(title="t", body=""), Plan((Route("dev-ann", "inapp"),)))

    async def withdraw() -> int:
        async with db.transaction() as tx:
            await consent.set_consents(tx, "ann", {"marketing": False}, at_ms=T0_MS, source="test")
            return await outbox.cancel_shopper(tx, "ann", T0_MS)

    async with db.transaction() as tx:
        assert "marketing" in await consent.granted_for_decision(tx, "ann")
        withdrawal = asyncio.create_task(withdraw())
        await asyncio.sleep(0.2)
        assert not withdrawal.done()
        await outbox.put(tx, KEYRING, [outbox.answer(decision, said, entered())])
    assert await withdrawal == 1
    assert [d["state"] for d in await db.fetch("deliver.list", **ALL_TIME)] == ["cancelled"]


async def test_consents_have_a_history(db: Database) -> None:
    async with db.transaction() as tx:
        await consent.set_consents(tx, "ann", {"location": True, "marketing": True}, at_ms=1, source="app")
    async with db.transaction() as tx:
        await consent.set_consents(tx, "ann", {"marketing": False}, at_ms=2, source="call")
    assert await consent.granted(db, "ann") == {"location"}
    assert [(c.purpose, c.granted, c.at_ms, c.source) for c in await consent.consents(db, "ann")] == [
        ("location", True, 1, "app"),
        ("marketing", False, 2, "call"),
    ]
    history = await db.fetch("profiles.consent_history", shopper="ann")
    assert [(h["purpose"], h["granted"], h["at_ms"]) for h in history if h["at_ms"] == 2] == [("marketing", 0, 2)]
    assert len(history) == 3


async def test_subscriptions_open_for_their_own_device_only(db: Database) -> None:
    address = {"endpoint": "https://push.test/x", "keys": {"auth": "a", "p256dh": "p"}}
    async with db.transaction() as tx:
        await people.set_address(tx, "dev-ann", web_push(address, 5), SEALS)
    [held] = await people.addresses_of(db, "dev-ann", SEALS)
    assert held.address == address
    [row] = await db.fetch("profiles.addresses_of", device="dev-ann")
    with pytest.raises(ValueError, match="device:dev-bob"):
        people.open_address({**row, "device": "dev-bob"}, SEALS)
    with pytest.raises(SealError):
        VAULT.open(row["sealed"], "device:dev-ann")
    assert await people.addresses_of(db, "dev-nobody", SEALS) == []


async def test_an_address_belongs_to_the_device_that_registered_it_last(db: Database) -> None:
    address = {"endpoint": "https://push.test/x", "keys": {"auth": "a", "p256dh": "p"}}
    async with db.transaction() as tx:
        await people.set_address(tx, "dev-ann", web_push(address, 5), SEALS)
        await people.set_address(tx, "dev-bob", web_push(address, 6), SEALS)
    assert await people.addresses_of(db, "dev-ann", SEALS) == []
    assert [held.registered_ms for held in await people.addresses_of(db, "dev-bob", SEALS)] == [6]


async def test_a_token_is_kept_as_a_hash_and_found_by_itself(db: Database) -> None:
    async with db.transaction() as tx:
        await tokens.keep(tx, "ff_device_secret", "device", "dev-ann", 1)
    assert await tokens.is_known(db, "ff_device_secret")
    assert not await tokens.is_known(db, "ff_device_other")
    assert await db.fetch_one("tokens.principal", hash="ff_device_secret", now_ms=1) is None
