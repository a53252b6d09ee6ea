"""Both halves of enrolment together: the real server, the real command, the real daemon."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from gateway.credentials import read_credentials
from gateway.doctor.service import read_health
from gateway.settings import GatewaySettings, read_settings
from push.app import serve
from push.settings import BrokerSettings, HttpSettings, PushSettings
from tests.support.gateways import ScriptedRadio, running
from tests.support.patience import PATIENCE_S

pytestmark = pytest.mark.system

PROGRAM = str(Path(sys.executable).with_name("footfall-gateway"))
REGISTRY = {"stores": [{"id": "s1", "name": "Hamburg"}]}
GATEWAY = {"id": "g1", "store": "s1"}
DEADLINE_S = PATIENCE_S


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    settings = PushSettings(
        data_dir=str(tmp_path / "server"), http=HttpSettings(port=0), broker=BrokerSettings(port=0, free_ports=True)
    )
    async with serve(settings) as server:
        token = await asyncio.to_thread(settings.file("operator.token").read_text)
        headers = {"Authorization": f"Bearer {token.strip()}"}
        async with aiohttp.ClientSession(server.http_url, headers=headers) as http:
            registry = REGISTRY | {"gateways": [{"gateway": GATEWAY, "secret": "ff" * 32}]}
            async with http.put("/v1/registry", json=registry) as answer:
                assert answer.status == 200, await answer.text()
            yield http


async def code_url(operator: aiohttp.ClientSession) -> str:
    async with operator.post("/v1/stores/s1/gateways/g1/code") as answer:
        assert answer.status == 201, await answer.text()
        return str((await answer.json())["url"])


async def command(*arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        *arguments,
        env={**os.environ, "FOOTFALL__GATEWAY__SCAN__BACKEND": "tests.support.tiny_radio:TinyRadio", "PYTHONPATH": "."},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def chosen(config: Path, folder: Path) -> GatewaySettings:
    env = {"FOOTFALL__GATEWAY__DATA_DIR": str(folder), "FOOTFALL__GATEWAY__HEALTH__EVERY_S": "1"}
    return await asyncio.to_thread(read_settings, config, env)


async def configured(settings: GatewaySettings) -> None:
    """Until the server has told the running gateway what to forward: both hold the same secret."""
    path = Path(settings.data_dir) / "health.json"

    def told() -> bool:
        health = read_health(path)
        return health is not None and health.connected and health.config_version > 0

    async with asyncio.timeout(DEADLINE_S):
        while not await asyncio.to_thread(told):  # noqa: ASYNC110 - a file tells it
            await asyncio.sleep(0.05)


async def broker_states(config: Path) -> dict[str, str]:
    _, said = await command("doctor", "--config", str(config), "--json", "--seconds", "0.5")
    found = json.loads(said)
    return {row["check"].split()[-1]: row["state"] for row in found if row["check"].startswith("broker")}


async def test_a_box_becomes_a_gateway_of_the_server_and_gets_a_new_secret(
    operator: aiohttp.ClientSession, tmp_path: Path
) -> None:
    config, url = tmp_path / "etc" / "config.toml", await code_url(operator)
    status, said = await command("enrol", "--config", str(config), url)
    assert status == 0, said
    assert "enrolled as gateway g1 of store s1" in said
    settings = await chosen(config, tmp_path / "data")
    first = await asyncio.to_thread(read_credentials, settings, "test")
    async with running(settings, ScriptedRadio()):
        await configured(settings)
    well = dict.fromkeys(("name", "port", "login", "topics", "server"), "ok")
    assert await broker_states(config) == well
    status, said = await command("enrol", "--config", str(config), "--again", url)
    assert (status, "the code is unknown, used or too old" in said) == (1, True)
    status, said = await command("enrol", "--config", str(config), "--again", await code_url(operator))
    assert status == 0, said
    second = await asyncio.to_thread(read_credentials, await chosen(config, tmp_path / "data"), "test")
    assert second.key.id != first.key.id
    assert set(second.accepted) == {first.key.id, second.key.id}
    assert await broker_states(config) == well
    rotated = await chosen(config, tmp_path / "other data")
    async with running(rotated, ScriptedRadio()):
        await configured(rotated)
