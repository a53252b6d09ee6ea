"""Published clients of Segment and RudderStack, unmodified but for the host, tell a running server what people do."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Page, async_playwright

from tests.support import sdk_caller
from tests.support.collecting import AGREED, Shop, collecting
from tests.support.npm import ANALYTICS_NEXT, unpacked
from tests.support.servers import becomes
from tests.support.tools import ci_or_skip

PAGE = """<!doctype html><title>Shop</title><script src="/client/index.js"></script>"""


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with collecting(tmp_path) as open_shop:
        yield open_shop


@pytest.mark.parametrize("client", ["segment", "rudder"])
async def test_a_back_ends_client_makes_the_profile_that_its_specification_says(shop: Shop, client: str) -> None:
    await tell(client, shop.server.running.http_url, shop.back_end)
    found = await shop.profile("email", f"{client}@example.org")
    assert found["traits"] == {"plan": "gold", "email": f"{client}@example.org"}
    assert {one["kind"] for one in found["facets"]} == {"user_id", "email", "anonymous_id"}
    assert found["figures"]["orders"] == 1
    assert found["figures"]["spent_minor"] == 3980
    assert [one["name"] for one in found["figures"]["categories"]] == ["Shoes"]
    kinds = [one["kind"] for one in await shop.events("user_id", f"{client}-ann")]
    assert sorted(kinds) == ["alias", "group", "identify", "page", "screen", "track", "track"]
    assert sorted(await shop.names("anonymous_id", f"{client}-anon")) == ["Order Completed", "Product Viewed"]


@pytest.mark.parametrize("client", ["segment", "rudder"])
async def test_with_a_stolen_key_of_an_app_it_links_nothing(shop: Shop, client: str) -> None:
    await tell(client, shop.server.running.http_url, shop.server.app)
    assert await shop.find("user_id", f"{client}-ann") is None
    assert await shop.find("email", f"{client}@example.org") is None
    assert [one["kind"] for one in (await shop.profile("anonymous_id", f"{client}-anon"))["facets"]] == ["anonymous_id"]


async def tell(client: str, url: str, key: str) -> None:
    """Let a client tell its story, in a process of its own."""
    running = await asyncio.create_subprocess_exec(
        sys.executable, sdk_caller.__file__, client, url, key, stderr=asyncio.subprocess.PIPE
    )
    _, stderr = await running.communicate()
    assert running.returncode == 0, stderr.decode()


# --- a page -----------------------------------------------------------------------------------------------------------


async def test_a_page_with_segments_browser_client_is_heard(shop: Shop, tmp_path: Path) -> None:
    chromium = ci_or_skip("chromium")
    package = await asyncio.to_thread(unpacked, ANALYTICS_NEXT, tmp_path)
    async with serving(package / "dist" / "umd") as origin, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = await browser.new_page()
        outside: list[str] = []
        page.on("request", lambda request: outside.append(request.url))
        await page.goto(origin)
        token = shop.token("ann-17", email="ann@example.org")
        hers, next_one = await browse(page, shop, token)
        await becomes(lambda: has(shop, hers, 4), "what was said of her arrived")
        await becomes(lambda: has(shop, next_one, 1), "what was said of the next one arrived")
        await browser.close()
    assert all(url.startswith((origin, shop.server.running.http_url)) for url in outside), outside
    found = await shop.profile("email", "ann@example.org")
    assert {one["kind"] for one in found["facets"]} == {"user_id", "email", "anonymous_id"}
    assert found["traits"] == {"plan": "gold"}
    assert await shop.find("user_id", "bob-18") is None


async def browse(page: Page, shop: Shop, token: str) -> list[str]:
    """A visit: anonymous, then logged in, then somebody else whom nothing proves; the page's anonymous ids."""
    script = """async ([key, cdn, token, context]) => {
        const analytics = AnalyticsNext.AnalyticsBrowser.load({ writeKey: key, cdnURL: cdn });
        await analytics.page("Home", {}, { context });
        await analytics.track("Product Viewed", { product_id: "p-1" }, { context });
        await analytics.identify("ann-17", { plan: "gold" }, { context: { ...context, userToken: token } });
        await analytics.track("Product Added", { product_id: "p-1", price: 19.9 }, { context });
        const hers = (await analytics.user()).anonymousId();
        await analytics.identify("bob-18", {}, { context });
        return [hers, (await analytics.user()).anonymousId()];
    }"""
    given: list[Any] = [shop.server.app, shop.server.running.http_url, token, AGREED]
    return list(await page.evaluate(script, given))


async def has(shop: Shop, anonymous: str, number: int) -> bool:
    if await shop.find("anonymous_id", anonymous) is None:
        return False
    return len(await shop.events("anonymous_id", anonymous)) == number


@asynccontextmanager
async def serving(files: Path) -> AsyncIterator[str]:
    """The shop's own web server: a page, and the client's files."""
    content = {one.name: await asyncio.to_thread(one.read_bytes) for one in await asyncio.to_thread(_scripts, files)}

    async def client(request: web.Request) -> web.Response:
        return web.Response(body=content[request.match_info["name"]], content_type="text/javascript")

    app = web.Application()
    app.router.add_get("/", _page)
    app.router.add_get("/client/{name}", client)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


def _scripts(files: Path) -> list[Path]:
    return list(files.glob("*.js"))


async def _page(request: web.Request) -> web.Response:
    del request
    return web.Response(text=PAGE, content_type="text/html")
