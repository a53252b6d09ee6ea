"""Messages on their way: content, the state machine of a delivery, receipts."""

from enum import IntEnum, StrEnum
from typing import Annotated, Final, Literal

import msgspec

from push.model.people import Purpose

Urgency = Literal["very-low", "low", "normal", "high"]
ReceiptKind = Literal["shown", "opened", "clicked", "dismissed", "redeemed", "useful", "less"]
"""What an app reports: seen; its body or an action followed; put away; the offer used; and her verdict on it."""
EventKind = Literal[
    "queued", "accepted", "failed", "expired", "cancelled",
    "shown", "opened", "clicked", "dismissed", "redeemed", "useful", "less", "health.opened", "health.cleared",
]  # fmt: skip
"""What happens to a delivery, and to the fleet, as hooks and streams tell it."""

Basis = Literal["marketing", "service"]
"""Why a message may be sent: she agreed to offers, or she is owed it (a collection is ready)."""

ChannelName = Literal["inapp", "webpush", "fcm", "apns", "email", "webhook", "screen", "log"]

DEFAULT_APP: Final = "default"
"""The app of a channel that has but one."""

Text = Annotated[str, msgspec.Meta(max_length=2000)]
Url = Annotated[str, msgspec.Meta(max_length=2000)]
DataKey = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$(?!\n)")]


CONFIRM_URL: Final = "footfall:confirm"
"""In place of the link that confirms something: it is made for each delivery as it is sent, and kept nowhere."""


class Action(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A button: what it says, and where it leads."""

    title: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    url: Url


class Content(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a person reads, rendered, where a tap leads, and `data` for the app. A channel says what it had to drop."""

    title: Text
    body: Text
    url: Url | None = None
    image: Url | None = None
    actions: Annotated[tuple[Action, ...], msgspec.Meta(max_length=4)] = ()
    data: Annotated[dict[DataKey, Text], msgspec.Meta(max_length=32)] = {}
    locale: Annotated[str, msgspec.Meta(max_length=35)] | None = None


class Lane(IntEnum):
    """Who goes first: a mail-out never delays what somebody in a store is about to see."""

    MOMENT = 0
    SERVICE = 1
    BULK = 2


OTHER_WAYS: Final = "+"
"""Ends the name of a queue whose deliveries need not wait for its gate alone."""


class Route(msgspec.Struct, frozen=True, array_like=True):
    """One way to a person: a device, a channel, the app whose credential is used, and the service behind it."""

    device: str
    channel: str
    app: str = DEFAULT_APP
    service: str = ""

    @property
    def gate(self) -> str:
        """What limits this way, together with all others that lead through the same service: channel/app/service."""
        return f"{self.channel}/{self.app}/{self.service}"

    def queue(self, lane: int, *, alone: bool = True) -> str:
        """Where a delivery waits for this way: lane and gate, marked where there are other ways to take.

        Queues are served in the order of their names.
        """
        return f"{lane}/{self.gate}" if alone else f"{lane}/{self.gate}{OTHER_WAYS}"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What is said to one shopper; it makes no sense after `expires_ms`.

    `campaign` is empty where none asked for it. One message replaces another of the same `collapse_key`, where the
    channel can do that.
    """

    id: str
    shopper: str
    campaign: str
    content: Content
    created_ms: int
    expires_ms: int
    collapse_key: str
    urgency: Urgency = "high"
    basis: Basis = "marketing"
    needs: tuple[Purpose, ...] = ()
    """What it rests on beside its basis: without her yes to each of these it is not sent."""


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt: a message for one device. `address` is what the channel needs to reach it; each documents its own.

    For Web Push that is the subscription as browsers give it: ``{"endpoint", "keys": {"p256dh", "auth"}}``. `app` names
    the credential that the address belongs to, `registered_ms` is when it was registered.
    """

    delivery: str
    device: str
    message: Message
    address: dict[str, object]
    now_ms: int
    seq: int = 0
    """Number of the message in its device's event stream."""
    app: str = DEFAULT_APP
    registered_ms: int = 0
    unsubscribe_url: str | None = None
    """Where one click ends this channel for her, of marketing messages; None where there is no public address."""

    @property
    def ttl_s(self) -> int:
        """Whole seconds that the message still makes sense, never negative."""
        return max(0, (self.message.expires_ms - self.now_ms) // 1000)


Part = Literal["body", "url", "image", "actions", "data", "locale", "urgency", "collapse_key", "text"]
"""A part of a message; "text" is title and body together, which private mode replaces."""


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The service took the message: `reference` is its own id for it, where it gives one."""

    status: int | None = None
    reference: str | None = None
    seq: int = 0
    """Number of the message in its device's event stream, where it went there."""
    dropped: tuple[Part, ...] = ()
    """What of the message the channel could not carry."""


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """A credential that was found good: what names it without giving it away, and when it ends (None: never)."""

    summary: str
    expires_ms: int | None = None
    warnings: tuple[str, ...] = ()


class State(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    SENDING = "sending"
    ACCEPTED = "accepted"
    SHOWN = "shown"
    OPENED = "opened"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def is_terminal(self) -> bool:
        """No delivery leaves such a state."""
        return not NEXT[self]


NEXT: Final[dict[State, frozenset[State]]] = {
    # Receipts may overtake the answer that says a message was taken, or come although that answer got lost. Handed over
    # while it was pending: in the answer to a phone's own report.
    State.PENDING: frozenset(
        {State.SENDING, State.ACCEPTED, State.SHOWN, State.OPENED, State.EXPIRED, State.CANCELLED}
    ),
    State.SENDING: frozenset({State.PENDING, State.ACCEPTED, State.SHOWN, State.OPENED, State.EXPIRED, State.FAILED}),
    State.ACCEPTED: frozenset({State.SHOWN, State.OPENED}),
    State.SHOWN: frozenset({State.OPENED}),
    State.OPENED: frozenset(),
    State.EXPIRED: frozenset(),
    State.CANCELLED: frozenset(),
    State.FAILED: frozenset(),
}
"""The one table of the state machine: code, docs and console are drawn from it."""


def entries(state: State) -> tuple[str, ...]:
    """The states from which `state` may be entered, as the values that SQL compares with."""
    return tuple(before.value for before, after in NEXT.items() if state in after)
