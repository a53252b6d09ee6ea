"""What deriving costs: folding an event, reckoning a person's figures, reading a profile, and counting her anew.

    .venv/bin/python tests/bench/bench_derived.py [people]

People (5,000 by default) with twenty orders each, of random days and goods, in SQLite: features, traits and standings
as the one way in writes them, but without the events themselves. A profile is traits, features, signals and figures of
one person of two facets, read from the database. Beside figures stands what one of them costs that is reckoned from
events whenever it is read, as is done where nothing is folded: a JSON document for each event, summed up.
"""

import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from push.database.open import open_database
from push.model.ports import Database
from push.model.profiles import Json, Statement
from push.profiles import consent, keys, traits
from push.profiles.derived import signals, sketches, standings, store
from push.profiles.derived.features import NOTHING, Features
from push.profiles.derived.figures import Given, figures
from push.profiles.derived.reading import NoGoods, fold
from push.profiles.derived.signals import NO_SIGNALS
from push.profiles.desk import Desk
from push.profiles.identity import merging
from push.profiles.identity.kinds import Kinds
from push.profiles.settings import ProfileSettings
from tests.bench.table import Line, show
from tests.support.clocks import RealClock
from tests.support.identities import RULED, facet, known, said
from tests.support.keyrings import KEYRING
from tests.support.outbox import VAULT
from tests.support.purchases import event

PEOPLE: Final = 5_000
ORDERS: Final = 20
ROUNDS: Final = 200
BUDGET_MS: Final = 1.0
NOW_MS: Final = 1_795_305_600_000
DESK: Final = Desk(VAULT, KEYRING, Kinds(), ProfileSettings())
CHANCE: Final = random.Random(7)  # noqa: S311 - a run that repeats itself


def bought(who: str, number: int) -> Statement:
    """An order of three lines, on some day of the last two years."""
    lines: list[object] = [
        {
            "product_id": f"p{CHANCE.randrange(2000)}",
            "category": f"c{n}",
            "brand": f"b{n}",
            "price": n + 1,
            "quantity": 1,
        }
        for n in CHANCE.sample(range(40), 3)
    ]
    properties: dict[str, Json] = {
        "order_id": f"{who}-{number}",
        "total": CHANCE.randrange(500, 20_000) / 100,
        "products": lines,
    }
    at_ms = NOW_MS - CHANCE.randrange(730) * 86_400_000
    return event("Order Completed", at_ms, f"st-{who}-{number}", who, properties)


async def fill(db: Database, people: int) -> None:
    """Everybody, a slice at a time."""
    for begin in range(0, people, 250):
        names = [f"u{n}" for n in range(begin, min(begin + 250, people))]
        async with db.transaction() as tx:
            facets = await known(tx, names)
            for shopper in facets.values():
                await consent.set_consents(tx, shopper, {"profiling": True}, at_ms=1, source="bench")
            new = {shopper: did(name) for name, shopper in facets.items()}
            await store.write(tx, await keys.ensure(tx, KEYRING, new), new, NOW_MS)
            await standings.reconsider(tx, DESK, new.keys(), NOW_MS)


def did(name: str) -> Features:
    """What somebody did."""
    return fold(NOTHING, [bought(name, n) for n in range(ORDERS)], NoGoods())


async def two_facets(db: Database) -> str:
    """A person of two facets, with traits; one of her facets."""
    words: dict[str, Json] = {f"trait {n}": f"value {n}" for n in range(30)}
    identify = Statement(
        id="st-1", home=event("", 1, "e").home, kind="identify", traits=words, source="crm", at_ms=1, received_ms=1
    )
    async with db.transaction() as tx:
        both = (await known(tx, ["u0", "e0"])).values()
        await merging.link(tx, RULED, [said("u0", "e0", 1)], 1)
        state = traits.fold(traits.TraitState(), identify)
        own = await keys.ensure(tx, KEYRING, both)
        await traits.write(tx, own, dict.fromkeys(both, state), NOW_MS)
        await store.write(tx, own, {facet("e0"): did("e0")}, NOW_MS)
    return facet("e0")


async def profile(db: Database, shopper: str, everyone: sketches.Population) -> None:
    """As whoever looks at a person reads her."""
    found = (await store.load(db, KEYRING, [shopper]))[shopper]
    held = await traits.load(db, KEYRING, [shopper])
    heard = await signals.load(db, [shopper], NOW_MS)
    seen = figures(found, heard.get(shopper, NO_SIGNALS), Given(NOW_MS, everyone))
    assert (seen.orders, len(held[shopper])) == (2 * ORDERS, 30)


def millis(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The median of some rounds."""
    took = []
    for _ in range(rounds):
        began_s = time.perf_counter()
        work()
        took.append(time.perf_counter() - began_s)
    return statistics.median(took) * 1000


async def millis_of(work: Callable[[], Awaitable[object]], rounds: int = ROUNDS) -> float:
    """The same, of what is awaited."""
    took = []
    for _ in range(rounds):
        began_s = time.perf_counter()
        await work()
        took.append(time.perf_counter() - began_s)
    return statistics.median(took) * 1000


def from_documents(documents: list[bytes]) -> int:
    """What is spent, summed up from all that was ever said."""
    totals: list[float] = [json.loads(document)["properties"]["total"] for document in documents]
    return round(sum(totals) * 100)


async def anew(db: Database, shopper: str, number: int) -> None:
    """One more order of somebody: folded, sealed, and counted among everyone."""
    async with db.transaction() as tx:
        await store.hold(tx, [shopper])
        before = await store.of_facets(tx, KEYRING, [shopper])
        after = fold(before[shopper], [bought("u7", number)], NoGoods())
        await store.write(tx, await keys.ensure(tx, KEYRING, [shopper]), {shopper: after}, NOW_MS)
        await standings.reconsider(tx, DESK, [shopper], NOW_MS)


async def main(people: int) -> None:
    """Fill, measure, print."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_database(f"sqlite:{Path(folder) / 'push.db'}", RealClock()) as db:
            await fill(db, people)
            everyone = await sketches.population(db)
            lines = [*pure(everyone), *await stored(db, await two_facets(db), everyone)]
            took_ms = await millis_of(lambda: sketches.population(db), 20)
    show(f"Derived, {people:,} people", [*lines, Line("read where everyone stands", took_ms, "ms")])


def pure(everyone: sketches.Population) -> list[Line]:
    """What costs no query."""
    mine, one = did("someone"), bought("someone", ORDERS)
    documents = [json.dumps({"properties": {"total": n / 7}, "pad": "x" * 400}).encode() for n in range(1000)]
    given = Given(NOW_MS, everyone)
    took_ms = millis(lambda: figures(mine, NO_SIGNALS, given))
    theirs_ms = millis(lambda: from_documents(documents))
    return [
        Line("fold an order of 3 lines", millis(lambda: fold(mine, [one], NoGoods())), "ms", BUDGET_MS),
        Line("figures of a person", took_ms, "ms", BUDGET_MS, "one sum over 1,000 JSON events", theirs_ms),
    ]


async def stored(db: Database, shopper: str, everyone: sketches.Population) -> list[Line]:
    """What a read and a write of one person cost."""
    numbers = iter(range(1000, 10**9))
    return [
        Line("read a profile of two facets", await millis_of(lambda: profile(db, shopper, everyone)), "ms", BUDGET_MS),
        Line("fold, seal, stand, commit", await millis_of(lambda: anew(db, facet("u7"), next(numbers))), "ms"),
    ]


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else PEOPLE))
