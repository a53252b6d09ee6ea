"""Real Firefox, headless, driven through Marionette, on a desktop and a push service of the test's own."""

import asyncio
import base64
import contextlib
import json
import os
import warnings
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tests.support.autopush import Autopush, autopush
from tests.support.desktop import Desktop, desktop
from tests.support.tools import ci_or_skip

if TYPE_CHECKING:
    from firmware_sim.push_service import PushService

T = TypeVar("T")

_START_S: Final = 60
_STOP_S: Final = 10
_KEYS: Final = {"Escape": "\ue00c", "ArrowDown": "\ue015", "Enter": "\ue007"}
"""WebDriver, 17.4.2: keys that are no characters."""
_PREFERENCES: Final = {
    "remote.prefs.recommended": False,  # they would turn push off
    "marionette.port": 0,
    "dom.ipc.processPrelaunch.enabled": False,
    "dom.push.enabled": True,
    "dom.push.testing.allowInsecureServerURL": True,
    "permissions.default.desktop-notification": 1,
    "alerts.useSystemBackend": True,
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.aboutwelcome.enabled": False,
    "browser.newtab.preload": False,
    "browser.newtabpage.enabled": False,
    "browser.safebrowsing.downloads.remote.enabled": False,
    "browser.sessionstore.resume_from_crash": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "datareporting.policy.dataSubmissionPolicyBypassNotification": True,
    "extensions.enabledScopes": 0,
    "extensions.installDistroAddons": False,
    "extensions.update.enabled": False,
    "media.rdd-process.enabled": False,
    "media.utility-process.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.dns.disablePrefetch": True,
    "network.process.enabled": False,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "startup.homepage_welcome_url": "about:blank",
    "toolkit.telemetry.enabled": False,
    "toolkit.telemetry.unified": False,
}
"""Push and notifications on, everything off that would talk to somebody else, open pages of its own, or start what no
test needs: add-ons, processes for media and for pages to come."""


class Firefox:
    """A running browser. Marionette's client blocks, so it lives in a thread of its own."""

    name = "firefox"

    def __init__(
        self,
        marionette: Any,  # noqa: ANN401 - untyped library
        screen: Desktop,
        push: Autopush,
        origin_overrides: dict[str, str],
    ) -> None:
        self.desktop = screen
        self.origin_overrides = origin_overrides
        self.autopush = push
        self._marionette = marionette
        self._thread = ThreadPoolExecutor(1, "marionette")

    async def goto(self, url: str) -> None:
        """Load a page."""
        await self._call(lambda: self._marionette.navigate(url))

    async def run(self, script: str, *arguments: object) -> Any:  # noqa: ANN401 - JSON
        """What a JavaScript function body returns in the page, promises awaited."""
        return await self._call(lambda: self._marionette.execute_script(script, arguments, sandbox=None))

    async def press(self, key: str) -> None:
        """Press a key where the focus is."""
        await self._call(lambda: self._marionette.find_element("css selector", ":focus").send_keys(_KEYS[key]))

    async def screenshot(self, path: Path) -> None:
        """The page as a PNG."""
        await self._call(lambda: self._save_screenshot(path))

    def _save_screenshot(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self._marionette.screenshot(format="base64", full=False)))

    async def _call(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)

    async def start(self) -> None:
        """Open the session."""
        await self._call(self._marionette.start_session)

    async def stop(self) -> None:
        """Close the session; the browser stays."""
        await self._call(self._marionette.delete_session)
        self._thread.shutdown()


@contextlib.asynccontextmanager
async def firefox(service: "PushService", folder: Path) -> AsyncIterator[Firefox]:
    """Start Firefox with a new profile in `folder`, its push going through `service`."""
    binary = ci_or_skip("firefox-esr", "firefox")
    async with desktop() as screen, autopush(service) as push:
        profile = folder / "profile"
        _write_profile(profile, push.url)
        async with _process(binary, profile, screen.address, folder / "firefox.log") as port:
            browser = Firefox(_client(port), screen, push, {service.origin: service.origin})
            await browser.start()
            try:
                yield browser
            finally:
                await browser.stop()


def _write_profile(profile: Path, push_url: str) -> None:
    profile.mkdir()
    preferences = {**_PREFERENCES, "dom.push.serverURL": push_url}
    lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in preferences.items())
    (profile / "user.js").write_text("".join(lines))


@contextlib.asynccontextmanager
async def _process(binary: str, profile: Path, bus: str, log: Path) -> AsyncIterator[int]:
    """The browser's process; gives Marionette's port."""
    environment = os.environ | {"DBUS_SESSION_BUS_ADDRESS": bus, "MOZ_CRASHREPORTER_DISABLE": "1"}
    arguments = ("--headless", "--marionette", "--no-remote", "--profile", str(profile))
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            binary, *arguments, env=environment, stdout=output, stderr=output
        )
    try:
        yield await _port(profile / "MarionetteActivePort", process)
    finally:
        await _end(process)


async def _port(path: Path, process: asyncio.subprocess.Process) -> int:
    """Firefox chooses a free port, and writes it into its profile."""
    async with asyncio.timeout(_START_S):
        while process.returncode is None:
            if text := _read(path):
                return int(text)
            await asyncio.sleep(0.05)
    raise RuntimeError("Firefox ended while it started; see firefox.log")


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _client(port: int) -> Any:  # noqa: ANN401 - untyped library
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of distro.linux_distribution, in mozinfo
        from marionette_driver.marionette import Marionette  # noqa: PLC0415 - warns on import

    return Marionette(host="127.0.0.1", port=port, socket_timeout=_START_S)
