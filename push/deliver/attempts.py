"""One claimed delivery on its way: its routes are tried in turn until one takes it, or may have taken it."""

import random
import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import msgspec
import structlog

from push.deliver import load
from push.deliver.gates import Answer, Gates, Outcome, is_ours
from push.deliver.load import Claimed
from push.model.delivery import CONFIRM_URL, Accepted, Message, Outgoing, Route
from push.model.errors import (
    BusyError,
    CredentialError,
    DatabaseError,
    DeliveryError,
    OutcomeUnknownError,
    PermanentError,
    TransientError,
    UnreachableError,
)
from push.model.ports import Channel, Clock, Database
from push.model.vault import SealError
from push.profiles import people
from push.profiles.people import Seals

log = structlog.get_logger()

NOWHERE: Final = Route("", "none")
"""The route of what never came so far as to have one."""
RECHECK_MS: Final = 50
"""What was read longer ago is read again before the next route: she may have withdrawn meanwhile."""
LEAST_TELLING: Final = 5
"""Shorter parts of an address tell nobody, and may stand in a reference by chance."""
NEEDS_NO_ADDRESS: Final = frozenset({"inapp", "log", "screen"})

Unsubscribe = Callable[[str, str], str | None]
"""Where one click ends a channel for whoever got a delivery: takes delivery and channel."""


def no_unsubscribe(_delivery: str, _channel: str) -> None:
    """Without a public address there is no link."""


Confirm = Callable[[str], str | None]
"""Where whoever got a delivery confirms what it asks."""


def no_confirm(_delivery: str) -> None:
    """Without a public address there is no link."""


class Means(NamedTuple):
    """What senders work with."""

    db: Database
    seals: Seals
    clock: Clock
    channels: Mapping[str, Channel]
    unsubscribe: Unsubscribe = no_unsubscribe
    longest_s: float = 0.0
    """How long one channel may take over one attempt."""
    confirm: Confirm = no_confirm


class Attempt(msgspec.Struct, frozen=True):
    """One route's answer to one attempt."""

    route: Route
    started_ms: int
    ended_ms: int
    error: DeliveryError | None
    accepted: Accepted | None = None
    registered_ms: int = 0


class Result(msgspec.Struct, frozen=True):
    """What came of a claimed delivery: its last attempt decides, unless it has to wait at another gate."""

    claimed: Claimed
    attempts: tuple[Attempt, ...]
    held_at: Route | None = None
    held_until_ms: int = 0

    @property
    def accepted(self) -> bool:
        """Whether a route took it."""
        return bool(self.attempts) and self.attempts[-1].error is None

    @property
    def again(self) -> tuple[Route, TransientError] | None:
        """The route that may work later, and what was wrong with it; the last of them."""
        for attempt in reversed(self.attempts):
            if isinstance(attempt.error, TransientError):
                return attempt.route, attempt.error
        return None

    @property
    def may_connect(self) -> bool:
        """Whether an app that is not connected may yet open its event stream: that wakes the delivery."""
        return any(a.route.channel == "inapp" and isinstance(a.error, UnreachableError) for a in self.attempts)

    @property
    def maybe_sent(self) -> bool:
        """Whether a message may have arrived although nobody said so."""
        return any(isinstance(a.error, OutcomeUnknownError) for a in self.attempts)

    @property
    def routes_left(self) -> tuple[Route, ...]:
        """The ways that were not refused for good."""
        dead = {
            a.route
            for a in self.attempts
            if isinstance(a.error, PermanentError) and not isinstance(a.error, UnreachableError)
        }
        return tuple(route for route in self.claimed.routes if route not in dead)


