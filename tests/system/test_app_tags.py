"""Cards and fobs in the phone's app: the code on one leads there, is claimed, kept while nobody answers, given up."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.support.console import STORE, Chain, context, open_chain, tag_of
from tests.support.webapp import becomes

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]
ARTEFACTS = Path(__file__).parents[2] / "artefacts"
CARD = "card-0007"
KEPT = """() => new Promise((resolve) => {
  indexedDB.open("footfall", 1).onsuccess = ({ target }) => {
    const got = target.result.transaction("state").objectStore("state").get("claim");
    got.onsuccess = () => resolve(got.result?.code ?? null);
  };
})"""
SEEN = """async () => {
  const kept = [];
  for (const name of await caches.keys()) kept.push(...(await (await caches.open(name)).keys()).map(({ url }) => url));
  return JSON.stringify([location.href, ...kept]);
}"""


@pytest_asyncio.fixture(loop_scope="session")
async def chain(tmp_path: Path) -> AsyncIterator[Chain]:
    async with open_chain(tmp_path, app_store=STORE) as opened:
        yield opened


@pytest.fixture
def browser(one_chromium: Browser) -> Browser:
    return one_chromium


@pytest_asyncio.fixture(loop_scope="session")
async def phone(browser: Browser) -> AsyncIterator[BrowserContext]:
    async with context(browser, phone=True) as profile:
        yield profile


@pytest_asyncio.fixture(loop_scope="session")
async def page(phone: BrowserContext) -> Page:
    return await phone.new_page()


async def printed(chain: Chain, name: str = CARD, n: int = 7) -> dict[str, str]:
    """A card of nobody's, with the code and the address on it."""
    tag = {"id": name, "role": "tag", "format": "ibeacon", "static_id": tag_of(n).hex()}
    await chain.put_registry({"beacons": [{"beacon": tag}]})
    [card] = await chain.post("/v1/provisioning/claims", {"beacons": [name]})
    return dict(card)


async def join(page: Page, *purposes: str) -> None:
    for purpose in purposes:
        await page.locator(f"#welcome input[name={purpose}]").check()
    await page.get_by_role("button", name="Join with these choices").click()


async def joined(page: Page, chain: Chain, *purposes: str) -> None:
    await page.goto(f"{chain.url}/app/")
    await join(page, *purposes)
    await page.locator("#choices").wait_for()


async def owner(chain: Chain, name: str = CARD) -> Any:  # noqa: ANN401 - JSON
    async with chain.http.get(f"/v1/beacons/{name}") as answer:
        return (await answer.json())["beacon"]["shopper"]


async def told(page: Page, title: str, text: str = "") -> None:
    notice = page.locator("#notices [data-name=claim]")
    await expect(notice.get_by_role("heading")).to_contain_text(title)
    await expect(notice).to_contain_text(text)


async def test_a_scanned_card_waits_through_joining_is_claimed_and_locates_once_that_is_allowed(
    page: Page, chain: Chain
) -> None:
    card, said = await printed(chain), []
    page.on("console", lambda message: said.append(message.text))
    await page.goto(card["url"])
    await told(page, "A card waits for you", "Join first")
    assert await page.evaluate("location.href") == f"{chain.url}/app/"
    await page.screenshot(path=ARTEFACTS / "app-card-waits.png")
    await page.reload()  # she may come back to it
    await join(page, "marketing", "inapp")
    dialog = page.get_by_role("dialog", name="Is this card yours?")
    await expect(dialog).to_contain_text(card["code"])
    await expect(dialog).to_contain_text("Claiming it allows nothing.")
    assert await owner(chain) is None
    await page.screenshot(path=ARTEFACTS / "app-card-asked.png")
    await dialog.get_by_role("button", name="Yes, it is mine").click()
    await told(page, f"{CARD} is yours", "only once you allow location")
    await expect(page.locator("#tags-list")).to_contain_text(CARD)
    assert await page.evaluate(KEPT) is None
    assert card["code"] not in await page.evaluate(SEEN)
    assert not any(card["code"] in text for text in said)
    await page.screenshot(path=ARTEFACTS / "app-card-claimed.png")

    async with chain.floor.on_air(chain.running.broker_url):
        chain.floor.place(tag_of(7), {"gw-tills": -50})
        await becomes(lambda: heard(chain), "the card to be heard")
        assert await visits(chain) == []
        await page.get_by_role("button", name="Allow location").click()
        await told(page, "Location is allowed")
        await expect(page.locator("#choices input[name=location]")).to_be_checked()
        await expect(page.locator("#live .offer h2")).to_contain_text("Still cold outside?")


