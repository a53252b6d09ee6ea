"""Segments over the API: groups of people by a rule, how many they are, who, and why somebody is in one or not."""

from typing import Annotated, Any, Final

import msgspec

from beacons.topics import Id
from push.api.contract import OPERATOR, Call, Context, Endpoint, Parameter, ProblemError, Reply
from push.api.masks import roughly
from push.api.queries import asked, parameters
from push.api.records import ALTHOUGH_NAMED, refuse_named
from push.api.refusals import CONDITIONS, IF_MATCH, expected, refusing, tag
from push.campaigns import mentions
from push.profiles import view
from push.profiles.segments import asking, records
from push.profiles.segments.asking import Member, Overlap, Preview, Reasons
from push.profiles.segments.counting import Count
from push.profiles.segments.records import OPERATORS, By, Limits, Record, SegmentBody
from push.registry.audit import audit

MOST: Final = 500
"""Of a page."""
LEAST_COMPARED: Final = 2
MOST_COMPARED: Final = 6
_SOME: Final = f"{LEAST_COMPARED} to {MOST_COMPARED} different ids"
_After = Annotated[str, msgspec.Meta(max_length=200, description="Those behind this id: a page ends with it.")]
_Limit = Annotated[int, msgspec.Meta(ge=1, le=MOST, description=f"How many at most, 1 to {MOST}.")]


class PageQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which page of a list."""

    after: _After = ""
    limit: _Limit = 100


class RuleBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule that is not saved."""

    rule: dict[str, Any]


class FactInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A fact that rules may read; ``*`` stands for any name. `fades`: time and other people change it by themselves."""

    name: str
    type: view.FactType
    meaning: str
    fades: bool
    operators: tuple[str, ...]


class SegmentPage(msgspec.Struct, frozen=True, kw_only=True):
    """Segments by id; `after` continues."""

    items: tuple[Record, ...]
    after: str | None


class MemberPage(msgspec.Struct, frozen=True, kw_only=True):
    """Members by id; `after` continues."""

    items: tuple[Member, ...]
    after: str | None


async def listed(context: Context, call: Call) -> SegmentPage:
    """Every segment with how many are in it."""
    query = asked(call, PageQuery)
    items = [_shown(call, one) for one in await records.page(context.db, query.after, query.limit)]
    return SegmentPage(items=tuple(items), after=items[-1].id if len(items) == query.limit else None)


async def get(context: Context, call: Call) -> Reply:
    """A segment. Raises `ProblemError` 404."""
    found = await _there(context, call.path["id"])
    return Reply(_shown(call, found), headers=tag(found.revision))


def _shown(call: Call, one: Record) -> Record:
    return msgspec.structs.replace(one, members=roughly(call.principal, one.members))


async def _there(context: Context, name: str) -> Record:
    found = await records.get(context.db, name)
    if found is None:
        raise ProblemError(404, "Not there", f"There is no segment {name}.")
    return found


async def put(context: Context, call: Call) -> Reply:
    """Save a segment; of a new rule everybody is asked in the background."""
    name, by = _named(call), By(call.actor, context.clock.now_ms(), expected(call))
    limits = Limits(context.segments.sight.settings.segments, context.collecting.desk.purposes)
    with refusing():
        async with context.db.transaction() as tx:
            written = await records.put(tx, name, call.body, by, limits)
            if written.is_changed:
                subject, before = f"segment {name}", written.before
                after = records.for_trail(call.body)
                told = None if before is None else records.for_trail(before)
                await audit(tx, call.actor, "put segment", subject, by.at_ms, before=told, after=after)
    return await get(context, call)


def _named(call: Call) -> str:
    """The id in the path of what may be new. Raises `ProblemError` 400."""
    try:
        return msgspec.convert(call.path["id"], Id)
    except msgspec.ValidationError as error:
        raise ProblemError(400, "Does not fit", f"The segment's id: {error}.") from None


async def delete(context: Context, call: Call) -> None:
    """Delete a segment that no other asks for."""
    name, by = call.path["id"], By(call.actor, context.clock.now_ms(), expected(call))
    thing = mentions.segment(name)
    with refusing():
        async with context.db.transaction() as tx:
            await refuse_named(tx, call, thing)
            named = await mentions.live(tx, thing)
            before = await records.delete(tx, name, by)
            told = records.for_trail(before)
            await audit(tx, call.actor, "delete segment", f"segment {name}", by.at_ms, before=told)
            await mentions.pause(tx, named, call.actor, by.at_ms)
    if named:
        await context.reload()


async def members(context: Context, call: Call) -> MemberPage:
    """Who is in a segment: ids that name nobody. Raises `ProblemError` 404."""
    query, name = asked(call, PageQuery), call.path["id"]
    await _there(context, name)
    items = await asking.members(context.db, name, query.after, query.limit)
    return MemberPage(items=tuple(items), after=items[-1].person if len(items) == query.limit else None)


async def explained(context: Context, call: Call) -> Reasons:
    """Why somebody is in a segment, or is not. Raises `ProblemError` 400, 404."""
    shopper = call.query.get("shopper")
    if not shopper:
        raise ProblemError(400, "Not understood", "`shopper` in the query: whom it is about was expected.")
    found = await asking.reasons(context.db, context.segments, call.path["id"], shopper, context.clock.now_ms())
    if found is None:
        raise ProblemError(404, "Not there", f"There is no segment {call.path['id']}, or no such shopper.")
    after = {"shopper": found.person, "segment": found.segment}
    async with context.db.transaction() as tx:
        await audit(tx, call.actor, "explain segment", "person", context.clock.now_ms(), after=after)
    return found


async def preview(context: Context, call: Call) -> Preview:
    """How many a rule would take in, before it is saved."""
    with refusing():
        rule = records.checked("that is not saved", call.body.rule, context.collecting.desk.purposes)
    return await asking.preview(context.db, context.segments, rule, context.clock.now_ms())


async def begin_count(context: Context, call: Call) -> Count:
    """Ask everybody about a rule that is not saved, in the background; a count of hers from before is over."""
    with refusing():
        rule = records.checked("that is not saved", call.body.rule, context.collecting.desk.purposes)
    return await context.counting.begin(call.actor, rule)


async def count(context: Context, call: Call) -> Count:
    """How far her count is. Raises `ProblemError` 404."""
    found = context.counting.of(call.actor)
    if found is None:
        raise ProblemError(404, "Not there", "Nothing is being counted for you: POST begins it.")
    return found


async def end_count(context: Context, call: Call) -> None:
    """Count no more for her."""
    context.counting.end(call.actor)


async def overlap(context: Context, call: Call) -> list[Overlap]:
    """How many are in both, of each two of some segments. Raises `ProblemError` 400, 404."""
    names = [name for name in call.query.get("segments", "").split(",") if name]
    if not LEAST_COMPARED <= len(set(names)) == len(names) <= MOST_COMPARED:
        detail = f"`segments` in the query: {_SOME} with commas between them were expected."
        raise ProblemError(400, "Not understood", detail)
    for name in names:
        await _there(context, name)
    found = await asking.overlaps(context.db, names)
    return [msgspec.structs.replace(one, members=roughly(call.principal, one.members)) for one in found]


async def facts(context: Context, call: Call) -> list[FactInfo]:
    """What rules may read, and by which operators."""
    del context, call
    anything = frozenset().union(*OPERATORS.values()) | {"every_year_in_days"}
    return [
        FactInfo(
            name=name,
            type=known.type,
            meaning=known.meaning,
            fades=known.fades,
            operators=tuple(sorted(OPERATORS.get(known.type, anything))),
        )
        for name, known in view.FACTS.items()
    ]


_COUNT: Final = "/v1/segments/preview/count"
_ONE: Final = "/v1/segments/{id}"
_SHOPPER: Final = Parameter("shopper", "query", "Whom it is about: any id of hers.")
_SEGMENTS: Final = Parameter("segments", "query", f"{_SOME.capitalize()}, with commas between them.")
_PAGE: Final = parameters(PageQuery)

ENDPOINTS: Final = (
    Endpoint("GET", "/v1/segments", OPERATOR, "Segments", listed, result=SegmentPage, parameters=_PAGE),
    Endpoint("GET", "/v1/segments/facts", OPERATOR, "What rules may read", facts, result=list[FactInfo]),
    Endpoint(
        "GET", "/v1/segments/overlap", OPERATOR, "How much segments overlap", overlap, result=list[Overlap],
        parameters=(_SEGMENTS,), errors=(404,),
    ),
    Endpoint("POST", "/v1/segments/preview", OPERATOR, "How many a rule would take in", preview, RuleBody, Preview),
    Endpoint(
        "POST", _COUNT, OPERATOR, "Count a rule exactly, in the background", begin_count, RuleBody, Count, status=202,
    ),
    Endpoint(
        "GET", _COUNT, OPERATOR, "How far a count is", count, result=Count, errors=(404,), role="editor",
    ),
    Endpoint("DELETE", _COUNT, OPERATOR, "Count no more", end_count),
    Endpoint("GET", _ONE, OPERATOR, "A segment", get, result=Record, errors=(404,)),
    Endpoint(
        "PUT", _ONE, OPERATOR, "Put a segment", put, SegmentBody, Record, parameters=CONDITIONS, errors=(412,),
    ),
    Endpoint(
        "DELETE", _ONE, OPERATOR, "Delete a segment", delete, parameters=(IF_MATCH, *ALTHOUGH_NAMED),
        errors=(404, 409, 412),
    ),
    Endpoint(
        "GET", f"{_ONE}/members", OPERATOR, "Who is in a segment", members, result=MemberPage, parameters=_PAGE,
        errors=(404,), role="editor",
    ),
    Endpoint(
        "GET", f"{_ONE}/explain", OPERATOR, "Why somebody is in a segment or is not", explained, result=Reasons,
        parameters=(_SHOPPER,), errors=(404,), role="editor",
    ),
)  # fmt: skip
