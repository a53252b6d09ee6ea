"""A change of consent, wherever it comes from: written with what it takes back, then brought into force."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from push.api.contract import Context
from push.campaigns import outbox
from push.model.again import insist
from push.model.errors import ConflictError, DatabaseError, UniqueError
from push.model.people import CHANNEL_PURPOSES, Purpose
from push.model.ports import Transaction
from push.profiles import asked, confirming, consent, nicknames
from push.profiles.consent import Settled
from push.profiles.derived import standings
from push.profiles.identity import facets
from push.profiles.ledger import Circumstances

T = TypeVar("T")

_BEHIND_A_MESSAGE: Final[frozenset[Purpose]] = frozenset({"location", "marketing", "profiling"})
"""What a waiting message was decided or worded with; a channel is what it may be sent over, among others."""
REGISTERED: Final = ""
"""In place of a mailbox: those that she registered."""


class Change:
    """What people say in one transaction, `tx`, and what of it is to be noted once that is committed."""

    def __init__(self, tx: Transaction) -> None:
        self.tx = tx
        self.noted: dict[str, dict[Purpose, bool]] = {}
        self.waits: set[str] = set()
        """Of whom something waits until she confirms it."""

    async def write(
        self, shopper: str, purposes: Mapping[Purpose, bool], how: Mapping[Purpose, Circumstances] | str, now_ms: int
    ) -> None:
        """Write what somebody granted or withdrew; `how` may be the source alone, where no more is known."""
        if isinstance(how, str):
            how = dict.fromkeys(purposes, Circumstances(source=how))
        self.waits |= {shopper} if any(one.pending for one in how.values()) else set()
        for facet, settled in (await write(self.tx, shopper, purposes, how, now_ms)).items():
            concerned = {*purposes, *settled.changed}
            self.noted.setdefault(facet, {}).update({purpose: purpose in settled.now for purpose in concerned})

    async def settle(self, shoppers: Collection[str], now_ms: int) -> None:
        """Bring into force what holds for people who were merged, or parted, of whom these are facets."""
        for facet, changed in (await consent.settle(self.tx, shoppers)).items():
            was, now = ({p for p, yes in changed.items() if yes is granted} for granted in (False, True))
            await take_back(self.tx, {facet: Settled(frozenset(was), frozenset(now))}, now_ms)
            self.noted.setdefault(facet, {}).update(changed)


async def write(
    tx: Transaction,
    shopper: str,
    purposes: Mapping[Purpose, bool],
    how: Mapping[Purpose, Circumstances],
    now_ms: int,
) -> dict[str, Settled]:
    """Write what was granted or withdrawn; a withdrawal takes back what was not handed over yet. By facet of hers."""
    found = await consent.say(tx, shopper, purposes, how, now_ms)
    await take_back(tx, found, now_ms)
    return found


async def take_back(tx: Transaction, found: Mapping[str, Settled], now_ms: int) -> None:
    """What waits for somebody, and rests on what is not granted any more, is not sent."""
    for facet, settled in found.items():
        withdrawn = settled.was - settled.now
        if "screen" in withdrawn:
            await nicknames.forget(tx, facet)
        await asked.take_back(tx, facet, withdrawn, now_ms)
        if withdrawn & _BEHIND_A_MESSAGE:
            await outbox.cancel_shopper(tx, facet, now_ms)
        await outbox.cancel_needing(tx, facet, withdrawn, now_ms)
        if withdrawn & CHANNEL_PURPOSES:
            await outbox.cancel_channels(tx, facet, withdrawn & CHANNEL_PURPOSES, now_ms)


async def changed(context: Context, work: Callable[[Change], Awaitable[T]]) -> T:
    """What `work` gives, in one transaction as of `changing`; that is run again where another was in its way."""

    async def once() -> T:
        async with changing(context) as change:
            return await work(change)

    return await insist(once)


@asynccontextmanager
async def changing(context: Context) -> AsyncIterator[Change]:
    """A transaction that writes what shoppers say; it holds from its commit on.

    Whoever is not located any more is let go of before this returns. Raises what the transaction raises; where nobody
    knows whether it was committed, withdrawals hold all the same.
    """
    change: Change | None = None
    try:
        async with context.db.transaction() as tx:
            change = Change(tx)
            yield change
            await _stand(context, change)
            mailboxes = {shopper: {REGISTERED} for shopper in change.waits}
            await confirming.wait(tx, context.keyring, context.vault, mailboxes, context.clock.now_ms())
    except (ConflictError, UniqueError):
        raise  # nothing was kept
    except DatabaseError:
        _note(context, {} if change is None else change.noted, withdrawals_alone=True)
        raise
    noted = change.noted
    _note(context, noted)
    gone = [shopper for shopper, purposes in noted.items() if purposes.get("location") is False]
    await asyncio.gather(*map(context.presence.forget, gone))


async def _stand(context: Context, change: Change) -> None:
    """Who may not be profiled any more stands nowhere among everyone, and who may does from now on."""
    concerned = [shopper for shopper, purposes in change.noted.items() if "profiling" in purposes]
    if concerned:
        persons = set((await facets.persons(change.tx, concerned)).values())
        await standings.reconsider(change.tx, context.collecting.desk, persons, context.clock.now_ms())


def _note(context: Context, noted: Mapping[str, Mapping[Purpose, bool]], *, withdrawals_alone: bool = False) -> None:
    for shopper, purposes in noted.items():
        context.note_consent(shopper, {p: yes for p, yes in purposes.items() if not (yes and withdrawals_alone)})
