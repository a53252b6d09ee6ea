"""People and what they did, as files: in, followed, with a file of what was wrong; and out, of those who agreed."""

import csv
import io
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Final, Literal

import msgspec
from aiohttp import hdrs
from msgspec import UNSET, Meta, UnsetType

from beacons.topics import Id
from push.api.contract import OPERATOR, Call, Context, Endpoint, Raw, Reply
from push.api.purposes import refuse_unknown
from push.api.queries import After, asked, given, parameters
from push.api.refusals import refusing
from push.model.people import Purpose
from push.registry.audit import audit
from push.transfer import exports
from push.transfer.imports import MOST, Asked, LineFault, PeopleImportPage
from push.transfer.job import PeopleImport
from push.transfer.lines import Format, Kind

CSV: Final = "text/csv"
JSONL: Final = "application/x-ndjson"
FORMATS: Final[Mapping[str, Format]] = {CSV: "csv", JSONL: "jsonl", "application/jsonl": "jsonl"}
MOST_BYTES: Final = 512 * 1024 * 1024
TABLE_KINDS: Final = ("user_id", "email", "phone", "anonymous_id")
EVENT_KINDS: Final = (*TABLE_KINDS, "shopper", "device")
"""Events stand under one identifier each."""
"""Identifiers of an exported table."""


class NewAsked(msgspec.Struct, frozen=True, kw_only=True):
    """How to import."""

    kind: Annotated[Kind, Meta(description="What the file holds; orders are CSV, a row for each piece.")] = "people"
    source: Annotated[Id, Meta(description="Which system says it: traits may be held by source.")] = "import"
    dry_run: Annotated[Literal["true", "false"], Meta(description="Only say what is wrong with it.")] = "false"


class PageAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Which imports."""

    after: After | UnsetType = UNSET
    limit: Annotated[int, Meta(ge=1, le=MOST, description="How many at most.")] = MOST


async def new_import(context: Context, call: Call) -> Reply:
    """Take a file in; it is imported meanwhile."""
    query = asked(call, NewAsked)
    what = Asked(kind=query.kind, format=FORMATS[call.body.media], source=query.source, dry_run=query.dry_run == "true")
    with refusing():
        made = await context.people_imports.begin(what, call.actor, call.body.chunks)
    return Reply(made, headers={hdrs.LOCATION: f"/v1/people/imports/{made.id}"})


async def get_import(context: Context, call: Call) -> PeopleImport:
    """How far an import is, and what became of its rows."""
    with refusing():
        return await context.people_imports.get(call.path["id"])


async def get_imports(context: Context, call: Call) -> PeopleImportPage:
    """The imports that there were, the latest first."""
    query = asked(call, PageAsked)
    with refusing():
        return await context.people_imports.page(given(query.after), query.limit)


async def get_errors(context: Context, call: Call) -> Reply:
    """What was wrong in a file: lines, columns and what was expected; nothing of what stands there."""
    with refusing():
        found = await context.people_imports.get(call.path["id"])
    slices = context.people_imports.faults(found.id)
    first = await anext(slices)  # what cannot be read is told while it can still be told
    name = f'attachment; filename="{found.id}-errors.csv"'
    return Reply(_error_file(first, slices), headers={hdrs.CONTENT_DISPOSITION: name})


async def _error_file(first: list[LineFault], others: AsyncIterator[list[LineFault]]) -> AsyncIterator[bytes]:
    yield _lines([["line", "field", "expected"], *map(_cells, first)])
    async for more in others:
        yield _lines([_cells(each) for each in more])


def _cells(fault: LineFault) -> list[str]:
    """A field's name is the file's own: a spreadsheet is not to calculate it."""
    field = f"'{fault.field}" if fault.field[:1] in set("=+-@\t\r'") - {""} else fault.field
    return [str(fault.line), field, fault.expected]


def _lines(rows: list[list[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


class ExportAsked(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be exported."""

    kind: Annotated[Literal["people", "events"], Meta(description="Who people are, or what they did.")] = "people"
    purpose: Annotated[Purpose, Meta(description="Of whom: of those who agree to this now.")] = "profiling"


