"""Live campaigns, each made ready once, and found by what just happened and where, not by a scan."""

import hashlib
from collections.abc import Iterable, Sequence
from functools import cached_property
from operator import attrgetter
from typing import Final, NamedTuple

import msgspec

from push.campaigns import caps, draws, picks, slots
from push.campaigns.draws import Drawn
from push.campaigns.timing import Timely, compile_schedule
from push.model.campaigns import Campaign, Trigger
from push.model.decisions import Occasion
from push.model.people import Purpose
from push.model.rules.check import Check, check_of, fit_of
from push.model.rules.parse import RuleError, parse
from push.model.rules.tree import Did, Happened, Rule, uses
from push.model.rules.tree import Where as RuleWhere
from push.profiles.catalogue.product import path_of
from push.profiles.segments.book import read_closely

_ANY: Final = ""
_ID: Final = attrgetter("id")
_AT_PLACES: Final = frozenset({"store_entered", "zone_entered", "dwelled", "zone_left", "left", "approached"})
NEEDED: Final[frozenset[Purpose]] = frozenset({"location", "marketing"})
"""What every offer at a place needs, whatever it says: its own `needs` may ask for more, never for less."""


Like = str | tuple[str, ...]
"""A brand, or the path of a category."""


class Versioned(NamedTuple):
    """A campaign as it stood at one version."""

    campaign: Campaign
    version: int


class Ready:
    """A campaign, ready to be asked: its audience as a function, its schedule, what it needs and what it reads.

    `problem` is what is wrong with its rule, "" where nothing is; such a campaign is nobody's.
    """

    def __init__(self, entry: Versioned) -> None:
        self.campaign = campaign = entry.campaign
        self.version = entry.version
        self.id = campaign.id
        self.key = campaign.id, entry.version
        self.stops = frozenset({"all", f"campaign:{campaign.id}"})
        self.needs = needs_of(campaign)
        self.problem, self.audience = _rule(campaign)
        self.reads: frozenset[str] = frozenset() if self.audience is None else frozenset(uses(self.audience))
        self.gathers = self.reads | picks.reads(campaign.pick)
        self.speaks_of_her = slots.speaks_of_her(campaign)
        self.reads_closely = frozenset() if self.audience is None else read_closely(self.audience)
        self.products = tuple(sorted(campaign.about.products))
        self.likes = _likes(campaign)
        self.is_about = bool(self.products or self.likes)
        self.minds_purchases = self.is_about or (campaign.pick is not None and campaign.pick.not_owned)
        self.waits = campaign.trigger.wait_s > 0
        self.is_for_some = campaign.audience is not None
        self.is_later = campaign.when != "now"
        self.counts = caps.counted(campaign.caps, campaign.id)
        self.holdout = campaign.holdout
        self.value = campaign.value
        self.rank = -campaign.priority
        self.way = campaign.basis, campaign.channels, self.needs
        """What is asked alike of all campaigns that it is the same for."""

    @cached_property
    def check(self) -> Check | None:
        """Whether somebody belongs to the audience; None: everybody does."""
        return None if self.audience is None else check_of(self.audience)

    @cached_property
    def whom(self) -> bytes:
        """The same for campaigns whose audiences are: who is asked about one need not be asked about the others."""
        return hashlib.blake2b(msgspec.json.encode(self.campaign.audience, order="sorted"), digest_size=16).digest()

    @cached_property
    def timely(self) -> Timely:
        """Why it may not speak at a time; None: it may."""
        return compile_schedule(self.campaign.schedule)

    @cached_property
    def kept_from(self) -> Drawn:
        """A person's number: below the share of the holdout she is kept from it."""
        return draws.holdout(self.id)

    @cached_property
    def fits(self) -> "Fits | None":
        """Whether an event's properties are what the trigger asks for; None: it asks for nothing."""
        where = self.campaign.trigger.where
        return Fits(self.campaign.trigger) if where else None


