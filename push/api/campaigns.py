"""Campaigns over the API: written, looked at, reviewed, launched and ended; how many people one would reach.

Operators who are kept to some stores write the campaigns of those alone, and see what names no other store.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Final, Literal

import msgspec

from push.api.contract import OPERATOR, Call, Context, Endpoint, ProblemError, Reply
from push.api.purposes import refuse_unknown
from push.api.queries import asked, parameters
from push.api.refusals import CONDITIONS, IF_MATCH, expected, refusing, tag
from push.api.seed import Stored
from push.campaigns import check_audience, check_places, check_words, checking, lifecycle, reaching, records, results
from push.campaigns.findings import Checked, Finding
from push.campaigns.known import Known, Standing
from push.campaigns.known import known as known_of
from push.campaigns.lifecycle import By
from push.campaigns.reaching import Asked, Reach
from push.campaigns.records import Record, Version
from push.campaigns.results import MOST_DAYS, WITHIN_DAYS, Results
from push.model.campaigns import Campaign
from push.model.errors import Fault, MisfitError
from push.model.ports import Transaction
from push.profiles.segments import records as segments

MOST: Final = 200
"""Of a page."""
_LAST: Final = 2**53
_After = Annotated[str, msgspec.Meta(max_length=64, description="Those behind this id: a page ends with it.")]
_Limit = Annotated[int, msgspec.Meta(ge=1, le=MOST, description=f"How many at most, 1 to {MOST}.")]
_Before = Annotated[int, msgspec.Meta(ge=1, le=_LAST, description="Those below this version.")]


class PageQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which page of a list."""

    after: _After = ""
    limit: _Limit = 100
    look: Annotated[bool, msgspec.Meta(description="Whether to say what each refers to and is not there.")] = False


class VersionsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which versions."""

    before: _Before = _LAST
    limit: _Limit = 20


class OneQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which text of a campaign."""

    version: Annotated[int, msgspec.Meta(ge=0, le=_LAST, description="As this version has it; 0: the newest.")] = 0


class ResultsQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How results are counted."""

    within_days: Annotated[
        int,
        msgspec.Meta(ge=1, le=MOST_DAYS, description=f"For how many days a purchase counts, 1 to {MOST_DAYS}."),
    ] = WITHIN_DAYS


class Listed(Record, frozen=True, kw_only=True):
    """A campaign in a list, and what it refers to that is not there any more, where that was asked for."""

    missing: tuple[Finding, ...] = ()


class CampaignPage(msgspec.Struct, frozen=True, kw_only=True):
    """Campaigns by id; `after` continues: a page may hold fewer than asked, even none."""

    items: tuple[Listed, ...]
    after: str | None


class VersionPage(msgspec.Struct, frozen=True, kw_only=True):
    """Versions, the newest first; `before` continues."""

    items: tuple[Version, ...]
    before: int | None


class ReviewStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A step of a review: it is asked for, and then what was written is found good, or goes back with why."""

    step: Literal["ask", "approve", "return"]
    why: Annotated[str, msgspec.Meta(max_length=1000)] = ""


# --- read -------------------------------------------------------------------------------------------------------------


async def listed(context: Context, call: Call) -> CampaignPage:
    """Campaigns with where each stands; those that name stores whom the caller does not see are left out."""
    query = asked(call, PageQuery)
    found = await records.page(context.db, query.after, query.limit)
    seen = [one for one in found if _sees(call, one.campaign)]
    there = await _known(context, *(one.campaign for one in seen)) if query.look else None
    items = tuple(_listed(one, there, context.clock.now_ms()) for one in seen)
    return CampaignPage(items=items, after=found[-1].id if len(found) == query.limit else None)


def _listed(one: Record, there: Known | None, now_ms: int) -> Listed:
    missing = () if there is None else tuple(check_places.faults(one.campaign, there, now_ms))
    return Listed(**msgspec.structs.asdict(one), missing=missing)


async def get(context: Context, call: Call) -> Reply:
    """A campaign as its newest version has it, or another one. Raises `ProblemError` 404."""
    query, one = asked(call, OneQuery), await _there(context, call)
    if query.version:
        text = await records.version(context.db, one.id, query.version)
        if text is None:
            raise ProblemError(404, "Not there", f"There is no version {query.version} of campaign {one.id}.")
        one = msgspec.structs.replace(one, campaign=text)
    return Reply(one, headers=tag(one.revision))


async def versions(context: Context, call: Call) -> VersionPage:
    """Every version of a campaign: who wrote it, who reviewed it, when it first spoke. Raises `ProblemError` 404."""
    query, one = asked(call, VersionsQuery), await _there(context, call)
    items = await records.versions(context.db, one.id, query.before, query.limit)
    more = items[-1].version if len(items) == query.limit else None
    return VersionPage(items=tuple(items), before=more)


