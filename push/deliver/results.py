"""What came of attempts, written down: states, attempts, dead addresses, caps given back, events."""

import random
from collections import Counter
from collections.abc import Sequence
from typing import Literal

import msgspec

from push.campaigns import events, outbox
from push.campaigns.events import Event
from push.campaigns.outbox import encoded
from push.deliver.attempts import Attempt, Result
from push.deliver.retry import RetrySettings, next_ms
from push.model.delivery import Route
from push.model.errors import CredentialError, DeviceGoneError
from push.model.people import purpose_of
from push.model.ports import Transaction
from push.profiles import permits
from push.profiles.permits import Check

Outcome = Literal["accepted", "again", "waiting", "failed"]


class Sorted(msgspec.Struct):
    """Results by what becomes of their deliveries."""

    accepted: list[Result] = []
    again: list[tuple[Result, Route, int]] = []
    waiting: list[Result] = []
    failed: list[Result] = []

    def counts(self) -> dict[Outcome, int]:
        """How many there are of each."""
        return {
            "accepted": len(self.accepted),
            "again": len(self.again),
            "waiting": len(self.waiting),
            "failed": len(self.failed),
        }


async def write(tx: Transaction, results: Sequence[Result], retry: RetrySettings, now_ms: int) -> Counter[Outcome]:
    """Write results; how many there were of each outcome."""
    found = _sorted(results, retry, now_ms)
    await tx.execute_many("deliver.attempt", [_attempt_row(r, a) for r in results for a in r.attempts])
    await _drop_dead(tx, results)
    await _note_credentials(tx, results)
    happened = await _write_accepted(tx, found.accepted)
    await tx.execute_many("deliver.again", [_again_row(*each) for each in found.again])
    await tx.execute_many("deliver.wait", [_wait_row(result, now_ms) for result in found.waiting])
    for result in found.failed:
        happened += await _fail(tx, result, now_ms)
    await permits.keep(tx, [check for r in results for check in _checks(r)], now_ms)
    await events.append(tx, happened, now_ms)  # last: nobody waits for a delivery who keeps others from their events
    return Counter(found.counts())


def _checks(result: Result) -> list[Check]:
    """Whether she agreed to each way that was tried."""
    shopper = result.claimed.message.shopper
    return [
        Check(shopper, purpose, "send", getattr(a.error, "reason", None) != "consent_withdrawn")
        for a in result.attempts
        if (purpose := purpose_of(a.route.channel)) is not None
    ]


def _sorted(results: Sequence[Result], retry: RetrySettings, now_ms: int) -> Sorted:
    found = Sorted()
    for result in results:
        claimed = result.claimed
        again = result.again
        if result.accepted:
            found.accepted.append(result)
        elif result.held_at is not None:
            found.again.append((result, result.held_at, max(now_ms, result.held_until_ms)))
        elif again is not None:
            route, error = again
            luck = random.random()  # noqa: S311 - jitter, not a secret
            at_ms = next_ms(retry, claimed.attempt, error.retry_after_ms, now_ms, luck)
            found.again.append((result, route if route in claimed.routes else claimed.routes[0], at_ms))
        elif claimed.later and not claimed.taken_back:
            found.again.append((_next_step(result), claimed.later[0][0], now_ms))
        elif result.may_connect:
            found.waiting.append(result)
        else:
            found.failed.append(result)
    return found


def _next_step(result: Result) -> Result:
    """Nothing of this step is left to try: the next one is due at once. The app may yet connect, too."""
    claimed = result.claimed
    waiting = tuple(r for r in result.routes_left if result.may_connect and r.channel == "inapp")
    step = msgspec.structs.replace(claimed, routes=(*claimed.later[0], *waiting), later=claimed.later[1:])
    return msgspec.structs.replace(result, claimed=step)


async def _write_accepted(tx: Transaction, results: Sequence[Result]) -> list[Event]:
    """A delivery that has moved on meanwhile keeps its state, and learns when it was handed over."""
    rows = [_accepted_row(result) for result in results]
    await tx.execute_many(
        "deliver.accepted", [{**row, "attempt": r.claimed.attempt} for row, r in zip(rows, results, strict=True)]
    )
    await tx.execute_many("deliver.note_hand_over", rows)
    return [
        Event(
            kind="accepted",
            message=r.claimed.message.id,
            delivery=r.claimed.id,
            shopper=r.claimed.message.shopper,
            channel=r.attempts[-1].route.channel,
        )
        for r in results
    ]