class Fits:
    """A trigger's `where`, as a function."""

    def __init__(self, trigger: Trigger) -> None:
        asked = tuple(RuleWhere(each.property, each.op, each.value) for each in trigger.where)  # type: ignore[arg-type]
        self._fit = fit_of(Did(event=trigger.event or "event", where=asked))

    def __call__(self, occasion: Occasion) -> bool:
        """Whether it fits."""
        return self._fit is None or self._fit(Happened(occasion.at_ms, occasion.properties))


def needs_of(campaign: Campaign) -> frozenset[Purpose]:
    """The purposes without which a campaign says nothing: of what she is owed, those alone that it names."""
    if campaign.basis == "service":
        return frozenset(campaign.needs)
    at_place = campaign.trigger.kind in _AT_PLACES
    return frozenset(campaign.needs) | (NEEDED if at_place else NEEDED - {"location"})


def _likes(campaign: Campaign) -> tuple[Like, ...]:
    about = campaign.about
    return *sorted(set(map(path_of, about.categories))), *sorted({brand.casefold() for brand in about.brands})


def _rule(campaign: Campaign) -> tuple[str, Rule | None]:
    if campaign.audience is None:
        return "", None
    try:
        return "", parse(campaign.audience)
    except RuleError as error:
        return f"its audience cannot be read: {error}", None


class Book:
    """Campaigns by what triggers them and where; immutable once built."""

    def __init__(self, campaigns: Iterable[Versioned]) -> None:
        self.ready = {entry.campaign.id: Ready(entry) for entry in campaigns}
        self._index: dict[tuple[object, ...], list[Ready]] = {}
        for _, each in sorted(self.ready.items()):
            for key in _keys(each.campaign.trigger):
                self._index.setdefault(key, []).append(each)
        self.kinds = frozenset(each.campaign.trigger.kind for each in self.ready.values())
        self.for_next_visit = tuple(name for name, each in sorted(self.ready.items()) if _joins(each.campaign))
        """Those that wait for her next visit, and say nothing of what they began with."""
        self.has_places = any(each.campaign.when in {"checkout", "next_visit"} for each in self.ready.values())

    def candidates(self, occasion: Occasion) -> Sequence[Ready]:
        """The campaigns that answer something, in order of their ids."""
        if occasion.campaigns is not None:
            named = (self.ready.get(name) for name in occasion.campaigns)
            return [each for each in named if each is not None]
        found = [some for key in _asked(occasion) if (some := self._index.get(key))]
        fitting = [each for some in found for each in some if each.fits is None or each.fits(occasion)]
        if occasion.came:
            waited = [self.ready[name] for name in occasion.came if name in self.ready]
            return sorted(dict.fromkeys((*fitting, *waited)), key=_ID)
        return fitting if len(found) == 1 else sorted(fitting, key=_ID)


def _joins(campaign: Campaign) -> bool:
    return campaign.when == "next_visit" and not any("event" in text for text in slots.texts(campaign))


def _keys(trigger: Trigger) -> Iterable[tuple[object, ...]]:
    what = _what(trigger.kind, trigger.mark_s, trigger.event, trigger.feed, trigger.segment or "")
    for store in set(trigger.stores) or {_ANY}:
        for zone in set(trigger.fixtures if trigger.kind == "approached" else trigger.zones) or {_ANY}:
            yield (*what, store, zone)


def _asked(occasion: Occasion) -> Iterable[tuple[object, ...]]:
    what = _what(occasion.kind, occasion.mark_s, occasion.name, occasion.feed, occasion.segment)
    spot = occasion.fixture if occasion.kind == "approached" else occasion.zone
    for store in {occasion.store, _ANY}:
        for zone in {spot or _ANY, _ANY}:
            yield (*what, store, zone)


def _what(kind: str, mark_s: int, event: str, feed: str, segment: str) -> tuple[object, ...]:
    """What tells triggers of a kind apart, beside places."""
    match kind:
        case "dwelled":
            return kind, mark_s
        case "event":
            return kind, event
        case "feed":
            return kind, feed, event
        case "segment_entered" | "segment_left":
            return kind, segment
        case _:
            return (kind,)
