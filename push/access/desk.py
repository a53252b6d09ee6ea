"""What the room works with: handed in where the server is wired."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final, NamedTuple, Protocol

import msgspec

from push.access.known import Known
from push.access.limits import Limits
from push.access.passwords import Hasher
from push.access.traces import Traces
from push.model.ports import Clock, Database, Transaction
from push.model.vault import Vault

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS


class Audit(Protocol):
    """Keeps who did what to whom, in the transaction that did it."""

    async def __call__(  # noqa: PLR0913 - as the trail has it: who, what, whom, when, before, after
        self,
        tx: Transaction,
        actor: str,
        action: str,
        subject: str,
        at_ms: int,
        *,
        before: object = None,
        after: object = None,
    ) -> None:
        """Write it down."""
        ...


class AccessSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long sessions last."""

    idle_h: Annotated[int, msgspec.Meta(ge=1, le=168)] = 12
    """A session that nobody used for so long is over."""
    longest_d: Annotated[int, msgspec.Meta(ge=1, le=90)] = 7
    """And after so many days in any case."""
    metrics_token_only: bool = False
    """Whether /metrics takes an operator's token from our own machine as well."""


class Peer(NamedTuple):
    """Who is at the other end: the address of the connection, and what the browser says that it is."""

    remote: str
    agent: str = ""


async def _nothing() -> None:
    """Nobody waits for the end of set-up."""


class Desk(NamedTuple):
    """Where people prove who they are, and are looked after."""

    db: Database
    vault: Vault
    clock: Clock
    hasher: Hasher
    audit: Audit
    limits: Limits
    traces: Traces
    known: Known
    settings: AccessSettings = AccessSettings()
    origin: str = ""
    """Where people reach us from outside (``https://push.example``), as browsers name it; empty where nobody said."""
    set_up: Callable[[], Awaitable[None]] = _nothing
    """Told once the first operator was made."""

    @property
    def secure(self) -> bool:
        """Whether people reach us by https: cookies then never leave it."""
        return self.origin.startswith("https://")
