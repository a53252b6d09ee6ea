"""People and what they do in a week, drawn from a seed: habits, consents, taste, visits, purchases. Pure."""

import random
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from push.model.people import Purpose

CATEGORIES: Final = (
    "Shoes", "Coats", "Shirts", "Jeans", "Bags", "Toys", "Books", "Games", "Phones", "Kitchen", "Garden", "Sports",
)  # fmt: skip
TILLS: Final = "tills"
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
OPEN_H: Final = (9.0, 21.5)
"""Stores are open beyond the beginning of the quiet hours, so that these are put to the test."""
STAY_MS: Final = 60_000
"""After so long in a zone she dwells there."""
REGULARS: Final = 0.2
"""So many of all come several times a week."""
WANT_OFFERS: Final = 0.75
MAY_BE_KNOWN: Final = 0.7
"""Of those who want offers."""

What = Literal["entered", "zone", "dwelled", "zone_left", "left", "bought", "viewed"]


class Habits(NamedTuple):
    """Somebody: where and how often she goes, what she likes, what she agreed to, how patient she is.

    `opens` is how likely she opens what fits her taste and does not come as one of many.
    """

    id: str
    store: str
    visits_a_week: float
    hour: float
    likes: tuple[str, ...]
    agreed: tuple[Purpose, ...]
    opens: float


class Act(NamedTuple):
    """Something that somebody does, UTC ms; `visit` is "" at home, `zone` a category's or the tills'."""

    at_ms: int
    who: int
    what: What
    visit: str = ""
    zone: str = ""


def crowd(people: int, stores: int, seed: int) -> list[Habits]:
    """So many people of so many stores."""
    chance = random.Random(seed)  # noqa: S311 - a simulation that repeats itself
    return [_somebody(n, stores, chance) for n in range(people)]


def _somebody(n: int, stores: int, chance: random.Random) -> Habits:
    is_regular = chance.random() < REGULARS
    return Habits(
        id=f"shp-{n:05}",
        store=f"store-{chance.randrange(stores):02}",
        visits_a_week=chance.uniform(2.0, 5.0) if is_regular else chance.uniform(0.2, 1.5),
        hour=chance.choice((10.5, 12.5, 17.5, 18.5, 20.5)),
        likes=tuple(chance.sample(CATEGORIES, 3)),
        agreed=_agreed(chance),
        opens=chance.uniform(0.15, 0.6),
    )


def _agreed(chance: random.Random) -> tuple[Purpose, ...]:
    """Most agree to be located, most of these to offers, fewer to be known better."""
    found: list[Purpose] = ["location", "inapp"]
    if chance.random() < WANT_OFFERS:
        found.append("marketing")
        if chance.random() < MAY_BE_KNOWN:
            found.append("profiling")
    return tuple(found)


def acts(who: int, habits: Habits, begin_ms: int, days: int, seed: int) -> Iterator[Act]:
    """Everything that somebody does, visit by visit; `begin_ms` is midnight where the stores are."""
    chance = random.Random(f"{seed} {habits.id}")  # noqa: S311 - likewise
    for day in range(days):
        if chance.random() < habits.visits_a_week / 7:
            hour = min(max(chance.gauss(habits.hour, 1.2), OPEN_H[0]), OPEN_H[1] - 0.2)
            yield from _visit(who, habits, begin_ms + day * DAY_MS + int(hour * HOUR_MS), chance)
        if chance.random() < habits.visits_a_week / 10:
            at_ms = begin_ms + day * DAY_MS + chance.randrange(DAY_MS)
            yield Act(at_ms, who, "viewed", zone=chance.choice(habits.likes))


def _visit(who: int, habits: Habits, at_ms: int, chance: random.Random) -> Iterator[Act]:
    visit = f"vis-{who}-{at_ms}"
    yield Act(at_ms, who, "entered", visit)
    zones = chance.sample(habits.likes, chance.choice((1, 1, 2))) + chance.sample(CATEGORIES, chance.choice((0, 1, 2)))
    bought = []
    for zone in dict.fromkeys(zones):
        at_ms += chance.randrange(20_000, 90_000)
        yield Act(at_ms, who, "zone", visit, zone)
        stays_ms = chance.randrange(15_000, 240_000)
        if stays_ms > STAY_MS:
            yield Act(at_ms + STAY_MS, who, "dwelled", visit, zone)
            if chance.random() < (0.3 if zone in habits.likes else 0.08):
                bought.append(zone)
        at_ms += stays_ms
        yield Act(at_ms, who, "zone_left", visit, zone)
    if bought:
        at_ms += 60_000
        yield Act(at_ms, who, "zone", visit, TILLS)
        for n, zone in enumerate(bought):
            yield Act(at_ms + 30_000 + n, who, "bought", visit, zone)
        at_ms += 90_000
    yield Act(at_ms + 30_000, who, "left", visit)
