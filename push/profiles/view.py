"""What rules may read of people: one flat mapping for each, put together of what is asked for and no more.

consents ─▶ may she be profiled? ─▶ traits, figures, events, visits, devices ─▶ {"traits.city": "Berlin", …}

Who may not be profiled has no facts. What is said of goods that are marked `sensitive` is in nobody's. docs/segments.md
has the names in a table, which a test holds to `FACTS`.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from push.model.ports import Queries, Row
from push.model.rules.tree import CONSENT, EVENTS, STAYS, Stay
from push.profiles import consent, permits, traits
from push.profiles.derived import figures, signals, store
from push.profiles.derived.figures import Figures, Given
from push.profiles.derived.reading import Goods
from push.profiles.derived.signals import NO_SIGNALS
from push.profiles.derived.sketches import Population
from push.profiles.happened import Asked, events
from push.profiles.keys import Keyring
from push.profiles.permits import ToProfile
from push.profiles.settings import ProfileSettings

FactType = Literal["any", "text", "number", "boolean", "time", "list", "stays", "events"]

TRAITS: Final = "traits."
FIGURES: Final = "figures."
LAST: Final = "last."
SEEN: Final = "seen.last"
OF_PLACES: Final = (STAYS, "visits.", "figures.visits", SEEN)
"""How the names of facts begin that change where visits do."""
STAYS_KEPT_MS: Final = 40 * 86_400_000
"""Visits before that are no fact, even where they are still kept."""
MOST_FLAT: Final = 4
"""Objects in objects are told apart by dotted names so deep."""


class Known(NamedTuple):
    """A fact that rules may read: its type, whether time or other people change it unseen, and what it means."""

    type: FactType
    meaning: str
    fades: bool = False


FACTS: Final[Mapping[str, Known]] = {
    "traits.*": Known("any", "a trait by its name; of an object, its parts as `traits.address.city`"),
    "last.*": Known("time", "when an event of this name last happened (its first 32 bytes)"),
    "events.*": Known("events", "the latest 1,000 events of a name; read by `did`"),
    "consent.*": Known("boolean", "whether a purpose is granted; read by `consent`"),
    "segment.*": Known("boolean", "whether she is in another segment; read by `segment`"),
    "stays": Known("stays", "where she is and was in the last 40 days; read by `place`"),
    "known_since": Known("time", "when the first of her was heard"),
    "seen.last": Known("time", "when she last did anything that was told of, or was in a store"),
    "visits.last": Known("time", "when her last visit began"),
    "visits.stores": Known("list", "the stores that she was in within 40 days"),
    "devices.platforms": Known("list", "the platforms of what she receives on"),
    "devices.locales": Known("list", "the locales of what she receives on"),
    "figures.orders": Known("number", "how many orders"),
    "figures.first_order_ms": Known("time", "the first order"),
    "figures.last_order_ms": Known("time", "the last order"),
    "figures.currency": Known("text", "the currency of most orders"),
    "figures.spent_minor": Known("number", "spent in that currency, in minor units, refunds taken off"),
    "figures.average_order_minor": Known("number", "what an order was worth"),
    "figures.average_piece_minor": Known("number", "what a piece cost"),
    "figures.recency_score": Known("number", "fifth of everyone by the last order, 5 the latest", fades=True),
    "figures.frequency_score": Known("number", "fifth of everyone by orders, 5 the most", fades=True),
    "figures.monetary_score": Known("number", "fifth of everyone by money spent, 5 the most", fades=True),
    "figures.price_tier": Known("number", "fifth of everyone by what a piece cost, 5 the dearest", fades=True),
    "figures.categories": Known("list", "the categories that she likes best, at most 10", fades=True),
    "figures.brands": Known("list", "the brands that she likes best, at most 10", fades=True),
    "figures.gap_days": Known("number", "days between orders, as a rule"),
    "figures.season_months": Known("list", "the months (1-12) in which she buys every year"),
    "figures.due_ms": Known("time", "when the next order is due", fades=True),
    "figures.lapse_risk": Known("number", "how likely she is not to come back, 0-1", fades=True),
    "figures.orders_next_year": Known("number", "orders that are to be expected within a year", fades=True),
    "figures.lifetime_minor": Known("number", "spent, and to be expected within a year", fades=True),
    "figures.basket": Known("list", "products in her basket"),
    "figures.wishes": Known("list", "products on her wish list"),
    "figures.visits": Known("number", "how many visits, as far as they are kept"),
    "figures.best_hour": Known("number", "the hour (0-23) in which she opens most", fades=True),
    "figures.best_weekday": Known("number", "the weekday (0 Monday - 6) on which she opens most", fades=True),
    "figures.channel": Known("text", "the channel over which she opens most", fades=True),
}
"""By name; ``*`` stands for any name."""
_ANY: Final = tuple(name.removesuffix("*") for name in FACTS if name.endswith("*"))


class Sight(NamedTuple):
    """What it takes to see people as rules do."""

    keyring: Keyring
    settings: ProfileSettings
    goods: Goods
    population: Callable[[], Awaitable[Population]]
    """Where everyone stands."""


def known(name: str) -> Known | None:
    """What is known of a fact of this name; None: there is no such fact."""
    if name in FACTS:
        return None if name.endswith("*") else FACTS[name]
    prefix = next((each for each in _ANY if name.startswith(each)), None)
    if prefix is None or len(name) == len(prefix):
        return None
    return FACTS[f"{prefix}*"]


class People(NamedTuple):
    """Whom to look at, for which facts, and of which events the properties are read as well."""

    persons: Sequence[str]
    names: frozenset[str]
    read: frozenset[str] = frozenset()
    """Names of facts of events (``events.Order Completed``)."""


class Permitted(NamedTuple):
    """Those of them who may be looked at, each by her permit."""

    permits: Mapping[str, ToProfile]
    names: frozenset[str]
    read: frozenset[str]

    @property
    def persons(self) -> list[str]:
        """Their ids."""
        return sorted(self.permits)


Facts = dict[str, object]
Found = dict[str, Facts]
"""By person, her facts by name."""


async def load(db: Queries, sight: Sight, people: People, now_ms: int) -> Found:
    """The facts of these people; of those only who stand for themselves and may be profiled.

    Raises `push.model.vault.SealError`, `push.model.errors.DatabaseError`.
    """
    found, granted = await _agreed(db, people.persons, now_ms)
    asked = Permitted(granted, people.names, people.read)
    if found:
        for starts, take in _SOURCES:
            if any(name.startswith(starts) for name in people.names):
                await take(db, sight, asked, found, now_ms)
    return found


def listed(ids: Iterable[str]) -> str:
    """Ids as statements take a list."""
    return msgspec.json.encode(sorted({*ids})).decode()


async def _agreed(db: Queries, persons: Iterable[str], now_ms: int) -> tuple[Found, dict[str, ToProfile]]:
    """What those said who stand for themselves and may be profiled, and their permits."""
    said: dict[str, list[Row]] = {}
    for row in await db.fetch("segments.consents", people=listed(persons)):
        said.setdefault(row["person"], []).append(row)
    found: Found = {}
    granted: dict[str, ToProfile] = {}
    for person, rows in said.items():
        permit = permits.to_profile(person, consent.standing(rows).granted, now_ms)
        if permit is not None:
            granted[person] = permit
            found[person] = {CONSENT + row["purpose"]: bool(row["granted"]) for row in rows}
    return found, granted


async def _known_since(db: Queries, sight: Sight, people: Permitted, found: Found, now_ms: int) -> None:
    del sight, now_ms
    for row in await db.fetch("segments.known", people=listed(people.persons)):
        found[row["person"]]["known_since"] = row["since_ms"]


async def _seen(db: Queries, sight: Sight, people: Permitted, found: Found, now_ms: int) -> None:
    del sight
    for row in await db.fetch("segments.seen", people=listed(people.persons), now_ms=now_ms):
        facts = found[row["person"]]
        left_ms = row["left_ms"] if facts.get(f"{CONSENT}location") else None
        times = [at_ms for at_ms in (row["told_ms"], left_ms) if at_ms is not None]
        if times:
            facts[SEEN] = max(times)


async def _traits(db: Queries, sight: Sight, people: Permitted, found: Found, now_ms: int) -> None:
    del now_ms
    loaded = await traits.load(db, sight.keyring, people.persons, sight.settings.traits)
    for person, values in loaded.items():
        found[person].update(_flat(TRAITS, values, MOST_FLAT))


def _flat(prefix: str, values: Mapping[str, object], deep: int) -> Iterable[tuple[str, object]]:
    for name, value in values.items():
        yield prefix + name, value
        if isinstance(value, dict) and deep:
            yield from _flat(f"{prefix}{name}.", value, deep - 1)


async def _figures(db: Queries, sight: Sight, people: Permitted, found: Found, now_ms: int) -> None:
    features = await store.load_persons(db, sight.keyring, people.persons)
    heard = await signals.load(db, sorted(features), now_ms)
    settings = sight.settings
    given = Given(now_ms, await sight.population(), settings.half_life_days, settings.lapse)
    for person, did in features.items():
        found[person].update(_figured(figures.figures(did, heard.get(person, NO_SIGNALS), given)))


def _figured(what: Figures) -> Iterable[tuple[str, object]]:
    for name in FACTS:
        if name.startswith(FIGURES):
            value = getattr(what, name.removeprefix(FIGURES))
            yield name, _plain(value)
    for event, at_ms in what.last_event_ms.items():
        yield LAST + event, at_ms


def _plain(value: object) -> object:
    """Lists of names in place of shares; what is empty is unknown."""
    if isinstance(value, tuple):
        return [getattr(one, "name", one) for one in value] or None
    return None if value == "" else value


async def _devices(db: Queries, sight: Sight, people: Permitted, found: Found, now_ms: int) -> None:
    del sight, now_ms
    kept: dict[str, dict[str, set[str]]] = {}
    for row in await db.fetch("segments.devices", people=listed(people.persons)):
        mine = kept.setdefault(row["person"], {"devices.platforms": set(), "devices.locales": set()})
        mine["devices.platforms"].add(row["platform"])
        mine["devices.locales"].add(row["locale"])
    for person, sets in kept.items():
        found[person].update((name, sorted(values)) for name, values in sets.items())


async def _visits(db: Queries, sight: Sight, people: Permitted, found: Found, now_ms: int) -> None:
    """Of those who may be located: who may not is nowhere."""
    del sight
    located = [person for person in people.persons if found[person].get(f"{CONSENT}location")]
    visits = await db.fetch("segments.visits", people=listed(located), since_ms=now_ms - STAYS_KEPT_MS)
    inside = {row["id"]: row["person"] for row in visits}
    stays = await db.fetch("segments.stays", visits=listed(inside)) if STAYS in people.names and inside else []
    places: dict[str, list[Stay]] = {}
    for row in visits:
        places.setdefault(row["person"], []).append(Stay(row["store"], None, row["entered_ms"], row["left_ms"]))
    for row in stays:
        places[inside[row["visit"]]].append(Stay(row["store"], row["zone"], row["entered_ms"], row["left_ms"]))
    for person, mine in places.items():
        found[person][STAYS] = tuple(mine)
        found[person]["visits.last"] = max(stay.entered_ms for stay in mine if stay.zone is None)
        found[person]["visits.stores"] = sorted({stay.store for stay in mine})


async def _events(db: Queries, sight: Sight, people: Permitted, found: Found, now_ms: int) -> None:
    del now_ms
    wanted = {name.removeprefix(EVENTS): name in people.read for name in people.names if name.startswith(EVENTS)}
    told = await events(db, sight.keyring, sight.goods, Asked(people.persons, wanted))
    for (person, name), mine in told.items():
        found[person][EVENTS + name] = mine


Source = Callable[[Queries, Sight, Permitted, Found, int], Awaitable[None]]
_SOURCES: Final[tuple[tuple[tuple[str, ...], Source], ...]] = (
    (("known_since",), _known_since),
    ((SEEN,), _seen),
    ((TRAITS,), _traits),
    ((FIGURES, LAST), _figures),
    (("devices.",), _devices),
    ((STAYS, "visits."), _visits),
    ((EVENTS,), _events),
)
"""Which names are read by what."""
