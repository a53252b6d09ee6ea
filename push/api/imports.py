"""Beacons in bulk: a CSV file in, which is an import that can be followed and undone; all of them out as a file."""

import csv
import io
import json
from collections.abc import AsyncIterator
from typing import Annotated, Final, Literal

import msgspec
from aiohttp import hdrs
from msgspec import UNSET, Meta, UnsetType

from beacons.registry import Beacon
from push.api.contract import OPERATOR, Call, Context, Endpoint, Raw, Reply
from push.api.queries import After, asked, given, parameters
from push.api.refusals import refusing
from push.model.ports import Database
from push.registry import bulk_desk, csv_columns
from push.registry.bulk import Import
from push.registry.bulk_desk import MOST, Kind
from push.registry.records import record

MEDIA: Final = "text/csv"
MOST_BYTES: Final = 64 * 1024 * 1024
"""A quarter of a million rows, all cells filled."""
_ROWS: Final = 2_000
"""Read for one piece of an export."""


class NewAsked(msgspec.Struct, frozen=True, kw_only=True):
    """How to import."""

    kind: Annotated[Kind, Meta(description="What the file holds.")] = "beacons"
    dry_run: Annotated[Literal["true", "false"], Meta(description="Only say what would be done.")] = "false"


class PageAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Which imports."""

    after: After | UnsetType = UNSET
    limit: Annotated[int, Meta(ge=1, le=MOST, description="How many at most.")] = MOST


async def new_import(context: Context, call: Call) -> Reply:
    """Take a file in; it is imported meanwhile."""
    query = asked(call, NewAsked)
    with refusing():
        made = await context.imports.begin(query.kind, call.actor, call.body.chunks, dry_run=query.dry_run == "true")
    return Reply(made, headers={hdrs.LOCATION: f"/v1/imports/{made.id}"})


async def get_import(context: Context, call: Call) -> Import:
    """How far an import is, and what is wrong with its file."""
    with refusing():
        return await context.imports.get(call.path["id"])


async def get_imports(context: Context, call: Call) -> bulk_desk.ImportPage:
    """The imports that there were, the latest first."""
    query = asked(call, PageAsked)
    with refusing():
        return await context.imports.page(given(query.after), query.limit)


async def undo_import(context: Context, call: Call) -> Import:
    """Put back what stood before the last import."""
    with refusing():
        return await context.imports.undo(call.path["id"], call.actor)


async def export_beacons(context: Context, call: Call) -> Reply:
    """All beacons as a file that can be imported again; never a key, and to viewers not whose they are."""
    stores = call.principal.stores
    # Without its column, not with an empty one: an import of that would take every tag from its owner.
    names = tuple(name for name in csv_columns.NAMES if name != "shopper" or call.principal.may("editor"))
    pieces = exported(context.db, None if stores is None else json.dumps(sorted(stores)), names)
    first = await anext(pieces)  # what cannot be read is told while it can still be told
    return Reply(_all(first, pieces), headers={hdrs.CONTENT_DISPOSITION: 'attachment; filename="beacons.csv"'})


async def _all(first: bytes, others: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in others:
        yield piece


async def exported(
    db: Database, stores: str | None, names: tuple[str, ...] = csv_columns.NAMES
) -> AsyncIterator[bytes]:
    """The file, piece by piece; with a mark at its beginning by which spreadsheets know UTF-8."""
    rows = await db.fetch("imports.export_beacons", after="", stores=stores, most=_ROWS)
    yield b"\xef\xbb\xbf" + _lines([list(names)])
    while rows:
        yield _lines([csv_columns.cells(record(Beacon, row), names) for row in rows])
        rows = await db.fetch("imports.export_beacons", after=rows[-1]["id"], stores=stores, most=_ROWS)


def _lines(rows: list[list[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


ENDPOINTS: Final = (
    Endpoint(
        "POST", "/v1/imports", OPERATOR, "Import a CSV file", new_import, result=Import, status=202,
        raw=Raw((MEDIA,), MOST_BYTES), parameters=parameters(NewAsked), errors=(409,),
    ),
    Endpoint(
        "GET", "/v1/imports", OPERATOR, "Imports, the latest first", get_imports, result=bulk_desk.ImportPage,
        parameters=parameters(PageAsked),
    ),
    Endpoint("GET", "/v1/imports/{id}", OPERATOR, "An import", get_import, result=Import, errors=(404,)),
    Endpoint(
        "POST", "/v1/imports/{id}/undo", OPERATOR, "Put back what stood before the last import", undo_import,
        result=Import, errors=(404, 409),
    ),
    Endpoint(
        "GET", "/v1/beacons.csv", OPERATOR, "All beacons as CSV", export_beacons, result=bytes, media=MEDIA,
        reach="own",
    ),
)  # fmt: skip
