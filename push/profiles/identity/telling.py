"""Who is who, told to people: a person's identifiers, what links them and why, and what waits for somebody to look."""

from collections.abc import Collection
from typing import Final, NamedTuple

import msgspec

from push.model.errors import AbsentError
from push.model.ports import Queries
from push.profiles.identity import facets
from push.profiles.identity.facets import listed
from push.profiles.identity.graph import Rule, State
from push.profiles.identity.merging import Decision
from push.profiles.keys import Keyring

MOST_LINKS: Final = 1000
"""Of one person that are told: the first ones."""


class FacetTold(msgspec.Struct, frozen=True, kw_only=True):
    """What is known through one identifier. `values` are personal: what devices and tags say of themselves, too."""

    id: str
    kind: str
    first_ms: int
    values: tuple[str, ...]


class DecisionTold(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody decided about a link, when and why."""

    decision: Decision
    by: str
    why: str
    at_ms: int


class LinkTold(msgspec.Struct, frozen=True, kw_only=True):
    """Who was said to be who: by whom, why and when. `why_refused` says what forbids it, empty where nothing does."""

    id: str
    a: str
    a_kind: str
    a_person: str
    b: str
    b_kind: str
    b_person: str
    source: str
    reason: str
    at_ms: int
    received_ms: int
    state: State
    why_refused: str
    decisions: tuple[DecisionTold, ...]


class Graph(msgspec.Struct, frozen=True, kw_only=True):
    """A person: everything that she is known by, and every link that leads to it, also those that do not hold."""

    person: str
    facets: tuple[FacetTold, ...]
    links: tuple[LinkTold, ...]
    is_whole: bool
    """Not so: she has more links than are told."""


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """A link that a rule forbids: somebody has to say whether these are two people, or one in spite of it."""

    link: LinkTold
    rule: Rule
    opened_ms: int


class Place(NamedTuple):
    """Where a page of reviews begins: behind this one."""

    at_ms: int = -1
    link: str = ""


async def graph(db: Queries, keyring: Keyring, shopper: str) -> Graph:
    """The graph of whoever this facet is of. Raises `push.model.errors.AbsentError`, `push.model.vault.SealError`."""
    rows = await db.fetch("identity.facets", ids=listed([shopper]))
    if not rows:
        raise AbsentError(f"shopper {shopper}")
    ids = [row["id"] for row in rows]
    values: dict[str, list[str]] = {}
    for one in await facets.identifiers(db, keyring, ids):
        values.setdefault(one.facet, []).append(one.value)
    found = {row["id"] for row in await db.fetch("identity.links_of", ids=listed(ids))}
    told = await links(db, sorted(found))
    return Graph(
        person=rows[0]["person"],
        facets=tuple(
            FacetTold(
                id=row["id"], kind=row["kind"], first_ms=row["created_ms"], values=tuple(values.get(row["id"], ()))
            )
            for row in rows
        ),
        links=told[:MOST_LINKS],
        is_whole=len(told) <= MOST_LINKS,
    )


async def links(db: Queries, ids: Collection[str]) -> tuple[LinkTold, ...]:
    """Links by id, what was said first coming first."""
    decided: dict[str, list[DecisionTold]] = {}
    for row in await db.fetch("identity.decisions_of", ids=listed(ids)):
        one = DecisionTold(decision=row["decision"], by=row["decided_by"], why=row["why"], at_ms=row["at_ms"])
        decided.setdefault(row["link"], []).append(one)
    rows = [dict(row) for row in await db.fetch("identity.told_links", ids=listed(ids))]
    return tuple(
        LinkTold(why_refused=row.pop("why") or "", decisions=tuple(decided.get(row["id"], ())), **row) for row in rows
    )


async def link(db: Queries, link_id: str) -> LinkTold:
    """One link. Raises `push.model.errors.AbsentError`."""
    found = await links(db, [link_id])
    if not found:
        raise AbsentError(f"link {link_id}")
    return found[0]


async def reviews(db: Queries, after: Place, most: int) -> list[Review]:
    """What waits for somebody to look, the oldest first."""
    rows = await db.fetch("identity.reviews", after_ms=after.at_ms, after_link=after.link, most=most)
    told = {one.id: one for one in await links(db, [row["link"] for row in rows])}
    return [
        Review(link=told[row["link"]], rule=row["rule"], opened_ms=row["opened_ms"])
        for row in rows
        if row["link"] in told
    ]
