"""People as operators see them: found by what they are known by, their profile, and what was said of them."""

from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from push.api.contract import OPERATOR, Call, Context, Endpoint, ProblemError
from push.api.queries import After, asked, given, parameters
from push.api.refusals import refusing
from push.model.profiles import KindName
from push.profiles import profile
from push.profiles.collect import tracked
from push.profiles.collect.tracked import Told
from push.profiles.identity import facets
from push.profiles.profile import Profile
from push.registry import cursors
from push.registry.audit import audit


class FindIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An identifier: a kind that is configured, and its value in any spelling. It is personal, so it is in no URL."""

    kind: KindName
    value: Annotated[str, Meta(min_length=1, max_length=1024)]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Who it is: `person` stands for all facets of hers, `shopper` is the one of this identifier."""

    person: str
    shopper: str


class EventsAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Which of what was said."""

    after: After | UnsetType = UNSET
    limit: Annotated[int, Meta(ge=1, le=500, description="How many at most.")] = 50


class Events(msgspec.Struct, frozen=True, kw_only=True):
    """What was said of a person, the newest first; `after` asks for the next page."""

    items: tuple[Told, ...]
    after: str | None


async def find(context: Context, call: Call) -> Found:
    """Who is known by an identifier."""
    body: FindIn = call.body
    identifier, _ = context.collecting.desk.kinds.normalised(body.kind, body.value)
    shopper = None if identifier is None else await facets.find(context.db, context.vault, identifier)
    persons = await facets.persons(context.db, [shopper]) if shopper is not None else {}
    if shopper is None or shopper not in persons:
        raise ProblemError(404, "Nobody", "No shopper is known by that: try another identifier of hers.")
    return Found(person=persons[shopper], shopper=shopper)


async def person(context: Context, call: Call) -> Profile:
    """A person's profile, by any shopper id of hers."""
    found = await profile.read(context.db, context.collecting.desk, call.path["id"], context.clock.now_ms())
    if found is None:
        raise _nobody()
    await note_look(context, call, found.person)
    return found


async def events(context: Context, call: Call) -> Events:
    """What was said of a person, the newest first."""
    query = asked(call, EventsAsked)
    after = given(query.after)
    with refusing():
        before = None if after is None else cursors.read(after, int)
    shopper = call.path["id"]
    persons = await facets.persons(context.db, [shopper])
    if not persons:
        raise _nobody()
    await note_look(context, call, persons[shopper])
    place = None if before is None else (int(before.value), before.id)
    page = await tracked.timeline(context.db, context.keyring, shopper, place, query.limit)
    return Events(
        items=page.items, after=None if page.after is None else cursors.written(cursors.Position(*page.after))
    )


async def note_look(context: Context, call: Call, person: str) -> None:
    """Write into the trail that somebody looked at a person, and who: as the console does."""
    async with context.db.transaction() as tx:
        await audit(tx, call.actor, "look at person", "person", context.clock.now_ms(), after={"shopper": person})


def _nobody() -> ProblemError:
    return ProblemError(404, "Nobody", "There is no such shopper: POST /v1/people/find looks one up.")


ENDPOINTS: Final = (
    Endpoint(
        "POST", "/v1/people/find", OPERATOR, "Who is known by an identifier", find, FindIn, Found, errors=(404,),
    ),
    Endpoint(
        "GET", "/v1/people/{id}", OPERATOR, "A person's profile", person, result=Profile, errors=(404,), role="editor",
    ),
    Endpoint(
        "GET", "/v1/people/{id}/events", OPERATOR, "What was said of a person, newest first", events, result=Events,
        parameters=parameters(EventsAsked), errors=(404,), role="editor",
    ),
)  # fmt: skip
