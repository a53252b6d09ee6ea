"""One claimed delivery on its way: its channels are tried in turn until one takes it, or may have taken it."""

from collections.abc import Mapping

import msgspec
import structlog

from push.model.delivery import Accepted, Content, Message, Outgoing
from push.model.errors import (
    DatabaseError,
    DeliveryError,
    DeviceGoneError,
    OutcomeUnknownError,
    PermanentError,
    TransientError,
    UnreachableError,
)
from push.model.people import CHANNEL_PURPOSES
from push.model.ports import Channel, Clock, Database, Row
from push.model.vault import SealError, Vault
from push.profiles import consent, people

log = structlog.get_logger()


class Claimed(msgspec.Struct, frozen=True):
    """A delivery under lease."""

    id: str
    message: str
    device: str
    channels: tuple[str, ...]
    seq: int
    attempt: int
    expires_ms: int


class Attempt(msgspec.Struct, frozen=True):
    """One channel's answer to one attempt."""

    channel: str
    started_ms: int
    ended_ms: int
    error: DeliveryError | None
    accepted: Accepted | None = None


class Result(msgspec.Struct, frozen=True):
    """What came of a claimed delivery: its last attempt decides."""

    claimed: Claimed
    attempts: tuple[Attempt, ...]
    dead_subscription: bytes | None = None

    @property
    def may_connect(self) -> bool:
        """Whether an app that is not connected may yet open its event stream: that wakes the delivery."""
        return any(a.channel == "inapp" and isinstance(a.error, UnreachableError) for a in self.attempts)

    @property
    def maybe_sent(self) -> bool:
        """Whether a message may have arrived although nobody said so."""
        return any(isinstance(a.error, OutcomeUnknownError) for a in self.attempts)


class Attempts:
    """Makes attempts. Never raises: whatever happens to one delivery is its result."""

    def __init__(self, db: Database, vault: Vault, clock: Clock, channels: Mapping[str, Channel]) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._channels = channels

    async def make(self, claimed: Claimed) -> Result:
        """Hand a delivery over, to the first channel that can."""
        began_ms = self._clock.now_ms()
        try:
            return await self._try_channels(claimed)
        except DatabaseError:
            error: DeliveryError = TransientError("database_failed")
        except SealError:
            error = PermanentError("address_does_not_open")
        return Result(claimed, (Attempt("none", began_ms, self._clock.now_ms(), error),))

    async def _try_channels(self, claimed: Claimed) -> Result:
        row = await self._db.fetch_one("deliver.outgoing", id=claimed.id)
        if row is None:
            return self._hopeless(claimed, "device_unknown")
        if row["taken_back"]:
            return self._hopeless(claimed, "taken_back")
        granted = await consent.granted(self._db, row["shopper"])
        agreed = [name for name in claimed.channels if name not in CHANNEL_PURPOSES or name in granted]
        if not agreed:
            return self._hopeless(claimed, "consent_withdrawn")
        attempts: list[Attempt] = []
        dead: bytes | None = None
        for name in agreed:
            attempts.append(await self._attempt(name, claimed, row))
            error = attempts[-1].error
            if isinstance(error, DeviceGoneError):
                dead = row["subscription_sealed"]
            elif not isinstance(error, UnreachableError):
                break
        return Result(claimed, tuple(attempts), dead)

    def _hopeless(self, claimed: Claimed, reason: str) -> Result:
        now_ms = self._clock.now_ms()
        return Result(claimed, (Attempt("none", now_ms, now_ms, PermanentError(reason)),))

    async def _attempt(self, name: str, claimed: Claimed, row: Row) -> Attempt:
        started_ms = self._clock.now_ms()
        outgoing = _outgoing(claimed, row, self._vault, started_ms)
        accepted: Accepted | None = None
        error: DeliveryError | None = None
        try:
            accepted = await self._channel(name).send(outgoing)
        except DeliveryError as failure:
            error = failure
        except Exception:
            log.exception("channel failed", channel=name, delivery=claimed.id)
            error = OutcomeUnknownError("channel_failed")
        return Attempt(name, started_ms, self._clock.now_ms(), error, accepted)

    def _channel(self, name: str) -> Channel:
        channel = self._channels.get(name)
        if channel is None:
            raise UnreachableError("no_such_channel")
        return channel


def _outgoing(claimed: Claimed, row: Row, vault: Vault, now_ms: int) -> Outgoing:
    address = people.open_subscription(row["subscription_sealed"], claimed.device, vault)
    message = Message(
        id=row["id"],
        shopper=row["shopper"],
        campaign=row["campaign"],
        content=msgspec.json.decode(row["content"], type=Content),
        created_ms=row["created_ms"],
        expires_ms=row["expires_ms"],
        collapse_key=row["collapse_key"],
    )
    return Outgoing(
        delivery=claimed.id,
        device=claimed.device,
        message=message,
        address=address or {},
        now_ms=now_ms,
        seq=claimed.seq,
    )
