"""What operations ask at eight in the morning: what is broken, since when, and what to do."""

import time
from pathlib import Path

import pytest

from push.health.settings import HealthSettings
from tests.support.clocks import ShiftedClock
from tests.support.people import Person, first_admin
from tests.support.servers import Caller, becomes, serving, settings
from tests.support.terminal import PASSWORD, Terminal

pytestmark = pytest.mark.system
MINUTE_MS = 60_000
REGISTRY: dict[str, object] = {
    "stores": [{"id": "tokyo", "name": "Tokyo", "time_zone": "Asia/Tokyo"}, {"id": "idle", "name": "Idle"}],
    "zones": [{"store": "tokyo", "id": "door", "name": "Door"}],
    "gateways": [{"gateway": {"id": "g1", "store": "tokyo", "zone": "door"}}],
}


async def logged_in(server: Caller, home: Path) -> tuple[Terminal, Person]:
    ann = await first_admin(server)
    found = Terminal(home)
    password = found.write("password", PASSWORD)
    ended = await found.run("login", server.running.http_url, "--login", ann.login, "--password-file", password)
    assert ended.code == 0, ended
    return found, ann


async def test_what_is_broken_is_said_with_since_when_and_the_next_step(tmp_path: Path) -> None:
    clock = ShiftedClock()
    asked = settings(tmp_path / "data", health=HealthSettings(grace_s=0, group_s=0, never_heard_after_min=3))
    async with serving(asked, clock) as server:
        await server.operate("PUT", "/v1/registry", REGISTRY)
        terminal, ann = await logged_in(server, tmp_path / "home")
        well = await terminal.run("health")
        assert (well.code, well.out) == (0, "All is well.\n")

        began_s = time.monotonic()

        async def is_found() -> bool:
            clock.shift_ms = int((time.monotonic() - began_s) * MINUTE_MS)  # a minute a second: it looks all the time
            return bool((await server.operate("GET", "/v1/health/findings"))["findings"])

        await becomes(is_found, "a gateway that never came is found")
        [finding] = (await server.operate("GET", "/v1/health/findings"))["findings"]
        said = await terminal.run("health", "--store", "tokyo")
        words = " ".join(said.out.split())
        assert f"gateway g1 in tokyo: {finding['says']}" in words
        assert f"Next: {finding['next_step']}" in words
        assert " JST " in words
        assert max(map(len, said.out.splitlines())) <= 80
        assert said.code == (1 if finding["severity"] == "now" else 0)
        told = await terminal.run("health", "--json")
        assert (told.code, '"never_connected"' in told.out, told.out.count("\n")) == (said.code, True, 1)
        assert (await terminal.run("health", "--store", "idle")).code == 0
        known = {"for_h": 2, "note": "on its way"}
        path = f"/v1/health/findings/{finding['id']}/known"
        assert (await server.call("POST", path, body=known, headers=ann.headers)).status == 200
        quiet = await terminal.run("health")
        assert (quiet.code, "operator:ann knows, until " in quiet.out) == (0, True)
        assert "on its way" in " ".join(quiet.out.split())
        nonsense = await terminal.run("health", "--kind", "sad")
        assert (nonsense.code, nonsense.out) == (3, "")
