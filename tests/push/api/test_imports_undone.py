"""Imports that cannot be written or undone as they were meant, or died: refused, swept, and nothing is lost."""

import asyncio
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from beacons.registry import Beacon
from push.registry import editing
from push.registry.records import Hand
from tests.push.api.test_imports import beacons, card, ended, imported, send
from tests.support.clocks import SettableClock
from tests.support.fresh import open_database
from tests.support.ingest import T0_MS
from tests.support.outbox import VAULT
from tests.support.servers import STORE, Answer, Caller, becomes, serving, settings


def by_hand(beacon: str, n: int, name: str = "") -> dict[str, Any]:
    return {"beacon": {"id": beacon, "role": "tag", "format": "ibeacon", "static_id": f"{n:040x}", "name": name}}


async def undo(server: Caller, done: dict[str, Any]) -> Answer:
    return await server.call("POST", f"/v1/imports/{done['id']}/undo", server.operator)


async def delete(server: Caller, path: str) -> None:
    assert (await server.call("DELETE", path, server.operator)).status == 204


async def test_what_was_deleted_and_registered_anew_is_not_undone(any_server: Caller) -> None:
    done = await imported(any_server, [card(1)])
    await delete(any_server, "/v1/beacons/card-1")
    await any_server.operate("PUT", "/v1/beacons/card-1", by_hand("card-1", 5, name="by hand"))
    refused = await undo(any_server, done)
    assert (refused.status, "changed meanwhile: beacon card-1" in refused.json["detail"]) == (409, True)
    assert (await beacons(any_server))["card-1"]["beacon"]["name"] == "by hand"


async def test_what_another_says_by_now_is_not_put_back(any_server: Caller) -> None:
    await imported(any_server, [card(1)])
    done = await imported(any_server, [f"card-1,tag,ibeacon,{9:040x},,,,,,"])
    await any_server.operate("PUT", "/v1/beacons/heir", by_hand("heir", 1))
    refused = await undo(any_server, done)
    assert (refused.status, "another beacon says by now" in refused.json["detail"]) == (409, True)
    assert (await beacons(any_server))["card-1"]["beacon"]["static_id"] == f"{9:040x}"
    await delete(any_server, "/v1/beacons/heir")
    assert (await undo(any_server, done)).status == 200


@pytest.mark.parametrize(
    ("place", "made", "cells"),
    [
        ("/v1/stores/s9", {"id": "s9", "name": "Nine"}, "s9,"),
        (f"/v1/stores/{STORE}/zones/z9", {"store": STORE, "id": "z9", "name": "Nine"}, f"{STORE},z9"),
    ],
)
async def test_nothing_is_put_back_to_where_there_is_no_place(
    any_server: Caller, place: str, made: dict[str, Any], cells: str
) -> None:
    await any_server.operate("PUT", place, made)
    head = b"id,role,format,static_id,store,zone\n"
    row = f"card-1,tag,ibeacon,{1:040x},"
    assert (await imported(any_server, head + f"{row}{cells}\n".encode()))["state"] == "done"
    done = await imported(any_server, head + f"{row}{STORE},z1\n".encode())
    await delete(any_server, place)
    refused = await undo(any_server, done)
    assert (refused.status, "beacon card-1" in refused.json["detail"]) == (409, True)
    assert (await beacons(any_server))["card-1"]["beacon"]["zone"] == "z1"


async def test_what_somebody_is_changing_is_not_overwritten(postgres_url: str, tmp_path: Path) -> None:
    """Her transaction ends between our look at revisions and our writing."""
    async with serving(settings(tmp_path / "data", database_url=postgres_url)) as server:
        assert (await imported(server, [card(1)]))["state"] == "done"
        clock = SettableClock(T0_MS)
        async with open_database(postgres_url, clock) as other:
            async with other.transaction() as tx:
                held = await editing.beacon(tx, "card-1")
                assert held is not None
                assert isinstance(held.item, Beacon)
                hers = msgspec.structs.replace(held.item, name="Eve")
                await editing.put_beacon(tx, hers, Hand("eve", clock.now_ms()), identity_key=None, vault=VAULT)
                begun = await send(server, [card(1, "Bob")])

                async def is_waiting() -> bool:
                    found = await server.operate("GET", begun.headers["Location"])
                    return bool(found["state"] == "applying")

                await becomes(is_waiting, "the import to wait for her")
            failed = await ended(server, begun)
        assert (failed["state"], "changed meanwhile" in failed["errors"][0]["expected"]) == ("failed", True)
        assert (await beacons(server))["card-1"]["beacon"]["name"] == "Eve"


async def test_what_a_killed_server_left_behind_is_given_up_when_it_starts_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with serving(settings(data)) as server:
        assert (await imported(server, [card(1)]))["state"] == "done"
    left = data / "imports" / "imp_left.csv"
    await asyncio.to_thread(left.write_text, "id,identity_key\n")
    clock = SettableClock(int(time.time() * 1000))  # killed a moment ago
    async with open_database(f"sqlite://{data}/push.db", clock) as db, db.transaction() as tx:
        name = {"import_id": "imp_left"}
        new = {"id": "imp_left", "kind": "beacons", "actor": "ann", "dry_run": False, "now_ms": clock.now_ms()}
        await tx.execute("imports.new", **new)
        await tx.execute("imports.stage_before", ids='["card-1"]', **name)
        await tx.execute("imports.stage_label", sign=1, label="vip", item="card-1", **name)
    async with serving(settings(data)) as server:
        found = await server.operate("GET", "/v1/imports/imp_left")
        assert (found["state"], "stopped in the middle" in found["errors"][0]["expected"]) == ("failed", True)
        assert not await asyncio.to_thread(left.exists)
        assert (await imported(server, [card(2)]))["state"] == "done"
    async with open_database(f"sqlite://{data}/push.db", clock) as db, db.transaction() as tx:
        assert await tx.execute("imports.unstage_beacons", **name) == 0
        assert await tx.execute("imports.unstage_labels", **name) == 0
