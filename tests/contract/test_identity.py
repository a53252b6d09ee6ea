"""Who is who on both databases: whatever order it is said in, by whomever at the same time, and whatever was cut."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence

import pytest

from push.model.errors import AbsentError, ConflictError
from push.model.ports import Database, Transaction
from push.model.profiles import Authority
from push.profiles import consent
from push.profiles.identity import facets, graph, merging
from push.profiles.identity.graph import Facet, Link
from push.profiles.identity.kinds import Kind, Kinds
from push.profiles.identity.links import Said, first_of
from push.profiles.identity.merging import Hand
from push.profiles.identity.preview import foresee
from tests.support.clocks import SettableClock
from tests.support.fresh import open_database
from tests.support.identities import RULED, Ruled, Standing, facet, identifier, known, link, people, said, standing
from tests.support.keyrings import KEYRING
from tests.support.outbox import VAULT

HAND = Hand("operator:ann", "she says so", 500)
TIGHT = Ruled(Kinds({"device": Kind(priority=40, most_per_person=2)}, shared_after=2))


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with open_database(database_url, SettableClock()) as opened:
        yield opened


async def know(db: Database, names: Sequence[str]) -> None:
    async with db.transaction() as tx:
        await known(tx, names)


async def test_an_identifier_has_one_facet_that_nobody_has_to_look_up(db: Database) -> None:
    async with db.transaction() as tx:
        first = await known(tx, ["u1", "e1", "u1"])
        again = await known(tx, ["e1", "d1"])
    assert first == {"u1": facet("u1"), "e1": facet("e1")}
    assert again["e1"] == first["e1"]
    assert await facets.find(db, VAULT, identifier("e1")) == first["e1"]
    assert await facets.find(db, VAULT, identifier("u2")) is None
    named = await facets.identifiers(db, KEYRING, [first["u1"], again["d1"]])
    assert {(one.kind, one.value) for one in named} == {("user_id", "u1"), ("device", "d1")}


async def test_who_was_anonymous_becomes_who_she_is_and_nothing_moves(db: Database) -> None:
    await know(db, ["u1", "a1", "a2"])
    merged = await link(db, [said("u1", "a1", 5)])
    assert merged.persons == {facet("u1"), facet("a1")} == merged.shoppers
    assert await facets.persons(db, [facet("a1"), facet("a2")]) == {facet("a1"): facet("u1"), facet("a2"): facet("a2")}
    assert await facets.facets(db, facet("a1")) == sorted([facet("u1"), facet("a1")])
    assert await link(db, [said("a1", "u1", 6), said("u1", "a1", 5)]) == merging.Merged()


async def test_two_customers_on_one_device_are_kept_apart_for_somebody_to_look(db: Database) -> None:
    await know(db, names := ["u1", "u2", "d1"])
    await link(db, [said("u1", "d1", 5), said("u2", "d1", 6)])
    assert await people(db, names) == {frozenset({"u1", "d1"})}
    [review] = await db.fetch("identity.reviews", after_ms=-1, after_link="", most=9)
    assert (review["link"], review["rule"]) == (said("u2", "d1", 6).id, "unique")
    async with db.transaction() as tx:
        await merging.decide(tx, RULED, review["link"], "join", HAND)
    assert await people(db, names) == {frozenset(names)}
    assert await db.fetch("identity.reviews", after_ms=-1, after_link="", most=9) == []


async def test_a_cut_gives_the_device_to_who_was_said_to_have_it_next(db: Database) -> None:
    await know(db, names := ["u1", "u2", "d1", "a1"])
    await link(db, [said("u1", "d1", 5), said("u2", "d1", 6), said("d1", "a1", 7)])
    async with db.transaction() as tx:
        merged = await merging.cut(tx, RULED, said("u1", "d1", 5).id, HAND)
    assert merged.persons == {facet("u1"), facet("u2")}
    assert merged.shoppers == set(map(facet, names))
    assert await people(db, names) == {frozenset({"u2", "d1", "a1"})}
    assert (await link(db, [said("u1", "d1", 1)])) == merging.Merged()  # said again: cut it stays
    async with db.transaction() as tx:
        await merging.restore(tx, RULED, said("u1", "d1", 5).id, HAND)
    assert await people(db, names) == {frozenset({"u1", "d1", "a1"})}
    with pytest.raises(AbsentError):
        async with db.transaction() as tx:
            await merging.cut(tx, RULED, "lnk_none", HAND)


@pytest.mark.parametrize("authority", ["publishable", "proven", "server"])
async def test_a_stolen_key_links_nothing_that_is_known(db: Database, authority: Authority) -> None:
    await know(db, names := ["u1", "e1", "p1", "d1", "a1", "a2"])
    links = [said(a, b, 1, authority) for a in names for b in names if a < b]
    merged = await link(db, links)
    apart = {frozenset({"a1", "a2"})}
    assert await people(db, names) == (apart if authority == "publishable" else {frozenset(names)})
    assert merged.unproven == (14 if authority == "publishable" else 0)


async def test_what_a_link_would_do_is_seen_before_it_is_done(db: Database) -> None:
    await know(db, ["u1", "u2", "d1", "a1"])
    await link(db, [said("u1", "d1", 5)])
    async with db.transaction() as tx:
        await consent.set_consents(tx, facet("a1"), {"marketing": False}, at_ms=9, source="test")
        await consent.set_consents(tx, facet("u1"), {"marketing": True, "inapp": True}, at_ms=8, source="test")
        rows = [
            {"id": f"st{n}", "shopper": facet("a1"), "kind": "track", "name": name, "source": "test", "at_ms": n,
             "received_ms": n, "sealed": b""}
            for n, name in enumerate(["Order Completed", "Product Viewed"])
        ]  # fmt: skip
        await tx.execute_many("collect.track", rows)

    async def doing(tx: Transaction) -> merging.Merged:
        return await merging.link(tx, RULED, [said("u1", "a1", 20)], 99)

    found = await foresee(db, KEYRING, said("u1", "a1", 20).id, doing)
    assert [(one.person, one.events, one.orders, one.granted) for one in found.after] == [
        (facet("u1"), 2, 1, ("inapp",))
    ]
    before = {one.person: (one.orders, one.granted) for one in found.before}
    assert before == {facet("u1"): (0, ("inapp", "marketing")), facet("a1"): (1, ())}
    assert await people(db, ["u1", "d1", "a1"]) == {frozenset({"u1", "d1"})}

    async def in_vain(tx: Transaction) -> merging.Merged:
        return await merging.link(tx, RULED, [said("u2", "d1", 20)], 99)

    found = await foresee(db, KEYRING, said("u2", "d1", 20).id, in_vain)
    assert (found.before, found.after) == ((), ())
    assert found.refused == "Each side has a user_id of its own, and a person has one at most."
    assert await db.fetch("identity.reviews", after_ms=-1, after_link="", most=9) == []


def sayings(chance: random.Random, trial: int) -> tuple[list[str], list[Said]]:
    names = [f"{letter}{trial}-{n}" for letter in "ueda" for n in range(4)]
    pairs = {(min(pair), max(pair)) for pair in (chance.sample(names, 2) for _ in range(chance.randint(1, 24)))}
    return names, [said(a, b, chance.randint(1, 6)) for a, b in sorted(pairs)]


async def say(db: Database, names: list[str], links: list[Said], chance: random.Random) -> None:
    """As it happened, or in any order; in any portions, some twice."""
    await know(db, names)
    told = links + chance.choices(links, k=3)
    if chance.random() < 0.5:
        told.sort(key=lambda one: one.at_ms, reverse=True)
    else:
        chance.shuffle(told)
    while told:
        portion = [told.pop() for _ in range(min(len(told), chance.randint(1, 5)))]
        await link(db, portion, TIGHT)


@pytest.mark.parametrize("seed", range(4))
async def test_any_order_and_any_portions_make_the_same_people(database_url: str, db: Database, seed: int) -> None:
    """And the same as all at once; what is then cut, as if it had never been said."""
    chance = random.Random(f"{seed} {database_url.partition(':')[0]}")  # noqa: S311 - a test's schedule
    for trial in range(8):
        names, links = sayings(chance, trial)
        cut = chance.choice(links)
        await say(db, names, links, chance)
        found = await standing(db, names)
        assert found == expected(names, links)
        async with db.transaction() as tx:
            await merging.cut(tx, TIGHT, cut.id, HAND)
        left, never = await standing(db, names), expected(names, [one for one in links if one != cut])
        assert left == never._replace(states=never.states | {cut.id: "cut"})
        async with db.transaction() as tx:
            await merging.restore(tx, TIGHT, cut.id, HAND)
        assert await standing(db, names) == found


def expected(names: list[str], links: list[Said]) -> Standing:
    """What stands if just these were said."""
    kinds = {facet(name): identifier(name).kind for name in names}
    ends = [(one, min(one.a, one.b), max(one.a, one.b)) for one in links]
    edges = [Link(one.id, a, b, kinds[a], kinds[b], one.at_ms) for one, a, b in ends]
    found = graph.settle([Facet(name, kind) for name, kind in kinds.items()], edges, TIGHT.kinds)
    return Standing(found.persons, dict(found.states), {name: one.rule for name, one in found.refused.items()})


async def test_two_replicas_that_merge_the_same_people_at_once_agree(database_url: str) -> None:
    names = [f"{letter}{n}" for letter in "ueda" for n in range(5)]
    chance = random.Random(7)  # noqa: S311 - a test's schedule
    pairs = [chance.sample(names, 2) for _ in range(60)]
    links = [said(a, b, n) for n, (a, b) in enumerate(pairs)]
    async with (
        open_database(database_url, SettableClock()) as one,
        open_database(database_url, SettableClock()) as other,
    ):
        await know(one, names)

        async def replica(db: Database, mine: list[Said]) -> None:
            for said_ in mine:
                while True:
                    try:
                        await link(db, [said_], TIGHT)
                        break
                    except ConflictError:
                        await asyncio.sleep(0)

        shuffled = [chance.sample(links, len(links)) for _ in range(4)]
        await asyncio.gather(*(replica(db, mine) for db, mine in zip((one, other) * 2, shuffled, strict=True)))
        assert await standing(one, names) == expected(names, list(first_of(links).values()))


async def test_a_thousand_people_on_one_device_are_a_thousand_people(db: Database) -> None:
    users = [f"u{n}" for n in range(1000)]
    await know(db, [*users, "d1"])
    began_s = time.process_time()
    for begin in range(0, 1000, 50):
        await link(db, [said(user, "d1", 10 + n) for n, user in enumerate(users[begin : begin + 50], begin)])
    took_s = time.process_time() - began_s
    assert await people(db, [*users, "d1"]) == set()
    assert len(await db.fetch("identity.links_of", ids=facets.listed([facet("d1")]))) == 4 * RULED.kinds.shared_after
    assert took_s < 30, "links to a kiosk must not be read all over again by each that comes"
