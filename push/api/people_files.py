"""People and what they did, as files: an import that can be followed, with a file of what was wrong in it."""

import csv
import io
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Final, Literal

import msgspec
from aiohttp import hdrs
from msgspec import UNSET, Meta, UnsetType

from beacons.topics import Id
from push.api.contract import OPERATOR, Call, Context, Endpoint, Raw, Reply
from push.api.queries import After, asked, given, parameters
from push.api.refusals import refusing
from push.transfer.imports import MOST, Asked, LineFault, PeopleImportPage
from push.transfer.job import PeopleImport
from push.transfer.lines import Format, Kind

CSV: Final = "text/csv"
JSONL: Final = "application/x-ndjson"
FORMATS: Final[Mapping[str, Format]] = {CSV: "csv", JSONL: "jsonl", "application/jsonl": "jsonl"}
MOST_BYTES: Final = 512 * 1024 * 1024


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
)  # fmt: skip
