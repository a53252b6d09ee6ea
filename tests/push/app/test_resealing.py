"""A new master key while the server runs: everything is sealed anew, and the former key's file may go."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from click.testing import CliRunner, Result

from beacons.registry import Beacon
from push import resealing
from push.cli import main
from push.database.open import open_database, sqlite_path
from push.model.vault import SealError, Vault
from push.registry import directory
from push.resealing import COLUMNS, Resealer, left
from push.secrets import write_private
from push.settings import PushSettings
from tests.support.clocks import RealClock
from tests.support.enrolling import PATH, code, logged_in, new_box, registered
from tests.support.servers import REGISTRY, Caller, becomes, serving, settings
from tests.support.tasks import background

FIRST, SECOND = bytes(range(32)), bytes(range(1, 33))
MANY = 900


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:{tmp_path / 'push.db'}"
    return str(request.getfixturevalue("postgres_url"))


async def sealed_columns(url: str) -> set[str]:
    """What the schema itself calls sealed."""
    if url.startswith("sqlite"):
        return await asyncio.to_thread(_sqlite_columns, sqlite_path(url))
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
            " AND column_name LIKE '%sealed'"
        )
    finally:
        await connection.close()
    return {f"{row['table_name']}.{row['column_name']}" for row in rows}


def _sqlite_columns(path: Path) -> set[str]:
    query = (
        "SELECT m.name || '.' || c.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c"
        " WHERE m.type = 'table' AND c.name LIKE '%sealed'"
    )
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return {row[0] for row in connection.execute(query)}


OF_PEOPLE = {
    "changes.sealed", "coupons.sealed", "decisions.sealed", "events.sealed", "farewells.sealed", "features.sealed",
    "identifiers.sealed", "messages.sealed", "nicknames.sealed", "confirmations.sealed",
    "tracked.sealed", "traits.sealed",
}  # fmt: skip
"""Sealed under a person's own key, and that under a month's."""


async def test_no_sealed_column_is_forgotten(url: str) -> None:
    async with open_database(url, RealClock()):
        pass
    assert await sealed_columns(url) == {column.name for column in COLUMNS} | OF_PEOPLE


async def with_beacons(asked: PushSettings, count: int) -> None:
    """Rotating beacons, sealed under the first key; and that key's file is the former one by now."""
    first = Vault(FIRST)
    async with open_database(asked.database(), RealClock()) as db, db.transaction() as tx:
        for number in range(count):
            beacon = Beacon(id=f"b{number:04}", role="tag", format="eid")
            await directory.put_beacon(tx, beacon, number.to_bytes(16, "big"), first)
    await asyncio.to_thread(write_private, asked.file("master.key.previous"), FIRST.hex())
    await asyncio.to_thread(write_private, asked.file("master.key"), SECOND.hex())


async def test_a_pass_that_was_cut_off_is_finished_by_the_next(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resealing, "SLICE", 50)
    asked = settings(tmp_path, database_url=url)
    await with_beacons(asked, MANY)
    async with open_database(url, RealClock()) as db:
        vault = Vault(SECOND, [FIRST])
        one = Resealer(asked, db, vault, RealClock())
        async with background(one.run()):

            async def begun() -> bool:
                return 0 < one.left.get("beacons.key_sealed", 0) < MANY

            await becomes(begun, "some slices")
        cut = (await left(db, vault.mark))["beacons.key_sealed"]
        assert 0 < cut < MANY
        two, three = (Resealer(asked, db, vault, RealClock()) for _ in range(2))
        async with background(two.run()), background(three.run()):  # two processes at once

            async def done() -> bool:
                return not sum((await left(db, vault.mark)).values())

            await becomes(done, "the rest")
        rows = await db.fetch("registry.beacons")
    alone = Vault(SECOND)
    opened = [alone.open(row["key_sealed"], f"beacon:{row['id']}") for row in rows]
    assert opened == [number.to_bytes(16, "big") for number in range(MANY)]