async def proven(context: Context, call: Call) -> Results:
    """What came of a campaign: whom it reached, and who bought, against who is kept from it. Raises `ProblemError`."""
    query, one = asked(call, ResultsQuery), await _there(context, call)
    return await results.results(context.db, one.id, query.within_days, context.clock.now_ms())


async def _there(context: Context, call: Call) -> Record:
    name = call.path["id"]
    found = await records.get(context.db, name)
    if found is None or not _sees(call, found.campaign):
        raise ProblemError(404, "Not there", f"There is no campaign {name}.")
    return found


def _sees(call: Call, campaign: Campaign) -> bool:
    return all(map(call.principal.sees, campaign.trigger.stores))


# --- look -------------------------------------------------------------------------------------------------------------


async def check(context: Context, call: Call) -> Checked:
    """What is wrong with a campaign that is not saved, and what is odd about it."""
    return await _checked(context, call.body)


async def _checked(context: Context, campaign: Campaign) -> Checked:
    known, now_ms = await _known(context, campaign), context.clock.now_ms()
    return await asyncio.to_thread(checking.check, campaign, known, now_ms)


async def _known(context: Context, *campaigns: Campaign) -> Known:
    directory, purposes = context.presence.directory, context.collecting.desk.purposes
    standing = Standing(directory, context.rules, purposes, context.campaign_policy, context.catalogue)
    return await known_of(context.db, standing, campaigns)


async def _refuse_faulty(context: Context, campaign: Campaign) -> Checked:
    """What was found, where nothing of it is a fault. Raises `ProblemError` 400."""
    found = await _checked(context, campaign)
    if found.faults:
        faults = tuple(Fault(one.field, f"{one.field}: {one.text}") for one in found.faults)
        with refusing():
            raise MisfitError(f"campaign {campaign.id}", faults)
    return found


def refuse_unreadable(campaign: Campaign) -> None:
    """Raises `ProblemError` 400 for a template or a trigger that cannot be read: nothing is put into force with one."""
    for one in check_audience.misfits(campaign):
        raise ProblemError(400, "Does not fit", f"campaign {campaign.id}: {one.field}: {one.text}")
    for one in check_words.unreadable(campaign):
        raise ProblemError(400, "Template not understood", f"campaign {campaign.id}: {one.field}: {one.text}")


async def reach(context: Context, call: Call) -> Reach:
    """How many people a campaign reaches now, and why not the others."""
    campaign: Campaign = call.body
    rule = None
    if campaign.audience is not None:
        with refusing():
            rule = segments.checked("of the campaign", campaign.audience, context.collecting.desk.purposes)
    asked = Asked(campaign, rule, context.campaign_policy)
    return await reaching.reach(context.db, context.segments, asked, context.clock.now_ms())


# --- write ------------------------------------------------------------------------------------------------------------


async def put(context: Context, call: Call) -> Stored:
    """Put a campaign into force at once, reviewed by nobody here; faults are refused."""
    campaign = _own(call)
    refuse_unreadable(campaign)
    refuse_unknown(context, campaign.needs)
    found = await _refuse_faulty(context, campaign)
    async with _changing(context, call, campaign.id) as (tx, by):
        await _own_before(tx, call)
        is_changed = await lifecycle.put_live(tx, campaign, by)
    if is_changed:
        await context.reload()
    return Stored({"campaigns": 1}, tuple(f"{one.field}: {one.text}" for one in found.warnings))


async def put_draft(context: Context, call: Call) -> Reply:
    """Save a draft, with whatever faults it has; what was launched speaks on."""
    campaign = _own(call)
    async with _changing(context, call, campaign.id) as (tx, by):
        await _own_before(tx, call)
        await lifecycle.save_draft(tx, campaign, by)
    return await _shown(context, campaign.id)


async def review(context: Context, call: Call) -> Reply:
    """Ask for a review, find a draft good, or send it back."""
    name, body = call.path["id"], call.body
    async with _changing(context, call, name) as (tx, by):
        await _own_before(tx, call)
        match body.step:
            case "ask":
                await lifecycle.ask_review(tx, name, by)
            case "approve":
                await lifecycle.approve(tx, name, by)
            case "return":
                await lifecycle.send_back(tx, name, by, body.why)
    return await _shown(context, name)


async def launch(context: Context, call: Call) -> Reply:
    """Let the newest version speak, which was reviewed and has no fault."""
    await _refuse_faulty(context, (await _there(context, call)).campaign)
    return await _turned(context, call, lifecycle.launch)


def turning(turn: Callable[[Transaction, str, By], Awaitable[None]]) -> Callable[[Context, Call], Awaitable[Reply]]:
    """The handler of a turn in a campaign's life."""

    async def handle(context: Context, call: Call) -> Reply:
        return await _turned(context, call, turn)

    return handle


