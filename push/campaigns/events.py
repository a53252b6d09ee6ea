"""What happened to messages, numbered in the order in which it was committed: hooks and streams read it from here."""

from collections.abc import Iterable, Sequence

import msgspec

from push.model.delivery import EventKind
from push.model.ports import Row, Transaction


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to one delivery."""

    kind: EventKind
    message: str
    delivery: str
    shopper: str
    channel: str | None = None
    reason: str | None = None


async def append(tx: Transaction, happened: Sequence[Event], now_ms: int) -> None:
    """Write events. The counter's row is locked until `tx` ends, so that no reader passes a number still to come."""
    if not happened:
        return
    row = await tx.fetch_one("events.take", n=len(happened))
    if row is None:  # pragma: no cover - the migration made it
        raise RuntimeError("the counter of events is gone")
    first = row["value"] - len(happened) + 1
    rows = [{"seq": first + n, "at_ms": now_ms, **msgspec.structs.asdict(event)} for n, event in enumerate(happened)]
    await tx.execute_many("events.put", rows)


def of(kind: EventKind, rows: Iterable[Row], reason: str | None = None) -> list[Event]:
    """The same event of many deliveries: rows with their id, message and shopper."""
    return [
        Event(kind=kind, message=row["message"], delivery=row["id"], shopper=row["shopper"], reason=reason)
        for row in rows
    ]
