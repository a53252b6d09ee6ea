"""Beacons in bulk, over real HTTP: all or nothing, followed while it runs, undone, and exported as it was imported."""

import asyncio
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.servers import FIXTURE, STORE, Answer, Caller, becomes, serving, settings

HEAD = "id,role,format,static_id,identity_key,store,zone,name,labels,shopper"
KEY = "00112233445566778899aabbccddeeff"


def card(n: int, name: str = "", labels: str = "") -> str:
    return f"card-{n},tag,ibeacon,{n:040x},,,,{name},{labels},"


def spun(n: int, key: str = KEY) -> str:
    return f"spun-{n},tag,eid,,{key},,,,,ann"


async def send(server: Caller, rows: Sequence[str] | bytes, *, dry_run: bool = False) -> Answer:
    raw = rows if isinstance(rows, bytes) else "\n".join([HEAD, *rows, ""]).encode()
    path = f"/v1/imports?dry_run={str(dry_run).lower()}"
    return await server.call("POST", path, server.operator, data=io.BytesIO(raw), headers={"Content-Type": "text/csv"})


async def ended(server: Caller, begun: Answer) -> dict[str, Any]:
    assert begun.status == 202, begun
    found: dict[str, Any] = {}

    async def is_over() -> bool:
        found.update(await server.operate("GET", begun.headers["Location"]))
        return found["state"] not in {"receiving", "checking", "applying"}

    await becomes(is_over, "the import to end")
    return found


async def imported(server: Caller, rows: Sequence[str] | bytes, *, dry_run: bool = False) -> dict[str, Any]:
    return await ended(server, await send(server, rows, dry_run=dry_run))


async def beacons(server: Caller) -> dict[str, dict[str, Any]]:
    found = await server.operate("GET", "/v1/beacons?limit=500")
    return {item["beacon"]["id"]: item for item in found["items"]}


async def test_what_is_imported_is_registered_counted_and_on_record(any_server: Caller) -> None:
    server = any_server
    done = await imported(server, [card(1, "Ann", "vip blue"), card(2), spun(1)])
    assert (done["state"], done["new"], done["changed"], done["same"]) == ("done", 3, 0, 0)
    assert (done["rows_read"], done["rows_checked"], done["rows_written"]) == (3, 3, 3)
    found = await beacons(server)
    assert found.keys() == {"fix-1", "card-1", "card-2", "spun-1"}
    assert found["card-1"]["beacon"]["labels"] == ["vip", "blue"]
    assert found["card-1"]["changed_by"] == done["actor"]
    labelled = await server.operate("GET", "/v1/beacons?label=vip")
    assert [item["beacon"]["id"] for item in labelled["items"]] == ["card-1"]
    trail = await server.operate("GET", "/v1/audit?action=import%20beacons")
    assert [(e["subject"], e["after"]["new"]) for e in trail["items"]] == [(f"import {done['id']}", 3)]

    async def is_gone() -> bool:
        return not await asyncio.to_thread(lambda: list((server.folder / "imports").iterdir()))

    await becomes(is_gone, "the file goes right after it is said that all is done")


async def test_what_was_imported_is_in_force(server: Caller) -> None:
    await imported(server, [f"fix-2,fixture,ibeacon,{'f2' * 20},,{STORE},z1,,,"])
    phone = await server.phone(location=True, marketing=True, inapp=True)
    sightings = [{"kind": "ibeacon", "id": "f2" * 20, "rssi_dbm": -50}]
    answer = await server.call("POST", "/v1/sightings", phone.token, {"store": STORE, "sightings": sightings})
    assert answer.status == 200
    visits = await server.operate("GET", "/v1/visits")
    assert [visit["shopper"] for visit in visits] == [phone.shopper]


