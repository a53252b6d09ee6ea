"""Who is erased is on no disk any more, byte by byte, and comes back with no backup and after no crash."""

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from push.database.open import open_database
from push.enrolment.kept import keep_fingerprints
from push.keys import read_keys
from push.model.vault import Vault
from push.profiles.erased import Ledger, erasure_of
from tests.support.clocks import RealClock
from tests.support.collecting import AGREED, Shop, collecting
from tests.support.servers import settings

pytestmark = pytest.mark.system

NAME, MAIL, PHONE, USER = "Wilhelmine Zschäpitz", "w.zschaepitz@example.org", "+4917012345678", "kunde-48151623"
ORDER, NICKNAME, TEXT = "Schneckenkönigsteppich", "Zuckerschnute", "Ihr Teppich liegt bereit, Wilhelmine"
SEALED: Final = (NAME, MAIL, PHONE, USER, ORDER, NICKNAME)
NEEDLES: Final = (*SEALED, TEXT)
PURPOSES: Final = {"location": True, "marketing": True, "inapp": True, "profiling": True, "screen": True}


async def lived(shop: Shop) -> tuple[str, ...]:
    """Somebody with a profile, an order, a phone, a nickname and a message that waits; whom to erase."""
    traits = {"name": NAME, "email": MAIL, "phone": PHONE}
    await shop.say("identify", {"userId": USER, "traits": traits, "context": AGREED})
    properties = {"order_id": "o-1", "total": 10, "currency": "EUR", "products": [{"name": ORDER}]}
    await shop.say("track", {"userId": USER, "event": "Order Completed", "properties": properties})
    phone = await shop.server.phone(**PURPOSES)
    await shop.server.call("PUT", phone.path("nickname"), phone.token, {"nickname": NICKNAME})
    message = {"to": {"shopper": phone.shopper}, "basis": "service", "content": {"title": "Teppich", "body": TEXT}}
    told = await shop.server.call("POST", "/v1/messages", shop.server.operator, message)
    assert told.status == 202, told
    person = await shop.find("user_id", USER)
    assert person is not None
    return person, phone.shopper


async def erase(shop: Shop, people: tuple[str, ...]) -> None:
    for person in people:
        await shop.server.operate("DELETE", f"/v1/people/{person}")


def found_in(folder: Path, needles: tuple[str, ...] = NEEDLES) -> list[tuple[str, str]]:
    """Which words stand in which files of a folder, byte by byte."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [(path.name, word) for path in files for word in needles if word.encode() in path.read_bytes()]


def back_up(folder: Path, target: Path) -> None:
    with closing(sqlite3.connect(folder / "push.db")) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)


def restore(folder: Path, backup: Path) -> None:
    for path in folder.glob("push.db*"):
        path.unlink()
    shutil.copy(backup, folder / "push.db")


async def test_who_is_erased_is_on_no_disk(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async with collecting(tmp_path) as shop:
        data = shop.server.folder
        people = await lived(shop)
        await erase(shop, people)
        assert await shop.find("user_id", USER) is None
        assert await asyncio.to_thread(found_in, data) == []
    assert await asyncio.to_thread(found_in, tmp_path) == []
    logged = "".join(capfd.readouterr())
    assert not any(word in logged for word in NEEDLES)


async def test_what_is_known_of_people_is_in_no_copy_in_clear(tmp_path: Path) -> None:
    async with collecting(tmp_path) as shop:
        await lived(shop)
        copies = tmp_path / "copies"
        await asyncio.to_thread(copies.mkdir)
        await asyncio.to_thread(back_up, shop.server.folder, copies / "backup.db")
        assert await asyncio.to_thread(found_in, copies, SEALED) == []


async def test_a_restored_backup_brings_nobody_back(tmp_path: Path) -> None:
    async with collecting(tmp_path) as shop:
        data, backup = shop.server.folder, tmp_path / "backup.db"
        people = await lived(shop)
        await asyncio.to_thread(back_up, data, backup)
        await erase(shop, people)
    await asyncio.to_thread(restore, data, backup)
    async with collecting(tmp_path) as shop:
        assert await shop.find("user_id", USER) is None
        for person in people:
            assert (await shop.server.call("DELETE", f"/v1/people/{person}", shop.server.operator)).status == 404
        assert await asyncio.to_thread(found_in, data) == []


async def test_an_erasure_that_a_crash_cut_off_ends_at_the_next_start(tmp_path: Path) -> None:
    async with collecting(tmp_path) as shop:
        data = shop.server.folder
        people = await lived(shop)
    await asyncio.to_thread(note_alone, data, await hashes(data, people))
    async with collecting(tmp_path) as shop:
        assert await shop.find("user_id", USER) is None
        assert await asyncio.to_thread(found_in, data) == []
        again = await shop.say("identify", {"userId": USER, "traits": {"name": "Neu"}, "context": AGREED})
        assert again["outcomes"] == {"kept": 1}
    async with collecting(tmp_path) as shop:
        assert (await shop.profile("user_id", USER))["traits"] == {"name": "Neu"}, "who came later is somebody else"


async def hashes(data: Path, people: tuple[str, ...]) -> list[str]:
    """What the ledger says of these people's facets."""
    keys = await asyncio.to_thread(read_keys, settings(data))
    vault = Vault(keys.current, keys.previous)
    async with open_database(f"sqlite:{data / 'push.db'}", RealClock()) as db:
        await keep_fingerprints(db, vault, RealClock())
        rows = [row for one in people for row in await db.fetch("rights.facets", shopper=one)]
    return [erasure_of(vault, row["id"], row["created_ms"]) for row in rows]


def note_alone(data: Path, lines: list[str]) -> None:
    """What is on disk when the power goes after the ledger and before the rows, in the middle of another line."""
    ledger = Ledger(data / "person-keys")
    ledger.append(lines, 1)
    with ledger.path.open("ab") as file:
        file.write(b"\n0123456789abcdef")
