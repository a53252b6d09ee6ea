"""A change of consent, wherever it comes from: written with what it takes back, then brought into force."""

from collections.abc import Mapping
from typing import Final

from push.api.contract import Context
from push.campaigns import outbox
from push.model.people import Purpose
from push.model.ports import Transaction
from push.profiles import consent

_BEHIND_A_MESSAGE: Final[frozenset[Purpose]] = frozenset({"location", "marketing", "profiling"})
"""What a waiting message was decided or worded with; a single channel is asked about as it is used."""


async def write(tx: Transaction, shopper: str, purposes: Mapping[Purpose, bool], source: str, now_ms: int) -> None:
    """Write what was granted or withdrawn; a withdrawal takes back what was not handed over yet."""
    withdrawn = {purpose for purpose, yes in purposes.items() if not yes} & await consent.granted_for_decision(
        tx, shopper
    )
    await consent.set_consents(tx, shopper, purposes, at_ms=now_ms, source=source)
    if withdrawn & _BEHIND_A_MESSAGE:
        await outbox.cancel_shopper(tx, shopper, now_ms)


async def bring_into_force(context: Context, shopper: str, purposes: Mapping[Purpose, bool]) -> None:
    """What was just committed holds from here on: whoever is not located any more is let go of."""
    context.note_consent(shopper, purposes)
    if purposes.get("location") is False:
        await context.presence.forget(shopper)
