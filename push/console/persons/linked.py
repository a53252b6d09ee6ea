"""Why somebody is one person: each link with what became of it, and what can be done about it."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from push.console.persons import who
from push.console.persons.drawing import Drawing, Edge, Node, draw
from push.console.persons.means import Means
from push.console.persons.who import Facet
from push.model.ports import Queries, Row
from push.profiles.identity.facets import listed
from push.profiles.identity.graph import State
from push.profiles.identity.merging import Decision

MOST: Final = 500
"""Links that a page names."""
MOST_REVIEWS: Final = 50
_SHORT: Final = 22

STATES: Final[Mapping[State, tuple[str, str]]] = {
    "joined": ("people", "holds"),
    "refused": ("soon", "kept apart"),
    "shared": ("history", "too many people's"),
    "cut": ("history", "cut"),
}
CHOICES: Final[Mapping[State, tuple[Decision, ...]]] = {
    "joined": ("cut",),
    "refused": ("join", "cut"),
    "shared": ("join", "cut"),
    "cut": ("restore", "join"),
}
"""What can be decided about a link as it stands, the likeliest first."""
_PAST: Final[Mapping[Decision, str]] = {
    "cut": "cut",
    "restore": "left to the rules",
    "join": "joined in spite of rules",
}


class Linked(NamedTuple):
    """A link as a page shows it: between whom, what became of it and why."""

    number: int
    id: str
    a: Facet
    b: Facet
    reason: str
    source: str
    at_ms: int
    state: State
    tone: str
    word: str
    why: str

    @property
    def first(self) -> Decision:
        """What is most likely to be decided about it."""
        return CHOICES[self.state][0]


async def links_of(db: Queries, means: Means, shopper: str, *, clear: bool) -> list[Linked]:
    """Every link of a person, also those that lead to somebody else, what was said first coming first."""
    return await _told(db, means, await db.fetch("persons.links", shopper=shopper, most=MOST), clear=clear)


async def reviews(db: Queries, means: Means, *, clear: bool) -> list[Linked]:
    """What waits for somebody to look, the oldest first."""
    waiting = await db.fetch("identity.reviews", after_ms=-1, after_link="", most=MOST_REVIEWS)
    why = {row["link"]: row["why"] for row in waiting}
    rows = await db.fetch("identity.links", ids=listed(why))
    return await _told(db, means, [{**row, "why": why[row["id"]]} for row in rows], clear=clear)


async def _told(db: Queries, means: Means, rows: Sequence[Row], *, clear: bool) -> list[Linked]:
    ends = {row[end] for row in rows for end in ("a", "b")}
    named = await who.named(db, means, await db.fetch("persons.facets_named", ids=listed(ends)), clear=clear)
    decided: dict[str, Row] = {}
    for row in await db.fetch("identity.decisions_of", ids=listed(row["id"] for row in rows)):
        decided[row["link"]] = row
    return [_linked(n, row, named, decided.get(row["id"])) for n, row in enumerate(rows, start=1)]


def _linked(number: int, row: Row, named: Mapping[str, Facet], decided: Row | None) -> Linked:
    tone, word = STATES[row["state"]]
    return Linked(
        number=number,
        id=row["id"],
        a=named[row["a"]],
        b=named[row["b"]],
        reason=row["reason"],
        source=row["source"],
        at_ms=row["at_ms"],
        state=row["state"],
        tone=tone,
        word=word,
        why=row["why"] or _decision(decided),
    )


def _decision(row: Row | None) -> str:
    if row is None:
        return ""
    by = row["decided_by"].partition(":")[2] or row["decided_by"]
    return f"{by}, {_PAST[row['decision']]}{': ' if row['why'] else ''}{row['why']}"


def picture(facets: Sequence[Facet], links: Sequence[Linked]) -> Drawing:
    """Her facets and what was linked to them."""
    hers = {one.id for one in facets}
    others = {end.id: end for one in links for end in (one.a, one.b) if end.id not in hers}
    nodes = [_node(one, outside=False) for one in facets]
    nodes += [_node(one, outside=True) for one in others.values()]
    edges = [Edge(one.id, one.a.id, one.b.id, one.state == "joined", one.number) for one in links]
    return draw(nodes, edges)


def _node(facet: Facet, *, outside: bool) -> Node:
    value = facet.value if len(facet.value) <= _SHORT else f"{facet.value[: _SHORT - 1]}…"
    return Node(facet.id, facet.label, value, outside)
