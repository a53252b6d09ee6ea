"""`footfall-push campaigns` against a running server: what is wrong, what differs, and what is put into force."""

import asyncio
import re
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from push.campaigns import files
from push.cli import main
from tests.support.servers import REGISTRY, Caller, serving, settings

WELCOME = """
name = "Welcome"
trigger = { kind = "store_entered" }
template = { title = "Welcome back to {{ store.name }}", body = "Your coffee is on us" }
"""
XMAS = """
name = "Christmas"
tags = ["season"]

[trigger]
kind = "zone_entered"
zones = ["z1"]

[template]
title = "Frohes Fest"

[schedule]
from_ms = 2026-12-24T10:00:00+01:00
dayparts = [["10:00", "14:00"]]

[[wordings]]
locale = "en"
template = { title = "Merry Christmas" }
"""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Caller]:
    async with serving(settings(tmp_path / "data")) as caller:
        await caller.operate("PUT", "/v1/registry", REGISTRY)
        yield caller


async def command(server: Caller, name: str, folder: Path, *args: str) -> Result:
    asked = ["campaigns", name, str(folder), "--data-dir", str(server.folder), *args]
    return await asyncio.to_thread(CliRunner().invoke, main, asked)


async def test_a_folder_is_looked_at_compared_and_put_into_force(server: Caller, tmp_path: Path) -> None:
    folder = tmp_path / "campaigns"
    await asyncio.to_thread(folder.mkdir)
    (folder / "welcome.toml").write_text(WELCOME)
    (folder / "xmas.toml").write_text(XMAS.replace("z1", "attic"))
    found = await command(server, "check", folder)
    assert (found.exit_code, "xmas.toml: trigger.zones: there is no zone attic" in found.output) == (3, True)
    assert (await command(server, "apply", folder)).exit_code == 3
    (folder / "xmas.toml").write_text(XMAS)
    told = await command(server, "diff", folder)
    assert told.exit_code == 3
    assert '~ template.title: "Welcome to {{ store.name }}" ▶ "Welcome back to {{ store.name }}"' in told.output
    assert "+ schedule.from_ms: 1798102800000" in told.output
    assert '+ wordings[0].template.title: "Merry Christmas"' in told.output
    await server.operate("POST", "/v1/campaigns/welcome/pause")
    assert (await command(server, "apply", folder)).exit_code == 0
    listed = (await server.operate("GET", "/v1/campaigns"))["items"]
    assert [(one["id"], one["state"]) for one in listed] == [("welcome", "paused"), ("xmas", "live")]
    assert (await command(server, "diff", folder)).exit_code == 0
    (folder / "welcome.toml").unlink()
    (folder / "xmas.toml").write_text(XMAS.replace("Frohes Fest", "Frohe Weihnachten"))
    ended = await command(server, "apply", folder, "--draft", "--prune")
    assert ("xmas: draft saved" in ended.output, "welcome: ended" in ended.output) == (True, True)
    xmas = await server.operate("GET", "/v1/campaigns/xmas")
    assert (xmas["live_version"], xmas["newest"]["stage"]) == (1, "draft")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ", "Invalid value"),
        ("nom = 'x'", "nom"),
        (f"id = 'other'\n{WELCOME}", "a file is named for its campaign's id"),
        (f"{WELCOME}schedule = {{ from_ms = 2026-12-24T10:00:00 }}", "has no offset"),
    ],
)
async def test_a_file_that_is_no_campaign_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "operator.token").write_text("ff_operator_x")
    (tmp_path / "odd.toml").write_text(text)
    asked = ["campaigns", "check", str(tmp_path), "--data-dir", str(tmp_path), "--url", "http://127.0.0.1:1"]
    ended = await asyncio.to_thread(CliRunner().invoke, main, asked)
    assert (ended.exit_code, "odd.toml" in ended.output, said in ended.output) == (1, True, True), ended.output


def test_the_file_in_the_docs_is_a_campaign() -> None:
    text = (Path(__file__).parents[3] / "docs" / "campaigns.md").read_text()
    [shown] = re.findall(r"```toml\n(name = .*?)```", text, re.DOTALL)
    campaign = files.parse(tomllib.loads(shown), Path("christmas.toml"))
    assert (campaign.id, campaign.schedule.until_ms) == ("christmas", 1_798_117_200_000)
