"""A novice's first campaign in a real browser: from a recipe to a message that a walker gets, and why she got it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.support.console import Chain, headless, open_chain
from tests.support.known import CATEGORIES
from tests.system.test_console import ARTEFACTS, signed_in, violations

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with headless() as running:
        yield running


@pytest.fixture
async def chain(tmp_path: Path) -> AsyncIterator[Chain]:
    async with open_chain(tmp_path, profiles=CATEGORIES) as running:
        yield running


async def test_a_novice_makes_reviews_tries_and_launches_a_campaign_that_a_walker_gets(
    browser: Browser, chain: Chain
) -> None:
    async with signed_in(browser, chain) as page, chain.floor.on_air(chain.running.broker_url):
        await page.get_by_role("link", name="Campaigns").click()
        await page.get_by_role("link", name="Start a campaign").click()
        await page.get_by_role("link", name="In this department").click()
        await page.get_by_label("Name", exact=True).fill("Shoe week")
        await page.get_by_label("Shoes Hamburg").check()
        await page.get_by_label("Title", exact=True).fill("")
        await expect(page.get_by_role("heading", name="Before it can be launched")).to_be_visible()
        await page.get_by_label("Title", exact=True).fill("Shoe week in ")
        await page.get_by_role("button", name="The store").click()
        phone = page.get_by_role("group", name="As it looks on a phone")
        await expect(phone).to_contain_text("Shoe week in Hamburg, Mönckebergstraße")
        assert await violations(page) == []
        await page.screenshot(path=ARTEFACTS / "campaign-typed-light-desktop.png")
        await page.get_by_role("button", name="Keep as a draft").click()
        await page.wait_for_url("**/console/campaigns/shoe-week")

        step = page.locator("#next")
        for told, do in (
            ("Ready to be reviewed", "Ask for a review"),
            ("Look at it once more", "It is good"),
            ("Ready to launch", "Launch it"),
        ):
            await expect(step).to_have_text(told)
            await page.get_by_role("button", name=do).click()
        await expect(step).to_have_text("It speaks")

        async with chain.phone(500, "shoes"):
            await page.get_by_label("Known by").select_option("shopper")
            await page.get_by_label("You are").fill("S-20500")
            await page.get_by_role("button", name="Send it").click()
            await expect(page.get_by_text("It is on its way")).to_be_visible()
            await page.get_by_role("link", name="Its decisions").click()
            await page.get_by_role("link", name="Shoe week").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Why did she get “Shoe week”?")
        await expect(page.get_by_role("heading", name="From the radio to her phone")).to_be_visible()
        assert await violations(page) == []
        await page.screenshot(path=ARTEFACTS / "decision-light-desktop.png")
        await page.get_by_role("link", name="Her page").click()
        await page.get_by_role("link", name="What would she get now?").click()
        await page.get_by_label("What would happen").select_option("zone_entered")
        await page.get_by_label("In which department").select_option("hamburg/shoes")
        await page.get_by_role("button", name="Ask", exact=True).click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("She would get nothing")
        await expect(page.get_by_role("region", name="could have spoken")).to_contain_text("capped")
        assert await violations(page) == []
