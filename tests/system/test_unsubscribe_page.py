"""The unsubscribe page in a real browser without scripts: by keyboard alone, readable in the dark."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from push.api import unsubscribe
from push.api.unsubscribe import Link
from push.database.open import open_database
from push.model.vault import Vault
from push.secrets import master_key
from tests.support.clocks import RealClock
from tests.support.keyrings import keyring_of
from tests.support.outbox import enqueue, join
from tests.support.servers import Caller, serving, settings

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]
LEAST_CONTRAST = 4.5  # WCAG 2.2, 1.4.3: text


@pytest_asyncio.fixture(loop_scope="session")
async def browser(one_chromium: Browser) -> AsyncIterator[Browser]:
    yield one_chromium
    for opened in one_chromium.contexts:
        await opened.close()


@pytest_asyncio.fixture(loop_scope="session")
async def server(tmp_path: Path) -> AsyncIterator[Caller]:
    async with serving(settings(tmp_path / "data")) as running:
        yield running


async def link(server: Caller) -> str:
    """Where somebody who got an e-mail can end that."""
    clock = RealClock()
    async with open_database(f"sqlite://{server.folder}/push.db", clock) as db:
        await join(db, clock, "phone")
        keyring = await keyring_of(server.folder)
        delivery = await enqueue(db, clock, "phone", channels=("email",), hold_ms=60_000, keyring=keyring)
    vault = Vault(await asyncio.to_thread(master_key, server.folder / "master.key"))
    return f"{server.running.http_url}/u/{unsubscribe.token(vault, Link(delivery, 'email'))}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_one_press_of_a_key_ends_it_and_the_page_says_so(browser: Browser, server: Caller, scheme: str) -> None:
    context = await browser.new_context(java_script_enabled=False, color_scheme="dark" if scheme == "dark" else "light")
    page = await context.new_page()
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))
    await page.goto(await link(server))
    assert await page.title() == "Stop e-mail?"
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.get_by_role("heading", name="No more e-mail").wait_for()
    assert await page.get_by_role("status").count() == 1
    assert await page.get_by_role("button").count() == 0
    assert refused == [], "its own policy lets it look and work as it should"


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_its_text_can_be_read(browser: Browser, server: Caller, scheme: str) -> None:
    context = await browser.new_context(color_scheme="dark" if scheme == "dark" else "light")
    page = await context.new_page()
    await page.goto(await link(server))
    pairs: list[list[str]] = await page.evaluate(
        """() => [["h1", "main"], [".quiet", "main"], ["button", "button"]].map(([text, behind]) =>
            [getComputedStyle(document.querySelector(text)).color,
             getComputedStyle(document.querySelector(behind)).backgroundColor])"""
    )
    assert len({tuple(pair) for pair in pairs}) == 3
    for text, behind in pairs:
        assert contrast(text, behind) >= LEAST_CONTRAST, (text, behind)


def contrast(one: str, other: str) -> float:
    """Of two colours as ``rgb(r, g, b)``: WCAG 2.2's contrast ratio."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    """WCAG 2.2's relative luminance."""
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
