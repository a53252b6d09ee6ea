"""Data keys: what they seal, how they are kept, and what becomes of what they sealed."""

import asyncio
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from push.model.ports import Database
from push.model.vault import SealError
from push.profiles import keys, people
from push.profiles.keys import Keyring
from push.profiles.months import MonthKeyError, Months, month_of
from tests.support.clocks import SettableClock
from tests.support.fresh import open_database
from tests.support.keyrings import NOVEMBER_MS, keyring_in

DECEMBER_MS = NOVEMBER_MS + 30 * 86_400_000


@pytest.fixture(params=["sqlite", "postgresql"])
def any_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'push.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def db(any_url: str) -> AsyncIterator[Database]:
    async with open_database(any_url, SettableClock(NOVEMBER_MS)) as opened:
        yield opened


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return keyring_in(tmp_path / "person-keys")


async def shoppers(db: Database, *ids: str) -> None:
    async with db.transaction() as tx:
        for one in ids:
            await people.ensure_shopper(tx, one, NOVEMBER_MS)


async def test_a_facets_key_is_made_once_and_opens_what_it_sealed(db: Database, keyring: Keyring) -> None:
    await shoppers(db, "ada", "ben")
    async with db.transaction() as tx:
        first = await keys.ensure(tx, keyring, ["ada"])
        again = await keys.ensure(tx, keyring, ["ada", "ben"])
    sealed = first["ada"].seal(b"Ada Lovelace", "traits")
    assert b"Ada" not in sealed
    assert again["ada"].open(sealed, "traits") == b"Ada Lovelace"
    with pytest.raises(SealError):
        again["ben"].open(sealed, "traits")
    with pytest.raises(SealError):
        again["ada"].open(sealed, "messages")
    with pytest.raises(SealError):
        again["ada"].open(b"", "traits")


async def test_another_process_opens_it_too(db: Database, keyring: Keyring, tmp_path: Path) -> None:
    await shoppers(db, "ada")
    async with db.transaction() as tx:
        sealed = (await keys.ensure(tx, keyring, ["ada"]))["ada"].seal(b"Ada", "traits")
    other = await asyncio.to_thread(keyring_in, tmp_path / "person-keys")
    assert (await keys.known(db, other, ["ada", "nobody"]))["ada"].open(sealed, "traits") == b"Ada"


async def test_who_is_erased_has_no_key(db: Database, keyring: Keyring) -> None:
    await shoppers(db, "ada")
    async with db.transaction() as tx:
        await keys.ensure(tx, keyring, ["ada"])
        await tx.execute("keys.erase", shopper="ada")
    assert await keys.known(db, keyring, ["ada"]) == {}
    assert await keys.known(db, keyring, []) == {}


async def test_a_month_that_another_process_began_is_found(db: Database, tmp_path: Path) -> None:
    early = await asyncio.to_thread(keyring_in, tmp_path)
    late = await asyncio.to_thread(keyring_in, tmp_path, DECEMBER_MS)
    await shoppers(db, "ada")
    async with db.transaction() as tx:
        sealed = (await keys.ensure(tx, late, ["ada"]))["ada"].seal(b"Ada", "traits")
    assert (await keys.known(db, early, ["ada"]))["ada"].open(sealed, "traits") == b"Ada"


async def test_without_its_months_key_a_data_key_opens_for_nobody(
    db: Database, keyring: Keyring, tmp_path: Path
) -> None:
    await shoppers(db, "ada")
    async with db.transaction() as tx:
        await keys.ensure(tx, keyring, ["ada"])
    other = await asyncio.to_thread(keyring_in, tmp_path / "elsewhere")
    with pytest.raises(SealError):
        await keys.known(db, other, ["ada"])
    await asyncio.to_thread(keyring.months.destroy, "2026-11")
    await asyncio.to_thread((tmp_path / "person-keys" / "2026-10.key").write_text, "no key")
    keyring.forget()
    with pytest.raises(SealError):
        await keys.known(db, keyring, ["ada"])
    with pytest.raises(SealError):
        keyring.new("ben")


def test_a_data_key_belongs_to_its_facet(keyring: Keyring) -> None:
    month, wrapped = keyring.new("ada")
    with pytest.raises(SealError):
        keyring.opened("ben", month, wrapped)
    assert keyring.opened("ada", month, wrapped) is keyring.opened("ada", month, wrapped)


def test_opened_keys_are_bounded(tmp_path: Path) -> None:
    keyring = Keyring(keyring_in(tmp_path).months, most=1)
    ada, ben = keyring.new("ada"), keyring.new("ben")
    first = keyring.opened("ada", *ada)
    keyring.opened("ben", *ben)
    assert keyring.opened("ada", *ada) is not first


def test_keys_of_months_are_ours_alone_and_stay(tmp_path: Path) -> None:
    months = keyring_in(tmp_path).months
    assert stat.S_IMODE((tmp_path / "2026-11.key").stat().st_mode) == 0o600
    first = months.key("2026-11")
    months.load(NOVEMBER_MS)
    assert months.key("2026-11") == first
    months.load(DECEMBER_MS)
    assert (months.current, months.names) == ("2026-12", ("2026-11", "2026-12"))
    assert months.key("2026-12") != first
    months.load(NOVEMBER_MS)
    assert months.current == "2026-12", "a clock that was set back brings no month back"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2026-11.key", "2026-12.key"]


def test_a_destroyed_months_key_is_gone(tmp_path: Path) -> None:
    months = keyring_in(tmp_path).months
    months.destroy("2026-11")
    months.destroy("2026-11")
    assert months.key("2026-11") is None
    assert list(tmp_path.iterdir()) == []


def test_a_key_whose_destruction_a_crash_cut_off_is_gone_after_the_next_start(tmp_path: Path) -> None:
    months = keyring_in(tmp_path).months
    key = months.key("2026-11")
    (tmp_path / "2026-11.key").rename(tmp_path / "2026-11.gone")
    copy = tmp_path / "blocks"
    copy.hardlink_to(tmp_path / "2026-11.gone")
    months.load(DECEMBER_MS)
    assert key is not None
    assert months.names == ("2026-12",)
    assert key.hex().encode() not in copy.read_bytes()
    assert not (tmp_path / "2026-11.gone").exists()


@pytest.mark.parametrize("text", ["", "zz" * 32, "ab" * 31, "é"])
def test_a_broken_file_is_named_and_its_text_is_not(tmp_path: Path, text: str) -> None:
    path = tmp_path / "2026-11.key"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(MonthKeyError, match=r"2026-11\.key: expected 64 hex digits"):
        Months(tmp_path).load(NOVEMBER_MS)


def test_months_are_told_in_utc() -> None:
    assert month_of(0) == "1970-01"
    assert month_of(NOVEMBER_MS) == "2026-11"
