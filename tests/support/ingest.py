"""A small chain of stores for tests of ingest: registered for real, with gateways that seal real batches."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

import msgspec

from beacons import eid
from beacons.columns import Sighting, pack
from beacons.ids import IdKind
from beacons.registry import Beacon, Gateway, Store, Zone
from beacons.topics import topic
from beacons.wire import Ack, Batch, Encoding, GatewayConfig, Key, Status, key_of, open_sealed, seal
from push.campaigns.book import Book, Versioned
from push.ingest.engine import Engine, IngestSettings, Outside
from push.model.campaigns import Campaign
from push.model.errors import DatabaseError
from push.model.people import Device, Purpose
from push.model.ports import Database, Row, Transaction
from push.model.sites import Rules
from push.model.vault import Vault
from push.presence.presence import Presence
from push.profiles import consent, people
from push.profiles.consent import ConsentBook
from push.registry import directory
from tests.support import deciding
from tests.support.campaigns import campaign
from tests.support.clocks import SettableClock

T0_MS = 1_700_000_000_000
VAULT = Vault(bytes(32))
ALL: tuple[Purpose, ...] = ("location", "marketing", "profiling", "inapp", "webpush")
PEOPLE = ("ann", "bob", "cyd")
STATIC = {name: bytes([n]) * 20 for n, name in enumerate(PEOPLE, 1)}
EXPONENT = 4
GATEWAYS = {"g1": "s1", "g2": "s1", "g3": "s2"}
ALL_TIME = {"since_ms": -(2**60), "most": 10_000}
"""For statements that list what happened."""
SECRETS = {name: bytes([n]) * 32 for n, name in enumerate(GATEWAYS, 1)}


def identity_key(name: str) -> bytes:
    return name.encode().ljust(16, b"\7")


def rotating_id(name: str, at_ms: int) -> bytes:
    """What somebody's rotating tag says at a time."""
    return eid.compute(identity_key(name), EXPONENT, (at_ms - T0_MS) // 1000 + 10**6)


BEACONS = [
    *(
        Beacon(id=f"card-{n}", role="tag", format="ibeacon", static_id=raw.hex(), shopper=n)
        for n, raw in STATIC.items()
    ),
    *(
        Beacon(
            id=f"tag-{n}", role="tag", format="eid", exponent=EXPONENT, counter_s=10**6, counter_at_ms=T0_MS, shopper=n
        )
        for n in PEOPLE
    ),
    Beacon(id="guard", role="tag", format="ibeacon", static_id="99" * 20, shopper="dan", staff=True),
    Beacon(id="shelf", role="fixture", format="ibeacon", static_id="88" * 20, store="s1", zone="shoes"),
]


async def register(db: Database, campaigns: Sequence[Campaign] = ()) -> None:
    """Two stores, three gateways, people who agreed to nothing yet; each has a device."""
    async with db.transaction() as tx:
        for store in ("s1", "s2"):
            await directory.put_store(tx, Store(id=store, name=f"Store {store}", allow_static_tags=store == "s1"))
            await directory.put_zone(
                tx, Zone(store=store, id="shoes", name="Shoes", polygon_m=((0, 0), (1, 0), (1, 1)))
            )
        for name, store in GATEWAYS.items():
            zone = "shoes" if name == "g2" else None
            await directory.put_gateway(tx, Gateway(id=name, store=store, zone=zone), SECRETS[name], VAULT)
        for name in (*PEOPLE, "dan"):
            await people.ensure_shopper(tx, name, T0_MS)
            await people.new_device(tx, Device(id=f"dev-{name}", shopper=name, platform="sim", locale="en", seen_ms=1))
        for beacon in BEACONS:
            key = identity_key(beacon.shopper or "") if beacon.format == "eid" else None
            await directory.put_beacon(tx, beacon, key, VAULT)
        for offer in campaigns:
            definition = msgspec.json.encode(offer).decode()
            await tx.execute("campaigns.put", id=offer.id, definition=definition, updated_ms=T0_MS)


async def agree(db: Database, shopper: str, purposes: Iterable[Purpose] = ALL, *, granted: bool = True) -> None:
    async with db.transaction() as tx:
        await consent.set_consents(tx, shopper, dict.fromkeys(purposes, granted), at_ms=T0_MS, source="test")


class Box:
    """`push.model.ports.Publisher` that keeps what was published."""

    def __init__(self) -> None:
        self.published: list[tuple[str, bytes, bool]] = []

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self.published.append((topic, payload, retain))

    def acks(self, gateway: str) -> list[Ack]:
        """What the gateway was told, in order, verified under its key."""
        where = topic(GATEWAYS[gateway], gateway, "ack")
        keys = {key_of(SECRETS[gateway]).id: SECRETS[gateway]}
        return [open_sealed(payload, keys, "down", where, Ack) for t, payload, _ in self.published if t == where]

    def configs(self, gateway: str) -> list[GatewayConfig]:
        where = topic(GATEWAYS[gateway], gateway, "config")
        keys = {key_of(SECRETS[gateway]).id: SECRETS[gateway]}
        return [
            open_sealed(payload, keys, "down", where, GatewayConfig)
            for t, payload, retain in self.published
            if t == where and retain
        ]

    def settled(self, gateway: str) -> set[tuple[str, int]]:
        """(boot, sequence) of everything that was ever acknowledged as applied."""
        return {
            (ack.boot, sequence)
            for ack in self.acks(gateway)
            for first, last in ack.applied
            for sequence in range(first, last + 1)
        }


class WireGateway:
    """Seals batches as a gateway does; its boot clock reads `now - booted_ms`."""

    def __init__(self, name: str, clock: SettableClock, boot: str = "00" * 8, booted_ms: int = T0_MS - 50_000) -> None:
        self.name = name
        self.clock = clock
        self.boot = boot
        self.booted_ms = booted_ms
        self.sequence = 0
        self.oldest = 1
        self.key: Key = key_of(SECRETS[name])

    def heard(self, raw: bytes, *, ago_ms: int = 0, rssi_dbm: int = -60, kind: IdKind = IdKind.IBEACON) -> Sighting:
        at_ms = self.clock.now_ms() - ago_ms - self.booted_ms
        return Sighting(kind, raw, at_ms, at_ms, rssi_dbm, rssi_dbm, 1)

    def batch(
        self, *sightings: Sighting, sequence: int | None = None, oldest: int | None = None, synchronised: bool = True
    ) -> Batch:
        if sequence is None:
            self.sequence += 1
        number = self.sequence if sequence is None else sequence
        now_ms = self.clock.now_ms()
        base_ms = min((s.first_ms for s in sightings), default=0)
        return Batch(
            gateway=self.name,
            boot=self.boot,
            sequence=number,
            oldest=self.oldest if oldest is None else oldest,
            sent_boot_ms=now_ms - self.booted_ms if synchronised else None,
            sent_wall_ms=now_ms,
            offset_ms=self.booted_ms if synchronised else None,
            base_ms=base_ms,
            sightings=pack(sightings, base_ms),
        )

    def sealed(self, body: Batch | Status, encoding: Encoding = "msgpack") -> tuple[str, bytes]:
        if isinstance(body, Status):
            where = topic(GATEWAYS[self.name], self.name, "status")
            return where, seal(body, self.key, "up", where, encoding)
        where = topic(GATEWAYS[self.name], self.name, "sightings")
        return where, seal(body, self.key, "up", where, encoding)


class Server:
    """An engine over a database; dropping it and starting another is a crash."""

    def __init__(self, db: Database, clock: SettableClock, box: Box) -> None:
        self.db = db
        self.clock = clock
        self.box = box
        self.woken = 0

    async def start(self, ingest: IngestSettings | None = None, presence: Rules | None = None) -> "Server":
        rules = presence or Rules()
        self.consents = ConsentBook()
        await self.consents.load(self.db)
        outside = Outside(self.db, self.clock, self.box, self.wake, deciding.means())
        self.engine = Engine(ingest or IngestSettings(), outside, Presence(rules), self.consents, rules)
        await self.reload()
        await self.engine.resume()
        return self

    def wake(self) -> None:
        self.woken += 1

    async def reload(self) -> None:
        rows = await self.db.fetch("campaigns.all")
        book = Book(Versioned(msgspec.json.decode(r["definition"], type=Campaign), r["version"]) for r in rows)
        await self.engine.use(await directory.load(self.db, VAULT), book)

    async def take(self, gateway: WireGateway, *bodies: Batch | Status) -> None:
        """What arrives, and everything that follows from it."""
        for body in bodies:
            self.engine.offer(*gateway.sealed(body))
        await self.settle()

    async def settle(self) -> None:
        while self.engine.depth:
            await self.engine.tick()
        while await self.engine.catch_up():
            pass
        await self.engine.tick()

    async def pass_time(self, seconds: int, step_s: int = 5) -> None:
        """Let time go by, tick after tick."""
        for _ in range(0, seconds, step_s):
            self.clock.advance(step_s * 1000)
            await self.engine.tick()
            while await self.engine.turn():
                pass

    async def say(self, shopper: str, purposes: Mapping[Purpose, bool]) -> None:
        """A change of consent as the API makes it."""
        async with self.db.transaction() as tx:
            await consent.set_consents(tx, shopper, purposes, at_ms=self.clock.now_ms(), source="test")
        self.consents.note(shopper, purposes)


class Flaky:
    """`push.model.ports.Database` that fails commits as it is told: before they happen, or after."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.plan: list[str] = []
        """What becomes of the next transactions: ``ok``, ``before`` or ``after``; ``ok`` once it is used up."""
        self.reads_to_fail = 0
        self.failed: Counter[str] = Counter()

    async def fetch(self, name: str, /, **params: object) -> list[Row]:
        self._read(name)
        return await self._db.fetch(name, **params)

    async def fetch_one(self, name: str, /, **params: object) -> Row | None:
        self._read(name)
        return await self._db.fetch_one(name, **params)

    def _read(self, name: str) -> None:
        if self.reads_to_fail:
            self.reads_to_fail -= 1
            self.failed["read"] += 1
            raise DatabaseError(f"{name}: connection lost")

    @asynccontextmanager
    async def transaction(self, *, patient: bool = False) -> AsyncIterator[Transaction]:
        fate = self.plan.pop(0) if self.plan else "ok"
        async with self._db.transaction(patient=patient) as tx:
            yield tx
            if fate == "before":
                self.failed[fate] += 1
                raise DatabaseError("commit: connection lost")
        if fate == "after":
            self.failed[fate] += 1
            raise DatabaseError("commit: connection lost, outcome unknown")

    async def scrub(self) -> None:
        await self._db.scrub()


WELCOME = campaign("welcome")
