"""Other people's gateways, store by store: whom to believe, under which topic, and of which of the store's gateways."""

from typing import Any, Final

import msgspec

from push.api.contract import OPERATOR, Call, Context, Endpoint, Reply
from push.api.records import agree, hand
from push.api.refusals import CONDITIONS, IF_MATCH, expected, refusing, tag
from push.model.sources import Source
from push.registry import source_editing
from push.registry.source_editing import SourceRecord
from push.registry.sources import Login


class Doing(msgspec.Struct, frozen=True, kw_only=True):
    """How a source does since the server runs: `last_ms` is when its last message came.

    `refused` messages were not understood; `unmapped` are some of the names it gave that are no gateway's.
    """

    messages: int
    sightings: int
    refused: int
    last_ms: int | None
    unmapped: tuple[str, ...]


class SourceOut(SourceRecord, frozen=True, kw_only=True):
    """A source, who changed it last, and how it does."""

    doing: Doing


class SourceStored(SourceRecord, frozen=True, kw_only=True):
    """A source as it stands now; a new one's login at our own broker is shown this once."""

    login: Login | None


def _out(context: Context, held: SourceRecord) -> SourceOut:
    standing = context.presence.standing(held.source.store, held.source.id)
    return SourceOut(doing=Doing(**standing._asdict()), **_fields(held))


def _fields(held: SourceRecord) -> dict[str, Any]:
    return {name: getattr(held, name) for name in SourceRecord.__struct_fields__}


async def get_sources(context: Context, call: Call) -> list[SourceOut]:
    """A store's sources."""
    with refusing():
        found = await source_editing.of_store(context.db, call.path["store"])
    return [_out(context, held) for held in found]


async def get_source(context: Context, call: Call) -> Reply:
    """One of them."""
    with refusing():
        held = await source_editing.one(context.db, call.path["store"], call.path["id"])
    return Reply(_out(context, held), headers=tag(held.revision))


async def put_source(context: Context, call: Call) -> Reply:
    """Believe somebody, or otherwise than before."""
    body: Source = call.body
    agree(call, body, "store", "id")
    with refusing():
        async with context.db.transaction() as tx:
            by, seen = hand(context, call), expected(call)
            written, login = await source_editing.put(tx, body, by, context.vault, seen)
            held = await source_editing.one(tx, body.store, body.id)
    if written.is_changed:
        await context.reload()
    return Reply(SourceStored(login=login, **_fields(held)), headers=tag(written.revision))


async def renew_login(context: Context, call: Call) -> Login:
    """Another password for a source's gateways."""
    with refusing():
        async with context.db.transaction() as tx:
            where = (call.path["store"], call.path["id"])
            login = await source_editing.renew(tx, *where, hand(context, call), context.vault)
    await context.reload()
    return login


async def delete_source(context: Context, call: Call) -> None:
    """Believe somebody no more; the broker lets her in no more."""
    with refusing():
        async with context.db.transaction() as tx:
            where = (call.path["store"], call.path["id"])
            await source_editing.delete(tx, *where, hand(context, call), expected(call))
    await context.reload()


_ALL: Final = "/v1/stores/{store}/sources"
_ONE: Final = f"{_ALL}/{{id}}"
ENDPOINTS: Final = (
    Endpoint(
        "GET", _ALL, OPERATOR, "A store's sources: other people's gateways", get_sources, result=list[SourceOut],
        errors=(404,), reach="store",
    ),
    Endpoint("GET", _ONE, OPERATOR, "A source", get_source, result=SourceOut, errors=(404,), reach="store"),
    Endpoint(
        "PUT", _ONE, OPERATOR, "Put a source", put_source, Source, SourceStored, parameters=CONDITIONS,
        errors=(404, 412), role="admin", reach="store",
    ),
    Endpoint(
        "POST", f"{_ONE}/login", OPERATOR, "Another password for a source", renew_login, result=Login,
        errors=(404,), role="admin", reach="store",
    ),
    Endpoint(
        "DELETE", _ONE, OPERATOR, "Delete a source", delete_source, parameters=(IF_MATCH,), errors=(404, 412),
        role="admin", reach="store",
    ),
)  # fmt: skip
