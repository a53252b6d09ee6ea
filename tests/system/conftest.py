"""Deployments of real processes, on the server's own broker and on somebody else's; real browsers on a push service."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser as Playwrights
from playwright.async_api import expect

from firmware_sim.push_service import PushService, serving
from tests.support.breakable import External, ServersOwn
from tests.support.brokers import Start
from tests.support.browsers import BROWSERS, Browser
from tests.support.console import headless
from tests.support.patience import PATIENCE_S
from tests.support.shop import Shop, open_shop
from tests.support.stack import Stack, deployment
from tests.support.webapp import App

expect.set_options(timeout=PATIENCE_S * 1000)


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


@pytest.fixture
async def service() -> AsyncIterator[PushService]:
    """A push service that both browsers know."""
    async with serving(PushService()) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def one_chromium() -> AsyncIterator[Playwrights]:
    """A Chromium for all tests of a worker, each of which opens profiles of its own: a start takes a second of CPU.

    It lives in the session's event loop, and so does each test that uses it.
    """
    async with headless() as running:
        yield running


@pytest.fixture(params=sorted(BROWSERS))
async def browser(request: pytest.FixtureRequest, service: PushService, tmp_path: Path) -> AsyncIterator[Browser]:
    """Each browser, with a desktop of its own."""
    async with BROWSERS[request.param](service, tmp_path) as running:
        yield running


@pytest.fixture
def app(browser: Browser) -> App:
    """The page on which a test opens the phone's app."""
    return App(browser)


@pytest.fixture
async def shop(browser: Browser, tmp_path: Path) -> AsyncIterator[Shop]:
    """A shop whose offers reach that browser."""
    async with open_shop(tmp_path, browser) as running:
        yield running
