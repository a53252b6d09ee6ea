"""A change of consent, wherever it comes from: written with what it takes back, then brought into force."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from push.api.contract import Context
from push.campaigns import outbox
from push.model.errors import ConflictError, DatabaseError, UniqueError
from push.model.people import CHANNEL_PURPOSES, Purpose
from push.model.ports import Transaction
from push.profiles import consent, nicknames

_BEHIND_A_MESSAGE: Final[frozenset[Purpose]] = frozenset({"location", "marketing", "profiling"})
"""What a waiting message was decided or worded with; a channel is what it may be sent over, among others."""


async def write(tx: Transaction, shopper: str, purposes: Mapping[Purpose, bool], source: str, now_ms: int) -> None:
    """Write what was granted or withdrawn; a withdrawal takes back what was not handed over yet."""
    withdrawn = {purpose for purpose, yes in purposes.items() if not yes} & await consent.granted_for_decision(
        tx, shopper
    )
    await consent.set_consents(tx, shopper, purposes, at_ms=now_ms, source=source)
    if "screen" in withdrawn:
        await nicknames.forget(tx, shopper)
    if withdrawn & _BEHIND_A_MESSAGE:
        await outbox.cancel_shopper(tx, shopper, now_ms)
    if withdrawn & CHANNEL_PURPOSES:
        await outbox.cancel_channels(tx, shopper, withdrawn & CHANNEL_PURPOSES, now_ms)


@asynccontextmanager
async def changing(context: Context, asked: Mapping[str, Mapping[Purpose, bool]]) -> AsyncIterator[Transaction]:
    """A transaction that writes what shoppers were asked; it holds from its commit on.

    Whoever is not located any more is let go of before this returns. Raises what the transaction raises; where nobody
    knows whether it was committed, withdrawals hold all the same.
    """
    try:
        async with context.db.transaction() as tx:
            yield tx
    except (ConflictError, UniqueError):
        raise  # nothing was kept
    except DatabaseError:
        for shopper, purposes in asked.items():
            context.note_consent(shopper, {purpose: False for purpose, yes in purposes.items() if not yes})
        raise
    for shopper, purposes in asked.items():
        context.note_consent(shopper, purposes)
    gone = [shopper for shopper, purposes in asked.items() if purposes.get("location") is False]
    await asyncio.gather(*map(context.presence.forget, gone))
