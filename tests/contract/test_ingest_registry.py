"""The registry as ingest reads it, on both databases."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from beacons.registry import Beacon, Gateway, Store, Zone
from beacons.wire import key_of
from push.model.errors import MisfitError, UniqueError
from push.model.ports import Database
from push.model.sites import Rules, ZoneRules
from push.model.vault import SealError, Vault
from push.registry import directory, editing, plans, rules_editing
from push.registry.layout import Plan
from push.registry.records import Hand
from push.registry.rules import Ruled, StoreRules
from push.registry.rules_editing import Where
from tests.support.clocks import SettableClock
from tests.support.fresh import open_database
from tests.support.ingest import T0_MS, VAULT, Box, Server, WireGateway, register

HAND = Hand("ann", T0_MS)
CARD = Beacon(id="card", role="tag", format="ibeacon", static_id="ab" * 20, shopper="ann")


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url, SettableClock(T0_MS)) as opened:
        yield opened


async def put(db: Database, *beacons: Beacon, key: bytes | None = None) -> None:
    async with db.transaction() as tx:
        for beacon in beacons:
            await directory.put_beacon(tx, beacon, key, VAULT)


def key(held: directory.Directory, beacon: str) -> bytes:
    return bytes(held.tags.keys()[held.tags.find(beacon)])


async def configs(db: Database) -> dict[str, int]:
    return (await directory.load(db, VAULT)).config_versions


async def test_what_was_registered_is_read_as_it_was(db: Database) -> None:
    store = Store(id="s1", name="Märkte 1", time_zone="Europe/Paris", allow_static_tags=True)
    zone = Zone(store="s1", id="z", name="Schuhe", polygon_m=((0.5, 1), (2, 3), (4, 5)))
    gateway = Gateway(id="g1", store="s1", zone="z", x_m=1.5, y_m=-2, z_m=3, radio_offset_db=-1.5)
    plan = Plan(width_m=8, height_m=6.5, walls=(((1, 0), (1, 2.25)), ((3, 3), (5, 3))))
    shelf = Beacon(id="shelf", role="fixture", format="uid", static_id="cd" * 16, store="s1", zone="z", x_m=0.25)
    tag = Beacon(id="tag", role="tag", format="eid", exponent=15, counter_s=2**32 - 1, counter_at_ms=T0_MS, shopper="a")
    async with db.transaction() as tx:
        await directory.put_store(tx, store)
        await directory.put_zone(tx, zone)
        await directory.put_gateway(tx, gateway, b"\5" * 32, VAULT)
        await directory.put_beacon(tx, shelf, None, VAULT)
        await directory.put_beacon(tx, tag, b"\6" * 16, VAULT)
        await plans.put_plan(tx, "s1", plan, HAND)
        await rules_editing.put(tx, Where("s1"), StoreRules(enter_dbm=-70), HAND, default=Rules())
        await rules_editing.put(tx, Where("s1", "z"), ZoneRules(zone_enter=0.5), HAND, default=Rules())
        with pytest.raises(MisfitError, match=r"zone z: zone_leave \(0.55\) is above zone_enter \(0.5\)"):
            await rules_editing.put(tx, Where("s1"), StoreRules(zone_leave=0.55), HAND, default=Rules())
    held = await directory.load(db, VAULT)
    assert held.stores == {"s1": store}
    assert held.zones == {("s1", "z"): zone}
    assert held.gateways == {"g1": gateway}
    assert await directory.beacons(db) == (shelf, tag)
    assert held.fixtures == (shelf,)
    assert [held.tags.id(p) for p in held.tags.all().tolist()] == ["shelf", "tag"]
    assert held.keys == {"g1": (key_of(b"\5" * 32),)}
    assert key(held, "tag") == b"\6" * 16
    assert {a.id for a in held.anchors.values() if a.forgeable} == {"shelf"}
    assert held.static_tag_stores() == {"s1"}
    assert held.plans == {"s1": plan}
    site = held.sites(Rules(stale_s=9))["s1"]
    assert (site.rules, site.places[0].rules) == (Rules(stale_s=9, enter_dbm=-70), ZoneRules(zone_enter=0.5))
    async with db.transaction() as tx:
        await plans.put_plan(tx, "s1", msgspec.structs.replace(plan, walls=()), HAND)
        await rules_editing.delete(tx, Where("s1"), HAND)
        await editing.delete_gateway(tx, "g1", HAND)
        await editing.delete_beacon(tx, "shelf", HAND)
        await editing.delete_zone(tx, "s1", "z", HAND)
    held = await directory.load(db, VAULT)
    assert (held.plans["s1"].walls, held.ruled) == ((), Ruled()), "what is gone leaves nothing"


async def test_nothing_registered_is_an_empty_directory(db: Database) -> None:
    held = await directory.load(db, VAULT)
    assert held.tags.count == 0
    assert held == directory.Directory(tags=held.tags)


async def test_another_master_key_stops_the_reading_by_name(db: Database) -> None:
    await register(db)
    with pytest.raises(SealError, match=r"gateway:g1|beacon:tag"):
        await directory.load(db, Vault(b"\7" * 32))


async def test_a_changed_gateway_keeps_its_secret_and_gets_a_new_configuration(db: Database) -> None:
    await register(db)
    before = await directory.load(db, VAULT)
    async with db.transaction() as tx:
        await directory.put_gateway(tx, Gateway(id="g1", store="s2"), b"\7" * 32, VAULT)
    after = await directory.load(db, VAULT)
    assert after.keys["g1"] == before.keys["g1"]
    assert after.gateways["g1"].store == "s2"
    assert after.config_versions["g1"] == before.config_versions["g1"] + 1
    assert after.config_versions["g2"] == before.config_versions["g2"]


async def test_a_rotated_secret_leaves_the_previous_one_accepted(db: Database) -> None:
    await register(db)
    clock, new = SettableClock(T0_MS), b"\7" * 32
    async with db.transaction() as tx:
        sealed = VAULT.seal(new, "gateway:g1")
        await tx.execute("registry.rotate_gateway_secret", id="g1", secret_sealed=sealed)
    server = await Server(db, clock, Box()).start()
    old = WireGateway("g1", clock)
    server.engine.offer(*old.sealed(old.batch()))
    await server.settle()
    assert server.box.settled("g1") == {(old.boot, 1)}, "answered under the key that it used"
    old.key = key_of(new)
    server.engine.offer(*old.sealed(old.batch()))
    await server.settle()
    assert not server.engine.refused
    assert server.engine.directory.keys["g1"][0].id == key_of(new).id


async def test_a_beacon_keeps_its_key_when_it_is_changed_without_one(db: Database) -> None:
    tag = Beacon(id="tag", role="tag", format="eid", shopper="ann")
    await put(db, tag, key=b"\6" * 16)
    await put(db, msgspec.structs.replace(tag, shopper="bob"))
    held = await directory.load(db, VAULT)
    assert key(held, "tag") == b"\6" * 16
    assert held.tags.shopper(held.tags.find("tag")) == "bob"


async def test_gateways_learn_of_static_ids_that_come_change_and_go_and_of_no_others(db: Database) -> None:
    await register(db)
    first = await configs(db)
    await put(db, CARD)
    second = await configs(db)
    await put(db, msgspec.structs.replace(CARD, staff=True))
    third = await configs(db)
    await put(db, msgspec.structs.replace(CARD, format="eid", static_id=None), key=bytes(16))
    fourth = await configs(db)
    await put(db, Beacon(id="phone", role="tag", format="eid", shopper="ann"), key=bytes(16))
    assert await configs(db) == fourth, "a phone's tag concerns no gateway"
    for name in ("g1", "g2", "g3"):
        assert first[name] < second[name] < third[name] < fourth[name]


async def test_a_rotating_beacon_lends_gateways_no_static_id(db: Database) -> None:
    await register(db)
    await put(db, msgspec.structs.replace(CARD, format="eid"), key=bytes(16))
    config = (await directory.load(db, VAULT)).gateway_config("g1")
    assert bytes.fromhex("ab" * 20) not in {config.pass_id[i : i + 20] for i in range(0, len(config.pass_id), 20)}


async def test_one_static_id_is_one_beacons(db: Database) -> None:
    await put(db, CARD)
    with pytest.raises(UniqueError):
        await put(db, msgspec.structs.replace(CARD, id="copy"))


@pytest.mark.parametrize("text", ["zz" * 20, "AB" * 20, "ab" * 19, "", "ab" * 20 + "\n"])
def test_a_static_id_has_one_spelling(text: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=r"static_id"):
        msgspec.convert({"id": "b", "role": "tag", "format": "ibeacon", "static_id": text}, Beacon)
