"""Which occasions follow from what happened beside presence, and which events campaigns want to hear of. Pure."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from push.campaigns.book import Book
from push.model.campaigns import Campaign, TriggerKind
from push.model.decisions import Occasion
from push.model.ids import derived
from push.model.profiles import Json
from push.profiles.collect.commerce import Act, act_of

BASKET_ACTS: Final[frozenset[Act]] = frozenset({"added", "removed", "basket_viewed", "checkout"})
"""What somebody does to a basket, or with it: from then on it may be left behind."""
STALE_MS: Final = 3_600_000
"""What was told so long after it happened is history: it completes profiles, and triggers nothing."""


class Watched(NamedTuple):
    """Of which events campaigns want to hear: by name, and all purchases, all that is done to baskets."""

    names: frozenset[str]
    purchases: bool
    baskets: bool

    def wants(self, name: str) -> bool:
        """Whether somebody wants to hear of an event of this name."""
        if name in self.names:
            return True
        act = act_of(name) if self.purchases or self.baskets else None
        return (self.purchases and act == "ordered") or (self.baskets and act in BASKET_ACTS)


def watched(book: Book) -> Watched:
    """Of which events the campaigns of a book want to hear."""
    triggers = [ready.campaign.trigger for ready in book.ready.values()]
    return Watched(
        frozenset(trigger.event for trigger in triggers if trigger.kind == "event"),
        "purchase" in book.kinds,
        "basket" in book.kinds,
    )


class Event(NamedTuple):
    """Something she did: the statement that says so, and what of it may be read."""

    statement: str
    shopper: str
    name: str
    at_ms: int
    properties: dict[str, Json]


class Spot(NamedTuple):
    """Where she is at that time; "" where that is not known."""

    store: str = ""
    zone: str | None = None
    visit: str = ""


def of_event(event: Event, spot: Spot, now_ms: int) -> list[Occasion]:
    """An event as occasions: as an event of its name, and where it is one, as a purchase."""
    found = [_occasion("event", event, spot, now_ms)]
    if act_of(event.name) == "ordered":
        found.append(_occasion("purchase", event, spot, now_ms))
    return found


def _occasion(kind: TriggerKind, event: Event, spot: Spot, now_ms: int) -> Occasion:
    return Occasion(
        id=derived("occ", event.statement, kind),
        kind=kind,
        shopper=event.shopper,
        store=spot.store,
        zone=spot.zone,
        visit=spot.visit,
        at_ms=event.at_ms,
        heard_ms=now_ms,
        received_ms=now_ms,
        name=event.name,
        properties=event.properties,
        origin=event.statement,
    )


def is_of_basket(name: str) -> bool:
    """Whether an event is something done to a basket."""
    return act_of(name) in BASKET_ACTS


def of_kind(book: Book, *kinds: str) -> list[Campaign]:
    """The campaigns that answer these kinds, by id."""
    if not book.kinds.intersection(kinds):
        return []
    return [ready.campaign for _, ready in sorted(book.ready.items()) if ready.campaign.trigger.kind in kinds]


def of_feed(campaigns: Iterable[Campaign], feed: str, name: str) -> list[Campaign]:
    """Those of the campaigns that answer an event of a feed, and say whom they speak to."""
    return [
        each
        for each in campaigns
        if (each.trigger.kind, each.trigger.feed, each.trigger.event) == ("feed", feed, name) and each.trigger.segment
    ]
