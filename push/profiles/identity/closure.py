"""What a change of links may concern: the facets that links reach from it, held until the transaction ends."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import msgspec

from push.model.ports import Queries
from push.profiles.identity import graph
from push.profiles.identity.facets import listed
from push.profiles.identity.graph import Facet, Link, People, Rules, State


class Stored(msgspec.Struct, frozen=True):
    """A link as it stands in the database: its state, and which saying of it counts."""

    link: Link
    state: State
    said: str
    why: str | None = None
    """Why somebody is asked to look at it; None where nobody is."""

    @property
    def first(self) -> tuple[int, str]:
        """What is smaller was said first."""
        return self.link.at_ms, self.said


class Region(NamedTuple):
    """Facets that links reach, whose they are, and all their links."""

    facets: dict[str, Facet]
    persons: dict[str, str]
    stored: dict[str, Stored]

    def leads_out(self, stored: Stored) -> bool:
        """Whether a link joins somebody here with somebody who was not read."""
        inside = stored.link.a in self.facets and stored.link.b in self.facets
        return stored.state == "joined" and not inside

    def settled(self, links: Collection[Link], rules: Rules) -> People:
        """Who is who here by these links."""
        return graph.settle(self.facets.values(), links, rules)


class Reader:
    """Reads a region around some facets, under changes of links that are not stored yet."""

    def __init__(self, db: Queries, rules: Rules) -> None:
        self._db = db
        self._rules = rules

    async def hold(self, seeds: Iterable[str], changed: Mapping[str, Link]) -> Region:
        """The region that links reach, which nobody else links until the transaction ends.

        Who holds is found first, to be held in one order: two who link the same people wait for each other, never both.
        """
        found = await self.read(seeds, changed)
        return await self._reached(found.facets.keys(), changed, "identity.hold")

    async def read(self, seeds: Iterable[str], changed: Mapping[str, Link]) -> Region:
        """The region that links reach from these facets, and their persons'; of `changed`, both ends are seeds.

        What is too many people's leads nowhere, as long as it was so before.
        """
        rows = await self._db.fetch("identity.facets", ids=listed(seeds))
        return await self._reached({row["id"] for row in rows}, changed, "identity.look")

    async def _reached(self, facets: Collection[str], changed: Mapping[str, Link], way: str) -> Region:
        region, todo = Region({}, {}, {}), {*facets}
        while todo:
            await self._add(region, todo, way)
            todo = (
                set() if self._is_last_word(region, changed) else self._beyond(region, changed) - region.facets.keys()
            )
        return region

    async def _add(self, region: Region, facets: Collection[str], way: str) -> None:
        """First facets, then links: who links one of these facets meanwhile waits, or is done and is read."""
        ids = listed(facets)
        for row in await self._db.fetch(way, ids=ids):
            region.facets[row["id"]] = Facet(row["id"], row["kind"])
            region.persons[row["id"]] = row["person"]
        for row in await self._db.fetch("identity.links_of", ids=ids):
            link = Link(
                row["id"], row["a"], row["b"], row["a_kind"], row["b_kind"], row["at_ms"], decided=row["decided"]
            )
            region.stored[link.id] = Stored(link, row["state"], row["said"], row["why"])

    def _is_last_word(self, region: Region, changed: Mapping[str, Link]) -> bool:
        """Whether changes come after all that was said of these people: what was settled before stays as it is.

        Then nobody else has to be read, however many strangers are said to be the same in vain.
        """
        stored = [one.link for one in region.stored.values()]
        last = max((link.order for link in stored), default=(0, ""))
        if not region.stored.keys().isdisjoint(changed) or any(link.order <= last for link in changed.values()):
            return False
        if any(region.leads_out(one) for one in region.stored.values()):
            return False
        crowded = graph.shared([*stored, *changed.values()], self._rules) - graph.shared(stored, self._rules)
        return crowded.isdisjoint(region.facets)

    def _beyond(self, region: Region, changed: Mapping[str, Link]) -> set[str]:
        """Where links lead from here."""
        links = {**{name: stored.link for name, stored in region.stored.items()}, **changed}
        crowded = graph.shared(links.values(), self._rules) & region.facets.keys()
        return {
            end
            for name, link in links.items()
            for end in (link.a, link.b)
            if _leads(link, region.stored.get(name), crowded)
        }


def _leads(link: Link, stored: Stored | None, crowded: Collection[str]) -> bool:
    if link.decided == "cut":
        return False  # both ends of one that is cut just now are where reading began
    held_apart = stored is None or stored.state == "shared"
    return link.decided == "join" or not held_apart or (link.a not in crowded and link.b not in crowded)
