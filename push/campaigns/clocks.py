"""On whose clock something is told that happens at no place: the person's own, or the chain's."""

from collections.abc import Collection
from datetime import tzinfo
from typing import Final

import msgspec

from push.campaigns.means import Means
from push.model.campaigns import Campaign
from push.model.ports import Queries
from push.profiles import view
from push.profiles.view import People

ZONE: Final = "traits.timezone"


async def zones_of(db: Queries, means: Means, persons: Collection[str], now_ms: int) -> dict[str, tzinfo]:
    """The zones of people: as their profile says, else of the store that they were in last, else the chain's."""
    visited = await db.fetch("waiting.zones", people=msgspec.json.encode(sorted(persons)).decode())
    names = {row["person"]: row["time_zone"] for row in visited}
    known = await view.load(db, means.sight, People(sorted(persons), frozenset({ZONE})), now_ms)
    said = {person: facts[ZONE] for person, facts in known.items() if isinstance(facts.get(ZONE), str)}
    zones = means.in_force.zones
    await zones.learn([*names.values(), *map(str, said.values())])
    names |= {person: str(name) for person, name in said.items() if zones.knows(str(name))}
    fallback = of_chain(means)
    return {person: zones.named(names[person]) if person in names else fallback for person in persons}


async def visited_zone(db: Queries, means: Means, person: str) -> tzinfo:
    """The zone that her hours are counted in (`push.profiles.derived.signals`): of where she was last, else UTC."""
    rows = await db.fetch("waiting.zones", people=msgspec.json.encode([person]).decode())
    name = rows[0]["time_zone"] if rows else "UTC"
    await means.in_force.zones.learn([name])
    return means.in_force.zones.named(name)


def of_chain(means: Means) -> tzinfo:
    """The zone of most stores; UTC where there is none."""
    return means.in_force.zones.named(means.in_force.zone)


def of_campaign(means: Means, campaign: Campaign) -> tzinfo:
    """The zone that a campaign's clocks are in: of the first store that it names, else the chain's."""
    stores = means.in_force.directory.stores
    named = next((stores[name] for name in campaign.trigger.stores if name in stores), None)
    return of_chain(means) if named is None else means.in_force.zones.named(named.time_zone)
