"""Drawing a floor and walking it with a beacon, in a real browser at the console."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image
from playwright.async_api import Browser, Dialog, Locator, Page

from tests.support.console import GATEWAYS, STORE, ZONES, Chain, context, open_chain, sign_in, tag_of
from tests.support.webapp import becomes

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="session")]
ARTEFACTS = Path(__file__).parents[2] / "artefacts"


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
        await sign_in(page, chain.url)
        yield page


async def open_plan(page: Page, chain: Chain, store: str = STORE) -> Locator:
    await page.goto(f"{chain.url}/console/stores/{store}/plan")
    await page.wait_for_selector("html[data-ready=yes]")
    return page.locator("#editor")


async def get(chain: Chain, path: str) -> Any:  # noqa: ANN401 - JSON
    async with chain.http.get(path) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def zones_of(chain: Chain, store: str = STORE) -> dict[str, Any]:
    return {one["zone"]["id"]: one["zone"] for one in await get(chain, f"/v1/stores/{store}/zones")}


async def pull(page: Page, editor: Locator, *metres: tuple[float, float]) -> None:
    """Press at the first point of the floor, pull over the others, let go at the last."""
    for n, (x, y) in enumerate(metres):
        at = await editor.evaluate(
            """(svg, [x, y]) => {
                const scale = 1000 / Number(document.querySelector("#s-width").value);
                const at = new DOMPoint(x * scale, y * scale).matrixTransform(svg.getScreenCTM());
                return [at.x, at.y];
            }""",
            [x, y],
        )
        await page.mouse.move(*at, steps=4)
        if n == 0:
            await page.mouse.down()
    await page.mouse.up()


async def saved(page: Page) -> None:
    await page.get_by_text("All changes are saved").wait_for()


async def test_a_floor_is_drawn_named_moved_and_taken_back(page: Page, chain: Chain) -> None:
    """A store that has zones and no plan, as a new one is."""
    editor = await open_plan(page, chain, "koeln")
    await page.get_by_label("Width, m").fill("30")
    await page.get_by_label("Depth, m").fill("20")
    await page.get_by_role("button", name="Save the size").click()
    await page.get_by_text("The size is saved.").wait_for()
    assert (await get(chain, "/v1/stores/koeln/plan"))["plan"] == {"width_m": 30, "height_m": 20, "walls": []}

    await page.get_by_role("button", name="Draw a zone").click()
    await pull(page, editor, (2, 2), (5, 4), (10, 8))
    await page.get_by_label("Name", exact=True).fill("Café & Söhne")
    await page.keyboard.press("Enter")
    await saved(page)
    drawn = (await zones_of(chain, "koeln"))["cafe-sohne"]
    assert (drawn["name"], drawn["polygon_m"]) == ("Café & Söhne", [[2, 2], [10, 2], [10, 8], [2, 8]])

    await pull(page, editor, (6, 5), (7, 6), (8, 7))
    await page.wait_for_function("document.querySelectorAll('.handle[data-corner]').length === 4")
    await becomes(lambda: corner_is(chain, "koeln", "cafe-sohne", [4, 4]), "corner is")
    await page.locator('[data-focus="corner:2"]').focus()
    await page.keyboard.press("ArrowRight")
    await becomes(lambda: corner_is(chain, "koeln", "cafe-sohne", [12.25, 10], 2), "corner is")
    await page.get_by_role("button", name="Undo").click()
    await becomes(lambda: corner_is(chain, "koeln", "cafe-sohne", [12, 10], 2), "corner is")
    await page.get_by_role("button", name="Redo").click()
    await becomes(lambda: corner_is(chain, "koeln", "cafe-sohne", [12.25, 10], 2), "corner is")

    # A gateway that hangs in no place yet: by keys alone, and into the zone that it then hangs in.
    await page.get_by_role("button", name="Place this gateway").focus()
    await page.keyboard.press("Enter")
    for _ in range(4):
        await page.keyboard.press("Shift+ArrowLeft")
    await page.keyboard.press("Shift+ArrowUp")
    await becomes(lambda: gateway_is(chain, "gw-koeln", (5, 7.5)), "gateway is")
    assert (await gateway(chain, "gw-koeln"))["zone"] == "cafe-sohne"
    await page.screenshot(path=ARTEFACTS / "console-plan-drawn.png")

    await page.locator('[data-focus="zone:cafe-sohne"]').focus()
    await page.keyboard.press("Delete")
    await becomes(lambda: is_gone(chain, "koeln", "cafe-sohne"), "is gone")

    # Two walls: one is pulled, the other is built, moved, made longer and removed by keys alone.
    await page.get_by_role("button", name="Draw a wall").click()
    await pull(page, editor, (20, 2), (20, 4), (20, 9))
    await becomes(lambda: walls_are(chain, [[[20, 2], [20, 9]]]), "a wall stands")
    await page.get_by_role("button", name="Add a wall").focus()
    await page.keyboard.press("Enter")
    await page.keyboard.press("ArrowUp")
    await becomes(lambda: walls_are(chain, [[[20, 2], [20, 9]], [[13, 8.25], [17, 8.25]]]), "another stands")
    await page.locator('[data-focus="corner:1"]').focus()
    await page.keyboard.press("Shift+ArrowRight")
    await becomes(lambda: walls_are(chain, [[[20, 2], [20, 9]], [[13, 8.25], [19.5, 8.25]]]), "it is longer")
    await page.screenshot(path=ARTEFACTS / "console-plan-walls.png")
    await page.keyboard.press("Delete")
    await becomes(lambda: walls_are(chain, [[[20, 2], [20, 9]]]), "it is removed")
    await page.get_by_role("button", name="Undo").click()
    await becomes(lambda: walls_are(chain, [[[20, 2], [20, 9]], [[13, 8.25], [19.5, 8.25]]]), "it is back")


async def walls_are(chain: Chain, walls: list[list[list[float]]]) -> bool:
    return bool((await get(chain, "/v1/stores/koeln/plan"))["plan"]["walls"] == walls)


async def corner_is(chain: Chain, store: str, zone: str, point: list[float], n: int = 0) -> bool:
    return bool((await zones_of(chain, store))[zone]["polygon_m"][n] == point)


async def is_gone(chain: Chain, store: str, zone: str) -> bool:
    return zone not in await zones_of(chain, store)


async def gateway(chain: Chain, name: str, store: str = "koeln") -> dict[str, Any]:
    found: dict[str, Any] = (await get(chain, f"/v1/stores/{store}/gateways/{name}"))["gateway"]
    return found


async def gateway_is(chain: Chain, name: str, at: tuple[float, float]) -> bool:
    found = await gateway(chain, name)
    return (found["x_m"], found["y_m"]) == at


async def test_what_cannot_be_is_refused_and_put_back(page: Page, chain: Chain) -> None:
    editor = await open_plan(page, chain)
    before = (await zones_of(chain))["shoes"]
    await pull(page, editor, (25, 5), (25, 8), (25, 14))  # over Sport
    told = await page.locator(".toast").text_content()
    assert told is not None
    assert "Sport" in told
    assert (await zones_of(chain))["shoes"] == before
    label = await page.locator('[data-focus="zone:shoes"]').get_attribute("aria-label")
    assert label == "Zone Shoes, 14.0 m by 11.0 m"

    await page.get_by_role("button", name="Draw a zone").click()
    for point in ((40, 18.5), (48, 24), (48, 18.5), (40, 24)):
        await pull(page, editor, point)
    await page.keyboard.press("Enter")
    await page.get_by_text("This outline crosses itself").wait_for()


async def test_whoever_is_second_is_told_and_shown_what_stands_there(page: Page, chain: Chain) -> None:
    await open_plan(page, chain)
    cafe = {"store": STORE, "id": "cafe", "name": "Espresso bar", "polygon_m": ZONES["cafe"][1]}
    async with chain.http.put(f"/v1/stores/{STORE}/zones/cafe", json=cafe) as answer:
        assert answer.status == 200
    await page.locator('[data-focus="zone:cafe"]').focus()
    await page.keyboard.press("ArrowLeft")
    await page.get_by_text("What stands there now is shown").wait_for()
    await page.locator('[data-focus="zone:cafe"][aria-label^="Zone Espresso bar"]').wait_for()
    assert (await zones_of(chain))["cafe"]["name"] == "Espresso bar"
    await page.locator('[data-focus="zone:cafe"]').focus()
    await page.keyboard.press("ArrowUp")
    await becomes(lambda: corner_is(chain, STORE, "cafe", [38, 17.75]), "corner is")


async def test_a_picture_lies_under_the_plan_and_what_is_none_is_refused(page: Page, chain: Chain) -> None:
    await open_plan(page, chain)
    await page.get_by_label("Depth, m").fill("27")
    await page.get_by_label("Width, m").fill("50")
    await page.get_by_role("button", name="Save the size").click()
    await page.get_by_text("The size is saved.").wait_for()
    picture = io.BytesIO()
    await asyncio.to_thread(Image.new("RGB", (500, 270), "lightgrey").save, picture, "PNG")
    chooser = page.get_by_label("A picture to draw upon")
    lie = {"name": "plan.png", "mimeType": "image/png", "buffer": b"<svg xmlns='http://www.w3.org/2000/svg'/>"}
    await chooser.set_input_files(lie)  # type: ignore[arg-type]
    await page.locator(".toast").wait_for()
    assert await page.locator("#editor image").count() == 0
    truth = {"name": "plan.png", "mimeType": "image/png", "buffer": picture.getvalue()}
    await chooser.set_input_files(truth)  # type: ignore[arg-type]
    await page.get_by_text("The picture lies under the plan now.").wait_for()
    await open_plan(page, chain)
    await page.wait_for_selector("#editor image")
    await page.screenshot(path=ARTEFACTS / "console-plan-picture.png")
    await page.goto(f"{chain.url}/console/floor/{STORE}")
    under = await page.locator(".under image").bounding_box()
    shoes = await page.locator('.zone[data-shape="shoes"] path').first.bounding_box()
    assert under is not None
    assert shoes is not None
    # Shoes begins 18 m from the left of 50, and takes 14 of them.
    assert shoes["x"] - under["x"] == pytest.approx(18 / 50 * under["width"], abs=2)
    assert shoes["width"] == pytest.approx(14 / 50 * under["width"], abs=2)
    await page.screenshot(path=ARTEFACTS / "console-floor-picture.png")


@pytest.mark.parametrize("dark", [False, True])
async def test_the_editor_is_looked_at_wide_and_on_a_phone(browser: Browser, chain: Chain, *, dark: bool) -> None:
    for phone in (False, True):
        async with context(browser, dark=dark, phone=phone) as profile:
            page = await profile.new_page()
            page.on("dialog", _accept)
            await sign_in(page, chain.url)
            await open_plan(page, chain)
            await page.locator('[data-focus="zone:shoes"]').focus()
            await page.keyboard.press("Enter")
            name = f"console-plan-{'phone' if phone else 'desktop'}-{'dark' if dark else 'light'}.png"
            await page.screenshot(path=ARTEFACTS / name, full_page=phone)
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert await page.locator(".gateway").count() == len(GATEWAYS)


def _accept(dialog: Dialog) -> None:
    asyncio.get_running_loop().create_task(dialog.accept())


async def test_an_installer_sees_on_her_phone_which_gateway_hears_her_beacon(browser: Browser, chain: Chain) -> None:
    free = {"id": "test-tag", "role": "tag", "format": "ibeacon", "static_id": tag_of(77).hex()}
    hers = {"id": "ann-tag", "role": "tag", "format": "ibeacon", "static_id": tag_of(78).hex(), "shopper": "ann"}
    await chain.put_registry({"beacons": [{"beacon": free}, {"beacon": hers}]})
    async with context(browser, phone=True) as profile, chain.floor.on_air(chain.running.broker_url):
        page = await profile.new_page()
        await sign_in(page, chain.url)
        await page.goto(f"{chain.url}/console/walk/{STORE}")
        await page.get_by_role("textbox", name="Beacon").fill("ann-tag")
        await page.get_by_role("button", name="Begin").click()
        await page.get_by_text("Somebody carries ann-tag").wait_for()
        await page.get_by_role("textbox", name="Beacon").fill("test-tag")
        await page.get_by_role("button", name="Begin").click()
        await page.get_by_role("heading", name="No gateway hears test-tag now").wait_for()
        chain.floor.place(tag_of(77), {"gw-shoes": -58, "gw-sport": -71})
        await page.get_by_role("heading", name="gw-shoes hears it best, one more hears it too").wait_for()
        await page.screenshot(path=ARTEFACTS / "console-walk-phone-light.png", full_page=True)
        chain.floor.place(tag_of(77), {"gw-cafe": -50})
        await page.get_by_role("heading", name="gw-cafe hears it best").wait_for(timeout=20_000)
