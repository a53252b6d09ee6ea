"""The field for a nickname in a real browser: there only where greetings are offered and allowed, saved and erased."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.support.servers import REGISTRY, Caller, serving, settings
from tests.support.wall import Wall, says, wall
from tests.support.webapp import becomes

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]

MOUNT = """async () => {
  const { Footfall } = await import("/app/footfall.js");
  const { Nickname } = await import("/app/nickname.js");
  const settings = await (await fetch("/app/settings.json")).json();
  const footfall = await Footfall.open({ appKey: settings.app_key });
  await footfall.register();
  const nickname = new Nickname(footfall);
  document.body.replaceChildren(nickname.element);
  Object.assign(globalThis, { footfall, nickname });
}"""
VISIBLE = "() => document.querySelector('form.nickname').checkVisibility()"


@pytest_asyncio.fixture(loop_scope="session")
async def server(tmp_path: Path) -> AsyncIterator[Caller]:
    async with serving(settings(tmp_path / "data")) as caller:
        await caller.operate("PUT", "/v1/registry", REGISTRY)
        yield caller


@pytest_asyncio.fixture(loop_scope="session")
async def browser(one_chromium: Browser) -> AsyncIterator[Wall]:
    async with wall(one_chromium) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Wall, server: Caller) -> Page:
    opened = await browser.hang(f"{server.running.http_url}/app/")
    await opened.evaluate(MOUNT)
    return opened


async def allow(page: Page, *, granted: bool) -> None:
    script = """async (granted) => {
      await footfall.setConsent({ screen: granted });
      await nickname.update({ offered: true, granted });
    }"""
    await page.evaluate(script, granted)


async def kept(page: Page) -> str | None:
    found: str | None = await page.evaluate("async () => (await footfall.nickname()) ?? null")
    return found


async def test_it_is_not_there_before_greetings_are_offered_and_allowed(page: Page) -> None:
    assert not await page.evaluate(VISIBLE)
    await page.evaluate("() => nickname.update({ offered: false, granted: true })")
    assert not await page.evaluate(VISIBLE)
    await allow(page, granted=True)
    assert await page.evaluate(VISIBLE)


async def test_a_name_is_saved_as_screens_show_it_and_erased(page: Page) -> None:
    await allow(page, granted=True)
    await page.get_by_label("What may screens call you?").fill("  Anouk   7 ")
    await page.get_by_role("button", name="Save name").click()
    await says(page, "#nickname-said", "Saved.")
    assert await page.input_value("#nickname") == "Anouk 7" == await kept(page)
    await page.get_by_role("button", name="Erase name").click()
    await says(page, "#nickname-said", "No screen greets you.")
    assert await kept(page) is None


async def test_what_is_no_name_is_said_and_nothing_is_changed(page: Page) -> None:
    await allow(page, granted=True)
    await page.fill("#nickname", "0171 2345")
    await page.press("#nickname", "Enter")
    await says(page, "#nickname-said", "a number is no name")
    assert await kept(page) is None


async def test_it_goes_with_the_consent(page: Page) -> None:
    await allow(page, granted=True)
    await page.fill("#nickname", "Anouk")
    await page.press("#nickname", "Enter")
    await becomes(lambda: kept(page), "the name to be kept")
    await allow(page, granted=False)
    assert not await page.evaluate(VISIBLE)
    assert await kept(page) is None
    await allow(page, granted=True)
    assert await page.input_value("#nickname") == ""
