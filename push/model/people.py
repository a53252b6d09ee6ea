"""Shoppers, their devices, and what they agreed to."""

from typing import TYPE_CHECKING, Annotated, Final, Literal, NewType, get_args

import msgspec

BuiltIn = Literal[
    "adult", "location", "marketing", "profiling", "inapp", "webpush", "fcm", "apns", "email", "webhook", "screen"
]  # fmt: skip
"""What a shopper may grant everywhere: to be located, to get offers, to be profiled, and each channel.

`adult` is her word that she is of age, without which `FOR_ADULTS` are not granted where a minimum age is set.
"""
Added = NewType("Added", str)
"""A purpose of the site's own: `push.profiles.purposes.book.Purposes` says which there are."""
PURPOSE: Final = r"^[a-z][a-z0-9_]{0,31}$(?!\n)"

if TYPE_CHECKING:
    Purpose = BuiltIn | Added  # what code names is spelled as above; all other text is looked up first
else:
    Purpose = Annotated[str, msgspec.Meta(pattern=PURPOSE)]  # what arrives has the form, and is looked up next

PURPOSES: Final[tuple[BuiltIn, ...]] = get_args(BuiltIn)
CHANNEL_PURPOSES: Final[frozenset[Purpose]] = frozenset(PURPOSES[4:])
_BY_CHANNEL: Final[dict[str, Purpose]] = {purpose: purpose for purpose in CHANNEL_PURPOSES}
FOR_ADULTS: Final[frozenset[Purpose]] = frozenset({"location", "profiling"})
"""What nobody is granted for who did not say that she is of age."""


def purpose_of(channel: str) -> Purpose | None:
    """What somebody agrees to who is to be reached over a channel; None for `log`, which reaches nobody."""
    return _BY_CHANNEL.get(channel)


Platform = Literal["web", "android", "ios", "sim", "email", "webhook"]
"""What kind of thing receives; a mailbox is one, and so is what a webhook reaches (a phone number, say)."""
Locale = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z]{2,3}([_-][A-Za-z0-9]{2,8}){0,3}$(?!\n)")]


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """Something that can receive."""

    id: str
    shopper: str
    platform: Platform
    locale: Locale
    seen_ms: int = 0


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where a channel reaches a device; it holds secrets, so it is stored sealed."""

    channel: str
    app: str
    service: str
    address: dict[str, object]
    registered_ms: int = 0


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """One purpose as it stands, with time and source."""

    purpose: Purpose
    granted: bool
    at_ms: int
    source: str
