"""The console's pages about people, in a real browser, on a real server."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.console import Chain, headless, open_chain
from tests.support.known import CATEGORIES, MAIL, anna, others, tell
from tests.system.test_console import ARTEFACTS, signed_in, violations

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with headless() as running:
        yield running


@pytest.fixture
async def chain(tmp_path: Path) -> AsyncIterator[Chain]:
    async with open_chain(tmp_path, profiles=CATEGORIES) as running:
        await tell(running, [*anna(), *others()])
        yield running


async def find(page: Page, chain: Chain, kind: str, value: str) -> None:
    """Look for somebody, as operators do."""
    await page.goto(f"{chain.url}/console/people")
    await page.get_by_label("Kind").select_option(kind)
    await page.get_by_label("What she is known by").fill(value)
    await page.get_by_role("button", name="Find her").click()


async def test_somebody_is_found_by_what_she_is_known_by_and_shown_with_reasons(browser: Browser, chain: Chain) -> None:
    async with signed_in(browser, chain) as page:
        await find(page, chain, "email", "somebody@wolken.example")
        await expect(page.locator("#w-value")).to_contain_text("Nobody is known by this e-mail")
        assert await violations(page) == []
        await page.screenshot(path=ARTEFACTS / "people-light-desktop.png")

        await find(page, chain, "user_id", "K-4711")
        await expect(page.get_by_role("heading", level=1)).to_have_text("What is known of K-4711")
        assert MAIL not in page.url
        assert "K-4711" not in page.url
        await expect(page.get_by_text(MAIL).first).to_be_visible()
        await expect(page.locator("#past")).to_be_visible()
        await expect(page.get_by_text("Order Completed").first).to_be_visible()
        assert await violations(page) == []
        await page.screenshot(path=ARTEFACTS / "person-light-desktop.png", full_page=True)

        await page.goto(f"{chain.url}/console/audit?action=look+at+person")
        await expect(page.get_by_text("look at person").first).to_be_visible()
