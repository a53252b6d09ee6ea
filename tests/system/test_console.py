"""The console in a real browser, on a real server, as operators use it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.support.console import KEYS, STORE, ZONES, Chain, context, open_chain, sign_in

pytestmark = [pytest.mark.system, pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="session")]

ARTEFACTS = Path(__file__).parents[2] / "artefacts" / "console"
PAGES = (
    "/console/today",
    "/console/floor",
    f"/console/floor/{STORE}",
    f"/console/floor/{STORE}/heat",
    f"/console/floor/{STORE}/flows",
    f"/console/floor/{STORE}/time-lapse",
    "/console/floor/koeln",
    "/console/health",
    "/console/stores",
    "/console/stores/new",
    f"/console/stores/{STORE}",
    f"/console/stores/{STORE}/presence",
    f"/console/stores/{STORE}/zones/cafe/presence",
    f"/console/stores/{STORE}/sources",
    "/console/gateways",
    "/console/gateways/new",
    "/console/gateways/gw-cafe",
    "/console/beacons",
    "/console/beacons/new",
    "/console/beacons/tag-3",
    "/console/campaigns",
    "/console/campaigns/new",
    "/console/campaigns/latte",
    "/console/campaigns/latte/edit",
    "/console/coupons",
    "/console/till",
    "/console/experience",
    "/console/planner",
    "/console/decisions",
    "/console/stop",
    "/console/people",
    "/console/people/S-20003",
    "/console/people/S-20003/graph",
    "/console/people/S-20003/link",
    "/console/people/S-20003/rectify",
    "/console/people/S-20003/privacy",
    "/console/segments",
    "/console/segments/new",
    "/console/privacy",
    "/console/import",
    "/console/audit",
    "/console/settings",
    "/console/settings/password",
    "/console/settings/codes",
    "/console/settings/operators",
    "/console/settings/operators/new",
    "/console/settings/tokens",
)
XSS = "<img src=x onerror=alert(1)>'\"`{{7*7}}"


@pytest.fixture
def browser(one_chromium: Browser) -> Browser:
    return one_chromium


@pytest_asyncio.fixture(loop_scope="session")
async def chain(tmp_path: Path) -> AsyncIterator[Chain]:
    async with open_chain(tmp_path) as running:
        yield running


@contextlib.asynccontextmanager
async def signed_in(browser: Browser, chain: Chain, **look: bool) -> AsyncIterator[Page]:
    """A page of somebody who is signed in; whatever the browser complains of fails the test."""
    async with context(browser, **look) as profile:
        page = await profile.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
        await sign_in(page, chain.url)
        yield page
        assert complaints == []


async def violations(page: Page) -> list[str]:
    """What axe-core calls serious or critical."""
    await page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text())
    found: dict[str, Any] = await page.evaluate("axe.run({ resultTypes: ['violations'] })")
    return [
        f"{one['id']}: {node['html'][:160]}"
        for one in found["violations"]
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"]
    ]


async def visit_of(chain: Chain, shopper: str) -> str:
    """The page of a visit of hers: she got a message for it, so it is kept."""
    async with chain.http.get("/v1/visits", params={"since_ms": "0"}) as answer:
        [visit] = [one["id"] for one in await answer.json() if one["shopper"] == shopper]
    return f"/console/people/{shopper}/visits/{visit}"


@pytest.mark.parametrize(("dark", "phone"), [(False, False), (True, True)], ids=["light-desktop", "dark-phone"])
async def test_every_page_is_shown_whole_and_has_no_serious_fault(
    browser: Browser, chain: Chain, *, dark: bool, phone: bool
) -> None:
    """Colours are the theme's, widths the window's: two of the four show both."""
    faults: dict[str, list[str]] = {}
    async with chain.floor.on_air(chain.running.broker_url):
        await chain.crowd()
        for gateway in KEYS:
            await chain.say(gateway, "offline" if gateway == "gw-cafe" else "online")
        async with (
            chain.phone(500, "tills"),
            chain.phone(501, "sport"),
            signed_in(browser, chain, dark=dark, phone=phone) as page,
        ):
            for path in (*PAGES, await visit_of(chain, "S-20500")):
                answer = await page.goto(chain.url + path)
                assert answer is not None
                assert answer.status == 200, path
                if path in {f"/console/floor/{STORE}", "/console/floor/koeln"}:
                    await page.wait_for_timeout(1500)
                wide = await page.evaluate(
                    "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                )
                faults[path] = await violations(page) + ([f"{wide} px wider than the window"] if wide > 0 else [])
                name = "visit" if "/visits/" in path else path.removeprefix("/console/").replace("/", "-")
                look = f"{'dark' if dark else 'light'}-{'phone' if phone else 'desktop'}"
                await page.screenshot(path=ARTEFACTS / f"{name}-{look}.png", full_page=phone)
    assert {path: found for path, found in faults.items() if found} == {}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_pages_for_strangers_have_no_serious_fault(browser: Browser, tmp_path: Path, *, dark: bool) -> None:
    async with open_chain(tmp_path, empty=True) as chain, context(browser, dark=dark) as profile:
        page = await profile.new_page()
        await page.goto(f"{chain.url}/")
        await page.wait_for_url("**/console/setup")
        found = await violations(page)
        await page.screenshot(path=ARTEFACTS / f"setup-{'dark' if dark else 'light'}-desktop.png")
        await chain.set_up()
        await page.goto(f"{chain.url}/console/stores")
        await page.wait_for_url("**/console/login?next=*")
        found += await violations(page)
        await page.screenshot(path=ARTEFACTS / f"login-{'dark' if dark else 'light'}-desktop.png")
        await sign_in(page, chain.url)
        for name in ("today", "stores", "gateways", "beacons", "health", "segments", "privacy", "audit"):
            await page.goto(f"{chain.url}/console/{name}")
            found += await violations(page)
            await page.screenshot(path=ARTEFACTS / f"{name}-empty-{'dark' if dark else 'light'}-desktop.png")
    assert found == []


async def test_the_first_operator_sets_up_by_the_link_of_the_servers_log(browser: Browser, tmp_path: Path) -> None:
    async with open_chain(tmp_path, empty=True) as chain, context(browser) as profile:
        page = await profile.new_page()
        code = (await asyncio.to_thread(chain.settings.file("setup.code").read_text)).strip()
        await page.goto(f"{chain.url}/console/setup#code={code}")
        await page.get_by_label("Your name").fill("Anouk")
        await page.get_by_label("Login").fill("anouk@shop.example")
        await page.get_by_label("Password", exact=True).fill("short")
        await page.get_by_label("The same password again").fill("short")
        await page.get_by_role("button", name="Set up").click()
        await expect(page.locator("#w-password")).to_contain_text("12 to 256 characters")
        await expect(page.get_by_label("Set-up code")).to_have_value(code)
        for label in ("Password", "The same password again"):
            await page.get_by_label(label, exact=True).fill("four quiet words here")
        await page.get_by_role("button", name="Set up").click()
        await page.wait_for_url("**/console/today")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Nothing is set up yet")
        assert (await page.goto(f"{chain.url}/console/setup")) is not None
        await page.wait_for_url("**/console/today")


async def test_by_keyboard_alone_a_store_is_added_and_changed(browser: Browser, chain: Chain) -> None:
    async with context(browser) as profile:
        page = await profile.new_page()
        press, write = page.keyboard.press, page.keyboard.type
        await page.goto(f"{chain.url}/console/login?next=/console/stores")
        await write("anouk")
        await press("Tab")
        await write("four quiet words here")
        await press("Enter")
        await page.wait_for_url(f"{chain.url}/console/stores")
        await press("Tab")
        await expect(page.get_by_role("link", name="To the content")).to_be_focused()
        await press("Enter")
        await press("Tab")
        await expect(page.get_by_role("link", name="Add a store")).to_be_focused()
        await press("Enter")
        await page.wait_for_url("**/console/stores/new")
        await page.locator("#f-name").focus()
        await write("Bremen, Obernstraße")
        await press("Enter")
        await page.wait_for_url("**/console/stores/bremen-obernstrasse")
        await expect(page.get_by_role("status").first).to_contain_text("is registered")
        await page.get_by_role("link", name="Remove this store").focus()
        await press("Enter")
        dialog = page.get_by_role("dialog", name="Remove Bremen")
        await expect(dialog).to_be_visible()
        await press("Escape")
        await expect(dialog).to_be_hidden()
        await press("Enter")
        await page.get_by_role("button", name="Remove it").focus()
        await press("Enter")
        await page.wait_for_url(f"{chain.url}/console/stores")
        await expect(page.get_by_role("link", name="Bremen")).to_have_count(0)


async def test_markup_in_every_name_is_shown_as_text(browser: Browser, chain: Chain) -> None:
    await chain.put_registry(
        {
            "stores": [{"id": STORE, "name": XSS, "address": XSS}],
            "zones": [{"store": STORE, "id": "tills", "name": XSS, "polygon_m": ZONES["tills"][1]}],
            "gateways": [{"gateway": {"id": "gw-cafe", "store": STORE, "name": XSS}, "secret": "11" * 32}],
            "beacons": [
                {
                    "beacon": {
                        "id": "shelf", "role": "fixture", "format": "ibeacon", "static_id": "ab" * 20, "store": STORE,
                        "name": XSS, "model": XSS, "firmware": XSS, "battery": XSS,
                    }
                }
            ],
            "campaigns": [
                {"id": "x", "name": XSS, "trigger": {"kind": "store_entered"}, "template": {"title": "t", "body": "b"}}
            ],
        }
    )  # fmt: skip
    async with signed_in(browser, chain) as page, chain.floor.on_air(chain.running.broker_url):
        await chain.crowd({"tills": 6})
        await asyncio.sleep(1)
        page.on("dialog", lambda _: pytest.fail("a script of a name's ran"))
        for path in PAGES:
            await page.goto(chain.url + path)
            if path == f"/console/floor/{STORE}":
                await page.wait_for_timeout(1500)
            assert await page.locator("img").count() == 0, path
        for path in ("/console/stores", "/console/gateways", "/console/beacons", f"/console/floor/{STORE}"):
            await page.goto(chain.url + path)
            await expect(page.get_by_text(XSS).first).to_be_attached()
        await page.goto(f"{chain.url}/console/stores?q={XSS}")
        await page.goto(f"{chain.url}/console/beacons/shelf")
        await expect(page.get_by_label("Model")).to_have_value(XSS)


async def test_a_session_that_ends_in_the_middle_of_a_form_costs_nothing_typed(browser: Browser, chain: Chain) -> None:
    async with signed_in(browser, chain) as page:
        await page.goto(f"{chain.url}/console/stores/new")
        await page.get_by_label("Name", exact=True).fill("Lübeck")
        await page.get_by_label("Opening hours").fill("mon-sat 10:00-20:00")
        await page.get_by_label("Labels").fill("north, harbour")
        await page.context.clear_cookies()
        await page.get_by_role("button", name="Add the store").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Sign in, and nothing is lost")
        await page.get_by_label("Login").fill("anouk")
        await page.get_by_label("Password").fill("wrong words, all four")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("alert")).to_contain_text("not right")
        await page.get_by_label("Password").fill("four quiet words here")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_label("Name", exact=True)).to_have_value("Lübeck")
        await expect(page.get_by_label("Opening hours")).to_have_value("mon-sat 10:00-20:00")
        assert not await chain_has(chain, "luebeck"), "nothing is saved before she looks at it"
        await page.get_by_role("button", name="Add the store").click()
        await page.wait_for_url("**/console/stores/luebeck")
        await expect(page.get_by_label("Labels")).to_have_value("north, harbour")


async def chain_has(chain: Chain, store: str) -> bool:
    async with chain.http.get(f"/v1/stores/{store}") as answer:
        return answer.status == 200


async def test_two_who_change_the_same_store_are_shown_both_versions(browser: Browser, chain: Chain) -> None:
    async with signed_in(browser, chain) as first, signed_in(browser, chain) as second:
        for page in (first, second):
            await page.goto(f"{chain.url}/console/stores/{STORE}")
        await first.get_by_label("Name", exact=True).fill("Hamburg one")
        await first.get_by_role("button", name="Save", exact=True).click()
        await expect(first.get_by_role("heading", level=1)).to_have_text("Hamburg one")

        await second.get_by_label("Name", exact=True).fill("Hamburg two")
        await second.get_by_role("button", name="Save", exact=True).click()
        alert = second.get_by_role("alert")
        await expect(alert).to_contain_text("anouk changed this while you were typing")
        await expect(alert).to_contain_text("Hamburg one")
        await expect(alert).to_contain_text("Hamburg two")
        await second.screenshot(path=ARTEFACTS / "conflict-light-desktop.png")
        assert await violations(second) == []
        await second.get_by_role("button", name="Save", exact=True).click()
        await expect(second.get_by_role("heading", level=1)).to_have_text("Hamburg two")


async def test_what_does_not_hold_is_said_at_its_field_and_everything_typed_stays(
    browser: Browser, chain: Chain
) -> None:
    async with signed_in(browser, chain) as page:
        await page.goto(f"{chain.url}/console/stores/{STORE}")
        await page.get_by_label("Opening hours").fill("whenever")
        await page.get_by_label("Address").fill("Mönckebergstraße 7")
        await page.get_by_role("button", name="Save", exact=True).click()
        await expect(page.locator("#w-opening")).to_contain_text("mon-sat 10:00-20:00")
        await expect(page.get_by_label("Opening hours")).to_be_focused()
        await expect(page.get_by_label("Address")).to_have_value("Mönckebergstraße 7")
        assert await violations(page) == []
