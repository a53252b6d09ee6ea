"""The phone's web app in a real browser, as a person uses it: what stands on the page, and what is tapped."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.support.browsers import Browser
from tests.support.patience import PATIENCE_S

DEADLINE_S = PATIENCE_S


async def becomes(look: Callable[[], Awaitable[object]], what: str) -> None:
    """Until `look` finds something true. Fails with `what` at the deadline."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not await look():  # noqa: ASYNC110 - the condition is another process's
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(f"not within {DEADLINE_S:.0f} s: {what}; last seen {await look()!r}")


class App:
    """The app on the page of a browser."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser

    async def shows(self, selector: str, text: str = "") -> None:
        script = """
            const found = [...document.querySelectorAll(arguments[0])].filter((e) => e.checkVisibility());
            return found.some((e) => e.textContent.includes(arguments[1]));
        """
        await becomes(lambda: self.browser.run(script, selector, text), f"{selector} with {text!r}")

    async def tap(self, selector: str) -> None:
        await self.shows(selector)
        await self.browser.run("document.querySelector(arguments[0]).click()", selector)

    async def hides(self, selector: str) -> None:
        """Until nothing of it is to be seen."""
        script = "return ![...document.querySelectorAll(arguments[0])].some((e) => e.checkVisibility())"
        await becomes(lambda: self.browser.run(script, selector), f"no {selector}")

    async def focuses(self, selector: str) -> None:
        """Until the keyboard's focus is there: a dialog gives it back in an event of its own, after it is gone."""
        await becomes(
            lambda: self.browser.run("return document.activeElement.matches(arguments[0])", selector),
            f"{selector} focused",
        )

    async def join(self, url: str, *purposes: str) -> None:
        await self.browser.goto(url)
        await self.shows("#welcome button[type=submit]")
        for purpose in purposes:
            await self.tap(f"#welcome input[name={purpose}]")
        await self.tap("#welcome button[type=submit]")
        await self.shows("#choices")

    async def device(self) -> dict[str, str]:
        """What the app keeps of its registration."""
        script = """
            return new Promise((resolve) => {
              const opened = indexedDB.open("footfall", 1);
              opened.onsuccess = () => {
                const got = opened.result.transaction("state").objectStore("state").get("device");
                got.onsuccess = () => resolve(JSON.stringify(got.result));
              };
            });
        """
        return dict(json.loads(await self.browser.run(script)))

    async def picture(self, path: Path) -> None:
        """The page as a PNG, once nothing moves any more."""
        await self.browser.run(
            "return Promise.all(document.getAnimations().map((one) => one.finished)).then(() => null)"
        )
        await self.browser.screenshot(path)
