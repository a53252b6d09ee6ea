"""A desktop that shows notifications: a private message bus and an `org.freedesktop.Notifications` service on it.

Browsers hand what a service worker shows to their desktop. Here a test reads it as a user would, and clicks on it.
"""

import asyncio
import contextlib
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Final, NamedTuple

import pytest
from dbus_fast.aio import MessageBus
from dbus_fast.annotations import DBusDict, DBusInt32, DBusSignature, DBusStr, DBusUInt32
from dbus_fast.service import ServiceInterface, dbus_method, dbus_signal

from tests.support.patience import PATIENCE_S
from tests.support.tools import ci_or_skip

Strings = Annotated[list[str], DBusSignature("as")]
FourStrings = Annotated[tuple[str, str, str, str], DBusSignature("ssss")]
TwoNumbers = Annotated[tuple[int, int], DBusSignature("uu")]
NumberAndText = Annotated[tuple[int, str], DBusSignature("us")]

_CONFIG: Final = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""
_CLOSED_BY_USER: Final = 2  # Desktop Notifications Specification 1.2, NotificationClosed


class Shown(NamedTuple):
    """What stands on the screen."""

    id: int
    title: str
    body: str
    actions: list[str]
    labels: list[str]
    """What stands on each action's button."""


class _Notifications(ServiceInterface):
    """The Desktop Notifications Specification 1.2, as far as browsers use it."""

    def __init__(self, changed: Callable[[], None]) -> None:
        super().__init__("org.freedesktop.Notifications")
        self.shown: dict[int, Shown] = {}
        self._changed = changed
        self._last = 0

    @dbus_method("GetCapabilities")
    def capabilities(self) -> Strings:
        return ["actions", "body", "body-images", "persistence"]

    @dbus_method("GetServerInformation")
    def information(self) -> FourStrings:
        return ("footfall-tests", "footfall", "1", "1.2")

    @dbus_method("Notify")
    def notify(  # noqa: PLR0913, PLR0917 - as the specification has it
        self,
        app_name: DBusStr,  # noqa: ARG002 - not shown
        replaces_id: DBusUInt32,
        app_icon: DBusStr,  # noqa: ARG002 - not shown
        summary: DBusStr,
        body: DBusStr,
        actions: Strings,
        hints: DBusDict,  # noqa: ARG002 - not shown
        expire_timeout: DBusInt32,  # noqa: ARG002 - shown until it is closed
    ) -> DBusUInt32:
        self._last += 1
        number = replaces_id or self._last
        self.shown[number] = Shown(number, summary, body, actions[::2], actions[1::2])
        self._changed()
        return number

    @dbus_method("CloseNotification")
    def close(self, number: DBusUInt32) -> None:
        if self.shown.pop(number, None):
            self.closed(number, 3)

    @dbus_signal("ActionInvoked")
    def invoked(self, number: int, action: str) -> NumberAndText:
        return (number, action)

    @dbus_signal("NotificationClosed")
    def closed(self, number: int, reason: int) -> TwoNumbers:
        return (number, reason)


class Desktop:
    """What is shown, and the user in front of it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._news = asyncio.Event()
        self.interface = _Notifications(self._news.set)

    @property
    def shown(self) -> list[Shown]:
        """What stands on the screen now, oldest first."""
        return list(self.interface.shown.values())

    async def wait_for(self, title: str) -> Shown:
        """The notification of this title, as soon as it is shown. Fails with what is shown instead."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    for shown in self.shown:
                        if shown.title == title:
                            return shown
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            pytest.fail(f"no notification {title!r} within {PATIENCE_S:.0f} s; shown: {[s.title for s in self.shown]}")

    def click(self, shown: Shown, action: str = "default") -> None:
        """Click on a notification, or on one of its buttons; like most desktops, close it then."""
        self.interface.invoked(shown.id, action)
        self.dismiss(shown)

    def dismiss(self, shown: Shown) -> None:
        """Put a notification away."""
        self.interface.shown.pop(shown.id, None)
        self.interface.closed(shown.id, _CLOSED_BY_USER)


@contextlib.asynccontextmanager
async def desktop() -> AsyncIterator[Desktop]:
    """Run the bus, and the notification service on it."""
    async with _bus() as address:
        running = Desktop(address)
        bus = await MessageBus(bus_address=address).connect()
        try:
            bus.export("/org/freedesktop/Notifications", running.interface)
            await bus.request_name("org.freedesktop.Notifications")
            yield running
        finally:
            bus.disconnect()


@contextlib.asynccontextmanager
async def _bus() -> AsyncIterator[str]:
    """A bus daemon; its folder is of its own, because a socket's path must be short."""
    daemon = ci_or_skip("dbus-daemon")
    with TemporaryDirectory(prefix="bus") as folder:
        arguments = ("--nofork", "--print-address", f"--config-file={_configure(Path(folder))}")
        process = await asyncio.create_subprocess_exec(daemon, *arguments, stdout=PIPE, stderr=DEVNULL)
        try:
            assert process.stdout is not None
            yield (await process.stdout.readline()).decode().strip()
        finally:
            process.terminate()
            await process.wait()


def _configure(folder: Path) -> Path:
    config = folder / "bus.conf"
    config.write_text(_CONFIG.format(socket=folder / "socket"))
    return config
