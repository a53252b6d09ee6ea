"""Messages, decisions and addresses are under people's own keys, on both engines; what is from before comes to be."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from push import sealing
from push.campaigns import outbox
from push.campaigns.outbox import ERASED
from push.deliver import intake, load
from push.deliver.asked import Asked, MessageIn, To
from push.deliver.load import UNREADABLE, Claimed
from push.model.delivery import Content, State
from push.model.ports import Database
from push.model.vault import Vault
from push.profiles import keys, people
from push.profiles.keys import Keyring
from push.resealing import left
from push.sealing import Sealer
from tests.support.clocks import SettableClock
from tests.support.fresh import open_database
from tests.support.keyrings import KEYRING, keyring_in
from tests.support.outbox import SEALS, SUBSCRIPTION, VAULT, enqueue, join, state, used

DEVICES = ("d1", "d2", "d3")
SAID = Content(title="Ihr Teppich", body="liegt bereit")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Keyring:
    """What knows another key of this month: the one that was in use is lost."""
    return keyring_in(tmp_path / "keys")


@pytest.fixture
async def db(database_url: str, clock: SettableClock) -> AsyncIterator[Database]:
    async with open_database(database_url, clock) as opened:
        for device in DEVICES:
            await join(
                opened, clock, device, subscription={**SUBSCRIPTION, "endpoint": f"https://push.example/{device}"}
            )
        yield opened


async def claimed(db: Database, ids: list[str], keyring: Keyring = KEYRING) -> load.Loaded:
    async with db.transaction() as tx:
        return await load.claimed(tx, keyring, ids, 0)


async def as_before(db: Database) -> None:
    async with db.transaction() as tx:
        await tx.execute("before.messages", said=msgspec.json.encode(SAID).decode())
        await tx.execute("before.decisions")
        for device in DEVICES:
            [row] = await tx.fetch("profiles.addresses_of", device=device)
            plain = msgspec.json.encode(people.open_address(row, SEALS))
            under_master = VAULT.seal(plain, people.address_context(device, "webpush"))
            await tx.execute("before.address", device=device, sealed=under_master)


def told(one: Claimed) -> tuple[Content, object]:
    device = one.message.shopper.removeprefix("shp_")
    return one.message.content, people.open_address(one.addresses[device, "webpush"], SEALS)["endpoint"]


async def test_what_is_from_before_is_read_and_comes_under_peoples_own_keys(
    db: Database, clock: SettableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "SLICE", 2)
    ids = [await enqueue(db, clock, device) for device in DEVICES]
    assert await db.fetch("before.left") == []
    await as_before(db)
    expected = [(SAID, f"https://push.example/{device}") for device in DEVICES]
    another = Vault(bytes(32)).mark
    assert (await left(db, another))["addresses.sealed"] == 3
    assert sorted(map(told, (await claimed(db, ids)).claimed), key=str) == expected
    assert await Sealer(db, SEALS).look() == 9
    assert await db.fetch("before.left") == []
    assert (await left(db, another))["addresses.sealed"] == 0, "no master key has to do with it any more"
    assert sorted(map(told, (await claimed(db, ids)).claimed), key=str) == expected
    assert await Sealer(db, SEALS).look() == 0


async def test_whoever_has_no_key_that_opens_keeps_nobody_elses_messages_in_clear(
    db: Database, clock: SettableClock, elsewhere: Keyring
) -> None:
    for device in DEVICES:
        await enqueue(db, clock, device)
    await as_before(db)
    async with db.transaction() as tx:
        await tx.execute("before.orphan", shopper="shp_d1")
        await keys.ensure(tx, elsewhere, ["shp_d1"])
    assert await Sealer(db, SEALS).look() == 6


async def test_without_the_key_a_message_ends_and_no_other_with_it(
    db: Database, clock: SettableClock, elsewhere: Keyring
) -> None:
    gone, lost, good = [await enqueue(db, clock, device) for device in DEVICES]
    async with db.transaction() as tx:
        for queue in await tx.fetch("deliver.queues"):
            await tx.fetch("deliver.claim", queue=queue["queue"], now_ms=clock.now_ms(), lease_until_ms=1, most=9)
        await tx.execute("before.orphan", shopper="shp_d1")
    found = await claimed(db, [gone, good])
    assert ([one.id for one in found.claimed], found.unreadable) == ([good], {gone: ERASED})
    months_lost = await claimed(db, [lost], elsewhere)
    assert (months_lost.claimed, months_lost.unreadable) == ([], {lost: UNREADABLE})
    async with db.transaction() as tx:
        await outbox.unreadable(tx, {**found.unreadable, **months_lost.unreadable}, clock.now_ms())
    assert [await state(db, one) for one in (gone, lost, good)] == [State.CANCELLED, State.FAILED, State.SENDING]
    assert await used(db) == 1, "what was not sent counts for no cap"


async def test_whoever_has_no_key_that_opens_keeps_no_other_message_of_a_call_from_being_sent(
    db: Database, clock: SettableClock, elsewhere: Keyring
) -> None:
    async with db.transaction() as tx:
        await tx.execute("before.orphan", shopper="shp_d1")
        await keys.ensure(tx, elsewhere, ["shp_d1"])
    asked = [
        Asked(id=f"m{device}", message=MessageIn(to=To(shopper=f"shp_{device}"), content=SAID, basis="service"))
        for device in DEVICES
    ]
    async with db.transaction() as tx:
        taken = await intake.take(tx, asked, intake.Means(SEALS, lambda *_: (), "sender:shop"), clock.now_ms())
    assert [one.reason for one in taken.verdicts] == ["unreadable", None, None]
