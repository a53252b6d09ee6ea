"""A desk on each engine, with somebody at it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from push.access import setup
from push.access.desk import Desk
from push.access.known import Known
from push.access.limits import Limits
from push.access.passwords import Hasher
from push.access.setup import SetUpIn
from push.access.traces import Traces
from push.registry.audit import audit
from tests.support.access_world import HERE, World
from tests.support.clocks import SettableClock
from tests.support.fresh import open_database
from tests.support.outbox import VAULT
from tests.support.people import PASSWORD


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite://{tmp_path}/test.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    clock = SettableClock()
    hasher = await asyncio.to_thread(Hasher)
    async with open_database(database_url, clock) as db:
        yield Desk(db, VAULT, clock, hasher, audit, Limits(), Traces(db, clock), Known())
    hasher.close()


@pytest.fixture
async def world(desk: Desk) -> World:
    assert isinstance(desk.clock, SettableClock)
    await setup.accept(desk, "code")
    first = SetUpIn(code="code", login="Ann", name="Ann", password=PASSWORD)
    return World(desk, desk.clock, await setup.begin(desk, first, HERE))