async def heard(chain: Chain) -> bool:
    """Whether what gateways say is taken in."""
    async with chain.http.get("/metrics") as answer:
        lines = (await answer.text()).splitlines()
    counted = [line for line in lines if line.startswith('footfall_ingest_total{what="sightings"}')]
    return any(float(line.rsplit(" ", 1)[1]) > 0 for line in counted)


async def visits(chain: Chain) -> Any:  # noqa: ANN401 - JSON
    async with chain.http.get("/v1/deliveries") as answer:
        return await answer.json()


async def test_no_is_no_and_the_code_is_forgotten(page: Page, chain: Chain) -> None:
    card = await printed(chain)
    await joined(page, chain, "location", "inapp")
    await page.goto(card["url"])  # the same page: only its fragment is another
    dialog = page.get_by_role("dialog", name="Is this card yours?")
    await expect(dialog).to_contain_text("You allow location")
    assert await page.evaluate("location.hash") == ""
    await dialog.get_by_role("button", name="No").click()
    await becomes(lambda: gone(page), "the code to be forgotten")
    assert await owner(chain) is None


async def gone(page: Page) -> bool:
    return await page.evaluate(KEPT) is None


async def typed(page: Page, code: str) -> None:
    await page.get_by_label("Code on a card or fob").fill(code)
    await page.get_by_role("button", name="Claim it").click()
    await page.get_by_role("button", name="Yes, it is mine").click()


async def test_a_code_of_no_card_and_one_of_somebody_elses_are_told_apart(page: Page, chain: Chain) -> None:
    card, other = await printed(chain), await chain.member(1)
    await chain.post("/v1/claims", {"code": card["code"], "shopper": other["shopper"]})
    await joined(page, chain, "inapp")
    await typed(page, "AAAA-BBBB-CCCC-DDDD")
    await told(page, "No card has this code", "look at it once more")
    await typed(page, "<img src=x onerror=alert(1)>")
    await told(page, "No card has this code")
    await typed(page, card["code"].lower())
    await told(page, "already")
    await page.screenshot(path=ARTEFACTS / "app-card-taken.png")
    assert await gone(page)
    assert await owner(chain) == other["shopper"]


async def test_without_a_network_the_code_is_kept_and_claimed_once_there_is_one(
    page: Page, phone: BrowserContext, chain: Chain
) -> None:
    card = await printed(chain)
    await joined(page, chain, "inapp")
    await page.evaluate("() => navigator.serviceWorker.ready.then(() => null)")
    await phone.set_offline(True)
    await typed(page, card["code"])
    await told(page, "Your card is not claimed yet", "kept on this device")
    await page.screenshot(path=ARTEFACTS / "app-card-offline.png")
    assert json.loads(await page.evaluate("() => JSON.stringify(navigator.onLine)")) is False
    assert await page.evaluate(KEPT) == card["code"]
    await page.reload()
    await told(page, "Your card is not claimed yet")
    await phone.set_offline(False)
    await told(page, f"{CARD} is yours")
    assert await gone(page)
    assert await owner(chain) is not None


@pytest.mark.parametrize("choice", ["I lost it", "I hand it on"])
async def test_a_card_is_given_up_and_only_a_lost_one_is_of_no_use_to_its_finder(
    page: Page, chain: Chain, choice: str
) -> None:
    card = await printed(chain)
    await joined(page, chain, "inapp")
    await typed(page, card["code"])
    await page.get_by_role("button", name=f"Lost it: {CARD}").click()
    await page.screenshot(path=ARTEFACTS / "app-card-lost.png")
    await page.get_by_role("button", name=choice).click()
    await told(page, f"{CARD} is not yours any more")
    await expect(page.locator("#tags-said")).to_contain_text("None yet")
    assert await owner(chain) is None
    await typed(page, card["code"])
    await told(page, "No card has this code" if choice == "I lost it" else f"{CARD} is yours")


@pytest.mark.parametrize("dark", [False, True])
async def test_her_cards_are_listed_beside_her_choices(browser: Browser, chain: Chain, *, dark: bool) -> None:
    """Also as a picture, light and dark, on a desktop."""
    async with context(browser, dark=dark) as profile:
        page = await profile.new_page()
        await joined(page, chain, "location", "inapp")
        for n, name in ((7, CARD), (8, "fob-with-a-name-as-long-as-an-id-may-be-0123456789-0123456789-01")):
            await typed(page, (await printed(chain, name, n))["code"])
            await told(page, f"{name} is yours", "until" if n < 0 else "You allow location")
        await expect(page.locator("#tags-list li")).to_have_count(2)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await page.locator("#tags-title").scroll_into_view_if_needed()
        await page.screenshot(path=ARTEFACTS / f"app-cards-{'dark' if dark else 'light'}.png", full_page=True)
