"""docs/apps.md tells the truth: its commands are run in order in one shell, and print what it says."""

import asyncio
import os
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from push.api import apps, messages, stream
from tests.support.servers import serving, settings
from tests.support.tools import ci_or_skip

pytestmark = pytest.mark.system

GUIDE = (Path(__file__).parents[2] / "docs" / "apps.md").read_text()
SEPARATOR = "-- end of step --"


class Step(NamedTuple):
    """A block of commands, and what stands below it; "…" stands for anything."""

    commands: str
    printed: str


def steps() -> list[Step]:
    return [Step(*found) for found in re.findall(r"```sh\n(.*?)```\n+```text\n(.*?)```", GUIDE, re.DOTALL)]


def pattern(printed: str) -> str:
    return ".*".join(re.escape(part) for part in printed.strip().split("…"))


def test_every_block_of_commands_says_what_it_prints() -> None:
    assert len(steps()) == GUIDE.count("```sh\n") > 10


async def test_every_command_of_the_guide_prints_what_it_says(tmp_path: Path) -> None:
    ci_or_skip("curl")
    async with serving(settings(tmp_path / "data")) as server:
        script = f"\necho '{SEPARATOR}'\n".join(step.commands for step in steps())
        shell = await asyncio.create_subprocess_exec(
            "sh", "-eu", "-c", script,
            cwd=tmp_path, env={**os.environ, "FOOTFALL": server.running.http_url},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(60):
            out, err = await shell.communicate()
    assert (shell.returncode, err.decode()) == (0, ""), out.decode()
    said = out.decode().split(SEPARATOR)
    assert len(said) == len(steps())
    for step, actual in zip(steps(), said, strict=True):
        assert re.fullmatch(pattern(step.printed), actual.strip(), re.DOTALL), f"{step.commands}\nprinted:\n{actual}"


def test_every_call_of_an_app_is_in_the_guide() -> None:
    for endpoint in (*apps.ENDPOINTS, *messages.ENDPOINTS, stream.ENDPOINT):
        assert f"{endpoint.path}`" in GUIDE, f"{endpoint.method} {endpoint.path}"
