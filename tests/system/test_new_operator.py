"""A new operator, from a blank database, in the browser alone: set-up, a drawn floor, a gateway, beacons, somebody."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.support.console import LOGIN, PASSWORD, Chain, context, open_chain

pytestmark = [pytest.mark.system, pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="session")]

ARTEFACTS: Final = Path(__file__).parents[2] / "artefacts" / "console"
BIN: Final = Path(sys.executable).parent
SHOPPERS: Final = 486
ZONES: Final = {
    "Entrance": ((8, 0), (16, 5)),
    "Women": ((0, 0), (7.5, 9)),
    "Men": ((16.5, 0), (24, 9)),
    "Shoes": ((0, 11.25), (7.5, 18)),
    "Sport": ((16.5, 11.25), (24, 18)),
    "Café": ((8, 11.25), (16, 18)),
    "Tills": ((10, 6), (14, 10)),
}


@pytest_asyncio.fixture(loop_scope="session")
async def chain(tmp_path: Path) -> AsyncIterator[Chain]:
    async with open_chain(tmp_path, empty=True) as opened:
        yield opened


async def ran(folder: Path, program: str, *words: str, given: bytes = b"") -> None:
    """Run a command of ours to its end."""
    process = await asyncio.create_subprocess_exec(
        BIN / program,
        *words,
        cwd=folder,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate(given)
    assert process.returncode == 0, printed.decode()


@asynccontextmanager
async def running(folder: Path, program: str, *words: str, **env: str) -> AsyncIterator[None]:
    """A command of ours at work while the block lasts."""
    process = await asyncio.create_subprocess_exec(
        BIN / program,
        *words,
        cwd=folder,
        env={**os.environ, **env},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


async def look(page: Page, name: str) -> None:
    await page.screenshot(path=ARTEFACTS / f"new-{name}.png")


async def set_up(page: Page, chain: Chain) -> None:
    code = (await asyncio.to_thread(chain.settings.file("setup.code").read_text)).strip()
    await page.goto(f"{chain.url}/console/setup#code={code}")
    await expect(page.get_by_label("Set-up code")).to_have_value(code)
    assert code not in page.url
    await page.get_by_label("Your name").fill("Anouk Bakker")
    await page.get_by_label("Login").fill(LOGIN)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_label("The same password again").fill(PASSWORD)
    await look(page, "1-set-up")
    await page.get_by_role("button", name="Set up Footfall").click()
    await page.wait_for_url("**/console/today")
    await expect(page.get_by_role("heading", name="Nothing is set up yet")).to_be_visible()
    await look(page, "2-today-empty")


async def add_store(page: Page, chain: Chain) -> None:
    await page.goto(f"{chain.url}/console/stores")
    await page.get_by_role("link", name="Add a store").first.click()
    await page.get_by_label("Name").fill("Footfall Hamburg")
    await page.get_by_label("Id", exact=True).fill("hamburg")
    await page.get_by_role("button", name="Add the store").click()
    await page.wait_for_url("**/console/stores/hamburg")
    await look(page, "3-store")


async def draw(page: Page, chain: Chain) -> None:
    await page.goto(f"{chain.url}/console/stores/hamburg/plan")
    await page.wait_for_selector("html[data-ready=yes]")
    await page.get_by_label("Width, m").fill("24")
    await page.get_by_label("Depth, m").fill("18")
    await page.get_by_role("button", name="Save the size").click()
    await page.get_by_text("The size is saved.").wait_for()
    for name, ends in ZONES.items():
        await page.get_by_role("button", name="Draw a zone").click()
        for n, (x, y) in enumerate((ends[0], ((ends[0][0] + ends[1][0]) / 2, (ends[0][1] + ends[1][1]) / 2), ends[1])):
            at = await page.locator("#editor").evaluate(
                """(svg, [x, y]) => {
                    const at = new DOMPoint(x * 1000 / 24, y * 1000 / 24).matrixTransform(svg.getScreenCTM());
                    return [at.x, at.y];
                }""",
                [x, y],
            )
            await page.mouse.move(*at, steps=3)
            if n == 0:
                await page.mouse.down()
        await page.mouse.up()
        await page.locator("#zone-name").fill(name)
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name=f"Zone {name}").wait_for()
    await page.get_by_text("All changes are saved").wait_for()
    await look(page, "4-plan")


async def enrol(page: Page, chain: Chain, folder: Path) -> None:
    await page.goto(f"{chain.url}/console/gateways/new")
    await page.get_by_label("Name").fill("Above the door")
    await page.get_by_label("Id", exact=True).fill("hamburg-entrance")
    await page.get_by_label("Store").select_option("hamburg")
    await page.get_by_label("Zone", exact=True).fill("entrance")
    for label, metres in (("From the left", "12"), ("From the top", "1"), ("Above the floor", "3")):
        await page.get_by_label(label).fill(metres)
    await page.get_by_role("button", name="Add the gateway").click()
    await page.wait_for_url("**/console/gateways/hamburg-entrance")
    await page.get_by_role("button", name="code").first.click()
    command = await page.get_by_text("footfall-gateway enrol http").text_content()
    assert command is not None
    await look(page, "5-code")
    url = command.removeprefix("footfall-gateway enrol ")
    await ran(folder, "footfall-gateway", "enrol", "--config", "gateway.toml", "-", given=url.encode())


async def import_beacons(page: Page, chain: Chain, folder: Path) -> None:
    await ran(folder, "footfall-sim", "roster", "--shoppers", str(SHOPPERS), "delivery")
    await page.goto(f"{chain.url}/console/import")
    await page.locator("#file").set_input_files(folder / "delivery" / "beacons.csv")
    await page.get_by_role("button", name="Try it").click()
    await page.get_by_role("heading", name="500").wait_for()
    await look(page, "6-import-tried")
    await page.goto(f"{chain.url}/console/import")
    await page.locator("#file").set_input_files(folder / "delivery" / "beacons.csv")
    await page.get_by_role("button", name="Import without trying").click()
    await page.get_by_role("button", name="Undo this import").wait_for()
    await look(page, "7-import-done")
    # What people agreed to is not the console's to say: the retailer's own system proves it.
    people = await asyncio.to_thread((folder / "delivery" / "people.json").read_bytes)
    await chain.put_registry(msgspec.json.decode(people, type=dict[str, object]))


async def test_from_a_blank_database_to_the_first_person_in_the_browser_alone(
    one_chromium: Browser, chain: Chain, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        page = await (await stack.enter_async_context(context(one_chromium))).new_page()
        await set_up(page, chain)
        await add_store(page, chain)
        await draw(page, chain)
        await enrol(page, chain, tmp_path)
        await import_beacons(page, chain, tmp_path)
        await page.goto(f"{chain.url}/console/floor/hamburg")
        await expect(page.locator("#members b")).to_have_text("0")
        await look(page, "8-floor-empty")
        await stack.enter_async_context(
            running(tmp_path, "footfall-sim", "air", "--shoppers", str(SHOPPERS), "--seconds", "600", "air.sock")
        )
        simulated: Mapping[str, str] = {
            "FOOTFALL_SIM_AIR": "air.sock",
            "FOOTFALL_SIM_RECEIVER": "hamburg-entrance",
            "FOOTFALL__GATEWAY__SCAN__BACKEND": "firmware_sim.backend:SimScanner",
            "FOOTFALL__GATEWAY__DATA_DIR": "box",
        }
        await stack.enter_async_context(
            running(tmp_path, "footfall-gateway", "run", "--config", "gateway.toml", **simulated)
        )
        await expect(page.locator("#members b")).not_to_have_text("0", timeout=60_000)
        await expect(page.locator("#feed li").first).to_be_visible(timeout=20_000)
        await look(page, "9-somebody-arrived")