async def test_a_value_that_no_key_opens_is_left_and_told(url: str, tmp_path: Path) -> None:
    asked = settings(tmp_path, database_url=url)
    await with_beacons(asked, 3)
    await asyncio.to_thread(asked.file("master.key.previous").unlink)
    async with open_database(url, RealClock()) as db:
        one = Resealer(asked, db, Vault(SECOND), RealClock())
        async with background(one.run()):

            async def told() -> bool:
                return one.broken == {"beacons.key_sealed"} and one.left["beacons.key_sealed"] == 3

            await becomes(told, "what does not open")


def command(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["keys", *words], env={"FOOTFALL__PUSH__DATA_DIR": str(folder)})


async def test_a_key_is_rotated_under_a_running_server_and_nobody_notices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resealing, "LOOK_S", 0.05)
    folder, box = tmp_path / "data", new_box(tmp_path)
    async with serving(settings(folder)) as server:
        await server.operate("PUT", "/v1/registry", REGISTRY)
        await registered(server)
        got = (await box.enrol(server, await code(server))).json
        blocked = await suppress(server)
        service = await server.operate("GET", "/v1/provisioning/eid")
        rotated = await asyncio.to_thread(command, folder, "rotate")
        assert rotated.exit_code == 0, rotated.output

        async def sealed_anew() -> bool:
            return (await asyncio.to_thread(command, folder, "status")).exit_code == 0

        await becomes(sealed_anew, "everything sealed anew")
        assert "footfall_sealed_before" in (await server.call("GET", "/metrics", server.operator)).raw.decode()
    status = await asyncio.to_thread(command, folder, "status")
    assert "master.key.previous may go" in status.output
    await asyncio.to_thread((folder / "master.key.previous").unlink)
    async with serving(settings(folder)) as server:
        again = {**got, "brokers": [server.running.broker_url]}
        async with logged_in(again):
            pass
        assert await server.operate("GET", "/v1/provisioning/eid") == service
        assert await suppress(server) == blocked  # it is found again: no second entry
        assert (await server.operate("GET", f"{PATH}/enrolment"))["state"] == "enrolled"


async def suppress(server: Caller) -> Any:  # noqa: ANN401 - JSON
    """Somebody who wants no mail any more; the list as it then is."""
    body = {"channel": "email", "address": {"email": "ann@example.com"}, "reason": "complained"}
    await server.operate("POST", "/v1/suppressions", body)
    return [(one["channel"], one["hash"]) for one in await server.operate("GET", "/v1/suppressions")]


async def test_another_master_key_alone_stops_the_start(tmp_path: Path) -> None:
    asked = settings(tmp_path / "data")
    async with serving(asked):
        pass
    await asyncio.to_thread(write_private, asked.file("master.key"), SECOND.hex())
    with pytest.raises(SealError, match="is this the master key that sealed it"):
        async with serving(asked):
            pass


def test_a_key_is_not_rotated_while_the_one_before_last_is_needed(tmp_path: Path) -> None:
    asyncio.run(with_beacons(settings(tmp_path), 2))
    refused = command(tmp_path, "rotate")
    assert (refused.exit_code, "still sealed under the key in" in refused.output) == (1, True)
    status = command(tmp_path, "status")
    assert (status.exit_code, "beacons.key_sealed: 2 sealed under a former key" in status.output) == (3, True)
    for text in (refused.output, status.output):
        assert FIRST.hex() not in text
        assert SECOND.hex() not in text


def test_what_is_no_key_and_no_first_start_is_said(tmp_path: Path) -> None:
    nothing = command(tmp_path, "status")
    assert (nothing.exit_code, "the first start makes one" in nothing.output) == (1, True)
    write_private(tmp_path / "master.key", "no key")
    strange = command(tmp_path, "rotate")
    assert (strange.exit_code, "64 hex digits" in strange.output) == (1, True)
