"""Segments, wired: their rules, how people are seen, and what keeps members current."""

from typing import NamedTuple

from push.model.ports import Clock, Database
from push.profiles.derived.reading import Goods
from push.profiles.derived.sketches import Population, Populations
from push.profiles.keys import Keyring
from push.profiles.segments.book import Shelf
from push.profiles.segments.counting import Counting
from push.profiles.segments.membership import Means
from push.profiles.segments.runner import Runner
from push.profiles.settings import ProfileSettings
from push.profiles.view import Sight


class Segmenting(NamedTuple):
    """What asks rules, and what runs by itself."""

    means: Means
    runner: Runner
    counting: Counting


def open_segmenting(
    settings: ProfileSettings, db: Database, clock: Clock, keyring: Keyring, goods: Goods
) -> Segmenting:
    """Segments of a database."""
    populations = Populations(clock)

    async def population() -> Population:
        return await populations.now(db)

    means = Means(Shelf(), Sight(keyring, settings, goods, population))
    return Segmenting(means, Runner(db, means, settings.segments, clock), Counting(db, means, clock))