def _accepted_row(result: Result) -> dict[str, object]:
    last = result.attempts[-1]
    accepted = last.accepted
    return {
        "id": result.claimed.id,
        "device": last.route.device,
        "channel": last.route.channel,
        "app": last.route.app,
        "dropped": None if accepted is None or not accepted.dropped else ",".join(accepted.dropped),
        "seq": 0 if accepted is None else accepted.seq,
        "handed_over_ms": last.started_ms,
        "accepted_ms": last.ended_ms,
    }


def _again_row(result: Result, route: Route, at_ms: int) -> dict[str, object]:
    claimed = result.claimed
    error = result.again[1] if result.again else None
    left = tuple(r for r in claimed.routes if r in result.routes_left or r == route) or claimed.routes
    return {
        "id": claimed.id,
        "attempt": claimed.attempt,
        "reason": "held" if error is None else error.reason,
        "next_ms": at_ms,
        "queue": route.queue(claimed.lane, alone=len(left) == 1),
        "routes": encoded(left),
        "later": encoded(claimed.later),
        "maybe_sent": result.maybe_sent,
    }


def _wait_row(result: Result, now_ms: int) -> dict[str, object]:
    claimed = result.claimed
    apps = tuple(r for r in result.routes_left if r.channel == "inapp")
    error = result.attempts[-1].error
    return {
        "id": claimed.id,
        "attempt": claimed.attempt,
        "reason": None if error is None else error.reason,
        "queue": apps[0].queue(claimed.lane, alone=len(result.routes_left) == 1),
        "routes": encoded(result.routes_left),
        "since_ms": result.attempts[0].started_ms,
        "now_ms": now_ms,
    }


async def _fail(tx: Transaction, result: Result, now_ms: int) -> list[Event]:
    claimed, error = result.claimed, result.attempts[-1].error
    reason = "unknown" if error is None else error.reason
    rows = await tx.fetch("deliver.failed", id=claimed.id, attempt=claimed.attempt, reason=reason, ended_ms=now_ms)
    await outbox.release_caps(tx, rows, now_ms)
    return events.of("failed", rows, reason)


async def _drop_dead(tx: Transaction, results: Sequence[Result]) -> None:
    """Forget addresses that their service says are dead, unless they were registered again since."""
    rows = [
        {"device": a.route.device, "channel": a.route.channel, "since_ms": _dead_since_ms(a, a.error)}
        for r in results
        for a in r.attempts
        if isinstance(a.error, DeviceGoneError)
    ]
    await tx.execute_many("profiles.drop_address", rows)


def _dead_since_ms(attempt: Attempt, error: DeviceGoneError) -> int:
    return attempt.registered_ms if error.since_ms is None else min(error.since_ms, attempt.registered_ms)


async def _note_credentials(tx: Transaction, results: Sequence[Result]) -> None:
    """Which credentials were refused, and which that had been refused work again."""
    refused: dict[tuple[str, str], str | None] = {}
    for attempt in (a for r in results for a in r.attempts if a.route.channel not in {"inapp", "log", "none"}):
        key = attempt.route.channel, attempt.route.app
        if isinstance(attempt.error, CredentialError):
            refused[key] = attempt.error.reason
        elif attempt.error is None:
            refused.setdefault(key, None)
    for (channel, app), reason in refused.items():
        await tx.execute("credentials.note", channel=channel, app=app, reason=reason)


def _attempt_row(result: Result, attempt: Attempt) -> dict[str, object]:
    accepted = attempt.accepted
    return {
        "delivery": result.claimed.id,
        "attempt": result.claimed.attempt,
        "device": attempt.route.device,
        "channel": attempt.route.channel,
        "app": attempt.route.app,
        "started_ms": attempt.started_ms,
        "ended_ms": attempt.ended_ms,
        "outcome": "accepted" if attempt.error is None else attempt.error.reason,
        "status": accepted.status if accepted is not None else getattr(attempt.error, "status", None),
        "reference": None if accepted is None else _printable(accepted.reference),
    }


def _printable(reference: str | None) -> str | None:
    """A service's own words, without what a database would not take: a header may hold any bytes."""
    return None if reference is None else reference.encode("ascii", "replace").decode().replace("\0", "?")
