"""What was not shown in time, or not even handed over, is tried another way, under the same message id."""

import msgspec

from push.campaigns import events
from push.campaigns.events import Event
from push.campaigns.outbox import encoded
from push.model.delivery import Route, State
from push.model.ids import derived
from push.model.ports import Row, Transaction

AT_ONCE = 64

Steps = tuple[tuple[Route, ...], ...]


async def fall_back(tx: Transaction, now_ms: int) -> int | None:
    """Queue the next step of what is due; when the next one will be."""
    rows = await tx.fetch("deliver.falling_back", now_ms=now_ms, most=AT_ONCE)
    for row in rows:
        await _next_step(tx, row, now_ms)
    if len(rows) == AT_ONCE:
        return now_ms
    due = await tx.fetch_one("deliver.next_fall_back")
    return None if due is None else due["due_ms"]


async def _next_step(tx: Transaction, row: Row, now_ms: int) -> None:
    steps = msgspec.json.decode(row["later"], type=tuple[tuple[Route, ...], ...])
    if steps and row["expires_ms"] > now_ms and row["state"] == State.PENDING:
        await _step_on(tx, row, steps, now_ms)
        return
    await tx.execute("deliver.fell_back", id=row["id"])
    if steps and row["expires_ms"] > now_ms and not await _is_replaced(tx, row):
        await _enqueue(tx, row, steps, now_ms)


async def _is_replaced(tx: Transaction, row: Row) -> bool:
    return await tx.fetch_one("deliver.newer", message=row["message"], shopper=row["shopper"]) is not None


async def _step_on(tx: Transaction, row: Row, steps: Steps, now_ms: int) -> None:
    """What was not handed over in time may go the next way as well as those that did not work so far."""
    before = msgspec.json.decode(row["routes"], type=tuple[Route, ...])
    ways = (*steps[0], *before)
    queue = ways[0].queue(row["lane"], alone=False)
    await tx.execute(
        "deliver.step_on", id=row["id"], queue=queue, routes=encoded(ways), later=encoded(steps[1:]), now_ms=now_ms
    )


async def _enqueue(tx: Transaction, row: Row, steps: Steps, now_ms: int) -> None:
    first = steps[0][0]
    delivery = derived("dlv", row["message"], row["id"], "later")
    await tx.execute(
        "outbox.enqueue",
        id=delivery,
        message=row["message"],
        shopper=row["shopper"],
        device=first.device,
        visit=row["visit"],
        cap="",
        lane=row["lane"],
        queue=first.queue(row["lane"], alone=len(steps[0]) == 1),
        routes=encoded(steps[0]),
        later=encoded(steps[1:]),
        fall_back_s=row["fall_back_s"],
        seq=now_ms,
        next_ms=now_ms,
        expires_ms=row["expires_ms"],
        heard_ms=row["heard_ms"],
        received_ms=row["received_ms"],
        resolved_ms=row["resolved_ms"],
        decided_ms=now_ms,
    )
    queued = Event(kind="queued", message=row["message"], delivery=delivery, shopper=row["shopper"])
    await events.append(tx, [queued], now_ms)
