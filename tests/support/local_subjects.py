"""The channels that nothing stands behind but people's own streams: of apps, and of the screens before them."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any

from push.channels.inapp import EventStreams, InAppChannel
from push.channels.screen import OpenScreens, ScreenChannel, ScreenPage, ScreenSettings
from push.model.delivery import Outgoing
from push.model.errors import TransientError, UnreachableError
from push.model.ports import Channel
from push.model.screens import Sight
from tests.support.mailroom import Mailroom
from tests.support.subject import CLOCK, DEVICES, SILENT_S, Subject


class Local(Subject):
    """A stream for everybody; the first is the one that goes away (``gone``) or takes nothing (``silent``)."""

    def __init__(self, channel: Channel, room: Mailroom, first: AsyncExitStack) -> None:
        super().__init__(channel, room, {"gone": first.aclose, "silent": self.deafen})
        self.expected["gone"] = UnreachableError
        self.written: list[str] = []

    def deafen(self) -> None:
        """Let the first take nothing."""
        raise NotImplementedError

    def address(self, n: int) -> dict[str, Any]:
        del n
        return {}

    def taken(self) -> Counter[str]:
        return Counter(self.written)


class Apps(Local):
    """The event streams of apps."""

    def __init__(self, streams: EventStreams, channel: Channel, room: Mailroom, first: AsyncExitStack) -> None:
        super().__init__(channel, room, first)
        self.expected["silent"] = TransientError  # nothing of it was written
        self._streams = streams

    async def connect(self, stack: AsyncExitStack, n: int) -> None:
        stream = await stack.enter_async_context(self._streams.connect(f"d{n}", CLOCK.now_ms()))
        stream.straight = self._write

    def _write(self, outgoing: Outgoing) -> bool:
        self.written.append(outgoing.delivery)
        return True

    def deafen(self) -> None:
        self._streams.of("d0")[0].straight = None


class Walls(Local):
    """The pages of screens: everybody stands alone before one of her own."""

    basis = "marketing"  # what somebody is owed is nothing for the public

    def __init__(self, screens: OpenScreens, channel: Channel, room: Mailroom, first: AsyncExitStack) -> None:
        super().__init__(channel, room, first)
        self.expected["silent"] = UnreachableError  # so does a page that is off
        self._screens = screens
        self._deaf = False

    async def connect(self, stack: AsyncExitStack, group: asyncio.TaskGroup, n: int) -> None:
        page = await stack.enter_async_context(self._screens.connect(f"screen_{n}"))
        stack.callback(group.create_task(self._follow(page, n)).cancel)

    async def _follow(self, page: ScreenPage, n: int) -> None:
        """Write what is to be on the screen, as its stream does."""
        while True:
            shown = page.showing(CLOCK.now_ms())
            if shown is not None and not shown.begun and not (self._deaf and n == 0):
                shown.begin()
                self.written.append(shown.greeting.delivery)
                shown.settle(written=True)
            await page.wait(SILENT_S)

    def deafen(self) -> None:
        self._deaf = True


class OwnScreens:
    """`push.model.screens.Stage` on which everybody stands alone before the screen of her number."""

    def sight(self, shopper: str, now_ms: int) -> Sight:
        del now_ms
        return Sight(has_screens=True, screens=(f"screen_{shopper.removeprefix('shp_')}",), alone=True)


async def _nickname(shopper: str) -> str | None:
    return f"Ann {shopper.removeprefix('shp_')}"


async def inapp(room: Mailroom, stack: AsyncExitStack, timeout_s: float) -> Subject:
    """Apps that are open."""
    first = await stack.enter_async_context(AsyncExitStack())
    streams = EventStreams()
    found = Apps(streams, InAppChannel(streams, write_timeout_s=timeout_s), room, first)
    for n in range(DEVICES):
        await found.connect(first if n == 0 else stack, n)
    return found


async def screen(room: Mailroom, stack: AsyncExitStack, timeout_s: float) -> Subject:
    """Screens that are on."""
    group = await stack.enter_async_context(asyncio.TaskGroup())
    first = await stack.enter_async_context(AsyncExitStack())
    screens = OpenScreens(OwnScreens())
    channel = ScreenChannel(screens, _nickname, ScreenSettings(), write_timeout_s=timeout_s)
    found = Walls(screens, channel, room, first)
    for n in range(DEVICES):
        await found.connect(first if n == 0 else stack, group, n)
    return found
