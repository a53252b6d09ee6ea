"""Devices that registered before identifiers were kept, on both databases: they are found by their ids all the same."""

from push.database.open import open_database
from push.model.people import Device
from push.model.profiles import Identifier
from push.profiles import people
from push.profiles.identity import facets
from tests.support.clocks import SettableClock
from tests.support.keyrings import KEYRING
from tests.support.outbox import VAULT

OLD = Identifier("device", "dev_old")


async def test_a_device_without_an_identifier_is_known_and_gets_one_when_it_is_named(database_url: str) -> None:
    async with open_database(database_url, SettableClock()) as db:
        async with db.transaction() as tx:
            await people.ensure_shopper(tx, "shp_1", 1)
            await people.new_device(tx, Device(id=OLD.value, shopper="shp_1", platform="web", locale="en", seen_ms=1))
        assert await facets.find(db, VAULT, OLD) == "shp_1"
        async with db.transaction() as tx:
            assert await facets.ensure(tx, KEYRING, VAULT, [OLD], 2) == {OLD: "shp_1"}
        [named] = await facets.identifiers(db, KEYRING, ["shp_1"])
        assert (named.kind, named.value) == ("device", "dev_old")
