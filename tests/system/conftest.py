"""Deployments of real processes, on the server's own broker and on somebody else's."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.breakable import External, ServersOwn
from tests.support.brokers import Start
from tests.support.stack import Stack, deployment


@pytest.fixture(params=["embedded", "mosquitto"])
async def stack(request: pytest.FixtureRequest, tmp_path: Path, start_broker: Start) -> AsyncIterator[Stack]:
    """A deployment of which only air and, where it is external, broker are up."""
    broker = ServersOwn() if request.param == "embedded" else External(await start_broker("mosquitto"))
    async with deployment(tmp_path, broker) as made:
        yield made


@pytest.fixture
async def own_stack(tmp_path: Path) -> AsyncIterator[Stack]:
    """A deployment with the server's own broker, where the broker does not matter."""
    async with deployment(tmp_path, ServersOwn()) as made:
        yield made
