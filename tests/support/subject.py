"""A channel before a service that does as it is told: what tests of all channels ask of one, and what goes wrong."""

import inspect
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from push.model.delivery import Basis, Content, Message, Outgoing
from push.model.errors import BusyError, CredentialError, DeliveryError, DeviceGoneError, OutcomeUnknownError
from push.model.ports import Channel
from tests.support.clocks import RealClock
from tests.support.mailroom import Mailroom

CLOCK: Final = RealClock()
TITLE: Final = "Only she may read this"
BODY: Final = "and this is nobody else's business"
SILENT_S: Final = 30.0
RETRY_AFTER: Final = {"Retry-After": "7"}
GARBAGE: Final = b"\0garbage\r\n\r\n"
DEVICES: Final = 200

Trouble = Literal["gone", "busy", "refused", "cut", "silent", "garbage"]
TROUBLES: Final[Mapping[Trouble, type[DeliveryError]]] = {
    "gone": DeviceGoneError,
    "busy": BusyError,
    "refused": CredentialError,
    "cut": OutcomeUnknownError,
    "silent": OutcomeUnknownError,
    "garbage": OutcomeUnknownError,
}
"""What each must become."""


class Subject:
    """A channel with a service. `troubles` makes it misbehave at the next message."""

    basis: Basis = "service"

    def __init__(self, channel: Channel, room: Mailroom, troubles: Mapping[Trouble, Callable[[], object]]) -> None:
        self.channel = channel
        self.troubles = troubles
        self.expected = dict(TROUBLES)
        self.retry_after_ms: int | None = 7000
        """What a busy service asks for, where its protocol can say so."""
        self._room = room

    async def suffer(self, trouble: Trouble) -> None:
        """Let something go wrong for the message of number 0, the next one."""
        done = self.troubles[trouble]()
        if inspect.isawaitable(done):
            await done

    def outgoing(self, n: int = 0, body: str = BODY, app: str = "default") -> Outgoing:
        """A message to somebody."""
        now_ms = CLOCK.now_ms()
        message = Message(
            id=f"msg_{n}",
            shopper=f"shp_{n}",
            campaign="",
            content=Content(title=TITLE, body=body),
            created_ms=now_ms,
            expires_ms=now_ms + 600_000,
            collapse_key=f"msg_{n}",
            basis=self.basis,
        )
        address = self.address(n)
        return Outgoing(delivery=f"dlv_{n}", device=f"d{n}", message=message, address=address, now_ms=now_ms, app=app)

    def address(self, n: int) -> dict[str, Any]:
        """Somebody's."""
        found = self._room.address(self.channel.name, n)["address"]
        assert isinstance(found, dict)
        return found

    def taken(self) -> Counter[str]:
        """How often each delivery came in."""
        return self._room.taken(self.channel.name, [f"dlv_{n}" for n in range(DEVICES)])
