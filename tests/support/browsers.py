"""Real browsers, alike for a test: where a page subscribes, a push arrives, and a desktop shows it."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Final, Protocol

from firmware_sim.push_service import PushService
from tests.support.chromium import chromium
from tests.support.desktop import Desktop
from tests.support.firefox import firefox


class Browser(Protocol):
    """A running browser with one page; `origin_overrides` is what a sender needs to reach its push service."""

    name: str
    desktop: Desktop
    origin_overrides: dict[str, str]

    async def goto(self, url: str) -> None:
        """Load a page that may show notifications."""
        ...

    async def run(self, script: str, *arguments: object) -> Any:  # noqa: ANN401 - JSON
        """What a JavaScript function body returns in the page, promises awaited; it reads `arguments`."""
        ...

    async def press(self, key: str) -> None:
        """Press a key, named as in the UI Events standard, where the focus is: "Escape", "ArrowDown", "Enter"."""
        ...

    async def screenshot(self, path: Path) -> None:
        """The page as a PNG."""
        ...


BROWSERS: Final[dict[str, Callable[[PushService, Path], AbstractAsyncContextManager[Browser]]]] = {
    "firefox": firefox,
    "chromium": chromium,
}
"""How to start each: its push service, and an empty folder for its profile."""
