"""The console where few look first: on a wall, in forced colours, on paper; and behind a code from a phone."""

import base64
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from playwright.async_api import Browser, Page, expect

from tests.support.console import KEYS, LOGIN, PASSWORD, STORE, Chain, context, open_chain, sign_in

pytestmark = [pytest.mark.system, pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="session")]

ARTEFACTS = Path(__file__).parents[2] / "artefacts" / "console"
WALL = {"width": 3840, "height": 2160}


@pytest.fixture
def browser(one_chromium: Browser) -> Browser:
    return one_chromium


@pytest_asyncio.fixture(loop_scope="session")
async def chain(tmp_path: Path) -> AsyncIterator[Chain]:
    async with open_chain(tmp_path) as running:
        yield running


def shown_by_the_phone(spelled: str, steps_ahead: int = 0) -> str:
    """The code of an authenticator app that was told this secret."""
    secret = base64.b32decode(spelled.replace(" ", "") + "=" * (-len(spelled.replace(" ", "")) % 8))
    totp = TOTP(secret, 6, SHA1(), 30, enforce_key_length=False)  # noqa: S303 - RFC 6238's own
    return totp.generate(int(time.time()) + 30 * steps_ahead).decode()


async def spills(page: Page) -> int:
    """By how many pixels a page is wider than its window."""
    wide: int = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wide


async def test_who_turned_codes_on_gets_in_with_one_and_not_without(browser: Browser, chain: Chain) -> None:
    async with context(browser) as profile:
        page = await profile.new_page()
        await sign_in(page, chain.url)
        await page.goto(f"{chain.url}/console/settings/codes")
        await page.get_by_label("Your password").fill(PASSWORD)
        await page.get_by_role("button", name="Set up codes").click()
        secret = await page.locator(".enrol code").inner_text()
        await page.screenshot(path=ARTEFACTS / "codes-scan.png")
        await page.get_by_label("The code that the app shows now").fill(shown_by_the_phone(secret))
        await page.get_by_role("button", name="Turn codes on").click()
        await expect(page.get_by_role("heading", name="Codes are on")).to_be_visible()
        await expect(page.locator(".codes li")).to_have_count(10)
        await page.screenshot(path=ARTEFACTS / "codes-recovery.png")
    async with context(browser) as another:
        page = await another.new_page()
        await page.goto(f"{chain.url}/console/login")
        await page.get_by_label("Login").fill(LOGIN)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("alert")).to_be_visible()
        await page.get_by_label("Password").fill(PASSWORD)
        # The code that turned them on was used up by that.
        await page.get_by_label("Code", exact=True).fill(shown_by_the_phone(secret, steps_ahead=1))
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url("**/console/today")


async def test_a_wall_shows_the_floor_large(browser: Browser, chain: Chain) -> None:
    async with chain.floor.on_air(chain.running.broker_url), context(browser, dark=True) as profile:
        await chain.crowd()
        for gateway in KEYS:
            await chain.say(gateway, "online")
        page = await profile.new_page()
        await page.set_viewport_size({"width": WALL["width"], "height": WALL["height"]})
        await sign_in(page, chain.url)
        for name in ("today", f"floor/{STORE}"):
            await page.goto(f"{chain.url}/console/{name}")
            await page.wait_for_timeout(1500 if "floor" in name else 0)
            assert await spills(page) <= 0
            await page.screenshot(path=ARTEFACTS / f"wall-{name.replace('/', '-')}.png")
        plan = await page.locator("svg.floor, .floor svg").first.bounding_box()
        assert plan is not None
        assert plan["width"] > WALL["width"] * 0.45


async def test_forced_colours_and_paper_keep_what_is_said(browser: Browser, chain: Chain) -> None:
    await chain.crowd()
    async with context(browser) as profile:
        page = await profile.new_page()
        await sign_in(page, chain.url)
        await page.emulate_media(forced_colors="active")
        for name in ("today", f"floor/{STORE}", "health", "gateways"):
            await page.goto(f"{chain.url}/console/{name}")
            assert await spills(page) <= 0
            await page.screenshot(path=ARTEFACTS / f"forced-{name.replace('/', '-')}.png")
        await page.emulate_media(forced_colors="none", media="print")
        for name in ("today", "gateways", "beacons"):
            await page.goto(f"{chain.url}/console/{name}")
            await expect(page.get_by_role("navigation").first).to_be_hidden()
            await expect(page.get_by_role("heading", level=1)).to_be_visible()
            await page.screenshot(path=ARTEFACTS / f"print-{name}.png", full_page=True)
