"""Messages as other systems ask for them, and what they are answered."""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from beacons.topics import Id
from push.campaigns.routes import FIRST, Policy
from push.model.delivery import DEFAULT_APP, Basis, Content, Part, Urgency
from push.model.people import Locale, Purpose

AT_ONCE: Final = 1000
"""Messages in one call: they are written in one transaction, and nobody else should wait long for that."""
LONGEST_S: Final = 28 * 86_400
"""FCM keeps a message for four weeks, longer than anybody else."""

AddressedChannel = Literal["webpush", "fcm", "apns", "email", "webhook"]
"""Channels whose devices have an address."""
CollapseKey = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.:-]{1,64}$(?!\n)")]
TimeMs = Annotated[int, msgspec.Meta(ge=0, le=2**53)]

Refusal = Literal[
    "unknown_shopper", "unknown_device", "bad_address", "no_channel", "suppressed", "not_agreed", "snoozed",
    "too_large", "duplicate_id", "replaced", "unreadable",
]  # fmt: skip
"""Why a message is not sent, known at once.

Nobody has this id; the address can never work; no channel that was asked for leads to her; the address is on the
suppression list; she did not agree; she wants no offers for now; larger than every channel carries; a message of this
id was taken before; a later one of the same call has the same collapse key; the key of a month that her
data is sealed under is lost.
"""


class AddressIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a channel reaches somebody, for systems that keep their own profiles; each channel documents its own."""

    channel: AddressedChannel
    app: Id = DEFAULT_APP
    address: Annotated[dict[str, Any], msgspec.Meta(min_length=1, max_length=8)]
    locale: Locale = "en"


class To(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom a message is for: exactly one of these."""

    shopper: Id | UnsetType = UNSET
    device: Id | UnsetType = UNSET
    address: AddressIn | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Refuse none, and several. Raises ValueError."""
        if sum(one is not UNSET for one in (self.shopper, self.device, self.address)) != 1:
            raise ValueError("expected exactly one of `shopper`, `device` and `address`")


class Agreed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """That somebody agreed to offers elsewhere: where, and when."""

    source: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    at_ms: TimeMs


ExactlyOne = Annotated[To, msgspec.Meta(extra_json_schema={"minProperties": 1, "maxProperties": 1})]


class MessageIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message to be sent. `lifetime_s` begins when it is sent; `id` is the caller's own, and never sent twice."""

    to: ExactlyOne
    content: Content
    basis: Basis = "marketing"
    urgency: Urgency = "normal"
    lifetime_s: Annotated[int, msgspec.Meta(ge=5, le=LONGEST_S)] = 86_400
    collapse_key: CollapseKey | None = None
    send_at_ms: TimeMs | None = None
    policy: Policy = FIRST
    id: Id | None = None
    agreed: Agreed | None = None
    needs: Annotated[tuple[Purpose, ...], msgspec.Meta(max_length=5)] = ()
    """Purposes that it rests on beside its basis: it goes to who granted each, and is taken back with any of them."""

    def __post_init__(self) -> None:
        """Refuse offers to an address without anybody's word that she agreed. Raises ValueError."""
        if self.to.address is not UNSET and self.basis == "marketing" and self.agreed is None:
            raise ValueError("expected `agreed` (source, at_ms): an offer to an address needs her consent")


class MessagesIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Many messages in one call: all of them are taken, or none."""

    messages: Annotated[tuple[MessageIn, ...], msgspec.Meta(min_length=1, max_length=AT_ONCE)]


class Bare(msgspec.Struct, frozen=True, kw_only=True):
    """An address that was looked at and found good; `service` is whose servers take it, `hash` finds it."""

    channel: AddressedChannel
    app: str
    service: str
    address: dict[str, object]
    locale: str
    hash: str


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A message that is asked for, under the id that it will have; where it is for an address, what came of that."""

    id: str
    message: MessageIn
    bare: Bare | None = None
    refusal: Refusal | None = None


class Verdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What becomes of a message: queued as `delivery`, or refused. `dropped` is what channels cannot carry of it."""

    id: str
    status: Literal["queued", "refused"]
    reason: Refusal | None = None
    delivery: str | None = None
    dropped: dict[str, tuple[Part, ...]] = {}


class Verdicts(msgspec.Struct, frozen=True):
    """One for each message, in their order."""

    messages: tuple[Verdict, ...]