async def test_a_dry_run_says_what_would_be_done_and_does_nothing(any_server: Caller) -> None:
    await imported(any_server, [card(1), card(2)])
    dry = await imported(any_server, [card(1), card(2, "New name"), card(3)], dry_run=True)
    assert (dry["state"], dry["new"], dry["changed"], dry["same"]) == ("checked", 1, 1, 1)
    assert (await beacons(any_server)).keys() == {"fix-1", "card-1", "card-2"}
    refused = await any_server.call("POST", f"/v1/imports/{dry['id']}/undo", any_server.operator)
    assert refused.status == 409


async def test_nothing_is_kept_of_a_file_with_faults_and_each_is_told_with_its_line(any_server: Caller) -> None:
    rows = [
        card(1),
        card(1),
        "card-2,tag,ibeacon,abc,,,,,,",
        f"card-3,tag,ibeacon,{1:040x},,,,,,",
        "spun-1,tag,eid,,,,,,,",
        f"fix-9,fixture,ibeacon,{9:040x},,nowhere,,,,",
        f"fix-8,fixture,ibeacon,{8:040x},,{STORE},attic,,,",
        f"card 4,tag,ibeacon,{4:040x},,,,,,",
        f"thief,tag,ibeacon,{FIXTURE},,,,,,",
        "short,tag",
    ]
    failed = await imported(any_server, rows)
    assert (failed["state"], failed["error_count"]) == ("failed", len(failed["errors"]))
    told = {(error["line"], error["column"]): error["expected"] for error in failed["errors"]}
    assert "stands on line 2 already" in told[3, "id"]
    assert "static_id" in told[4, "static_id"]
    assert "stands on line 2 already" in told[5, "static_id"]
    assert "needs its identity_key" in told[6, "identity_key"]
    assert "there is no store 'nowhere'" in told[7, "store"]
    assert "has no zone 'attic'" in told[8, "zone"]
    assert (9, "id") in told
    assert "beacon fix-1 says the same" in told[10, "static_id"]
    assert "10 cells were expected" in told[11, ""]
    assert (await beacons(any_server)).keys() == {"fix-1"}


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "the file is empty"),
        (b"sep=;\n", "the file is empty"),
        (b"id,formad\nx,y\n", "did you mean 'format'?"),
        ("id,name\nx,Tür\n".encode("cp1252"), "save it as CSV UTF-8"),
        (b'id,name\nx,"y\n', "quotation mark"),
    ],
)
async def test_a_file_that_is_no_table_fails_with_what_was_expected(server: Caller, raw: bytes, said: str) -> None:
    failed = await imported(server, raw)
    assert failed["state"] == "failed"
    assert said in failed["errors"][0]["expected"]


async def test_of_many_errors_the_first_are_told_and_all_counted(server: Caller) -> None:
    failed = await imported(server, [f"card-{n},tag,ibeacon,nonsense,,,,,," for n in range(5000)])
    assert (failed["error_count"], len(failed["errors"])) == (5000, 100)


async def test_two_may_exchange_what_they_say(any_server: Caller) -> None:
    await imported(any_server, [card(1), card(2)])
    swapped = await imported(any_server, [f"card-1,tag,ibeacon,{2:040x},,,,,,", f"card-2,tag,ibeacon,{1:040x},,,,,,"])
    assert (swapped["state"], swapped["changed"]) == ("done", 2)
    found = await beacons(any_server)
    assert [found[f"card-{n}"]["beacon"]["static_id"] for n in (1, 2)] == [f"{2:040x}", f"{1:040x}"]


