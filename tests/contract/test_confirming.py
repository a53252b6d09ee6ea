"""What is mailed to confirm consent, to whom and how often; on both databases, day by day."""

import json
from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest

from push.api.contract import Reachable
from push.confirming import HOUR_MS, Confirmer, Means
from push.deliver.backlog import Backlog
from push.model.ids import derived, fresh
from push.model.people import Added
from push.model.ports import Database
from push.model.profiles import Authority, Identifier, Statement
from push.profiles import confirming, consent, people
from push.profiles.collect.apply import apply
from push.profiles.confirming import DAY_MS
from push.profiles.confirming_settings import DoubleOptInSettings
from push.profiles.desk import Desk
from push.profiles.identity import facets
from push.profiles.identity.kinds import Kinds
from push.profiles.rights import erasing
from push.profiles.settings import ProfileSettings
from push.profiles.words import Circumstances
from push.watching import Outbox
from tests.support.clocks import SettableClock
from tests.support.fresh import open_database
from tests.support.ingest import T0_MS
from tests.support.keyrings import KEYRING
from tests.support.outbox import SEALS, VAULT

SETTINGS = ProfileSettings(
    minimum_age=0,
    consent_categories={"News": ("email",)},
    double_opt_in=DoubleOptInSettings(hours=30, most_per_hour=3),
)
DESK = Desk(VAULT, KEYRING, Kinds(), SETTINGS)


class World(NamedTuple):
    """A database, pages that tell it of people, and what sends mails."""

    db: Database
    clock: SettableClock
    means: Means
    confirmer: Confirmer

    async def says(
        self, name: str, mailbox: str = "", *, yes: bool = True, authority: Authority = "publishable"
    ) -> str:
        """What a page says of somebody; her facet."""
        home, now_ms = Identifier("anonymous_id", name), self.clock.now_ms()
        said = Statement(
            id=fresh("st"), home=home, kind="identify", traits={"email": mailbox} if mailbox else {},
            context={"consent": {"categoryPreferences": {"News": yes}}}, source="page", authority=authority,
            at_ms=now_ms, received_ms=now_ms,
        )  # fmt: skip
        async with self.db.transaction() as tx:
            await apply(tx, DESK, [said], now_ms)
        return facets.facet_id(home, VAULT)

    async def mails(self, after_ms: int = 0) -> int:
        """How many mails there are in all, some time later."""
        self.clock.advance(after_ms)
        await self.confirmer.look()
        row = await self.db.fetch_one("confirming.since", since_ms=0)
        return 0 if row is None else int(row["mails"])


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    clock = SettableClock(T0_MS)
    async with open_database(database_url, clock) as db:
        backlog = Backlog(db, 1000)
        outbox = Outbox(SEALS, lambda *_: (), lambda _, address: Reachable(dict(address), ""), backlog, lambda: None)
        means = Means(db, clock, DESK, outbox)
        yield World(db, clock, means, Confirmer(means))


async def test_one_mail_a_day_to_a_mailbox_and_three_for_what_waits(world: World) -> None:
    await world.says("anna", "ada@shop.example")
    assert await world.mails() == 1
    await world.says("anna", "ada@shop.example")
    await world.says("bert", "ADA@shop.example")
    assert await world.mails(1) == 1
    assert world.confirmer.counts["too_soon"] == 1
    assert await world.mails(DAY_MS) == 2
    seen = []
    for _ in range(6):
        await world.says("bert", "ADA@shop.example")
        seen.append(await world.mails(DAY_MS))
    assert seen == [3, 4, 5, 5, 5, 5]  # two to anna, who said it twice, and three to bert, who says it every day


async def test_so_many_an_hour_to_everybody_and_the_rest_later(world: World) -> None:
    for n in range(5):
        await world.says(f"p{n}", f"p{n}@shop.example")
    assert await world.mails() == 3
    assert await world.mails(60_000) == 3
    assert await world.mails(HOUR_MS) == 5


async def test_of_one_who_names_mailboxes_without_end_some_are_asked(world: World) -> None:
    for n in range(confirming.MOST_MAILBOXES + 2):
        await world.says("anna", f"p{n}@shop.example")
    row = await world.db.fetch_one("confirming.mailboxes", shopper=await world.says("anna", "p0@shop.example"))
    assert row == {"found": confirming.MOST_MAILBOXES}


async def test_erasing_oneself_lets_nobody_be_written_to_again_at_once(world: World) -> None:
    anna = await world.says("anna", "ada@shop.example")
    assert await world.mails() == 1
    async with world.db.transaction() as tx:
        await erasing.remove(tx, [anna])
    await world.says("bert", "Ada@shop.example")
    assert await world.mails(1) == 0
    assert world.confirmer.counts == {"queued": 1, "too_soon": 1}


async def test_what_nobody_asks_any_more_is_not_asked_by_mail(world: World) -> None:
    gone, now_ms = Added("newsletter"), world.clock.now_ms()
    anna = await world.says("anna", yes=False)
    async with world.db.transaction() as tx:
        await consent.say(tx, anna, {gone: True}, {gone: Circumstances(source="app", pending=True)}, now_ms)
        await confirming.wait(tx, KEYRING, VAULT, {anna: {"ada@shop.example"}}, now_ms)
    assert len(await confirming.waiting(world.db, anna)) == 1
    assert await world.mails() == 0


async def test_a_mailbox_whose_key_is_lost_keeps_nobody_else_waiting(world: World) -> None:
    await world.says("anna", "ada@shop.example")
    assert await world.mails() == 1
    hashed = people.address_hash("email", {"email": "ada@shop.example"}, VAULT)
    async with world.db.transaction() as tx:
        [row] = await tx.fetch("keys.of", ids=json.dumps([derived("shp", "address", hashed)]))
        lost = {"month": row["month"], "wrapped": bytes(60), "before": row["wrapped"]}
        await tx.execute("keys.swap", shopper=row["shopper"], **lost)
        await tx.execute("profiles.take_address", hash=hashed, channel="email", device="")
    await world.says("anna", "ada@shop.example")
    world.clock.advance(1)
    await world.says("bert", "bert@shop.example")
    assert await world.mails(DAY_MS) == 2
    assert world.confirmer.counts == {"queued": 2, "unreadable": 1}


async def test_without_an_account_it_waits_and_the_log_says_what_to_do(world: World) -> None:
    hindered = Confirmer(world.means._replace(missing=lambda: "set push.http.public_url"))
    await world.says("anna", "ada@shop.example")
    await hindered.look()
    assert hindered.left == 1
    assert await world.mails() == 1


async def test_what_is_refused_or_proven_since_waits_no_more(world: World) -> None:
    anna, bert = await world.says("anna", "ada@shop.example"), await world.says("bert")
    waits = [len(await confirming.waiting(world.db, one)) for one in (anna, bert)]
    world.clock.advance(1)
    await world.says("anna", "ada@shop.example", yes=False)
    await world.says("bert", authority="proven")
    assert waits == [1, 1]
    assert [await confirming.waiting(world.db, one) for one in (anna, bert)] == [[], []]
    assert await world.mails() == 0
    assert await consent.granted(world.db, bert) == {"email"}


def test_a_link_is_late_from_its_end_on_and_used_for_good() -> None:
    waiting = [confirming.Waiting("email", "", "en", 0)]
    row = {"state": "open", "ends_ms": 10}
    assert [confirming.standing(row, waiting, now_ms) for now_ms in (9, 10)] == ["open", "late"]
    assert confirming.standing(row, [], 9) == "nothing"
    assert confirming.standing({**row, "state": "used"}, waiting, 99) == "used"
