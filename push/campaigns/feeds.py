"""Feeds of the world: what they say (weather, a match), for rules to read, and what happens in them, for campaigns.

a webhook ─state▶ `feeds` ─▶ facts `feed.NAME.key` of every rule;  ─event▶ a spread for each campaign that answers it
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from push.campaigns import sowing, triggers, waiting
from push.campaigns.book import Ready
from push.campaigns.means import Means
from push.campaigns.sowing import Times
from push.campaigns.waiting import Kept
from push.model.decisions import Occasion
from push.model.ids import derived, fresh
from push.model.ports import Queries, Transaction
from push.model.profiles import Json

PREFIX: Final = "feed."
MOST: Final = 500
"""Feeds, each store's for itself, whose word is kept: those that spoke last."""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What a feed says: a state, which holds until a time and (store given) in one store; an event, with properties.

    `id` is the feed's own for the event: the same again is the same event.
    """

    feed: str
    store: str = ""
    state: Mapping[str, Json] = {}
    until_ms: int = 0
    event: str = ""
    id: str = ""
    properties: dict[str, Json] = {}


async def hear(tx: Transaction, means: Means, said: Said, now_ms: int) -> int:
    """Keep what a feed says; how many campaigns its event was begun for."""
    if said.state:
        await tx.execute(
            "feeds.put",
            feed=said.feed,
            store=said.store,
            state=msgspec.json.encode(said.state).decode(),
            at_ms=now_ms,
            until_ms=said.until_ms,
        )
        await tx.execute("feeds.trim", now_ms=now_ms, most=MOST)
    return await _begin(tx, means, said, now_ms) if said.event else 0


async def _begin(tx: Transaction, means: Means, said: Said, now_ms: int) -> int:
    happened = derived("fed", said.feed, said.id) if said.id else fresh("fed")
    kept = Kept(kind="feed", since_ms=now_ms, name=said.event, feed=said.feed, properties=said.properties)
    begun = 0
    for ready in _answering(means, said, now_ms):
        until_ms = now_ms + waiting.grace_ms(means.in_force.book, ready.id)
        name = derived("spr", happened, ready.id)
        begun += await sowing.put_spread(tx, name, ready.campaign, kept, Times(now_ms, until_ms, now_ms))
    return begun


def _answering(means: Means, said: Said, now_ms: int) -> Iterable[Ready]:
    """The campaigns that answer an event: of its feed and name, with such properties, and of its store."""
    book = means.in_force.book
    occasion = Occasion(
        id="", kind="feed", shopper="", at_ms=now_ms, heard_ms=now_ms, received_ms=now_ms, name=said.event,
        feed=said.feed, properties=said.properties,
    )  # fmt: skip
    for each in triggers.of_feed(triggers.of_kind(book, "feed"), said.feed, said.event):
        ready, stores = book.ready[each.id], each.trigger.stores
        if (not (said.store and stores) or said.store in stores) and (ready.fits is None or ready.fits(occasion)):
            yield ready


async def standing(db: Queries, now_ms: int) -> list[dict[str, Any]]:
    """What feeds said whose word holds: `feed`, `store` (None: everywhere), `state`, `at_ms`, `until_ms`."""
    rows = await db.fetch("feeds.all", now_ms=now_ms)
    return [{**row, "store": row["store"] or None, "state": msgspec.json.decode(row["state"])} for row in rows]


async def facts(db: Queries, now_ms: int) -> dict[str, Any]:
    """What feeds say now, by the name that rules read: `feed.weather.rain`; of one store, `feed.weather.rain@berlin-1`.

    What a feed said whose time is over is not known any more.
    """
    found: dict[str, Any] = {}
    for each in await standing(db, now_ms):
        where = f"@{each['store']}" if each["store"] else ""
        found |= {f"{PREFIX}{each['feed']}.{key}{where}": value for key, value in each["state"].items()}
    return found


def at(said: Mapping[str, Any], names: Iterable[str], store: str) -> dict[str, Any]:
    """What feeds say of these names in a store: what is said of it alone comes before what is said of everywhere."""
    found = {}
    for name in sorted(names):
        own = f"{name}@{store}"
        if own in said or name in said:
            found[name] = said[own] if own in said else said[name]
    return found
