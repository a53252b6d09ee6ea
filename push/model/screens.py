"""Screens in stores: where they stand, what they offer to everybody, and how one greets a person."""

from contextlib import AbstractAsyncContextManager
from typing import Annotated, NamedTuple, Protocol

import msgspec

from beacons.registry import Name
from beacons.topics import Id


class Offer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a screen shows while it addresses nobody: the same to everybody, whoever is near."""

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    body: Annotated[str, msgspec.Meta(max_length=1000)] = ""
    image: Annotated[str, msgspec.Meta(max_length=2000, pattern=r"^https://[^\s]+$(?!\n)")] | None = None


class Screen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A screen in a zone of a store; without an offer of its own it shows the store's."""

    id: Id
    store: Id
    zone: Id
    name: Name
    offer: Offer | None = None


class StoreOffer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every screen of a store shows that has no offer of its own."""

    store: Id
    offer: Offer


class Greeting(msgspec.Struct, frozen=True, kw_only=True):
    """A message as a screen shows it, for at most `show_ms`."""

    delivery: str
    greeting: str
    title: str
    body: str
    image: str | None
    show_ms: int


class Sight(NamedTuple):
    """How a shopper stands before the screens of a store that she is in."""

    has_screens: bool = False
    """Whether a store that she is in has any."""
    screens: tuple[str, ...] = ()
    """Those of the zone that she is surely in."""
    alone: bool = False
    """Whether everybody else is surely elsewhere."""


class Stage(Protocol):
    """Where people stand before screens."""

    def sight(self, shopper: str, now_ms: int) -> Sight:
        """How a shopper stands; nowhere, where she did not agree to be greeted."""
        ...


class Showing(Protocol):
    """A greeting that is to be shown, or is. Whoever writes it begins, and says whether it is in the socket."""

    greeting: Greeting

    def begin(self) -> None:
        """From here on it may reach the screen."""
        ...

    def settle(self, *, written: bool) -> None:
        """Say whether it was written; the first word counts."""
        ...


class Page(Protocol):
    """An open page of a screen."""

    @property
    def ended(self) -> bool:
        """Whether it is to be closed."""
        ...

    def showing(self, now_ms: int) -> Showing | None:
        """What is to be on the screen now: whoever asks finds nothing any more as soon as it does not hold."""
        ...

    async def wait(self, most_s: float) -> None:
        """Until something changed, or that time is over."""
        ...


class Screens(Protocol):
    """Where screens' pages are registered while they are open."""

    def connect(self, screen: str) -> AbstractAsyncContextManager[Page]:
        """A page of a screen while it lasts."""
        ...

    def pages(self, screen: str) -> int:
        """How many are open."""
        ...

    def end(self, screen: str) -> None:
        """Close a screen's pages."""
        ...

    def take_off(self, shopper: str) -> None:
        """Take what is said to a shopper off every screen, at once."""
        ...
