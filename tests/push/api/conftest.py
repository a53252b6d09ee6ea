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


@pytest.fixture(params=["sqlite", "postgresql"])
def any_url(request: pytest.FixtureRequest) -> str:
    """A database of each engine: what one takes, the other may refuse. SQLite's is the server's default."""
    return "" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def any_server(any_url: str, tmp_path: Path) -> AsyncIterator[Caller]:
    async with serving(settings(tmp_path / "data", database_url=any_url)) as caller:
        await caller.operate("PUT", "/v1/registry", REGISTRY)
        yield caller