class TableAsked(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be exported as a table."""

    traits: Annotated[str, Meta(max_length=500, description="Which traits, with commas between their names.")] = ""
    purpose: Annotated[Purpose, Meta(description="Of whom: of those who agree to this now.")] = "profiling"


class EventTableAsked(msgspec.Struct, frozen=True, kw_only=True):
    """What people did, as a table."""

    properties: Annotated[
        str, Meta(max_length=500, description="Which properties, with commas between; `price:number` says a type.")
    ] = ""
    purpose: Annotated[Purpose, Meta(description="Of whom: of those who agree to this now.")] = "profiling"


async def export_people(context: Context, call: Call) -> Reply:
    """People, or what they did, a line each."""
    query = asked(call, ExportAsked)
    refuse_unknown(context, [query.purpose])
    means = await _exporting(context, call, query)
    pages = exports.as_lines(
        exports.people(means, query.purpose) if query.kind == "people" else exports.events(means, query.purpose)
    )
    return await _attached(pages, f"{query.kind}.jsonl")


async def export_table(context: Context, call: Call) -> Reply:
    """People as a table."""
    query = asked(call, TableAsked)
    refuse_unknown(context, [query.purpose])
    means = await _exporting(context, call, query)
    names = list(dict.fromkeys(name for name in query.traits.split(",") if name))
    pages = exports.as_table(exports.people(means, query.purpose), TABLE_KINDS, names)
    return await _attached(pages, "people.csv")


async def export_events(context: Context, call: Call) -> Reply:
    """What people did as a table."""
    query = asked(call, EventTableAsked)
    refuse_unknown(context, [query.purpose])
    means = await _exporting(context, call, query)
    names = list(dict.fromkeys(name for name in query.properties.split(",") if name))
    pages = exports.as_event_table(exports.events(means, query.purpose), EVENT_KINDS, names)
    return await _attached(pages, "events.csv")


async def _exporting(context: Context, call: Call, query: msgspec.Struct) -> exports.Means:
    """What exports read with; that somebody takes people out is on record before the first of them."""
    async with context.db.transaction() as tx:
        await audit(tx, call.actor, "export people", "people", context.clock.now_ms(), after=query)
    return exports.Means(context.db, context.keyring, context.collecting.desk.settings.traits)


async def _attached(pages: AsyncIterator[bytes], name: str) -> Reply:
    first = await anext(pages, b"")  # what cannot be read is told while it can still be told
    return Reply(_from(first, pages), headers={hdrs.CONTENT_DISPOSITION: f'attachment; filename="{name}"'})


async def _from(first: bytes, others: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in others:
        yield piece


_ALL: Final = "/v1/people/imports"

ENDPOINTS: Final = (
    Endpoint(
        "POST", _ALL, OPERATOR, "Import people, or what they did", new_import, result=PeopleImport, status=202,
        raw=Raw(tuple(FORMATS), MOST_BYTES), parameters=parameters(NewAsked), errors=(409,), role="admin",
    ),
    Endpoint(
        "GET", _ALL, OPERATOR, "Imports of people, the latest first", get_imports, result=PeopleImportPage,
        parameters=parameters(PageAsked), role="editor",
    ),
    Endpoint(
        "GET", f"{_ALL}/{{id}}", OPERATOR, "An import of people", get_import, result=PeopleImport, errors=(404,),
        role="editor",
    ),
    Endpoint(
        "GET", f"{_ALL}/{{id}}/errors", OPERATOR, "What was wrong in an import, as CSV", get_errors, result=bytes,
        media=CSV, errors=(404,), role="editor",
    ),
    Endpoint(
        "GET", "/v1/people/export", OPERATOR, "People, or what they did, as JSONL", export_people, result=bytes,
        media=JSONL, parameters=parameters(ExportAsked), role="admin",
    ),
    Endpoint(
        "GET", "/v1/people.csv", OPERATOR, "People as CSV", export_table, result=bytes, media=CSV,
        parameters=parameters(TableAsked), role="admin",
    ),
    Endpoint(
        "GET", "/v1/people-events.csv", OPERATOR, "What people did, as CSV", export_events, result=bytes, media=CSV,
        parameters=parameters(EventTableAsked), role="admin",
    ),
)  # fmt: skip
