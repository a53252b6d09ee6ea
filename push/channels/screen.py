"""In-store screen: greets somebody who is surely alone before it, by the nickname that she chose, for some seconds.

What a screen is to show is asked for anew all the time (`ScreenPage.showing`), and whoever is not alone, not there or
not willing any more is not shown any more. Nothing of it is ever written down but by the delivery.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Final

import msgspec

from push.model.delivery import Accepted, Message, Outgoing, Part
from push.model.errors import OutcomeUnknownError, UnreachableError
from push.model.screens import Greeting, Sight, Stage

NAME: Final = "{nickname}"
MAX_PAGES: Final = 4
"""Of one screen: mirrored displays. One more ends the oldest."""
WRITE_TIMEOUT_S: Final = 5.0
"""A page that does not take a greeting within this time is not there any more."""

Nicknames = Callable[[str], Awaitable[str | None]]
"""The nickname that a shopper chose, None where she chose none."""


class ScreenSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How screens greet; who is near is judged by presence."""

    show_s: Annotated[int, msgspec.Meta(ge=5, le=60)] = 20
    """A greeting is on a screen for so many seconds at most."""
    sure: Annotated[float, msgspec.Meta(ge=0.95, lt=1)] = 0.95
    """How likely she must be before the screen, and everybody else elsewhere."""
    greeting: Annotated[str, msgspec.Meta(max_length=60, pattern=r"\{nickname\}")] = "Hello {nickname}"


class Shown:
    """`push.model.screens.Showing`: a greeting, whom it is for, and until when."""

    def __init__(self, greeting: Greeting, shopper: str, since_ms: int) -> None:
        self.greeting = greeting
        self.shopper = shopper
        self.begun = False
        self.written: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._since_ms = since_ms

    def begin(self) -> None:
        """From here on it may reach the screen."""
        self.begun = True

    def settle(self, *, written: bool) -> None:
        """Say whether it was written; the first word counts."""
        if not self.written.done():
            self.written.set_result(written)

    def is_due(self, now_ms: int) -> bool:
        """Whether its time is not over; a clock that was set back ends it."""
        return 0 <= now_ms - self._since_ms < self.greeting.show_ms


class ScreenPage:
    """`push.model.screens.Page`: one that is open."""

    def __init__(self, showing: Callable[[int], Shown | None]) -> None:
        self.ended = False
        self.showing = showing
        self._changed = asyncio.Event()

    def wake(self, *, end: bool = False) -> None:
        """Let whoever waits look again, and close the page if it is to `end`."""
        self.ended = self.ended or end
        self._changed.set()

    async def wait(self, most_s: float) -> None:
        """Until something changed, or that time is over."""
        try:
            async with asyncio.timeout(most_s):
                await self._changed.wait()
        except TimeoutError:
            return
        self._changed.clear()


class OpenScreens:
    """`push.model.screens.Screens`: the pages that are open, and what is on each screen."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._pages: dict[str, list[ScreenPage]] = {}
        self._shown: dict[str, Shown] = {}
        self._closed = False

    @asynccontextmanager
    async def connect(self, screen: str) -> AsyncIterator[ScreenPage]:
        """A page of a screen while it lasts; what it was to show when it goes away, it did not take."""
        page = ScreenPage(lambda now_ms: self.showing(screen, now_ms))
        pages = self._pages.setdefault(screen, [])
        pages.append(page)
        if self._closed:
            page.wake(end=True)
        if len(pages) > MAX_PAGES:
            pages.pop(0).wake(end=True)
        try:
            yield page
        finally:
            if page in pages:
                pages.remove(page)
            if not pages:
                self._pages.pop(screen, None)
                self.clear(screen)

    @property
    def connected(self) -> int:
        """Pages that are open."""
        return sum(map(len, self._pages.values()))

    def pages(self, screen: str) -> int:
        """How many are open."""
        return len(self._pages.get(screen, ()))

    def end(self, screen: str) -> None:
        """Close a screen's pages."""
        self.clear(screen)
        for page in self._pages.get(screen, ()):
            page.wake(end=True)

    def close(self) -> None:
        """Close every page, and those still to come."""
        self._closed = True
        for screen in list(self._pages):
            self.end(screen)

    def sight(self, shopper: str, now_ms: int) -> Sight:
        """How a shopper stands before screens."""
        return self._stage.sight(shopper, now_ms)

    def showing(self, screen: str, now_ms: int) -> Shown | None:
        """What is to be on a screen: only what still holds."""
        shown = self._shown.get(screen)
        if shown is None:
            return None
        sight = self.sight(shown.shopper, now_ms)
        if shown.is_due(now_ms) and sight.alone and screen in sight.screens:
            return shown
        self.clear(screen)
        return None

    def show(self, screen: str, shown: Shown) -> None:
        """Put a greeting on a screen that shows none."""
        self._shown[screen] = shown
        self._wake(screen)

    def clear(self, screen: str, only: Shown | None = None) -> None:
        """Take what is on a screen off; `only` if it is this."""
        shown = self._shown.get(screen)
        if shown is not None and only in {None, shown}:
            del self._shown[screen]
            shown.settle(written=False)
            self._wake(screen)

    def take_off(self, shopper: str) -> None:
        """Take what is said to a shopper off every screen, at once."""
        for screen in [screen for screen, shown in self._shown.items() if shown.shopper == shopper]:
            self.clear(screen)

    def _wake(self, screen: str) -> None:
        for page in self._pages.get(screen, ()):
            page.wake()


