"""docs/apps.md tells the truth: its commands are run in order in one shell, and print what it says."""

from pathlib import Path

import pytest

from push.api import apps, inbox, messages, stream
from tests.support import guides
from tests.support.servers import serving, settings
from tests.support.tools import ci_or_skip

pytestmark = pytest.mark.system

GUIDE = (Path(__file__).parents[2] / "docs" / "apps.md").read_text()


def test_every_block_of_commands_says_what_it_prints() -> None:
    assert len(guides.steps(GUIDE)) > 10


async def test_every_command_of_the_guide_prints_what_it_says(tmp_path: Path) -> None:
    ci_or_skip("curl")
    async with serving(settings(tmp_path / "data")) as server:
        await guides.check(guides.steps(GUIDE), tmp_path, {"FOOTFALL": server.running.http_url})


def test_every_call_of_an_app_is_in_the_guide() -> None:
    for endpoint in (*apps.ENDPOINTS, *messages.ENDPOINTS, *inbox.ENDPOINTS, stream.ENDPOINT):
        assert f"{endpoint.path}`" in GUIDE, f"{endpoint.method} {endpoint.path}"
