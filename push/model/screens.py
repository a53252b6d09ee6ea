"""Screens in stores: where they stand, what they offer to everybody, and how one greets a person."""

from typing import Annotated, NamedTuple

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
