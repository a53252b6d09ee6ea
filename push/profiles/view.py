"""What rules may read of people: one flat mapping for each, put together of what is asked for and no more.

consents ─▶ may she be profiled? ─▶ traits, figures, events, visits, devices ─▶ {"traits.city": "Berlin", …}

Who may not be profiled has no facts. What is said of goods that are marked `sensitive` is in nobody's. docs/segments.md
has the names in a table, which a test holds to `FACTS`.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from push.model.ports import Queries, Read, Row, fetch_each
from push.model.rules.tree import CONSENT, EVENTS, STAYS, Stay
from push.profiles import consent, happened, permits, traits
from push.profiles.derived import figures, signals, store
from push.profiles.derived.figures import Figures, Given
from push.profiles.derived.reading import Goods
from push.profiles.derived.signals import NO_SIGNALS
from push.profiles.derived.sketches import Population
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


class Asked(NamedTuple):
    """How people are seen, which of them for what, and when."""

    sight: Sight
    people: Permitted
    now_ms: int


Facts = dict[str, object]
Found = dict[str, Facts]
"""By person, her facts by name."""


async def load(db: Queries, sight: Sight, people: People, now_ms: int) -> Found:
    """The facts of these people; of those only who stand for themselves and may be profiled.

    Raises `push.model.vault.SealError`, `push.model.errors.DatabaseError`.
    """
    said: dict[str, list[Row]] = {}
    for row in await db.fetch("segments.consents", people=listed(people.persons)):
        said.setdefault(row["person"], []).append(row)
    return await load_of(db, sight, people, said, now_ms)


async def load_of(db: Queries, sight: Sight, people: People, said: Mapping[str, Sequence[Row]], now_ms: int) -> Found:
    """As `load`, where rows of what they agreed to are at hand: by person, of those who stand for themselves."""
    found, permits_ = _agreed(said, people.persons, now_ms)
    if not found:
        return found
    asked = Asked(sight, Permitted(permits_, people.names, people.read), now_ms)
    sources = [each for each in _SOURCES if any(name.startswith(each.starts) for name in people.names)]
    rows = await fetch_each(db, [each.reads(asked, found) for each in sources])
    for each, mine in zip(sources, rows, strict=True):
        await each.takes(db, asked, mine, found)
    return found


def listed(ids: Iterable[str]) -> str:
    """Ids as statements take a list."""
    return msgspec.json.encode(sorted({*ids})).decode()


def _agreed(
    said: Mapping[str, Sequence[Row]], persons: Iterable[str], now_ms: int
) -> tuple[Found, dict[str, ToProfile]]:
    """What those said who may be profiled, and their permits."""
    found: Found = {}
    granted: dict[str, ToProfile] = {}
    for person in persons:
        rows = said.get(person, ())
        permit = permits.to_profile(person, consent.standing(rows).granted, now_ms)
        if permit is not None:
            granted[person] = permit
            found[person] = {CONSENT + row["purpose"]: bool(row["granted"]) for row in rows}
    return found, granted


def _by_people(name: str) -> Callable[[Asked, Found], Read]:
    """A read that takes whom it is of, and nothing else."""
    return lambda asked, _: Read(name, {"people": listed(asked.people.persons)})


async def _known_since(db: Queries, asked: Asked, rows: Sequence[Row], found: Found) -> None:
    del db, asked
    for row in rows:
        found[row["person"]]["known_since"] = row["since_ms"]


def _reads_seen(asked: Asked, found: Found) -> Read:
    del found
    return Read("segments.seen", {"people": listed(asked.people.persons), "now_ms": asked.now_ms})


async def _seen(db: Queries, asked: Asked, rows: Sequence[Row], found: Found) -> None:
    del db, asked
    for row in rows:
        facts = found[row["person"]]
        left_ms = row["left_ms"] if facts.get(f"{CONSENT}location") else None
        times = [at_ms for at_ms in (row["told_ms"], left_ms) if at_ms is not None]
        if times:
            facts[SEEN] = max(times)


def _reads_traits(asked: Asked, found: Found) -> Read:
    del found
    return traits.read(asked.people.persons)


async def _traits(db: Queries, asked: Asked, rows: Sequence[Row], found: Found) -> None:
    del db
    for person, values in (await traits.told(asked.sight.keyring, rows, asked.sight.settings.traits)).items():
        found[person].update(_flat(TRAITS, values, MOST_FLAT))


def _flat(prefix: str, values: Mapping[str, object], deep: int) -> Iterable[tuple[str, object]]:
    for name, value in values.items():
        yield prefix + name, value
        if isinstance(value, dict) and deep:
            yield from _flat(f"{prefix}{name}.", value, deep - 1)


def _reads_figures(asked: Asked, found: Found) -> Read:
    del found
    return store.read_persons(asked.people.persons)


async def _figures(db: Queries, asked: Asked, rows: Sequence[Row], found: Found) -> None:
    sight, now_ms = asked.sight, asked.now_ms
    features = await store.told_persons(db, sight.keyring, rows)
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


async def _devices(db: Queries, asked: Asked, rows: Sequence[Row], found: Found) -> None:
    del db, asked
    kept: dict[str, dict[str, set[str]]] = {}
    for row in rows:
        mine = kept.setdefault(row["person"], {"devices.platforms": set(), "devices.locales": set()})
        mine["devices.platforms"].add(row["platform"])
        mine["devices.locales"].add(row["locale"])
    for person, sets in kept.items():
        found[person].update((name, sorted(values)) for name, values in sets.items())


def _reads_visits(asked: Asked, found: Found) -> Read:
    """Of those who may be located: who may not is nowhere."""
    located = listed(person for person in asked.people.persons if found[person].get(f"{CONSENT}location"))
    return Read("segments.visits", {"people": located, "since_ms": asked.now_ms - STAYS_KEPT_MS})


async def _visits(db: Queries, asked: Asked, rows: Sequence[Row], found: Found) -> None:
    inside = {row["id"]: row["person"] for row in rows}
    wanted = STAYS in asked.people.names and inside
    stays = await db.fetch("segments.stays", visits=listed(inside)) if wanted else []
    places: dict[str, list[Stay]] = {}
    for row in rows:
        places.setdefault(row["person"], []).append(Stay(row["store"], None, row["entered_ms"], row["left_ms"]))
    for row in stays:
        places[inside[row["visit"]]].append(Stay(row["store"], row["zone"], row["entered_ms"], row["left_ms"]))
    for person, mine in places.items():
        found[person][STAYS] = tuple(mine)
        found[person]["visits.last"] = max(stay.entered_ms for stay in mine if stay.zone is None)
        found[person]["visits.stores"] = sorted({stay.store for stay in mine})


def _reads_events(asked: Asked, found: Found) -> Read:
    del found
    return happened.read(asked.people.persons, _names_of_events(asked.people))


async def _events(db: Queries, asked: Asked, rows: Sequence[Row], found: Found) -> None:
    sight = asked.sight
    told = await happened.told(db, sight.keyring, sight.goods, rows, _names_of_events(asked.people))
    for (person, name), mine in told.items():
        found[person][EVENTS + name] = mine


def _names_of_events(people: Permitted) -> dict[str, bool]:
    """The events that are asked for; True where their properties are read as well."""
    return {name.removeprefix(EVENTS): name in people.read for name in people.names if name.startswith(EVENTS)}


class _Source(NamedTuple):
    """Where some facts come from: how their names begin, what is read for them, and what takes the rows."""

    starts: tuple[str, ...]
    reads: Callable[[Asked, Found], Read]
    takes: Callable[[Queries, Asked, Sequence[Row], Found], Awaitable[None]]


_SOURCES: Final = (
    _Source(("known_since",), _by_people("segments.known"), _known_since),
    _Source((SEEN,), _reads_seen, _seen),
    _Source((TRAITS,), _reads_traits, _traits),
    _Source((FIGURES, LAST), _reads_figures, _figures),
    _Source(("devices.",), _by_people("segments.devices"), _devices),
    _Source((STAYS, "visits."), _reads_visits, _visits),
    _Source((EVENTS,), _reads_events, _events),
)
"""They are read in one go: going to the database costs as much as what most of them ask."""
