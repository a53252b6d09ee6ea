"""Messages on their way: content, the state machine of a delivery, receipts."""

from enum import StrEnum
from typing import Final, Literal

import msgspec

Urgency = Literal["very-low", "low", "normal", "high"]
ReceiptKind = Literal["shown", "opened"]


class Content(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person reads: rendered text, and where a tap leads."""

    title: str
    body: str
    url: str | None = None
    image: str | None = None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """The rendered offer for one shopper; it makes no sense after `expires_ms`."""

    id: str
    shopper: str
    campaign: str
    content: Content
    created_ms: int
    expires_ms: int
    collapse_key: str
    urgency: Urgency = "high"


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt: a message for one device. `address` is what the channel needs to reach it.

    For Web Push that is the subscription as browsers give it: ``{"endpoint", "keys": {"p256dh", "auth"}}``.
    """

    delivery: str
    device: str
    message: Message
    address: dict[str, object]
    now_ms: int
    seq: int = 0
    """Number of the message in its device's event stream."""

    @property
    def ttl_s(self) -> int:
        """Whole seconds that the message still makes sense, never negative."""
        return max(0, (self.message.expires_ms - self.now_ms) // 1000)


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The service took the message: `reference` is its own id for it, where it gives one."""

    status: int | None = None
    reference: str | None = None
    seq: int = 0
    """Number of the message in its device's event stream, where it went there."""


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
