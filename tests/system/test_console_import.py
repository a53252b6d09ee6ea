"""A spreadsheet through the console: tried, corrected, imported, undone."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.support.console import Chain, context, open_chain, sign_in

pytestmark = [pytest.mark.system, pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="session")]

ARTEFACTS = Path(__file__).parents[2] / "artefacts" / "console"
HEAD = "id;role;format;static_id;store;zone;name\n"


@pytest_asyncio.fixture(loop_scope="session")
async def chain(tmp_path: Path) -> AsyncIterator[Chain]:
    async with open_chain(tmp_path) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def page(chain: Chain, one_chromium: Browser) -> AsyncIterator[Page]:
    async with context(one_chromium) as profile:
        made = await profile.new_page()
        await sign_in(made, chain.url)
        await made.goto(f"{chain.url}/console/import")
        yield made


def rows(many: int, zone: str = "shoes") -> bytes:
    lines = [f"shelf-{n};fixture;ibeacon;{n:040x};hamburg;{zone};Shelf {n}" for n in range(many)]
    return b"\xef\xbb\xbf" + (HEAD + "\n".join(lines)).encode()


async def choose(page: Page, content: bytes) -> None:
    await page.locator("#file").set_input_files({"name": "shelves.csv", "mimeType": "text/csv", "buffer": content})


async def test_a_file_is_tried_then_imported_then_undone(page: Page, chain: Chain) -> None:
    await choose(page, rows(500))
    await page.get_by_role("button", name="Try it").click()
    await expect(page.locator("#result h2")).to_contain_text("500 rows would go in: 500 new", timeout=30_000)
    await page.screenshot(path=ARTEFACTS / "import-tried-light-desktop.png")
    await page.goto(f"{chain.url}/console/beacons")
    await expect(page.get_by_role("heading", level=1)).to_have_text("No beacon yet")

    await page.goto(f"{chain.url}/console/import")
    await choose(page, rows(500))
    await page.get_by_role("button", name="Try it").click()
    await page.get_by_role("button", name="Import it now").click(timeout=30_000)
    await expect(page.locator("#result h2")).to_contain_text("500 rows imported: 500 new", timeout=30_000)
    await page.goto(f"{chain.url}/console/beacons?store=hamburg")
    await expect(page.get_by_role("heading", level=1)).to_have_text("500 beacons match")

    await page.goto(f"{chain.url}/console/import")
    await page.locator("table a.open").first.click()
    await page.get_by_role("button", name="Undo this import").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Undone: what stood before stands again")


async def test_what_is_wrong_is_said_line_by_line_and_nothing_goes_in(page: Page, chain: Chain) -> None:
    await choose(
        page, rows(3) + b"\nshelf-9;fixture;ibeacon;beef;hamburg;shoes;Bad\nshelf-1;fixture;ibeacon;" + b"ab" * 20
    )
    await page.get_by_role("button", name="Import without trying").click()
    await expect(page.locator("#result h2").first).to_contain_text("wrong: nothing was imported", timeout=30_000)
    await expect(page.locator("#result tbody tr").first).to_contain_text("5")
    await page.screenshot(path=ARTEFACTS / "import-refused-light-desktop.png")
    await page.goto(f"{chain.url}/console/beacons")
    await expect(page.get_by_role("heading", level=1)).to_have_text("No beacon yet")
