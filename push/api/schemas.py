"""Schemas of events and traits over the API: what was learned, what is laid down, and what was not kept to."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from push.api.contract import OPERATOR, Call, Context, Endpoint, ProblemError
from push.profiles.schemas import book
from push.profiles.schemas.book import SchemaOut
from push.profiles.schemas.schema import Kind, Name, Schema, Subject
from push.registry.audit import audit


class SchemaIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an event's properties, or traits (whose name is empty), are to be; null: nothing is laid down any more."""

    kind: Kind
    name: Name = ""
    laid_down: Annotated[Schema | None, Meta(description="What it is to be.")]


async def get_schemas(context: Context, call: Call) -> list[SchemaOut]:
    """All that was seen or laid down; what was seen in the last seconds on another replica is not there yet."""
    del call
    await context.collecting.schemas.flush()
    return await book.listed(context.db)


async def put_schema(context: Context, call: Call) -> None:
    """Lay a schema down. Raises `ProblemError` 400."""
    body: SchemaIn = call.body
    if (body.kind == "event") != bool(body.name):
        raise ProblemError(400, "Does not fit", "An event has a name, and traits have none.")
    subject, now_ms = Subject(body.kind, body.name), context.clock.now_ms()
    async with context.db.transaction() as tx:
        before = await book.put(tx, subject, body.laid_down, call.actor, now_ms)
        what = f"schema {body.kind}{' ' if body.name else ''}{body.name}"
        await audit(tx, call.actor, "put schema", what, now_ms, before=before, after=body.laid_down)
    await context.collecting.schemas.reload()


ENDPOINTS: Final = (
    Endpoint("GET", "/v1/schemas", OPERATOR, "Schemas of events and traits", get_schemas, result=list[SchemaOut]),
    Endpoint("PUT", "/v1/schemas", OPERATOR, "Lay down what an event or traits are to be", put_schema, SchemaIn),
)
