"""Which live campaigns name a store, a zone or a segment: who deletes one is told, and says so once more.

Of a place that is gone a campaign says nothing there, and goes on elsewhere. What asks for a segment that is gone would
speak to whom it never meant (*not* in it: everybody), so that it is paused.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, NamedTuple

from push.campaigns import lifecycle, records
from push.campaigns.known import named_places, named_segments
from push.campaigns.lifecycle import By
from push.model.campaigns import Campaign
from push.model.errors import TakenError
from push.model.ports import Queries, Transaction

MOST_TOLD: Final = 10
Sees = Callable[[str], bool]


class NamedError(TakenError):
    """Live campaigns name what is to be deleted; it may be deleted all the same."""


class Thing(NamedTuple):
    """What is to be deleted: as it is called, what becomes of campaigns that name it, and whether one does."""

    subject: str
    then: str
    is_named_by: Callable[[Campaign], bool]


def store(name: str) -> Thing:
    """A store."""
    return Thing(f"store {name}", "they say nothing there any more", partial(_names_place, of=name, zone=None))


def zone(of: str, name: str) -> Thing:
    """A zone of a store."""
    return Thing(f"zone {name}", "they say nothing there any more", partial(_names_place, of=of, zone=name))


def segment(name: str) -> Thing:
    """A segment."""
    return Thing(f"segment {name}", "they are paused", lambda campaign: name in named_segments(campaign))


def _names_place(campaign: Campaign, of: str, zone: str | None) -> bool:
    """Whether it names a store (`zone` None), or a zone of it by its id."""
    trigger = campaign.trigger
    asked = [place for place in named_places(campaign) if place.store in {None, of}]
    if zone is None:
        return of in trigger.stores or any(place.store == of for place in asked)
    is_there = not trigger.stores or of in trigger.stores
    return (is_there and zone in trigger.zones) or any(place.zone == zone for place in asked)


async def live(db: Queries, thing: Thing) -> list[Campaign]:
    """The live campaigns that name it."""
    return [entry.campaign for entry in await records.live(db) if thing.is_named_by(entry.campaign)]


async def refuse(db: Queries, thing: Thing, sees: Sees) -> None:
    """Raises `NamedError` where live campaigns name it: by those that the caller sees, the others in number."""
    found = await live(db, thing)
    if not found:
        return
    seen = [campaign for campaign in found if all(map(sees, campaign.trigger.stores))]
    names = [f"{campaign.name} ({campaign.id})" for campaign in seen[:MOST_TOLD]]
    if len(found) > len(names):
        names.append(f"{len(found) - len(names)} more" if names else f"{len(found)} of other stores")
    why = f"live campaigns name it: {', '.join(names)}; once it is gone, {thing.then}"
    raise NamedError(thing.subject, why, tuple(campaign.id for campaign in seen[:MOST_TOLD]))


async def pause(tx: Transaction, campaigns: Iterable[Campaign], actor: str, now_ms: int) -> None:
    """Let campaigns pause that name what is gone."""
    for campaign in campaigns:
        await lifecycle.pause(tx, campaign.id, By(actor, now_ms))
