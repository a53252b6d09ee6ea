"""Many who decide about few people at once, in as many transactions, and the books that must agree afterwards."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from push.campaigns import budgets, touches
from push.campaigns.answering import Answer, Question, answer_all
from push.campaigns.means import Means
from push.model.again import insist
from push.model.campaigns import Budget, Campaign, Cap
from push.model.decisions import Occasion
from push.model.ids import derived
from push.model.people import Device
from push.model.ports import Database
from push.profiles import consent, people
from push.profiles.keys import Keyring
from tests.support.campaigns import campaign
from tests.support.clocks import SettableClock
from tests.support.deciding import POLICY, entered, means, saying
from tests.support.fresh import open_database
from tests.support.ingest import T0_MS
from tests.support.keyrings import KEYRING, keyring_in

WRITERS: Final = 16
MOST_A_DAY: Final = 4
MOST_TAGGED: Final = 3
MOST_OF_ONE: Final = 2
BUDGET: Final = 9
IN_STORE: Final = 5
POLICY_: Final = msgspec.structs.replace(
    POLICY,
    pushes_per_visit=1000,
    caps=(Cap(most=MOST_A_DAY, within="day"), Cap(of="tag", tag="t", most=MOST_TAGGED, within="ever")),
)


def offers() -> list[Campaign]:
    """Two of one tag, with a cap of their own, and one with budgets."""
    limits = (Budget(most=BUDGET), Budget(of="store", most=IN_STORE, within="day"))
    tagged = [
        msgspec.structs.replace(campaign(name), tags=("t",), caps=(Cap(of="campaign", most=MOST_OF_ONE, hours=24),))
        for name in ("c1", "c2")
    ]
    return [*tagged, msgspec.structs.replace(campaign("c3"), budgets=limits)]


def decider(keyring: Keyring = KEYRING) -> Means:
    """What they decide with."""
    return means([saying(each) for each in offers()], POLICY_, keyring)


def crowd(number: int) -> list[str]:
    """So many people; the first two are facets of one person, the last agrees to nothing."""
    return [f"p{n}" for n in range(number)]


async def settle_in(db: Database, everybody: Sequence[str]) -> None:
    """Register them."""
    async with db.transaction() as tx:
        for who in everybody:
            await people.ensure_shopper(tx, who, T0_MS)
            await people.new_device(tx, Device(id=f"dev-{who}", shopper=who, platform="sim", locale="en", seen_ms=1))
        await tx.execute("identity.set_person", id=everybody[1], person=everybody[0])
        for who in everybody[:-1]:
            agreed = dict.fromkeys(("location", "marketing", "inapp"), True)
            await consent.set_consents(tx, who, agreed, at_ms=T0_MS, source="test")  # type: ignore[arg-type]


async def write(  # noqa: PLR0913 - who decides with what, about whom, how often
    db: Database, made: Means, everybody: Sequence[str], seed: str, rounds: int, *, together: int = 1
) -> None:
    """One of those who decide: so often, about so many together."""
    chance = random.Random(seed)  # noqa: S311 - a schedule that repeats itself
    for n in range(rounds):
        asked = [Question(_happened(chance, everybody, f"{seed}-{n}-{each}")) for each in range(together)]

        async def decide() -> list[Answer | None]:
            async with db.transaction() as tx:
                return await answer_all(tx, made, asked, T0_MS)  # noqa: B023 - it is over before the next

        await insist(decide)


def _happened(chance: random.Random, everybody: Sequence[str], name: str) -> Occasion:
    return entered(
        id=name,
        shopper=chance.choice(everybody),
        store=chance.choice(("s1", "s2")),
        visit="",
        campaigns=(chance.choice(("c1", "c2", "c3")),),
    )


async def assert_books_agree(db: Database, everybody: Sequence[str], most: int) -> int:
    """No cap or budget is exceeded, nobody was sent anything who did not agree, and every decision that says something,
    and none else, has its message and delivery; how many wait. What a later message replaced counts for nothing.
    """
    decided = await db.fetch("campaigns.decisions", since_ms=0, most=most)
    said = [row["id"] for row in decided if row["campaign"] is not None]
    deliveries = await db.fetch("deliver.list", since_ms=0, most=most)
    assert sorted(row["message"] for row in deliveries) == sorted(derived("msg", name) for name in said)
    assert everybody[-1] not in {row["shopper"] for row in deliveries}
    waiting = Counter(row["campaign"] for row in deliveries if row["state"] != "cancelled")
    total = 0
    for who in everybody[1:]:
        own = await touches.of(db, who, entered(shopper=who), 0)
        of_each = Counter(each.campaign for each in own)
        assert len(own) <= MOST_A_DAY
        assert of_each["c1"] + of_each["c2"] <= MOST_TAGGED
        assert max(of_each["c1"], of_each["c2"]) <= MOST_OF_ONE
        total += len(own)
    assert total == waiting.total()
    counters = [
        name
        for store in ("s1", "s2")
        for name in budgets.ids(offers()[2].budgets, campaign="c3", store=store, now_ms=T0_MS)
    ]
    used = await budgets.used(db, counters)
    assert used["budget:campaign:c3:ever"] == waiting["c3"] <= BUDGET
    assert all(number <= IN_STORE for name, number in used.items() if "store" in name)
    return total


def decide_until_killed(folder: Path, number: int, seed: str) -> None:
    """Sixteen decide for ever, on SQLite in a folder: in a process that somebody kills."""
    keyring = keyring_in(folder / "keys")
    asyncio.run(_for_ever(folder, keyring, crowd(number), seed))


async def _for_ever(folder: Path, keyring: Keyring, everybody: Sequence[str], seed: str) -> None:
    async with open_database(database_of(folder), SettableClock(T0_MS)) as db:
        made = decider(keyring)
        await asyncio.gather(*(write(db, made, everybody, f"{seed}-{n}", 10**9) for n in range(WRITERS)))


def database_of(folder: Path) -> str:
    """Where they write."""
    return f"sqlite://{folder / 'push.db'}"
