"""Who is one person, from all that was said of who is who: the same links, in any order, make the same people.

Links are taken up one by one, by their time and id (Kruskal's algorithm on a union-find). One that would break a rule
is refused, unless somebody decided that it holds, and stays out whatever else is said later. So what is cut leaves what
would be there if it had never been said.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from typing import Final, Literal, NamedTuple, Protocol

import msgspec

State = Literal["joined", "refused", "shared", "cut"]
"""What became of a link. `shared`: an end of it was said to be too many people's, and is nobody's own."""
Decided = Literal["", "cut", "join"]
"""The last word of somebody who looked at a link."""
Rule = Literal["unique", "most"]
"""Why a link was refused: two values of a unique kind, or too many of another."""

KEPT: Final = 4
"""Times as many links as may hold are kept of a facet to facets of one kind, so that some may be cut."""


class Facet(msgspec.Struct, frozen=True):
    """What is known through one identifier of a kind."""

    id: str
    kind: str


class Link(msgspec.Struct, frozen=True):
    """Two facets that are said to be the same person's."""

    id: str
    a: str
    b: str
    a_kind: str
    b_kind: str
    at_ms: int
    decided: Decided = ""

    @property
    def order(self) -> tuple[int, str]:
        """What was said first comes first."""
        return self.at_ms, self.id

    def other(self, facet: str) -> str:
        """The other end."""
        return self.b if facet == self.a else self.a


class Ruling(Protocol):
    """A kind of identifier, as far as rules go."""

    @property
    def unique(self) -> bool:
        """Whether a person has one at most."""
        ...

    @property
    def most(self) -> int:
        """How many a person has at most."""
        ...

    @property
    def priority(self) -> int:
        """The smaller, the more it stands for somebody."""
        ...


class Rules(Protocol):
    """Kinds by name, and from how many people on an identifier is nobody's own."""

    @property
    def shared_after(self) -> int:
        """People whom an identifier may be of at most."""
        ...

    def __getitem__(self, name: str) -> Ruling:
        """A kind, also where it was taken out of the settings."""
        ...


class Refusal(NamedTuple):
    """Why a link does not hold: the rule, and which kind's."""

    rule: Rule
    kind: str
    most: int

    @property
    def why(self) -> str:
        """In words."""
        if self.rule == "unique":
            return f"Each side has a {self.kind} of its own, and a person has one at most."
        return f"Together they would have more than {self.most} of {self.kind}."


class People(NamedTuple):
    """Of each facet the one that stands for its person; of each link its state, and why it is refused."""

    persons: dict[str, str]
    states: dict[str, State]
    refused: dict[str, Refusal]


def settle(facets: Iterable[Facet], links: Collection[Link], rules: Rules) -> People:
    """Who is who among facets, of which all links are given; what leads to other facets has no state here."""
    forest = _Forest(facets, rules)
    crowded = shared(links, rules)
    states: dict[str, State] = {}
    refused: dict[str, Refusal] = {}
    for link in sorted(links, key=lambda one: one.order):
        if link.id in states or link.a not in forest or link.b not in forest:
            continue
        if link.decided == "cut":
            states[link.id] = "cut"
        elif link.decided != "join" and not crowded.isdisjoint((link.a, link.b)):
            states[link.id] = "shared"
        elif (refusal := forest.join(link)) is not None:
            states[link.id], refused[link.id] = "refused", refusal
        else:
            states[link.id] = "joined"
    return People(forest.persons(), states, refused)


def shared(links: Iterable[Link], rules: Rules) -> set[str]:
    """Facets that are too many people's: linked to more values of a unique kind than an identifier may be of people."""
    told: dict[tuple[str, str], set[str]] = defaultdict(set)
    for link in links:
        if link.decided != "cut":
            for facet, kind, other, other_kind in _both_ways(link):
                if rules[other_kind].unique and not rules[kind].unique:
                    told[facet, other_kind].add(other)
    return {facet for (facet, _), people in told.items() if len(people) > rules.shared_after}


def surplus(links: Iterable[Link], facets: Collection[str], rules: Rules) -> set[str]:
    """Links beyond what is kept of one facet to one kind: the first are, and whatever somebody decided about.

    However many people are said to have what a kiosk says, nobody has to read them all again.
    """
    told: dict[tuple[str, str], list[Link]] = defaultdict(list)
    for link in links:
        if not link.decided:
            for facet, _, _, other_kind in _both_ways(link):
                if facet in facets:
                    told[facet, other_kind].append(link)
    found: set[str] = set()
    for (_, kind), said in told.items():
        most = KEPT * max(rules[kind].most, rules.shared_after)
        found |= {link.id for link in sorted(said, key=lambda one: one.order)[most:]}
    return found


def _both_ways(link: Link) -> tuple[tuple[str, str, str, str], tuple[str, str, str, str]]:
    return (link.a, link.a_kind, link.b, link.b_kind), (link.b, link.b_kind, link.a, link.a_kind)


class _Forest:
    """Facets in sets, with how many of each kind a set has."""

    def __init__(self, facets: Iterable[Facet], rules: Rules) -> None:
        self._rules = rules
        self._kinds = {facet.id: facet.kind for facet in facets}
        self._parent = {facet: facet for facet in self._kinds}
        self._counts = {facet: Counter([kind]) for facet, kind in self._kinds.items()}

    def __contains__(self, facet: str) -> bool:
        return facet in self._parent

    def join(self, link: Link) -> Refusal | None:
        """Make one set of two; or not, where that would break a rule that nobody decided to break."""
        one, other = sorted((self._root(link.a), self._root(link.b)), key=lambda root: len(self._counts[root]))
        if one == other:
            return None
        refusal = None if link.decided == "join" else self._refusal(self._counts[one], self._counts[other])
        if refusal is None:
            self._parent[one] = other
            self._counts[other].update(self._counts.pop(one))
        return refusal

    def _refusal(self, one: Counter[str], other: Counter[str]) -> Refusal | None:
        for kind in sorted(one.keys() & other.keys()):
            ruling = self._rules[kind]
            if one[kind] + other[kind] > ruling.most:
                return Refusal("unique" if ruling.unique else "most", kind, ruling.most)
        return None

    def _root(self, facet: str) -> str:
        while (parent := self._parent[facet]) != facet:
            self._parent[facet] = facet = self._parent[parent]
        return facet

    def persons(self) -> dict[str, str]:
        """Of each facet the one that stands for its set: that which says most of who somebody is."""
        best: dict[str, str] = {}
        for facet in sorted(self._parent, key=lambda one: (self._rules[self._kinds[one]].priority, one)):
            best.setdefault(self._root(facet), facet)
        return {facet: best[self._root(facet)] for facet in self._parent}
