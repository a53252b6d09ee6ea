"""What people may ask for: what is kept of them, and that it be gone."""

import asyncio
from typing import Final

import msgspec

from push.api.contract import DEVICE, OPERATOR, Call, Context, Endpoint, ProblemError, Reply
from push.api.own import PROOF, own_person
from push.model.people import PURPOSES
from push.model.ports import Transaction
from push.profiles.erased import Ledger
from push.profiles.rights import erasing, exporting
from push.profiles.rights.erasing import Erased, Means
from push.profiles.rights.exporting import Export
from push.profiles.rights.page import page
from push.registry.audit import audit


class ErasedOut(msgspec.Struct, frozen=True):
    """How much of her there was: identifiers, devices, and tags that are nobody's now."""

    facets: int
    devices: int
    tags: int


def means(context: Context) -> Means:
    """What erasing works with here."""
    return Means(context.db, context.vault, context.keyring, Ledger(context.keyring.months.folder))


async def export(context: Context, call: Call) -> Export:
    """Everything that is kept of a person, as JSON."""
    return await export_person(context, call.path["id"], call.actor)


async def export_page(context: Context, call: Call) -> Reply:
    """The same as a page to read."""
    return Reply(page(await export(context, call)), headers=PAGE_HEADERS)


async def export_own(context: Context, call: Call) -> Export:
    """Everything that is kept of whoever has this device, as JSON."""
    return await export_person(context, await own_person(context, call), "device")


async def export_own_page(context: Context, call: Call) -> Reply:
    """The same as a page to read."""
    return Reply(page(await export_own(context, call)), headers=PAGE_HEADERS)


async def export_person(context: Context, shopper: str, actor: str) -> Export:
    """Everything of whoever this facet is of; that it was read is noted, not of whom.

    Raises `ProblemError`: there is nobody.
    """
    now_ms = context.clock.now_ms()
    found = await exporting.export(context.db, context.collecting.desk, shopper, now_ms)
    if found is None:
        raise _nobody()
    async with context.db.transaction() as tx:
        await audit(tx, actor, "export person", "person", now_ms)
    return found


def _nobody() -> ProblemError:
    return ProblemError(404, "Not there", "There is nobody of this id.")


async def erase(context: Context, call: Call) -> ErasedOut:
    """Erase a person: every facet of whoever this one is of."""
    return await erase_person(context, call.path["id"], call.actor)


async def erase_own(context: Context, call: Call) -> ErasedOut:
    """Erase whoever has this device: all of her, on every device."""
    return await erase_person(context, await own_person(context, call), "device")


async def erase_person(context: Context, shopper: str, actor: str) -> ErasedOut:
    """Erase whoever this facet is of. Raises `ProblemError`: there is nobody.

    Nobody is located any more before the rows go, so that no journal and no tick brings her back.
    """
    facets = await erasing.facets_of(context.db, shopper)
    await _let_go(context, [facet.id for facet in facets])
    now_ms = context.clock.now_ms()

    async def note(tx: Transaction, gone: Erased) -> None:
        """Who was erased stands nowhere: how much of her there was, and who did it, does."""
        await audit(tx, actor, "erase person", "person", now_ms, after=_told(gone))

    gone = await erasing.erase(means(context), shopper, now_ms, note)
    if gone is None:
        raise _nobody()
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


PAGE_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Disposition": 'attachment; filename="your-data.html"',
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}
_HTML: Final = "text/html"
ENDPOINTS: Final = (
    Endpoint(
        "GET", "/v1/people/{id}/export", OPERATOR, "Everything that is kept of a person", export,
        result=Export, errors=(404,), role="admin",
    ),
    Endpoint(
        "GET", "/v1/people/{id}/export.html", OPERATOR, "The same as a page to read", export_page,
        result=bytes, media=_HTML, errors=(404,), role="admin",
    ),
    Endpoint(
        "GET", "/v1/devices/{device}/export", DEVICE, "Everything that is kept of whoever has this device", export_own,
        result=Export, errors=(404,), parameters=(PROOF,),
    ),
    Endpoint(
        "GET", "/v1/devices/{device}/export.html", DEVICE, "The same as a page to read", export_own_page,
        result=bytes, media=_HTML, errors=(404,), parameters=(PROOF,),
    ),
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
        parameters=(PROOF,),
    ),
)  # fmt: skip
