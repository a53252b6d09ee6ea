"""Screens on a wall: real Chromium, headless, a page of any size, light or dark."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser, BrowserContext, Page

from tests.support.webapp import becomes

LANDSCAPE = (1920, 1080)
PORTRAIT = (1080, 1920)


class Wall:
    """A browser whose pages are screens."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []

    async def hang(
        self,
        url: str,
        size: tuple[int, int] = LANDSCAPE,
        scheme: Literal["light", "dark"] = "light",
        *,
        still: bool = False,
    ) -> Page:
        """A page of its own, that keeps what it keeps to itself; `still` asks for less motion."""
        width, height = size
        context = await self._browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            reduced_motion="reduce" if still else "no-preference",
        )
        self._contexts.append(context)
        page = await context.new_page()
        await page.goto(url)
        return page

    async def take_down(self) -> None:
        """Close all pages."""
        for context in self._contexts:
            await context.close()


@asynccontextmanager
async def wall(browser: Browser) -> AsyncIterator[Wall]:
    """Its screens hang while the block lasts."""
    hung = Wall(browser)
    try:
        yield hung
    finally:
        await hung.take_down()


async def says(page: Page, selector: str, text: str) -> None:
    """Until a part that is to be seen holds a text."""
    script = (
        "([s, t]) => [...document.querySelectorAll(s)].some((e) => e.checkVisibility() && e.textContent.includes(t))"
    )
    await becomes(lambda: page.evaluate(script, [selector, text]), f"{selector} with {text!r}")


async def tells(page: Page) -> str:
    """Everything that stands in the document, seen or not."""
    return str(await page.evaluate("() => document.documentElement.outerHTML"))


async def fits(page: Page) -> bool:
    """Whether nothing is cut off and nothing scrolls."""
    script = """() => {
      const root = document.scrollingElement, words = document.getElementById("words");
      return root.scrollHeight <= innerHeight && root.scrollWidth <= innerWidth
        && words.scrollHeight <= words.clientHeight + 1 && words.scrollWidth <= words.clientWidth + 1;
    }"""
    return bool(await page.evaluate(script))


_STILL = """() => Promise.all(
  document.getAnimations().filter((one) => one.effect.target.id !== "left").map((one) => one.finished)
).then(() => null)"""


async def picture(page: Page, path: Path) -> None:
    """The page as a PNG, once nothing arrives any more."""
    await page.evaluate(_STILL)
    await page.screenshot(path=path)
