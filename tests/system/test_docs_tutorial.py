"""docs/tutorial.md tells the truth: its commands are typed in order in one shell, from an empty folder to a person."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from tests.support import guides
from tests.support.box import quiet_port
from tests.support.tools import ci_or_skip

pytestmark = pytest.mark.system

DOCS = Path(__file__).parents[2] / "docs"
BY_COMMAND_LINE, BY_API = [(DOCS / name).read_text() for name in ("tutorial.md", "tutorial-api.md")]


@pytest.mark.parametrize("guide", [BY_COMMAND_LINE, BY_API], ids=["command line", "api"])
def test_every_block_of_commands_says_what_it_prints(guide: str) -> None:
    assert len(guides.steps(guide)) == guide.count("```sh\n") >= 6


def environment(folder: Path) -> dict[str, str]:
    """Ports that nobody else has, and a home of its own; the rest is as the tutorial says."""
    port = quiet_port()
    return {
        "FOOTFALL": f"http://127.0.0.1:{port}",
        "FOOTFALL__PUSH__HTTP__PORT": str(port),
        "FOOTFALL__PUSH__BROKER__PORT": str(quiet_port()),
        "XDG_CONFIG_HOME": str(folder / "home"),
        "COLUMNS": "80",
    }


def logs(folder: Path) -> str:
    """What the processes said last, for whoever has to find out why it failed."""
    found = sorted(folder.glob("*.log"))
    return "\n".join(f"{path.name}:\n{path.read_text()[-2000:]}" for path in found)


async def typed(guide: str, folder: Path) -> list[guides.Ran]:
    """Every step of a guide, typed into one shell: each printed what the guide says, and no process broke."""
    ci_or_skip("curl")
    try:
        ran = await guides.run(guides.steps(guide), folder, environment(folder))
    except (AssertionError, TimeoutError) as error:
        raise AssertionError(f"{error}\n{await asyncio.to_thread(logs, folder)}") from error
    for step, actual in [one for one in ran if not one.as_told]:
        raise AssertionError(f"{step.commands}\nprinted:\n{actual}\nbut the tutorial says:\n{step.printed}")
    assert "Traceback" not in await asyncio.to_thread(logs, folder)
    return ran


async def test_from_an_empty_folder_to_the_first_person(tmp_path: Path) -> None:
    ran = await typed(BY_COMMAND_LINE, tmp_path)
    watched = next(actual for step, actual in ran if "watch" in step.commands)
    assert re.fullmatch(r"\d\d:\d\d:\d\d  shopper-\d+ came in", watched.strip())


async def test_the_same_by_api(tmp_path: Path) -> None:
    ran = await typed(BY_API, tmp_path)
    told = next(actual for step, actual in ran if "/v1/visits" in step.commands)
    visits = json.loads(told.strip().splitlines()[0])
    assert {visit["store"] for visit in visits} == {"hamburg"}
