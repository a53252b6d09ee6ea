"""Everything that is known of a person, in one look: who, what was said, what follows, what she agreed to."""

import msgspec

from push.model.people import Consent
from push.model.ports import Queries
from push.model.profiles import Json
from push.profiles import consent, traits
from push.profiles.derived import signals, sketches, store
from push.profiles.derived.features import NOTHING
from push.profiles.derived.figures import Figures, Given, figures
from push.profiles.derived.signals import NO_SIGNALS
from push.profiles.derived.sketches import Population
from push.profiles.desk import Desk
from push.profiles.identity import facets
from push.profiles.identity.facets import Named, listed
from push.profiles.segments.inner import is_inner


class Facet(msgspec.Struct, frozen=True, kw_only=True):
    """One of hers: its id, its kind, and what it is known by."""

    id: str
    kind: str
    created_ms: int
    identifiers: tuple[Named, ...] = ()


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A person. `figures` are None while she may not be profiled; then nothing is reckoned, and `segments` are none."""

    person: str
    facets: tuple[Facet, ...]
    traits: dict[str, Json]
    figures: Figures | None
    consents: tuple[Consent, ...]
    segments: tuple[str, ...]


async def read(
    db: Queries, desk: Desk, shopper: str, now_ms: int, population: Population | None = None
) -> Profile | None:
    """The profile of whoever this facet is of, None where there is no such facet. Raises `SealError`."""
    rows = await db.fetch("identity.facets", ids=listed([shopper]))
    if not rows:
        return None
    ids = [row["id"] for row in rows]
    named: dict[str, list[Named]] = {}
    for one in await facets.identifiers(db, desk.keyring, ids):
        named.setdefault(one.facet, []).append(one)
    known = await traits.load(db, desk.keyring, [shopper], desk.settings.traits)
    person = rows[0]["person"]
    return Profile(
        person=person,
        facets=tuple(
            Facet(
                id=row["id"],
                kind=row["kind"],
                created_ms=row["created_ms"],
                identifiers=tuple(named.get(row["id"], ())),
            )
            for row in rows
        ),
        traits=known.get(shopper, {}),
        figures=await _figures(db, desk, shopper, now_ms, population),
        consents=tuple(await consent.consents(db, shopper)),
        segments=await _segments(db, person),
    )


async def _figures(db: Queries, desk: Desk, shopper: str, now_ms: int, population: Population | None) -> Figures | None:
    if not (await consent.allows_profiling(db, [shopper]))[shopper]:
        return None
    features = await store.load(db, desk.keyring, [shopper])
    heard = await signals.load(db, [shopper], now_ms)
    everyone = await sketches.population(db) if population is None else population
    given = Given(now_ms, everyone, desk.settings.half_life_days, desk.settings.lapse)
    return figures(features.get(shopper, NOTHING), heard.get(shopper, NO_SIGNALS), given)


async def _segments(db: Queries, person: str) -> tuple[str, ...]:
    found = sorted(row["segment"] for row in await db.fetch("segments.of", people=listed([person])))
    return tuple(segment for segment in found if not is_inner(segment))