async def ended(context: Context, call: Call) -> None:
    """Let a campaign say nothing any more; it is kept, for its receipts."""
    await _turned(context, call, lifecycle.end)


async def _turned(context: Context, call: Call, turn: Callable[[Transaction, str, By], Awaitable[None]]) -> Reply:
    name = call.path["id"]
    async with _changing(context, call, name) as (tx, by):
        await _own_before(tx, call)
        await turn(tx, name, by)
    await context.reload()
    return await _shown(context, name)


@asynccontextmanager
async def _changing(context: Context, call: Call, name: str) -> AsyncIterator[tuple[Transaction, By]]:
    """A change, refused as the registry's are."""
    del name
    by = By(call.actor, context.clock.now_ms(), expected(call))
    with refusing():
        async with context.db.transaction() as tx:
            yield tx, by


async def _shown(context: Context, name: str) -> Reply:
    found = await records.get(context.db, name)
    if found is None:  # pragma: no cover - campaigns are never deleted
        raise ProblemError(404, "Not there", f"There is no campaign {name}.")
    return Reply(found, headers=tag(found.revision))


def _own(call: Call) -> Campaign:
    """The campaign in the body, which has the id in the path, and is the caller's to write. Raises `ProblemError`."""
    campaign: Campaign = call.body
    if campaign.id != call.path["id"]:
        detail = f"The path says id {call.path['id']!r}, the body {campaign.id!r}."
        raise ProblemError(400, "Path and body disagree", detail)
    if not lifecycle.may_write(call.principal.stores, campaign.trigger.stores):
        raise ProblemError(403, "Not yours", "You are kept to some stores: `trigger.stores` must name these alone.")
    return campaign


async def _own_before(tx: Transaction, call: Call) -> None:
    """Raises `ProblemError` 403 where what stands is of a store that the caller is not kept to."""
    if call.principal.stores is None:
        return
    before = await records.get(tx, call.path["id"])
    if before is not None and not lifecycle.may_write(call.principal.stores, before.campaign.trigger.stores):
        raise ProblemError(403, "Not yours", "You are kept to some stores, and this campaign is of others, too.")


_ONE: Final = "/v1/campaigns/{id}"
_MET: Final = (404, 409, 412)
_TURNS: Final = {"pause": lifecycle.pause, "resume": lifecycle.resume, "end": lifecycle.end}
_SAID: Final = {"pause": "Let a campaign pause", "resume": "Let a paused campaign speak", "end": "End a campaign"}

ENDPOINTS: Final = (
    Endpoint(
        "GET", "/v1/campaigns", OPERATOR, "Campaigns", listed, result=CampaignPage, parameters=parameters(PageQuery),
        reach="own",
    ),
    Endpoint("POST", "/v1/campaigns/check", OPERATOR, "Look at a campaign", check, Campaign, Checked, reach="own"),
    Endpoint("POST", "/v1/campaigns/reach", OPERATOR, "How many a campaign reaches", reach, Campaign, Reach),
    Endpoint(
        "GET", _ONE, OPERATOR, "A campaign", get, result=Record, parameters=parameters(OneQuery), errors=(404,),
        reach="own",
    ),
    Endpoint(
        "PUT", _ONE, OPERATOR, "Put a campaign", put, Campaign, Stored, parameters=CONDITIONS, errors=(412,),
        reach="own",
    ),
    Endpoint(
        "DELETE", _ONE, OPERATOR, "End a campaign", ended, parameters=(IF_MATCH,), errors=_MET, reach="own",
    ),
    Endpoint(
        "PUT", f"{_ONE}/draft", OPERATOR, "Save a draft", put_draft, Campaign, Record, parameters=CONDITIONS,
        errors=(412,), reach="own",
    ),
    Endpoint(
        "POST", f"{_ONE}/review", OPERATOR, "Review a campaign", review, ReviewStep, Record, parameters=(IF_MATCH,),
        errors=_MET, reach="own",
    ),
    Endpoint(
        "POST", f"{_ONE}/launch", OPERATOR, "Launch a campaign", launch, result=Record, parameters=(IF_MATCH,),
        errors=_MET, reach="own",
    ),
    *(
        Endpoint(
            "POST", f"{_ONE}/{name}", OPERATOR, _SAID[name], turning(turn), result=Record, parameters=(IF_MATCH,),
            errors=_MET, reach="own",
        )
        for name, turn in _TURNS.items()
    ),
    Endpoint(
        "GET", f"{_ONE}/results", OPERATOR, "What came of a campaign", proven, result=Results,
        parameters=parameters(ResultsQuery), errors=(404,), role="editor", reach="own",
    ),
    Endpoint(
        "GET", f"{_ONE}/versions", OPERATOR, "Versions of a campaign", versions, result=VersionPage,
        parameters=parameters(VersionsQuery), errors=(404,), reach="own",
    ),
)  # fmt: skip
