"""Feeds of the world over the API: a webhook says how things are (weather, a score) and what happens."""

from typing import Annotated, Any, Final

import msgspec

from beacons.topics import Id
from push.api.contract import OPERATOR, SENDER, Call, Context, Endpoint, ProblemError
from push.campaigns import feeds
from push.campaigns.feeds import Said

MOST_FIELDS: Final = 50
MOST_STATE_BYTES: Final = 16_384
MOST_PROPERTY_BYTES: Final = 2_048
"""They wait with everybody whom the event is to reach."""
LONGEST_S: Final = 30 * 86_400

Key = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_]{1,64}$(?!\n)")]
Text = Annotated[str, msgspec.Meta(max_length=200)]
Fields = Annotated[dict[Key, str | int | float | bool | list[Any] | None], msgspec.Meta(max_length=MOST_FIELDS)]


class FeedBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a feed says.

    `state` holds for `holds_s`, everywhere or in `store`, and is what rules read as `feed.NAME.key`. `event` happens
    now, with `properties`; the same `id` again is the same event.
    """

    state: Fields = {}
    holds_s: Annotated[int, msgspec.Meta(ge=1, le=LONGEST_S)] = 86_400
    store: Id | None = None
    event: Text = ""
    id: Text = ""
    properties: Fields = {}


class FeedHeard(msgspec.Struct, frozen=True, kw_only=True):
    """For how many campaigns the event was begun, which tell the people of their segments from now on."""

    campaigns: int


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """What a feed said last, and until when it holds; `store` None: everywhere."""

    feed: str
    store: str | None
    state: dict[str, Any]
    at_ms: int
    until_ms: int


class Feeds(msgspec.Struct, frozen=True, kw_only=True):
    """All feeds whose word holds."""

    items: tuple[Feed, ...]


async def put_feed(context: Context, call: Call) -> FeedHeard:
    """Take what a feed says. Raises `ProblemError` 400, 404."""
    body: FeedBody = call.body
    _refuse_large("state", body.state, MOST_STATE_BYTES)
    _refuse_large("properties", body.properties, MOST_PROPERTY_BYTES)
    if body.store is not None and await context.db.fetch_one("registry.store", id=body.store) is None:
        raise ProblemError(404, "Not there", f"There is no store {body.store}.")
    now_ms = context.clock.now_ms()
    said = Said(
        feed=call.path["feed"],
        store=body.store or "",
        state=body.state,
        until_ms=now_ms + 1000 * body.holds_s,
        event=body.event,
        id=body.id,
        properties=dict(body.properties),
    )
    async with context.db.transaction() as tx:
        begun = await feeds.hear(tx, context.deciding, said, now_ms)
    return FeedHeard(campaigns=begun)


def _refuse_large(name: str, said: Fields, most: int) -> None:
    if len(msgspec.json.encode(said)) > most:
        raise ProblemError(400, "Not understood", f"`{name}`: at most {most} bytes were expected.")


async def get_feeds(context: Context, call: Call) -> Feeds:
    """What feeds say."""
    del call
    return Feeds(items=tuple(Feed(**each) for each in await feeds.standing(context.db, context.clock.now_ms())))


ENDPOINTS: Final = (
    Endpoint("GET", "/v1/feeds", OPERATOR, "What feeds of the world say", get_feeds, result=Feeds),
    Endpoint(
        "POST", "/v1/feeds/{feed}", SENDER, "Say how the world is, and what happens", put_feed, FeedBody, FeedHeard,
        errors=(404,),
    ),
)  # fmt: skip