class ScreenChannel:
    """Shows messages on the screens that their shopper stands before; which device of hers it is says nothing."""

    name = "screen"

    def __init__(
        self,
        screens: OpenScreens,
        nicknames: Nicknames,
        settings: ScreenSettings,
        write_timeout_s: float = WRITE_TIMEOUT_S,
    ) -> None:
        self._screens = screens
        self._nicknames = nicknames
        self._settings = settings
        self._write_timeout_s = write_timeout_s

    def fit(self, outgoing: Outgoing) -> tuple[Part, ...]:
        """Nobody taps a screen in a store: what leads somewhere has no place there."""
        content = outgoing.message.content
        held: tuple[tuple[Part, object], ...] = (
            ("url", content.url), ("actions", content.actions), ("data", content.data), ("locale", content.locale),
        )  # fmt: skip
        return (*(part for part, value in held if value), "urgency", "collapse_key")

    async def send(self, outgoing: Outgoing) -> Accepted:
        """Put a message on a free screen before its shopper; it is handed over when it is in a page's socket."""
        message = outgoing.message
        if is_private(message):
            raise UnreachableError("not_in_public")
        nickname = await self._nicknames(message.shopper)
        screen = self._free(self._before(message.shopper, outgoing.now_ms), outgoing.now_ms)
        if nickname is None:
            raise UnreachableError("no_nickname")
        shown = Shown(self._greeting(outgoing, nickname), message.shopper, outgoing.now_ms)
        self._screens.show(screen, shown)
        try:
            await self._taken(shown)
        except BaseException:
            self._screens.clear(screen, shown)
            raise
        return Accepted(reference=screen, dropped=self.fit(outgoing))

    def _before(self, shopper: str, now_ms: int) -> tuple[str, ...]:
        """The screens that she stands before, alone."""
        sight = self._screens.sight(shopper, now_ms)
        if not sight.has_screens:
            raise UnreachableError("no_screen")
        if not sight.screens:
            raise UnreachableError("nobody_there")
        if not sight.alone:
            raise UnreachableError("not_alone")
        return sight.screens

    def _free(self, before: tuple[str, ...], now_ms: int) -> str:
        """A screen that is on and shows nothing to anybody."""
        on = [screen for screen in before if self._screens.pages(screen)]
        if not on:
            raise UnreachableError("screen_off")
        free = [screen for screen in on if self._screens.showing(screen, now_ms) is None]
        if not free:
            raise UnreachableError("screen_busy")
        return free[0]

    def _greeting(self, outgoing: Outgoing, nickname: str) -> Greeting:
        content = outgoing.message.content
        return Greeting(
            delivery=outgoing.delivery,
            greeting=self._settings.greeting.replace(NAME, nickname),
            title=content.title,
            body=content.body,
            image=content.image,
            show_ms=min(self._settings.show_s * 1000, outgoing.message.expires_ms - outgoing.now_ms),
        )

    async def _taken(self, shown: Shown) -> None:
        try:
            async with asyncio.timeout(self._write_timeout_s):
                written = await asyncio.shield(shown.written)
        except TimeoutError:
            raise (OutcomeUnknownError("outcome_unknown") if shown.begun else UnreachableError("screen_off")) from None
        if not written:
            raise UnreachableError("screen_went_away")


def is_private(message: Message) -> bool:
    """Whether a message is nothing for the public: what somebody is owed speaks of what she bought.

    Campaigns that answer a purchase, and goods that a catalogue calls sensitive, belong here as soon as there are any.
    """
    return message.basis == "service"