class Attempts:
    """Makes attempts. Never raises: whatever happens to one delivery is its result."""

    def __init__(self, means: Means, gates: Gates, lease_s: float) -> None:
        self._db, self._seals, self._clock, self._channels, self._unsubscribe, longest_s, self._confirm = means
        self._gates = gates
        self._begin_ms = int((lease_s - longest_s) * 1000)
        """After a claim: what is begun later might still be on its way when somebody else claims the delivery."""

    async def make(self, claimed: Claimed) -> Result:
        """Hand a delivery over, by the first route that can."""
        attempts: list[Attempt] = []
        inside: list[str] = []
        try:
            return await self._try_routes(claimed, attempts, inside)
        except DatabaseError:
            return Result(claimed, (*attempts, self._nowhere(TransientError("database_failed"))))
        finally:
            for gate in inside:
                self._leave(gate, "idle")

    async def _try_routes(self, claimed: Claimed, attempts: list[Attempt], inside: list[str]) -> Result:
        held: Route | None = None
        now = claimed
        for route in claimed.routes:
            now = await self._fresh(now)
            objection = self._objection(now, route)
            if objection is not None:
                attempts.append(self._none(route, PermanentError(objection)))
                continue
            if self._is_late(claimed, now):
                held = held or route
                break
            if not self._let_in(route.gate, claimed.lane, inside):
                if self._gates.is_well(route.gate, self._clock.now_ms()):
                    held = route
                    break  # it is only full: this way is as good as it was
                held = held or route
                continue
            attempts.append(await self._attempt(route, now, inside))
            if not isinstance(attempts[-1].error, (PermanentError, CredentialError)):
                return Result(claimed, tuple(attempts))
        if held is None and not attempts:
            attempts.append(self._nowhere(PermanentError("no_route")))
        opens_ms = 0 if held is None else self._gates.again_ms(held.gate, self._clock.now_ms())
        return Result(claimed, tuple(attempts), held, opens_ms)

    def _is_late(self, claimed: Claimed, now: Claimed) -> bool:
        """Whether an attempt that is begun now could outlast the lease, or nobody would want what it brings."""
        now_ms = self._clock.now_ms()
        return now_ms - claimed.read_ms > self._begin_ms or now_ms >= now.expires_ms

    async def _fresh(self, claimed: Claimed) -> Claimed:
        """A delivery as it stands now: what was read a moment ago will do."""
        now_ms = self._clock.now_ms()
        if now_ms - claimed.read_ms <= RECHECK_MS:
            return claimed
        found = (await load.claimed(self._db, self._seals.keyring, [claimed.id], now_ms)).claimed
        return found[0] if found else msgspec.structs.replace(claimed, taken_back=True)  # she is erased

    def _objection(self, claimed: Claimed, route: Route) -> str | None:
        """What speaks against a route as things stand now."""
        if claimed.taken_back:
            return "taken_back"
        if route.device not in claimed.devices:
            return "device_unknown"
        if (route.device, route.channel) in claimed.suppressed:
            return "suppressed"
        return claimed.standing.objection(
            claimed.message.basis, route.channel, self._clock.now_ms(), claimed.message.needs
        )

    def _let_in(self, gate: str, lane: int, inside: list[str]) -> bool:
        if gate in inside or is_ours(gate):
            return True
        found = self._gates.gate(gate)
        if found.room(lane, self._clock.now_ms()) <= 0:
            return False
        found.enter()
        inside.append(gate)
        return True

    async def _attempt(self, route: Route, claimed: Claimed, inside: list[str]) -> Attempt:
        started_ms = self._clock.now_ms()
        accepted: Accepted | None = None
        error: DeliveryError | None = None
        registered_ms = 0
        try:
            outgoing = self._outgoing(route, claimed, started_ms)
            registered_ms = outgoing.registered_ms
            accepted = _nameless(await self._channel(route.channel).send(outgoing), outgoing.address)
        except DeliveryError as failure:
            error = failure
        except SealError:
            error = PermanentError("address_does_not_open")
        except Exception:
            log.exception("channel failed", channel=route.channel, delivery=claimed.id)
            error = OutcomeUnknownError("channel_failed")
        ended_ms = self._clock.now_ms()
        if route.gate in inside:
            inside.remove(route.gate)
            self._leave(route.gate, outcome(error), ended_ms - started_ms, error)
        return Attempt(route, started_ms, ended_ms, error, accepted, registered_ms)

    def _outgoing(self, route: Route, claimed: Claimed, now_ms: int) -> Outgoing:
        found = claimed.addresses.get((route.device, route.channel))
        address: dict[str, object] = {}
        if found is not None:
            address = people.open_address(found, self._seals)
        elif route.channel not in NEEDS_NO_ADDRESS and route.channel in self._channels:
            raise PermanentError("no_address")
        is_offer = claimed.message.basis == "marketing"
        return Outgoing(
            delivery=claimed.id,
            device=route.device,
            message=self._linked(claimed),
            address=address,
            now_ms=now_ms,
            seq=claimed.seq,
            app=route.app,
            registered_ms=0 if found is None else found["registered_ms"],
            unsubscribe_url=self._unsubscribe(claimed.id, route.channel) if is_offer else None,
        )

    def _linked(self, claimed: Claimed) -> Message:
        """The message, with the link that it stands for."""
        message = claimed.message
        if message.content.url != CONFIRM_URL:
            return message
        content = msgspec.structs.replace(message.content, url=self._confirm(claimed.id))
        return msgspec.structs.replace(message, content=content)

    def _channel(self, name: str) -> Channel:
        channel = self._channels.get(name)
        if channel is None:
            raise UnreachableError("no_such_channel")
        return channel

    def _leave(self, gate: str, how: Outcome, took_ms: int = 0, error: DeliveryError | None = None) -> None:
        wait_ms = error.retry_after_ms if isinstance(error, TransientError) else None
        luck = random.random()  # noqa: S311 - jitter, not a secret
        answer = Answer(how, took_ms, wait_ms, "" if error is None else error.reason)
        self._gates.gate(gate).leave(answer, self._clock.now_ms(), luck)

    def _none(self, route: Route, error: DeliveryError) -> Attempt:
        now_ms = self._clock.now_ms()
        return Attempt(route, now_ms, now_ms, error)

    def _nowhere(self, error: DeliveryError) -> Attempt:
        return self._none(NOWHERE, error)


def _nameless(accepted: Accepted, address: Mapping[str, object]) -> Accepted:
    """How a service names what it took, without the address: some mail servers repeat it, and this is kept in clear."""
    reference = accepted.reference
    for value in address.values():
        if reference is not None and isinstance(value, str) and len(value) >= LEAST_TELLING:
            reference = re.sub(re.escape(value), "(address)", reference, flags=re.IGNORECASE)
    return accepted if reference == accepted.reference else msgspec.structs.replace(accepted, reference=reference)


def outcome(error: DeliveryError | None) -> Outcome:
    """What an answer says about the service; whatever it says about the message, it was an answer.

    What is refused for good without a status was refused here, and nobody was asked.
    """
    match error:
        case PermanentError(status=None):
            return "idle"
        case None | PermanentError():
            return "good"
        case BusyError():
            return "busy"
        case CredentialError():
            return "refused"
        case _:
            return "down"
