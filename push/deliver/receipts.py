"""Receipts: what an app says became of a delivery. Authenticated, idempotent, late ones welcome."""

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from push.campaigns import events, outbox
from push.campaigns.events import Event
from push.model.delivery import ReceiptKind
from push.model.ports import Row, Transaction

_MOVES: Final[dict[ReceiptKind, str]] = {
    "shown": "deliver.shown",
    "dismissed": "deliver.shown",
    "opened": "deliver.opened",
    "clicked": "deliver.opened",
    "redeemed": "deliver.opened",
}
"""What a receipt proves of the delivery: what was put away was seen, what was used was opened; a verdict, nothing."""
_OPPOSITE: Final[dict[ReceiptKind, ReceiptKind]] = {"useful": "less", "less": "useful"}


class ReceiptIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One receipt as an app reports it; `at_ms` is the app's clock."""

    delivery: Annotated[str, msgspec.Meta(max_length=64)]
    kind: ReceiptKind
    at_ms: Annotated[int, msgspec.Meta(ge=0, le=2**53)]


async def keep(tx: Transaction, device: str, receipts: Sequence[ReceiptIn], now_ms: int) -> int:
    """Write the receipts of deliveries to a person, from any device of hers; how many were hers.

    A clock that runs ahead is cut at now. One that was reported before changes nothing; of verdicts the last word
    counts, by the app's clock.
    """
    own: list[Row] = []
    happened: list[Event] = []
    for receipt in sorted(receipts, key=lambda one: one.delivery):  # everybody locks in one order
        row = await tx.fetch_one("deliver.of_device", delivery=receipt.delivery, device=device)
        if row is not None:
            own.append(row)
            happened += await _keep_one(tx, receipt, row, now_ms)
    await events.append(tx, happened, now_ms)
    return len(own)


async def redeemed(tx: Transaction, message: str, now_ms: int) -> None:
    """Write down that what a message offers was used, of the delivery that reached her, where there is one."""
    rows = await tx.fetch("deliver.of_message", message=message)
    if rows:
        row = max(rows, key=lambda each: (each["handed_over_ms"] or 0, each["id"]))
        receipt = ReceiptIn(row["id"], "redeemed", now_ms)
        await events.append(tx, await _keep_one(tx, receipt, row, now_ms), now_ms)


async def _keep_one(tx: Transaction, receipt: ReceiptIn, row: Row, now_ms: int) -> list[Event]:
    at_ms = min(receipt.at_ms, now_ms)
    values: dict[str, object] = {"delivery": receipt.delivery, "kind": receipt.kind, "at_ms": at_ms}
    if receipt.kind in _OPPOSITE:
        new = await _judge(tx, {**values, "received_ms": now_ms}, _OPPOSITE[receipt.kind])
    else:
        new = await tx.execute("deliver.receipt", **values, received_ms=now_ms)
    told = [msgspec.structs.replace(event, channel=row["channel"]) for event in events.of(receipt.kind, [row] * new)]
    if receipt.kind in _MOVES:
        await tx.execute(_MOVES[receipt.kind], delivery=receipt.delivery, at_ms=at_ms)
        told += await outbox.seen(tx, row["message"], now_ms)
    return told


async def _judge(tx: Transaction, verdict: dict[str, object], opposite: ReceiptKind) -> int:
    """Write a verdict unless the opposite one is later; 1 where it is new."""
    delivery, at_ms = verdict["delivery"], verdict["at_ms"]
    await tx.fetch_one("receipts.lock", delivery=delivery)
    await tx.execute("receipts.forget_verdict", delivery=delivery, opposite=opposite, at_ms=at_ms)
    new = await tx.execute("receipts.verdict", **verdict, opposite=opposite)
    if not new:
        await tx.execute("receipts.confirm_verdict", **verdict)
    return new
