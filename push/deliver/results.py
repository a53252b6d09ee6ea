"""What came of attempts, written down: state, attempts, dead addresses, caps given back."""

import random
from collections import Counter
from collections.abc import Sequence
from typing import Literal

from push.campaigns import outbox
from push.deliver.attempts import Attempt, Result
from push.deliver.retry import RetrySettings, next_ms
from push.model.errors import TransientError
from push.model.ports import Transaction

Outcome = Literal["accepted", "again", "waiting", "failed"]


async def write(tx: Transaction, results: Sequence[Result], retry: RetrySettings, now_ms: int) -> Counter[Outcome]:
    """Write results; how many there were of each outcome."""
    counts: Counter[Outcome] = Counter()
    for result in results:
        counts[await _settle(tx, result, retry, now_ms)] += 1
        await tx.execute_many("deliver.attempt", [_row(result, attempt) for attempt in result.attempts])
    return counts


async def _settle(tx: Transaction, result: Result, retry: RetrySettings, now_ms: int) -> Outcome:
    claimed, last = result.claimed, result.attempts[-1]
    if result.dead_subscription is not None:
        await tx.execute("profiles.drop_subscription", id=claimed.device, subscription_sealed=result.dead_subscription)
    if last.error is None:
        await _accepted(tx, result)
        return "accepted"
    which = {"id": claimed.id, "attempt": claimed.attempt, "reason": last.error.reason}
    if isinstance(last.error, TransientError):
        luck = random.random()  # noqa: S311 - jitter, not a secret
        at_ms = next_ms(retry, claimed.attempt, last.error.retry_after_ms, now_ms, luck)
        await tx.execute("deliver.again", **which, next_ms=at_ms, maybe_sent=result.maybe_sent)
        return "again"
    if result.may_connect:
        await tx.execute("deliver.wait", **which, since_ms=result.attempts[0].started_ms, now_ms=now_ms)
        return "waiting"
    rows = await tx.fetch("deliver.failed", **which, ended_ms=now_ms)
    await outbox.release_caps(tx, rows, now_ms)
    return "failed"


async def _accepted(tx: Transaction, result: Result) -> None:
    """A delivery that has moved on meanwhile keeps its state, and learns when it was handed over."""
    claimed, last = result.claimed, result.attempts[-1]
    facts: dict[str, object] = {
        "id": claimed.id,
        "channel": last.channel,
        "seq": 0 if last.accepted is None else last.accepted.seq,
        "handed_over_ms": last.started_ms,
        "accepted_ms": last.ended_ms,
    }
    if not await tx.execute("deliver.accepted", **facts, attempt=claimed.attempt):
        await tx.execute("deliver.note_hand_over", **facts)


def _row(result: Result, attempt: Attempt) -> dict[str, object]:
    accepted = attempt.accepted
    return {
        "delivery": result.claimed.id,
        "attempt": result.claimed.attempt,
        "channel": attempt.channel,
        "started_ms": attempt.started_ms,
        "ended_ms": attempt.ended_ms,
        "outcome": "accepted" if attempt.error is None else attempt.error.reason,
        "status": accepted.status if accepted is not None else getattr(attempt.error, "status", None),
        "reference": None if accepted is None else _printable(accepted.reference),
    }


def _printable(reference: str | None) -> str | None:
    """A service's own words, without what a database would not take: a header may hold any bytes."""
    return None if reference is None else reference.encode("ascii", "replace").decode().replace("\0", "?")
