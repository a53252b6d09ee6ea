"""People who do things in a real database, and campaigns that answer them when it is time."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from push.campaigns import lifecycle
from push.campaigns.book import Book
from push.campaigns.hearing import Ear
from push.campaigns.lifecycle import By
from push.campaigns.means import Means
from push.campaigns.runner import Outside, Runner
from push.deliver import receipts
from push.deliver.receipts import ReceiptIn
from push.ingest.record import Recorder
from push.model.campaigns import Campaign, Trigger
from push.model.ports import Database
from push.model.presence import Changes, Moment, VisitOpened
from push.model.profiles import Json
from push.model.sites import Rules
from push.profiles.segments.again import look_again
from push.registry import directory
from tests.support import deciding
from tests.support.campaigns import campaign, versioned
from tests.support.clocks import SettableClock
from tests.support.fresh import open_database
from tests.support.ingest import T0_MS, VAULT, agree, register
from tests.support.segmented import Town, town


class Street(NamedTuple):
    """Ann, Bob and Cyd, what they do, and what answers them."""

    db: Database
    clock: SettableClock
    town: Town
    means: Means
    ear: Ear
    runner: Runner

    def live(self, *campaigns: Campaign) -> None:
        """Let these campaigns be live, and no others."""
        self.means.in_force.book = Book(versioned(*campaigns))

    async def keeps(self, campaign: Campaign) -> None:
        """Write a campaign down, as live or paused."""
        async with self.db.transaction() as tx:
            await lifecycle.put_live(tx, campaign, By("test", self.clock.now_ms()))

    async def did(
        self, shopper: str, name: str, properties: Mapping[str, Json] | None = None, late_ms: int = 0
    ) -> None:
        """Somebody does something, and campaigns hear of it: now, or so late."""
        statement = f"{shopper}-track-{name}-{self.clock.now_ms()}"
        await self.town.did(shopper, name, properties)
        self.clock.advance(late_ms)
        async with self.db.transaction() as tx:
            await self.ear.note(tx, [statement], self.clock.now_ms())
            await look_again(tx, [shopper], self.clock.now_ms())

    async def is_known(self, shopper: str, said: Mapping[str, Json]) -> None:
        """Something is said of somebody."""
        self.clock.advance(1)
        await self.town.person(shopper, said)
        async with self.db.transaction() as tx:
            await look_again(tx, [shopper], self.clock.now_ms())

    async def settled(self) -> None:
        """Wait until nothing is left to do by now."""
        for _ in range(100):
            if not any([await self.runner.step(), await self.town.runner.step()]):
                return
        raise AssertionError("there is always something left to do")

    async def after(self, ms: int) -> list[tuple[str, str]]:
        """Let time pass; who was sent what by then."""
        self.clock.advance(ms)
        await self.settled()
        return await self.sent()

    async def sent(self) -> list[tuple[str, str]]:
        """Who was sent which campaign, the first one first."""
        rows = await self.db.fetch("triggered.messages")
        return [(row["shopper"], row["campaign"]) for row in rows]

    async def comes(self, shopper: str, store: str, zone: str | None = None) -> None:
        """Somebody comes into a store, or into a zone of the one that she is in."""
        now_ms, visit = self.clock.now_ms(), f"vis-{shopper}-{store}"
        opened = VisitOpened(visit=visit, store=store, shopper=shopper, entered_ms=now_ms)
        moment = Moment(
            id=f"{visit}-{zone}", kind="zone_entered" if zone else "store_entered", store=store, zone=zone,
            shopper=shopper, visit=visit, mark_s=0, at_ms=now_ms, heard_ms=now_ms, received_ms=now_ms,
        )  # fmt: skip
        recorder = Recorder(lambda _: Rules(), self.means)
        async with self.db.transaction() as tx:
            await recorder.write(tx, Changes(records=[] if zone else [opened], moments=[moment]), {}, now_ms)

    async def opened(self, shopper: str) -> None:
        """Somebody opens all that she was sent."""
        rows = await self.db.fetch("triggered.deliveries", shopper=shopper)
        told = [ReceiptIn(row["id"], "opened", self.clock.now_ms()) for row in rows]
        async with self.db.transaction() as tx:
            assert await receipts.keep(tx, f"dev-{shopper}", told, self.clock.now_ms()) == len(rows)

    async def at_once(self, number: int) -> None:
        """Let so many processes ask at the same time."""
        runners = [Runner(Outside(self.db, self.clock, lambda _: None), self.means, self.ear) for _ in range(number)]
        await asyncio.gather(*(runner.ask(self.clock.now_ms()) for runner in runners))
        await self.settled()


def answering(name: str, kind: Any, title: str = "Hello", **trigger: Any) -> Campaign:  # noqa: ANN401 - of a trigger
    """A campaign that answers something; the caps of a visit and a week are no matter here."""
    return campaign(name, trigger=Trigger(kind=kind, **trigger), title=title, needs=("marketing",))


@asynccontextmanager
async def street(database_url: str) -> AsyncIterator[Street]:
    """Everybody agreed to everything."""
    clock = SettableClock(T0_MS)
    async with open_database(database_url, clock) as db:
        await register(db)
        for name in ("ann", "bob", "cyd"):
            await agree(db, name)
        means = deciding.means()
        loaded = await directory.load(db, VAULT, means.in_force.directory.tags)
        await means.in_force.use(loaded, means.in_force.book, clock.now_ms())
        ear = Ear(lambda: means.in_force.book)
        runner = Runner(Outside(db, clock, lambda _: None), means, ear)
        yield Street(db, clock, town(db, clock), means, ear, runner)
