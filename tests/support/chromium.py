"""Real Chromium, headless, driven by playwright, on a desktop and a push service of the test's own."""

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, Page, async_playwright

from firmware_sim.push_service import PushService
from tests.support.desktop import Desktop, desktop
from tests.support.gcm import ORIGINS, Gcm, gcm
from tests.support.tools import ci_or_skip


class Chromium:
    """A running browser with one page."""

    name = "chromium"

    def __init__(self, context: BrowserContext, screen: Desktop, push: Gcm, origin_overrides: dict[str, str]) -> None:
        self.desktop = screen
        self.origin_overrides = origin_overrides
        self.gcm = push
        self.page: Page = context.pages[0]
        self._context = context

    async def goto(self, url: str) -> None:
        """Load a page that may show notifications."""
        parts = urlsplit(url)
        await self._context.grant_permissions(["notifications"], origin=f"{parts.scheme}://{parts.netloc}")
        await self.page.goto(url)

    async def run(self, script: str, *arguments: object) -> Any:  # noqa: ANN401 - JSON
        """What a JavaScript function body returns in the page, promises awaited."""
        return await self.page.evaluate(f"given => (async function () {{ {script} }})(...given)", list(arguments))

    async def press(self, key: str) -> None:
        """Press a key where the focus is."""
        await self.page.keyboard.press(key)

    async def screenshot(self, path: Path) -> None:
        """The page as a PNG."""
        await self.page.screenshot(path=path)


@contextlib.asynccontextmanager
async def chromium(service: PushService, folder: Path) -> AsyncIterator[Chromium]:
    """Start Chromium with a new profile in `folder`, its push going through `service`.

    A sender must take its `origin_overrides`.
    """
    binary = ci_or_skip("chromium")
    async with desktop() as screen, gcm(service) as push, async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            folder / "profile",
            executable_path=binary,
            args=_arguments(push),
            ignore_default_args=["--disable-background-networking"],  # push counts as such
            env={**os.environ, "DBUS_SESSION_BUS_ADDRESS": screen.address},
        )
        try:
            yield Chromium(context, screen, push, dict.fromkeys(ORIGINS, service.origin))
        finally:
            await context.close()


def _arguments(push: Gcm) -> list[str]:
    sandbox = [] if os.geteuid() else ["--no-sandbox"]  # root has none
    return [
        f"--gcm-checkin-url={push.origin}/check-in",  # codespell:ignore checkin
        f"--gcm-registration-url={push.origin}/register3",
        f"--gcm-mcs-endpoint={push.mcs}",
        "--ignore-certificate-errors",
        *sandbox,
    ]
