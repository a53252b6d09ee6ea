"""Beacons in bulk from a terminal: imported whole or not at all, undone, exported, and followed by a bar."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.people import first_admin
from tests.support.servers import Caller, serving, settings
from tests.support.terminal import PASSWORD, Terminal

pytestmark = pytest.mark.system
HEAD = "id,role,format,static_id,store,zone,name\n"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Caller]:
    async with serving(settings(tmp_path / "data")) as caller:
        registry = {
            "stores": [{"id": "hamburg", "name": "Hamburg"}],
            "zones": [{"store": "hamburg", "id": "door", "name": "Door"}],
        }
        await caller.operate("PUT", "/v1/registry", registry)
        yield caller


@pytest.fixture
async def terminal(server: Caller, tmp_path: Path) -> Terminal:
    ann = await first_admin(server)
    found = Terminal(tmp_path / "home")
    password = found.write("password", PASSWORD)
    ended = await found.run("login", server.running.http_url, "--login", ann.login, "--password-file", password)
    assert ended.code == 0, ended
    return found


def rows(count: int, name: str = "Shelf") -> str:
    return HEAD + "".join(f"b{n:05},fixture,ibeacon,{n:040x},hamburg,door,{name} {n}\n" for n in range(count))


async def test_a_file_is_tried_imported_exported_and_undone(terminal: Terminal) -> None:
    file = terminal.write("beacons.csv", rows(500))
    tried = await terminal.run("import", file, "--dry-run")
    assert (tried.code, tried.out) == (0, "500 new. It was a dry run: nothing was changed.\n")
    assert tried.err == ""
    assert (await terminal.run("list", "--json")).json["items"] == []
    done = await terminal.run("import", file, "--json")
    assert (done.json["state"], done.json["new"], done.json["dry_run"]) == ("done", 500, False)
    changed = terminal.write("changed.csv", "id;name\n\nb00001;Door\nb00002;Shelf 2\n")
    said = await terminal.run("import", changed)
    assert said.out == "1 changed, 1 the same. Next, if that was wrong: footfall-beacons undo-import\n"
    out = terminal.home / "out.csv"
    exported = await terminal.run("export", str(out))
    assert exported.code == 0, exported
    found = list(csv.DictReader(io.StringIO(await asyncio.to_thread(out.read_text, "utf-8-sig"))))
    assert ([row["name"] for row in found[:3]], len(found)) == (["Shelf 0", "Door", "Shelf 2"], 500)
    piped = await terminal.run("export")
    assert piped.out.encode() == await asyncio.to_thread(out.read_bytes)
    again = await terminal.run("import", str(out))
    assert again.out.startswith("500 the same.")


async def test_the_last_import_is_undone_once(terminal: Terminal) -> None:
    await terminal.run("import", terminal.write("one.csv", rows(3)))
    await terminal.run("import", terminal.write("two.csv", rows(3, "Table")))
    undone = await terminal.run("undo-import", "--yes")
    assert (undone.code, undone.out.endswith(" is undone.\n")) == (0, True), undone
    assert (await terminal.run("show", "b00001", "--json")).json["beacon"]["name"] == "Shelf 1"
    unasked = await terminal.run("undo-import")
    assert (unasked.code, "Next: say --yes." in unasked.err) == (2, True)
    unknown = await terminal.run("undo-import", "imp-nobody", "--yes")
    assert (unknown.code, "Not there" in unknown.err) == (3, True), unknown


async def test_a_wrong_file_is_refused_with_every_fault_by_its_line(terminal: Terminal) -> None:
    wrong = terminal.write(
        "wrong.csv",
        HEAD
        + "ok,fixture,ibeacon," + "ab" * 20 + ",hamburg,door,Fine\n\n"
        + "bad id,fixture,ibeacon," + "cd" * 20 + ",hamburg,door,Blank in its id\n"
        + "twice,fixture,ibeacon," + "ab" * 20 + ",hamburg,door,Says the same\n"
        + "far,fixture,ibeacon," + "ef" * 20 + ",berlin,door,No such store\n",
    )  # fmt: skip
    ended = await terminal.run("import", wrong)
    assert ended.code == 3
    lines = [line.split()[0] for line in ended.out.splitlines()[2:] if line[0].isdigit()]
    assert lines == ["4", "5", "6"], ended.out
    assert max(map(len, ended.out.splitlines())) <= 80
    assert f"{wrong} was refused: 3 faults; nothing was changed." in ended.err
    assert "Next: correct these lines, and import the whole file again." in ended.err
    told = await terminal.run("import", wrong, "--json")
    assert (told.code, told.out.count("\n")) == (3, 1)
    assert (await terminal.run("list", "--json")).json["items"] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("ident,role\nx,tag\n", "there is no column 'ident'"),
        ("id,role\n" + '"never closed' + "x" * 30_000, "quotation mark"),
    ],
)
async def test_what_is_no_table_is_said(terminal: Terminal, text: str, said: str) -> None:
    ended = await terminal.run("import", terminal.write("odd.csv", text))
    assert ended.code == 3
    assert said in " ".join(ended.out.split())
    assert "Traceback" not in ended.err


async def test_files_that_are_not_there_stop_before_anything_is_sent(terminal: Terminal) -> None:
    missing = await terminal.run("import", "nowhere.csv")
    assert (missing.code, missing.err) == (2, "Error: nowhere.csv: No such file or directory.\n")
    folder = await terminal.run("import", str(terminal.home))
    assert (folder.code, "expected a file" in folder.err) == (2, True)
    nowhere = await terminal.run("export", str(terminal.home / "none" / "out.csv"))
    assert (nowhere.code, "No such file or directory" in nowhere.err) == (2, True)
    assert not list(terminal.home.glob(".*.part"))


async def test_people_see_a_bar_of_each_step(terminal: Terminal) -> None:
    shown = await terminal.answer("import", terminal.write("beacons.csv", rows(5000)), to=[])
    assert shown.code == 0, shown
    assert all(step in shown.out for step in ("uploaded", "checked", "written", "5000/5000"))
    assert "5,000 new." in shown.out