async def test_undone_is_as_it_was_before(any_server: Caller) -> None:
    server = any_server
    await imported(server, [card(1, "Ann", "vip"), card(2), spun(1)])
    before = await beacons(server)
    exported = (await server.call("GET", "/v1/beacons.csv", server.operator)).raw
    rows = [card(1, "Bob", "blue"), f"card-2,tag,ibeacon,{7:040x},,,,,,", spun(1, "ff" * 16), card(3)]
    done = await imported(server, rows)
    assert (done["new"], done["changed"]) == (1, 3)
    undone = await server.operate("POST", f"/v1/imports/{done['id']}/undo")
    assert undone["state"] == "undone"
    after = await beacons(server)
    assert {name: item["beacon"] for name, item in after.items()} == {n: i["beacon"] for n, i in before.items()}
    assert (await server.call("GET", "/v1/beacons.csv", server.operator)).raw == exported
    assert (await server.operate("GET", "/v1/beacons?label=vip"))["total"] == 1
    assert (await server.operate("GET", "/v1/beacons?label=blue"))["total"] == 0
    again = await server.call("POST", f"/v1/imports/{done['id']}/undo", server.operator)
    assert again.status == 409


async def test_what_was_changed_since_is_not_undone_and_neither_is_an_older_import(server: Caller) -> None:
    first = await imported(server, [card(1)])
    second = await imported(server, [card(2)])
    older = await server.call("POST", f"/v1/imports/{first['id']}/undo", server.operator)
    assert (older.status, "only the last" in older.json["detail"]) == (409, True)
    body = {"beacon": {"id": "card-2", "role": "tag", "format": "ibeacon", "static_id": f"{2:040x}", "name": "Eve"}}
    await server.operate("PUT", "/v1/beacons/card-2", body)
    told = await server.call("POST", f"/v1/imports/{second['id']}/undo", server.operator)
    assert (told.status, "changed meanwhile: beacon card-2" in told.json["detail"]) == (409, True)
    assert (await beacons(server))["card-2"]["beacon"]["name"] == "Eve"


async def test_what_was_exported_imports_again_unchanged_and_holds_no_key(any_server: Caller) -> None:
    await imported(any_server, [card(1, "=1+1", "vip"), card(2, "Größe"), spun(1)])
    answer = await any_server.call("GET", "/v1/beacons.csv", any_server.operator)
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert KEY.encode() not in answer.raw
    assert b"identity_key" not in answer.raw
    assert b"'=1+1" in answer.raw
    again = await imported(any_server, answer.raw)
    assert (again["state"], again["same"], again["new"], again["changed"]) == ("done", 4, 0, 0), again


async def test_a_file_that_is_too_large_or_no_csv_is_refused_before_it_is_read(server: Caller) -> None:
    headers = {"Content-Type": "text/csv", "Content-Length": str(200 * 2**20)}
    async with server.http.request(
        "POST",
        server.running.http_url + "/v1/imports",
        headers={**headers, "Authorization": f"Bearer {server.operator}"},
    ) as answer:
        assert answer.status == 413
    other = await server.call("POST", "/v1/imports", server.operator, {"rows": []})
    assert other.status == 415
    assert (await server.operate("GET", "/v1/imports"))["items"] == []


async def test_imports_are_listed_the_latest_first_page_by_page(server: Caller) -> None:
    made = [(await imported(server, [card(n)]))["id"] for n in range(3)]
    first = await server.operate("GET", "/v1/imports?limit=2")
    rest = await server.operate("GET", f"/v1/imports?limit=2&after={first['after']}")
    assert sorted(item["id"] for item in first["items"] + rest["items"]) == sorted(made)
    assert rest["after"] is None
    assert (await server.call("GET", "/v1/imports/none", server.operator)).status == 404


async def test_an_import_that_the_server_stopped_in_counts_as_failed_and_the_next_one_goes(tmp_path: Path) -> None:
    async with serving(settings(tmp_path / "data")) as server:
        begun = await send(server, [card(n) for n in range(20_000)])
    async with serving(settings(tmp_path / "data")) as server:
        found = await server.operate("GET", begun.headers["Location"])
        assert found["state"] == "failed"
        assert "stopped in the middle" in found["errors"][0]["expected"]
        assert (await beacons(server)) == {}
        assert (await imported(server, [card(1)]))["state"] == "done"
