"""Links said, cut and restored: each settles who is who around it, in the transaction of its caller.

Nothing but `shoppers.person`, the links' states and the open reviews changes; segments are told to look again. What
else follows from who is who (consents in force, standings) is the caller's to bring up to date, for `Merged`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

from msgspec.structs import replace

from push.model.errors import AbsentError
from push.model.ids import fresh
from push.model.ports import Queries, Row, Transaction
from push.profiles import changes
from push.profiles.identity import graph
from push.profiles.identity.closure import Reader, Region, Stored
from push.profiles.identity.facets import listed
from push.profiles.identity.graph import Decided, Link, People
from push.profiles.identity.kinds import Kinds
from push.profiles.identity.links import Said, first_of
from push.profiles.segments.again import look_again, regrouped

Decision = Literal["cut", "restore", "join"]
"""What somebody decides about a link: that it does not hold, that the rules decide, that it holds in spite of them."""


class Ruled(Protocol):
    """What merging needs of a desk."""

    @property
    def kinds(self) -> Kinds:
        """The kinds in force."""
        ...


class Merged(NamedTuple):
    """Whose facets changed: every person, before and after, and every facet of theirs."""

    persons: frozenset[str] = frozenset()
    shoppers: frozenset[str] = frozenset()
    unproven: int = 0
    """Links that were left out: whoever said them may not link such kinds."""


class Hand(NamedTuple):
    """Who decides, why and when."""

    by: str
    why: str
    at_ms: int


async def link(tx: Transaction, desk: Ruled, links: Sequence[Said], now_ms: int) -> Merged:
    """Take links in, and settle who is who. Saying again what was said before changes nothing."""
    await _vouch(tx, desk, links)
    new = await _new(tx, desk, links)
    if not new.proven:
        return Merged(unproven=new.unproven)
    region = await Reader(tx, desk.kinds).hold(_ends(new.changed.values()), new.changed)
    fresh_ones = {name: one for name, one in new.proven.items() if _is_news(one, region.stored.get(name))}
    changed = {name: new.changed[name] for name in fresh_ones}
    merged = await _settle(tx, desk, region, changed, now_ms, fresh_ones)
    return merged._replace(unproven=new.unproven)


async def reach(db: Queries, desk: Ruled, links: Sequence[Said]) -> set[str]:
    """The facets that taking these links in would concern."""
    new = await _new(db, desk, links)
    if not new.proven:
        return set()
    return {*(await Reader(db, desk.kinds).read(_ends(new.changed.values()), new.changed)).facets}


class _New(NamedTuple):
    """What is said for the first time, or earlier than before, by who may; how many were left out of who may not."""

    proven: Mapping[str, Said]
    changed: Mapping[str, Link]
    unproven: int


async def _new(db: Queries, desk: Ruled, links: Sequence[Said]) -> _New:
    new = await _news(db, first_of(links))
    kinds = await kinds_of(db, _ends(new.values())) if new else {}
    known = {name: one for name, one in new.items() if one.a in kinds and one.b in kinds}
    proven = {n: one for n, one in known.items() if desk.kinds.may_link(kinds[one.a], kinds[one.b], one.authority)}
    return _New(proven, {name: _link(one, kinds) for name, one in proven.items()}, len(known) - len(proven))


async def _vouch(tx: Transaction, desk: Ruled, links: Sequence[Said]) -> None:
    """What operators linked by hand rests on more, once somebody says the same who may."""
    said = {one.id: one.authority for one in links if one.vouched}
    rows = await tx.fetch("identity.unvouched", ids=listed(said)) if said else []
    names = [row["id"] for row in rows if desk.kinds.may_link(row["a_kind"], row["b_kind"], said[row["id"]])]
    if names:
        await tx.execute("identity.vouch", ids=listed(names))


async def cut(tx: Transaction, desk: Ruled, link_id: str, hand: Hand) -> Merged:
    """Let a link hold no more: as if it had never been said. Raises `push.model.errors.AbsentError`."""
    return await decide(tx, desk, link_id, "cut", hand)


async def restore(tx: Transaction, desk: Ruled, link_id: str, hand: Hand) -> Merged:
    """Take back what was decided about a link. Raises `push.model.errors.AbsentError`."""
    return await decide(tx, desk, link_id, "restore", hand)


async def decide(tx: Transaction, desk: Ruled, link_id: str, decision: Decision, hand: Hand) -> Merged:
    """Decide about a link, and settle who is who. Raises `push.model.errors.AbsentError`."""
    found = await stored_link(tx, link_id)
    changed = {link_id: replace(found, decided=decided_by(decision))}
    region = await Reader(tx, desk.kinds).hold((found.a, found.b), changed)
    await tx.execute("identity.decide", id=link_id, decided=decided_by(decision))
    await tx.execute(
        "identity.note_decision",
        id=fresh("ldc"), link=link_id, decision=decision, decided_by=hand.by, why=hand.why, at_ms=hand.at_ms,
    )  # fmt: skip
    await tx.execute("identity.close_review", link=link_id, at_ms=hand.at_ms, by=hand.by)
    return await _settle(tx, desk, region, changed, hand.at_ms, {})


def decided_by(decision: Decision) -> Decided:
    """What a link says of a decision."""
    return "" if decision == "restore" else decision


async def stored_link(db: Queries, link_id: str) -> Link:
    """A link as it stands. Raises `push.model.errors.AbsentError`."""
    rows = await db.fetch("identity.links", ids=listed([link_id]))
    if not rows:
        raise AbsentError(f"link {link_id}")
    [row] = rows
    kinds = await kinds_of(db, (row["a"], row["b"]))
    return Link(row["id"], row["a"], row["b"], kinds[row["a"]], kinds[row["b"]], row["at_ms"], row["decided"])


async def kinds_of(db: Queries, facets: Iterable[str]) -> dict[str, str]:
    """The kinds of those facets that there are."""
    return {row["id"]: row["kind"] for row in await db.fetch("identity.look", ids=listed(facets))}


async def _news(db: Queries, first: dict[str, Said]) -> dict[str, Said]:
    """Those that were not said before, or not as early."""
    rows: Mapping[str, Row] = {}
    if first:
        rows = {row["id"]: row for row in await db.fetch("identity.links", ids=listed(first))}
    return {
        name: one
        for name, one in first.items()
        if name not in rows or one.first < (rows[name]["at_ms"], rows[name]["said"])
    }


def _link(said: Said, kinds: Mapping[str, str]) -> Link:
    a, b = sorted((said.a, said.b))
    return Link(said.id, a, b, kinds[a], kinds[b], said.at_ms)


def _ends(links: Iterable[Link | Said]) -> set[str]:
    return {end for one in links for end in (one.a, one.b)}


def _is_news(said: Said, stored: Stored | None) -> bool:
    """Whether nobody was faster meanwhile."""
    return stored is None or said.first < stored.first


async def _settle(  # noqa: PLR0913, PLR0917 - what stood, what changes, and by which rules
    tx: Transaction, desk: Ruled, region: Region, changed: Mapping[str, Link], now_ms: int, said: Mapping[str, Said]
) -> Merged:
    """Write what follows from the links of a region with some changed, of which `said` are to be stored."""
    links = {name: stored.link for name, stored in region.stored.items()}
    for name, one in changed.items():
        before = links.get(name)
        links[name] = replace(one, decided=before.decided) if before is not None and name in said else one
    dropped = graph.surplus(links.values(), _ends(changed[name] for name in said), desk.kinds)
    people = region.settled([one for name, one in links.items() if name not in dropped], desk.kinds)
    await tx.execute_many("identity.drop_link", [{"id": name} for name in sorted(dropped & region.stored.keys())])
    await tx.execute_many(
        "identity.put_link",
        [one.row() | {"state": people.states[name]} for name, one in sorted(said.items()) if name not in dropped],
    )
    await _write_states(tx, region, people, now_ms, said.keys() - dropped)
    merged = await _write_persons(tx, region, people)
    await changes.people(tx, region.persons, people.persons, now_ms)
    await regrouped(tx, region.persons, people.persons)
    await look_again(tx, merged.shoppers, now_ms)
    return merged


async def _write_states(tx: Transaction, region: Region, people: People, now_ms: int, written: Collection[str]) -> None:
    """States that changed, and what somebody is asked to look at, or is no longer."""
    stored = region.stored
    changed = (name for name, state in people.states.items() if name not in stored or stored[name].state != state)
    rows = [{"id": name, "state": people.states[name]} for name in sorted({*changed} - {*written})]
    await tx.execute_many("identity.set_state", rows)
    asked = {name: one.why for name, one in stored.items() if one.why is not None}
    await tx.execute_many(
        "identity.open_review",
        [
            {"link": name, "rule": one.rule, "why": one.why, "opened_ms": now_ms}
            for name, one in sorted(people.refused.items())
            if asked.get(name) != one.why
        ],
    )
    ended = sorted(name for name in asked.keys() & people.states.keys() if people.states[name] != "refused")
    await tx.execute_many("identity.drop_review", [{"link": name} for name in ended])


async def _write_persons(tx: Transaction, region: Region, people: People) -> Merged:
    moved = {facet: person for facet, person in sorted(people.persons.items()) if region.persons[facet] != person}
    await tx.execute_many("identity.set_person", [{"id": facet, "person": one} for facet, one in moved.items()])
    persons = frozenset(moved.values()) | {region.persons[facet] for facet in moved}
    shoppers = (
        facet for facet, person in people.persons.items() if not persons.isdisjoint((person, region.persons[facet]))
    )
    return Merged(persons, frozenset(shoppers))
