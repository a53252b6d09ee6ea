"""A whole server for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.servers import REGISTRY, Caller, serving, settings


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Caller]:
    async with serving(settings(tmp_path / "data")) as caller:
        await caller.operate("PUT", "/v1/registry", REGISTRY)
        yield caller
