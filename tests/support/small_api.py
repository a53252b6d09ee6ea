"""The API on a real database without ingest: presence where nobody is, or where too much waits."""

from push.api.contract import Context
from push.channels.inapp import EventStreams
from push.credentials import CredentialBook, Trade
from push.model.errors import OverloadedError
from push.model.ports import Clock, Database
from push.model.presence import Observation
from push.registry.directory import Directory
from tests.support.outbox import VAULT


class Nowhere:
    """Presence where nobody is."""

    directory = Directory()

    def identify(self, ids: list[tuple[int, bytes]], at_ms: int) -> list[str | None]:
        del at_ms
        return [None] * len(ids)

    async def report(self, shopper: str, device: str, observations: list[Observation]) -> list[str]:
        del shopper, device, observations
        return []

    async def forget(self, shopper: str) -> None:
        del shopper


class Crowded(Nowhere):
    """Presence that takes nothing more in."""

    async def forget(self, shopper: str) -> None:
        del shopper
        raise OverloadedError("withdrawals")


class Broken(Nowhere):
    """Presence with a fault in it."""

    async def forget(self, shopper: str) -> None:
        raise ZeroDivisionError(f"a fault that names {shopper}")


async def nothing() -> None:
    """No registry, nothing to reload."""


def context(db: Database, clock: Clock, streams: EventStreams, presence: Nowhere) -> Context:
    return Context(
        db=db,
        vault=VAULT,
        clock=clock,
        streams=streams,
        presence=presence,
        reload=nothing,
        note_consent=lambda *_: None,
        wake_senders=lambda: None,
        application_server_keys=dict,
        pushes_per_visit=1,
        check_address=lambda _channel, _address: "",
        statistics=dict,
        credentials=CredentialBook(Trade(db, VAULT, clock, {}, lambda _channel, raw, _before: raw, lambda *_: None)),
    )
