"""Receipts: what an app says became of a delivery. Authenticated, idempotent, late ones welcome."""

from collections.abc import Sequence
from typing import Annotated

import msgspec

from push.model.delivery import ReceiptKind
from push.model.ports import Transaction


class ReceiptIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One receipt as an app reports it; `at_ms` is the app's clock."""

    delivery: Annotated[str, msgspec.Meta(max_length=64)]
    kind: ReceiptKind
    at_ms: Annotated[int, msgspec.Meta(ge=0, le=2**53)]


async def keep(tx: Transaction, device: str, receipts: Sequence[ReceiptIn], now_ms: int) -> int:
    """Write the receipts of deliveries to `device`; how many were its own. A clock that runs ahead is cut at now."""
    own = 0
    for receipt in receipts:
        at_ms = min(receipt.at_ms, now_ms)
        if await tx.fetch_one("deliver.belongs", delivery=receipt.delivery, device=device) is None:
            continue
        own += 1
        await tx.execute(
            "deliver.receipt", delivery=receipt.delivery, kind=receipt.kind, at_ms=at_ms, received_ms=now_ms
        )
        statement = "deliver.shown" if receipt.kind == "shown" else "deliver.opened"
        await tx.execute(statement, delivery=receipt.delivery, device=device, at_ms=at_ms)
    return own
