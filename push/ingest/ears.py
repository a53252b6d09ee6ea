"""What a tick's sightings say about beacons: whose they are, how their clocks run, and which must not be believed.

ids ─look up▶ positions ─clocks▶ replays refused ─clones▶ copies held back ─▶ staff dropped ─▶ observations
      └─ nobody's ─▶ the search for clocks that are far off
"""

from collections import Counter
from typing import Annotated, Final

import msgspec
import numpy as np
import structlog

from beacons.ids import IdKind
from push.ingest.observe import Sightings
from push.registry.clones import Clones
from push.registry.drift import Clocks
from push.registry.journeys import Journeys
from push.registry.resolver import Resolver
from push.registry.rows import words
from push.registry.search import Correction, Search
from push.registry.tags import STAFF, UNKNOWN, Ints, Mask, Tags

log = structlog.get_logger()

MOST_CORRECTIONS: Final = 1_000
"""Clocks that wait to be corrected."""


class EarSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far beacons' clocks are followed, and when a beacon counts as copied."""

    clock_tolerance_s: Annotated[int, msgspec.Meta(ge=0, le=3600)] = 120
    """How far a rotating tag's clock may be off what is known of it: 20 ppm over ten weeks without a word of it."""
    drift_bound_s: Annotated[int, msgspec.Meta(ge=0, le=86_400)] = 900
    """How far a clock is followed away from what was registered: 20 ppm over a year and a half."""
    search_range_h: Annotated[int, msgspec.Meta(ge=0, le=48)] = 24
    """How far off a clock is searched for that lost power; 0: not at all."""
    search_silent_s: Annotated[int, msgspec.Meta(ge=60, le=2_592_000)] = 600
    """Only of beacons that were silent for so long."""
    clone_apart_s: Annotated[int, msgspec.Meta(ge=0, le=3600)] = 60
    """One beacon in two stores within this time was copied, where it is not known where they are; 0: nobody looks."""
    clone_quiet_s: Annotated[int, msgspec.Meta(ge=1, le=86_400)] = 600
    """So long after it was heard in two stores last, a copied beacon places nobody."""


class Ears:
    """The registered beacons as they are heard: one for each resolver."""

    def __init__(self, resolver: Resolver, settings: EarSettings, counts: Counter[str]) -> None:
        self.resolver = resolver
        self.clocks = Clocks(resolver, bound_ms=settings.drift_bound_s * 1000)
        self.search = Search(
            resolver,
            self.clocks,
            range_ms=settings.search_range_h * 3_600_000,
            silent_ms=settings.search_silent_s * 1000,
        )
        self.journeys = Journeys(settings.clone_apart_s * 1000)
        self.clones = Clones(resolver.tags, journeys=self.journeys, quiet_ms=settings.clone_quiet_s * 1000)
        self.corrections: list[Correction] = []
        self._counts = self.search.counts = self.clones.counts = counts

    def take(self, sightings: Sightings, stores: list[str], now_ms: int) -> Ints:
        """Positions of what was heard and may be believed, `UNKNOWN` for all else; `stores` are the sources'."""
        s = sightings
        found = self.resolver.look_up(s.kind, s.id, s.first_ms)
        is_replay = self.clocks.take(found, s.first_ms)
        numbers = np.array([self.journeys.number(store) for store in stores], dtype=np.int64)
        alarms, is_cloned = self.clones.observe(found.position, numbers[s.source], s.last_ms, now_ms)
        for alarm in alarms:
            log.warning("a beacon is in two stores at once", **msgspec.structs.asdict(alarm))
        self._search(sightings, found.position, is_replay, now_ms)
        believed = without_staff(self.resolver.tags, np.where(is_replay | is_cloned, UNKNOWN, found.position))
        self._counts["replayed"] += int(np.count_nonzero(is_replay))
        self._counts["of_cloned"] += int(np.count_nonzero(is_cloned & ~is_replay))
        return believed

    def _search(self, s: Sightings, position: Ints, is_replay: Mask, now_ms: int) -> None:
        self.search.resolved(position[~is_replay])
        nobodys = (position == UNKNOWN) & (s.kind == IdKind.EID)
        proven = self.search.note(words(s.kind[nobodys], s.id[nobodys]), s.first_ms[nobodys], now_ms)
        self.corrections = [*self.corrections, *proven][:MOST_CORRECTIONS]


def without_staff(tags: Tags, positions: Ints) -> Ints:
    """Staff is dropped here, before anything is counted or written."""
    is_staff = (positions != UNKNOWN) & (tags.flags[positions] & STAFF != 0)
    return np.where(is_staff, UNKNOWN, positions)
