"""People in a real database, known by identifiers of which some are said to be the same person's."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from push.model.ports import Database, Transaction
from push.model.profiles import Authority, Identifier
from push.profiles.identity import facets, merging
from push.profiles.identity.kinds import Kinds
from push.profiles.identity.links import Said
from push.profiles.identity.merging import Merged
from tests.support.keyrings import KEYRING
from tests.support.outbox import VAULT

KINDS_BY_LETTER = {"u": "user_id", "e": "email", "d": "device", "a": "anonymous_id", "p": "phone"}


class Ruled(NamedTuple):
    """`push.profiles.identity.merging.Ruled`."""

    kinds: Kinds = Kinds()


RULED = Ruled()


def identifier(name: str) -> Identifier:
    """`u1` is a user's, `d1` a device's, and so on."""
    return Identifier(KINDS_BY_LETTER[name[0]], name)


def facet(name: str) -> str:
    return facets.facet_id(identifier(name), VAULT)


async def known(tx: Transaction, names: Iterable[str], now_ms: int = 1) -> dict[str, str]:
    """Facets of identifiers by name."""
    wanted = [identifier(name) for name in names]
    found = await facets.ensure(tx, KEYRING, VAULT, wanted, now_ms)
    return {one.value: facet for one, facet in found.items()}


def said(a: str, b: str, at_ms: int, authority: Authority = "server") -> Said:
    return Said(
        a=facet(a), b=facet(b), source="test", authority=authority, reason="identified together",
        said=f"st-{a}-{b}-{at_ms}", at_ms=at_ms, received_ms=at_ms,
    )  # fmt: skip


async def link(db: Database, links: Sequence[Said], ruled: Ruled = RULED) -> Merged:
    async with db.transaction() as tx:
        return await merging.link(tx, ruled, links, 99)


class Standing(NamedTuple):
    """Of every facet whose it is, of every link its state, and what is to be looked at."""

    persons: dict[str, str]
    states: dict[str, str]
    reviews: dict[str, str]


async def standing(db: Database, names: Iterable[str]) -> Standing:
    """What stands of identifiers."""
    ids = facets.listed(map(facet, names))
    persons = {row["id"]: row["person"] for row in await db.fetch("identity.persons", ids=ids)}
    states = {row["id"]: row["state"] for row in await db.fetch("identity.links_of", ids=ids)}
    rows = await db.fetch("identity.reviews", after_ms=-1, after_link="", most=10_000)
    return Standing(persons, states, {row["link"]: row["rule"] for row in rows if row["link"] in states})


async def people(db: Database, names: Sequence[str]) -> set[frozenset[str]]:
    """Identifiers that are one person's, of people with several."""
    persons = await facets.persons(db, [facet(name) for name in names])
    sets = {frozenset(n for n in names if persons[facet(n)] == person) for person in persons.values()}
    return {one for one in sets if len(one) > 1}
