"""What a register says of shoppers is sealed, is one source among others, and replaces only what itself said."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from push.model.ports import Database
from push.model.profiles import Json
from push.profiles import keys, registered, traits
from tests.support.clocks import SettableClock
from tests.support.fresh import open_database
from tests.support.keyrings import KEYRING
from tests.support.purchases import event


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(f"sqlite:{tmp_path / 'push.db'}", SettableClock()) as opened:
        yield opened


async def put(db: Database, now_ms: int, **words: Json) -> None:
    async with db.transaction() as tx:
        await registered.put(tx, KEYRING, "ada", words, now_ms)


async def holds(db: Database, shopper: str = "ada") -> dict[str, Json]:
    return (await traits.load(db, KEYRING, [shopper]))[shopper]


async def test_a_put_replaces_what_the_register_said_and_nothing_else(db: Database) -> None:
    await put(db, 10, name="Ada", size="M")
    async with db.transaction() as tx:
        own = await keys.ensure(tx, KEYRING, ["ada"])
        page = replace(event("", 5, "st-page"), kind="identify", traits={"size": "L", "city": "Ulm"})
        said = traits.fold(traits.TraitState(), page)
        before = (await traits.states(tx, KEYRING, ["ada"]))["ada"]
        await traits.write(tx, own, {"ada": traits.join([before, said])}, 11)
    assert await holds(db) == {"name": "Ada", "size": "M", "city": "Ulm"}
    await put(db, 10, name="Ada L.")
    assert await holds(db) == {"name": "Ada L.", "city": "Ulm"}
    await put(db, 9, size="S")  # a clock that was set back
    assert await holds(db) == {"size": "S", "city": "Ulm"}


async def test_what_lay_in_clear_is_sealed_once(db: Database) -> None:
    async with db.transaction() as tx:
        for n in range(registered.SLICE + 3):
            await tx.execute("profiles.new_shopper", id=f"s{n}", traits=f'{{"name": "Shopper {n}"}}', created_ms=n)
    assert await registered.move(db, KEYRING, 50) == registered.SLICE + 3
    assert await registered.move(db, KEYRING, 60) == 0
    assert await holds(db, "s7") == {"name": "Shopper 7"}
