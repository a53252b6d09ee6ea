"""Who is erased is on no disk any more, byte by byte, and comes back with no backup and after no crash."""

import asyncio
import itertools
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from beacons import ad
from beacons.eid import compute
from beacons.frames import Eid, encode
from firmware_sim.phone_api import Server, Tag
from firmware_sim.phones import Phone
from firmware_sim.radio import Heard
from firmware_sim.webpush import SubscriptionKeys
from push.database.open import open_database
from push.enrolment.kept import keep_fingerprints
from push.keys import read_keys
from push.model.vault import Vault
from push.profiles.erased import Ledger, erasure_of
from tests.support.clocks import RealClock
from tests.support.collecting import AGREED, Shop, collecting
from tests.support.servers import settings
from tests.support.stack import Stack
from tests.support.tasks import background

pytestmark = pytest.mark.system

NAME, MAIL, PHONE, USER = "Wilhelmine Zschäpitz", "w.zschaepitz@example.org", "+4917012345678", "kunde-48151623"
ORDER, NICKNAME, TEXT = "Schneckenkönigsteppich", "Zuckerschnute", "Ihr Teppich liegt bereit, Wilhelmine"
ENDPOINT: Final = "https://push.example/schneckenkoenig-4711"
SEALED: Final = (NAME, MAIL, PHONE, USER, ORDER, NICKNAME, TEXT, ENDPOINT)
NEEDLES: Final = SEALED
PURPOSES: Final = {"location": True, "marketing": True, "inapp": True, "profiling": True, "screen": True}


async def lived(shop: Shop) -> tuple[str, ...]:
    """Somebody with a profile, an order, a phone, a nickname and a message that waits; whom to erase."""
    traits = {"name": NAME, "email": MAIL, "phone": PHONE}
    await shop.say("identify", {"userId": USER, "traits": traits, "context": AGREED})
    properties = {"order_id": "o-1", "total": 10, "currency": "EUR", "products": [{"name": ORDER}]}
    await shop.say("track", {"userId": USER, "event": "Order Completed", "properties": properties})
    phone = await shop.server.phone(**PURPOSES)
    await shop.server.call("PUT", phone.path("nickname"), phone.token, {"nickname": NICKNAME})
    subscription = SubscriptionKeys.generate().address(ENDPOINT)
    await shop.server.call("PUT", phone.path("subscription"), phone.token, subscription)
    message = {"to": {"shopper": phone.shopper}, "basis": "service", "content": {"title": "Teppich", "body": TEXT}}
    told = await shop.server.call("POST", "/v1/messages", shop.server.operator, message)
    assert told.status == 202, told
    person = await shop.find("user_id", USER)
    assert person is not None
    return person, phone.shopper


async def erase(shop: Shop, people: tuple[str, ...]) -> None:
    for person in people:
        await shop.server.operate("DELETE", f"/v1/people/{person}")


def found_in(folder: Path, needles: tuple[str | bytes, ...] = NEEDLES) -> list[tuple[str, str]]:
    """Which words stand in which files of a folder, byte by byte."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    words = [word.encode() if isinstance(word, str) else word for word in needles]
    return [(path.name, repr(word)) for path in files for word in words if word in path.read_bytes()]


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


async def test_who_is_erased_is_in_no_folder_of_a_deployment(stack: Stack) -> None:
    """Server, gateway and broker are processes of their own; the broker is the server's, then one that keeps all."""
    await stack.start_server()
    box = await stack.run_gateway()
    app_key = await asyncio.to_thread((stack.folder / "data" / "app.token").read_text)
    phone = Phone("hers", Server(stack.http, stack.url, app_key.strip()), now_ms=stack.clock.now_ms, seed=1)
    device = await phone.join()
    head = "user_id,email,phone,device,trait.name,consent.profiling,consent_at"
    await imported(stack, f"{head}\n{USER},{MAIL},{PHONE},{device.device},{NAME},yes,2026-01-02\n")
    said = await heard(stack, await phone.tag(), device.shopper)
    exported = str(await stack.get(f"/v1/people/{device.shopper}/export"))
    assert [word for word in (NAME, MAIL, USER) if word not in exported] == []
    hers = (*SEALED, device.shopper, device.device, *(form(each) for each in said for form in (bytes, bytes.hex)))
    assert await asyncio.to_thread(found_in, stack.folder, hers)
    assert NAME.encode() in await called(stack, "GET", "/v1/people/export")
    await called(stack, "DELETE", f"/v1/people/{device.shopper}")
    left: list[tuple[str, str]] = []

    async def is_gone() -> bool:
        left[:] = await asyncio.to_thread(found_in, stack.folder, hers)
        return not left

    try:
        await box.until("no byte of hers to be left", is_gone)
    except AssertionError:
        assert left == []  # says where


async def heard(stack: Stack, tag: Tag, shopper: str) -> set[bytes]:
    """Walk about with a tag until the server knows of the visit; what it said meanwhile."""
    said: set[bytes] = set()

    async def walk() -> None:
        for packet in itertools.count():
            counter_s = tag.counter_s + (stack.clock.now_ms() - tag.counter_at_ms) // 1000
            eid = compute(bytes.fromhex(tag.identity_key), tag.exponent, counter_s)
            said.add(eid)
            payload = ad.join(*encode(Eid(tx_power_dbm=-18, eid=eid)))
            stack.ether.air.send(Heard("g1", "0A:00:00:00:00:01", (-60, -68)[packet // 10 % 2], payload, 0))
            await asyncio.sleep(0.1)

    async def is_there() -> bool:
        return any(visit["shopper"] == shopper for visit in await stack.get("/v1/visits"))

    async with background(walk()):
        await stack.until("the server to know where she is", is_there)
    return said


async def imported(stack: Stack, table: str) -> None:
    """Import a file of people."""
    made = json.loads(await called(stack, "POST", "/v1/people/imports?source=crm", table.encode()))

    async def is_done() -> bool:
        return bool((await stack.get(f"/v1/people/imports/{made['id']}"))["state"] == "done")

    await stack.until("the import to end", is_done)


async def called(stack: Stack, method: str, path: str, data: bytes | None = None) -> bytes:
    """An operator's call that must succeed; its answer."""
    token = await asyncio.to_thread((stack.folder / "data" / "operator.token").read_text)
    headers = {"Authorization": f"Bearer {token.strip()}", "Content-Type": "text/csv"}
    async with stack.http.request(method, stack.url + path, data=data, headers=headers) as answer:
        raw = await answer.read()
        assert answer.ok, raw
        return raw


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
