"""A chain's server without a network: a database with stores, campaigns, people, and what decisions are made with."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from beacons.registry import Store, Zone
from firmware_sim.weeks.crowd import CATEGORIES, TILLS, Habits
from push.campaigns import content
from push.campaigns.book import Book, Versioned
from push.campaigns.means import InForce, Means
from push.database.open import open_database
from push.model.campaigns import Campaign
from push.model.decisions import Policy
from push.model.people import Device
from push.model.ports import Database
from push.model.vault import Vault
from push.profiles import consent, guarded, keys, people
from push.profiles.derived.reading import NoGoods
from push.profiles.derived.sketches import NOBODY, Population
from push.profiles.keys import Keyring
from push.profiles.months import Months
from push.profiles.settings import ProfileSettings
from push.profiles.view import Sight
from push.registry import directory

AT_ONCE = 100
"""People of one transaction."""
AREA_M = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))


class Hands:
    """`push.model.ports.Clock` that is set by whoever plays."""

    def __init__(self, now_ms: int) -> None:
        self.at_ms = now_ms

    def now_ms(self) -> int:
        """The time of the play."""
        return self.at_ms


class House(NamedTuple):
    """What a week is played with."""

    db: Database
    means: Means
    clock: Hands


class Chain(NamedTuple):
    """Its people, how many stores it has, and what it says by which rules."""

    people: Sequence[Habits]
    stores: int
    campaigns: Sequence[Campaign]
    policy: Policy


def keyring_in(folder: Path, now_ms: int) -> Keyring:
    """Keys of people under months' keys in a folder. Blocks."""
    keyring = Keyring(Months(folder))
    keyring.months.load(now_ms)
    return keyring


@asynccontextmanager
async def house(folder: Path, chain: Chain, keyring: Keyring, now_ms: int) -> AsyncIterator[House]:
    """A database in a folder with all of them, for the length of the block."""
    clock = Hands(now_ms)
    async with open_database(f"sqlite://{folder / 'week.db'}", clock) as db:
        await _stores(db, chain.stores)
        offers = await _campaigns(db, chain.campaigns, now_ms)
        for first in range(0, len(chain.people), AT_ONCE):
            await _people(db, keyring, chain.people[first : first + AT_ONCE], now_ms)
        in_force = InForce(chain.policy, frozenset({TILLS}))
        await in_force.use(await directory.load(db, Vault(bytes(32))), Book(offers), now_ms)
        sight = Sight(keyring, ProfileSettings(), NoGoods(), _population)
        means = Means(in_force, keyring, sight, guarded.reader(keyring, {}), content.Means())
        yield House(db, means, clock)


async def _population() -> Population:
    return NOBODY


async def _stores(db: Database, number: int) -> None:
    async with db.transaction() as tx:
        for n in range(number):
            store = f"store-{n:02}"
            await directory.put_store(tx, Store(id=store, name=f"Store {n}", time_zone="Europe/Berlin"))
            for name in (*CATEGORIES, TILLS):
                zone = Zone(store=store, id=name.lower(), name=name, polygon_m=AREA_M)
                await directory.put_zone(tx, zone)


async def _campaigns(db: Database, campaigns: Sequence[Campaign], now_ms: int) -> list[Versioned]:
    rows = [
        {"campaign": each.id, "version": 1, "definition": msgspec.json.encode(each).decode(), "made_by": "week",
         "made_ms": now_ms}
        for each in campaigns
    ]  # fmt: skip
    async with db.transaction() as tx:
        await tx.execute_many("campaigns.put_version", rows)
    return [Versioned(each, 1) for each in campaigns]


async def _people(db: Database, keyring: Keyring, some: Sequence[Habits], now_ms: int) -> None:
    async with db.transaction() as tx:
        for each in some:
            await people.ensure_shopper(tx, each.id, now_ms)
            device = Device(id=f"dev-{each.id}", shopper=each.id, platform="sim", locale="en", seen_ms=now_ms)
            await people.new_device(tx, device)
            await consent.set_consents(tx, each.id, dict.fromkeys(each.agreed, True), at_ms=now_ms, source="week")
        await keys.ensure(tx, keyring, {each.id for each in some})
