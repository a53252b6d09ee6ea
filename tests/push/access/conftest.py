"""A desk on each engine, with somebody at it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest

from push.access import login, setup
from push.access.desk import Desk, Peer
from push.access.limits import Limits
from push.access.login import LoginIn
from push.access.passwords import Hasher
from push.access.sessions import Opened
from push.access.setup import SetUpIn
from push.access.traces import Traces
from push.database.open import open_database
from push.registry.audit import audit
from tests.support.clocks import SettableClock
from tests.support.outbox import VAULT
from tests.support.people import PASSWORD

HERE = Peer("192.0.2.7", "Firefox")


class World(NamedTuple):
    """A desk whose clock tests move, and the session of the first admin, ann."""

    desk: Desk
    clock: SettableClock
    ann: Opened

    async def enter(self, who: str = "ann", password: str = PASSWORD, code: str = "", peer: Peer = HERE) -> Opened:
        return await login.enter(self.desk, LoginIn(login=who, password=password, code=code), peer)

    async def done(self) -> list[tuple[str, str, str]]:
        """Who did what to whom."""
        rows = await self.desk.db.fetch("registry.audit_trail", most=100)
        return [(row["actor"], row["action"], row["subject"]) for row in rows]


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
        yield Desk(db, VAULT, clock, hasher, audit, Limits(), Traces(db, clock))
    hasher.close()


@pytest.fixture
async def world(desk: Desk) -> World:
    assert isinstance(desk.clock, SettableClock)
    await setup.accept(desk, "code")
    first = SetUpIn(code="code", login="Ann", name="Ann", password=PASSWORD)
    return World(desk, desk.clock, await setup.begin(desk, first, HERE))
