"""What people may ask for: that whatever is kept of them be gone."""

import asyncio
from typing import Final, NamedTuple

import msgspec

from push.api.apps import shopper_of
from push.api.contract import DEVICE, OPERATOR, Call, Context, Endpoint, ProblemError, own_device
from push.model.people import PURPOSES
from push.model.ports import Transaction
from push.profiles.erased import Ledger
from push.profiles.rights import erasing
from push.profiles.rights.erasing import Erased, Means
from push.registry.audit import audit


class ErasedOut(msgspec.Struct, frozen=True):
    """How much of her there was: identifiers, devices, and tags that are nobody's now."""

    facets: int
    devices: int
    tags: int


class _Who(NamedTuple):
    shopper: str
    actor: str


def means(context: Context) -> Means:
    """What erasing works with here."""
    return Means(context.db, context.vault, context.keyring, Ledger(context.keyring.months.folder))


async def erase(context: Context, call: Call) -> ErasedOut:
    """Erase a person: every facet of whoever this one is of."""
    return await _erase(context, _Who(call.path["id"], call.actor))


async def erase_own(context: Context, call: Call) -> ErasedOut:
    """Erase whoever has this device: all of her, on every device."""
    device = own_device(call)
    return await _erase(context, _Who(await shopper_of(context, device), "device"))


async def _erase(context: Context, who: _Who) -> ErasedOut:
    """Nobody is located any more before the rows go, so that no journal and no tick brings her back."""
    facets = await erasing.facets_of(context.db, who.shopper)
    await _let_go(context, [facet.id for facet in facets])
    now_ms = context.clock.now_ms()

    async def note(tx: Transaction, gone: Erased) -> None:
        """Who was erased stands nowhere: how much of her there was, and who did it, does."""
        await audit(tx, who.actor, "erase person", "person", now_ms, after=_told(gone))

    gone = await erasing.erase(means(context), who.shopper, now_ms, note)
    if gone is None:
        raise ProblemError(404, "Not there", "There is nobody of this id.")
    await _let_go(context, [facet for facet in gone.facets if facet not in {each.id for each in facets}])
    await context.reload(gone.tags, others=False)
    for device in gone.devices:
        context.streams.end(device)
    await erasing.scrub(context.db)
    return _told(gone)


def _told(gone: Erased) -> ErasedOut:
    return ErasedOut(len(gone.facets), len(gone.devices), len(gone.tags))


async def _let_go(context: Context, facets: list[str]) -> None:
    if not facets:
        return
    for facet in facets:
        context.note_consent(facet, dict.fromkeys(PURPOSES, False))
    await asyncio.gather(*map(context.presence.forget, facets))
    await context.presence.purge()


ENDPOINTS: Final = (
    Endpoint(
        "DELETE",
        "/v1/people/{id}",
        OPERATOR,
        "Erase a person",
        erase,
        result=ErasedOut,
        errors=(404,),
        role="admin",
    ),
    Endpoint(
        "DELETE",
        "/v1/devices/{device}/person",
        DEVICE,
        "Erase whoever has this device",
        erase_own,
        result=ErasedOut,
        errors=(404,),
    ),
)
