"""Beacons by the range and by key agreement, codes for cards, and labels, in a real browser at the console."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from push.access.totp import qr_svg
from tests.support.console import OTHER, PASSWORD, STORE, Chain, context, open_chain, sign_in, tag_of
from tests.support.eid_beacon import SpecBeacon

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]
ARTEFACTS = Path(__file__).parents[2] / "artefacts"
UUID = "f7826da6-4fa2-4e98-8024-bc5b71e0893e"
XSS = "<img src=x onerror=alert(1)>'\"`{{7*7}}"
DRAWN = "() => [...document.querySelectorAll('.qr svg, .sheet svg')].map((svg) => svg.outerHTML)"
PAGES = ("/console/beacons/provision", "/console/beacons/provision/eid", "/console/beacons/provision/cards")


@pytest_asyncio.fixture(loop_scope="session")
async def chain(tmp_path: Path) -> AsyncIterator[Chain]:
    async with open_chain(tmp_path) as opened:
        yield opened


@pytest.fixture
def browser(one_chromium: Browser) -> Browser:
    return one_chromium


@pytest_asyncio.fixture(loop_scope="session")
async def page(chain: Chain, browser: Browser) -> AsyncIterator[Page]:
    async with context(browser) as profile:
        page = await profile.new_page()
        page.on("dialog", lambda dialog: pytest.fail(f"a dialog opened: {dialog.message}"))
        await sign_in(page, chain.url)
        yield page


async def get(chain: Chain, path: str) -> Any:  # noqa: ANN401 - JSON
    async with chain.http.get(path) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def fixtures(chain: Chain, many: int, name: str = "") -> None:
    made = [
        {"id": f"shelf-{n:03}", "name": name, "role": "fixture", "format": "ibeacon", "static_id": tag_of(n).hex(),
         "store": STORE, "zone": "shoes"}
        for n in range(many)
    ]  # fmt: skip
    await chain.put_registry({"beacons": [{"beacon": one} for one in made]})


async def cards(chain: Chain, *names: str, **known: object) -> None:
    made = [
        {"id": name, "role": "tag", "format": "ibeacon", "static_id": tag_of(500 + n).hex(), **known}
        for n, name in enumerate(names)
    ]
    await chain.put_registry({"beacons": [{"beacon": one} for one in made]})


async def open_range(page: Page, chain: Chain, **typed: str) -> None:
    await page.goto(f"{chain.url}/console/beacons/provision?store={STORE}")
    for label, text in {"What they share": UUID, "Major": "7", "From": "1", "To": "30", **typed}.items():
        await page.get_by_label(label, exact=True).fill(text)


async def test_a_range_is_looked_through_before_it_is_made(page: Page, chain: Chain) -> None:
    await open_range(page, chain, Ids="shelf-{n:03}", Zone="shoes")
    await page.screenshot(path=ARTEFACTS / "console-range.png", full_page=True)
    await page.get_by_role("button", name="Show what would be made").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("30 fixtures would be registered")
    await expect(page.get_by_role("main")).to_contain_text("Shoes, Hamburg, Mönckebergstraße")
    rows = await page.locator("tbody tr").all_inner_texts()
    said = UUID.replace("-", "") + "0007"
    assert (rows[0].split(), rows[-1].split()) == (["shelf-001", f"{said}0001"], ["shelf-030", f"{said}001e"])
    assert (await get(chain, "/v1/beacons?role=fixture"))["items"] == []  # nothing yet
    await page.screenshot(path=ARTEFACTS / "console-range-look.png", full_page=True)
    await page.get_by_role("button", name="Change something").click()
    await expect(page.get_by_label("What they share")).to_have_value(UUID)
    await page.get_by_role("button", name="Show what would be made").click()
    await page.get_by_role("button", name="Register 30 fixtures").click()
    await expect(page.locator(".toast")).to_contain_text("30 fixtures registered.")
    await expect(page.get_by_role("heading", level=1)).to_have_text("30 beacons match")
    found = (await get(chain, "/v1/beacons?role=fixture"))["items"]
    assert {one["beacon"]["zone"] for one in found} == {"shoes"}


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"What they share": "f7826da6"}, "A UUID of 16"),
        ({"What they share": "no hex"}, "Hex digits were expected"),
        ({"Major": "65536"}, "A whole number from 0 to 65535"),
        ({"From": "9", "To": "3"}, "Not before first was expected"),
        ({"To": "70000"}, "at most 10000 fixtures"),
        ({"To": ""}, "The last number was expected"),
        ({"Ids": XSS}, "An id of [A-Za-z0-9_-] with {n}"),
        ({"Zone": XSS}, "The id of a zone of its store was expected."),
        ({"Zone": "nowhere"}, "has no zone"),
        ({"Ids": "shelf-{n:03}"}, "beacon shelf-004 has such an id already"),
        ({"Model": "x" * 300}, "At most 200 characters were expected."),
    ],
)
async def test_what_does_not_fit_is_said_at_its_field_and_kept(
    page: Page, chain: Chain, typed: dict[str, str], said: str
) -> None:
    await fixtures(chain, 5)
    await open_range(page, chain, **typed)
    await page.get_by_role("button", name="Show what would be made").click()
    assert said.casefold() in (await page.locator(".wrong").first.inner_text()).casefold()
    for label, text in typed.items():
        await expect(page.get_by_label(label, exact=True)).to_have_value(text)
    assert len((await get(chain, "/v1/beacons?role=fixture"))["items"]) == 5


async def test_a_rotating_beacon_is_registered_by_what_it_says(page: Page, chain: Chain) -> None:
    await page.goto(f"{chain.url}/console/beacons/provision/eid?store={STORE}")
    public = await page.locator("#public-key").inner_text()
    beacon = SpecBeacon(bytes.fromhex(public), 10)
    await page.get_by_role("button", name="Copy").click()
    typed = {
        "The beacon's public key": beacon.public_key.hex(),
        "The id that it says": beacon.says(80_000).hex(),
        "Its counter": "7",
        "Name": "Door, left",
        "Id": "door-left",
    }
    for label, text in typed.items():
        await page.get_by_label(label, exact=True).fill(text)
    await page.get_by_role("button", name="Check and register").click()
    await expect(page.locator("#w-counter_s")).to_contain_text("The clock does not fit")
    await page.screenshot(path=ARTEFACTS / "console-eid.png", full_page=True)
    await page.get_by_label("Its counter", exact=True).fill("80000")
    await page.get_by_label("Rotation exponent", exact=True).fill("9")
    await page.get_by_role("button", name="Check and register").click()
    await expect(page.locator("#w-exponent")).to_contain_text("with 10 the id is the right one")
    await page.get_by_label("Rotation exponent", exact=True).fill("10")
    await page.get_by_label("Read so many seconds ago").fill("60")
    await page.get_by_role("button", name="Check and register").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Door, left")
    held = (await get(chain, "/v1/beacons/door-left"))["beacon"]
    assert (held["format"], held["exponent"], held["counter_s"]) == ("eid", 10, 80_000)
    assert beacon.identity_key.hex() not in await page.content()


async def test_codes_for_cards_are_shown_once_and_claim_them(page: Page, chain: Chain) -> None:
    await cards(chain, "card-1", "card-2", "card-3")
    await cards(chain, "card-staff", staff=True, static_id=tag_of(900).hex())
    member = await chain.member(1)
    await cards(chain, "card-hers", shopper=member["shopper"], static_id=tag_of(901).hex())
    await page.goto(f"{chain.url}/console/beacons/provision/cards")
    await expect(page.get_by_role("checkbox")).to_have_count(4)  # three, and all of them
    await page.get_by_label("All 3 tags on this page").check()
    await page.locator("input[value=card-2]").uncheck()
    await page.screenshot(path=ARTEFACTS / "console-cards.png", full_page=True)
    await page.get_by_role("button", name="Make codes").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("2 codes, shown this once")
    name, code = (await page.locator(".sheet li").first.inner_text()).split()[:2]
    assert await page.evaluate(DRAWN) == await shown(page, chain)
    await page.screenshot(path=ARTEFACTS / "console-cards-made.png", full_page=True)
    claimed = await chain.post("/v1/claims", {"code": code, "shopper": member["shopper"]})
    assert claimed == {"beacon": name} == {"beacon": "card-1"}
    await page.goto(f"{chain.url}/console/beacons/provision/cards")
    assert code not in await page.content()
    await expect(page.locator("tr", has_text="card-1")).to_contain_text("by a member")
    await expect(page.locator("tr", has_text="card-3")).to_contain_text("since")
    await page.get_by_role("button", name="Make codes").click()
    await expect(page.get_by_role("alert")).to_have_text("Choose at least one tag.")


async def shown(page: Page, chain: Chain) -> list[str]:
    """The QR codes that the page should show, as this browser writes them."""
    texts = [(await one.inner_text()).split()[1] for one in await page.locator(".sheet li").all()]
    drawn = "".join(qr_svg(f"{chain.url}/app/#claim={text}") for text in texts)
    script = "(drawn) => [...new DOMParser().parseFromString(drawn, 'text/html').body.children].map((s) => s.outerHTML)"
    found: list[str] = await page.evaluate(script, drawn)
    return found


async def test_labels_are_printed_twenty_four_to_a_sheet(page: Page, chain: Chain) -> None:
    await fixtures(chain, 30)
    await page.goto(f"{chain.url}/console/beacons?store={STORE}")
    await page.get_by_role("link", name="Labels").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("30 labels for Hamburg, Mönckebergstraße")
    assert [await sheet.locator("li").count() for sheet in await page.locator(".sheet").all()] == [24, 6]
    await expect(page.locator(".sheet li").first).to_contain_text("Shoes, Hamburg")
    await page.screenshot(path=ARTEFACTS / "console-labels.png")
    printed = await page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 2
    assert re.search(rb"/MediaBox \[0 0 59[0-9.]+ 84[0-9.]+\]", printed)  # A4, in points
    await page.emulate_media(media="print")
    await page.set_viewport_size({"width": 794, "height": 1123})  # A4 at 96 to the inch
    box = await page.locator(".sheet li").nth(4).bounding_box()
    assert box is not None
    assert (round(box["width"]), round(box["height"])) == (265, 140)  # 70 by 37 mm
    await page.screenshot(path=ARTEFACTS / "console-labels-print.png")


async def test_names_are_text_on_every_page(page: Page, chain: Chain) -> None:
    await fixtures(chain, 2, XSS)
    await cards(chain, "card-1", name=XSS)
    await page.goto(f"{chain.url}/console/labels?store={STORE}")
    await expect(page.locator(".sheet li").first).to_contain_text(XSS)
    await page.goto(f"{chain.url}/console/beacons/provision/cards")
    await expect(page.locator("tbody")).to_contain_text(XSS)
    await page.goto(f"{chain.url}/console/beacons/provision/eid")
    await page.get_by_label("Name", exact=True).fill(XSS)
    await page.get_by_role("button", name="Check and register").click()
    await expect(page.get_by_label("Name", exact=True)).to_have_value(XSS)
    assert await page.locator("img").count() == 0


async def test_each_role_finds_its_own_and_nobody_a_strange_store(browser: Browser, chain: Chain) -> None:
    await fixtures(chain, 2)
    for login, role, expected in (("vera", "viewer", (403, 403, 403)), ("edda", "editor", (200, 200, 403))):
        told = await chain.post("/v1/operators", {"login": login, "name": login, "role": role, "stores": [OTHER]})
        async with context(browser) as profile:
            page = await profile.new_page()
            await first_sign_in(page, chain.url, login, told["password"])
            found = [await page.goto(f"{chain.url}{path}") for path in PAGES]
            assert tuple(answer.status for answer in found if answer) == expected
            strange = await page.goto(f"{chain.url}/console/labels?store={STORE}")
            assert strange is not None
            assert strange.status == 404


async def first_sign_in(page: Page, url: str, login: str, password: str) -> None:
    """With a password for once, which is changed at once."""
    await page.goto(f"{url}/console/login")
    await page.get_by_label("Login").fill(login)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/console/settings/password")
    for field, text in (("current", password), ("password", PASSWORD), ("again", PASSWORD)):
        await page.locator(f"input[name={field}]").fill(text)
    await page.locator("main button.main").click()
    await page.wait_for_url(lambda where: not where.endswith("/password"))


@pytest.mark.parametrize(("dark", "phone"), [(True, False), (False, True), (True, True)])
async def test_every_page_fits_by_night_and_on_a_phone(
    browser: Browser, chain: Chain, *, dark: bool, phone: bool
) -> None:
    await fixtures(chain, 3)
    await cards(chain, "card-1", "card-2")
    async with context(browser, dark=dark, phone=phone) as profile:
        page = await profile.new_page()
        await sign_in(page, chain.url)
        for path in (*PAGES, f"/console/labels?store={STORE}", "/console/beacons"):
            await page.goto(f"{chain.url}{path}")
            name = re.sub(r"\W+", "-", path.partition("?")[0]).strip("-")
            kind = f"{'dark' if dark else 'light'}-{'phone' if phone else 'desktop'}"
            await page.screenshot(path=ARTEFACTS / f"{name}-{kind}.png", full_page=True)
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


async def test_a_beacon_by_hand_keeps_its_whole_numbers(page: Page, chain: Chain) -> None:
    await page.goto(f"{chain.url}/console/beacons/new?store={STORE}")
    for label, text in {"Name": "Door", "What it says": "0a" * 20, "Power at one metre, dBm": "-62"}.items():
        await page.get_by_label(label, exact=True).fill(text)
    await page.get_by_role("button", name="Add the beacon").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Door")
    assert (await get(chain, "/v1/beacons/door"))["beacon"]["power_1m_dbm"] == -62
