"""What people are asked and how they take it, and what messages need, alike on both databases."""

import json

from push.campaigns import outbox
from push.campaigns.outbox import Send
from push.campaigns.routes import Plan
from push.model.delivery import Content, Lane, Message, Route
from push.model.ids import fresh
from push.model.people import Added, Device
from push.model.ports import Database
from push.profiles import asked
from push.profiles.asked import FEW, UNTOLD, Asking
from push.profiles.identity import facets
from push.profiles.people import new_device
from tests.support.clocks import SettableClock
from tests.support.keyrings import KEYRING

LETTER = Added("newsletter")
ASKING = Asking({LETTER: "0" * 16, "marketing": "1" * 16}, "de", "app", "AT")


async def test_answers_add_up_by_week_and_country_and_outlive_people(db: Database, clock: SettableClock) -> None:
    people, now_ms = [f"shp_{n}" for n in range(12)], clock.now_ms()
    async with db.transaction() as tx:
        for shopper in people:
            await facets.new(tx, shopper, "device", now_ms)
            for _ in range(2):
                await asked.note(tx, shopper, ASKING, now_ms)
        for shopper in people[:6]:
            await asked.answer(tx, shopper, {LETTER: True}, ASKING, now_ms)
        await asked.answer(tx, people[6], {LETTER: False}, ASKING, now_ms)
        await asked.take_back(tx, people[0], {LETTER, "location"}, now_ms)
        await asked.answer(tx, people[7], {LETTER: False}, ASKING, now_ms + 9 * asked.WEEK_MS)
    assert await asked.versions(db, people[0]) == {(LETTER, "0" * 16), ("marketing", "1" * 16)}
    offers, letter = await asked.acceptance(db, now_ms)
    assert offers.week_ms == letter.week_ms <= now_ms < letter.week_ms + asked.WEEK_MS
    assert letter[2:3] + letter[4:] == ("AT", 12, 6, FEW, FEW, FEW)
    assert offers[4:] == (12, FEW, FEW, 12, FEW)
    for some in (people[:5], people[5:]):
        async with db.transaction() as tx:
            await asked.fold(tx, json.dumps(some))
            await tx.execute("rights.erase_shoppers", ids=json.dumps(some))
        assert await asked.acceptance(db, now_ms) == [offers, letter]
    assert UNTOLD not in letter


async def test_what_waits_and_needs_a_purpose_goes_with_it(db: Database, clock: SettableClock) -> None:
    now_ms = clock.now_ms()
    plan = Plan((Route("dev_1", "inapp"),))
    async with db.transaction() as tx:
        await facets.new(tx, "shp_1", "device", now_ms)
        await new_device(tx, Device(id="dev_1", shopper="shp_1", platform="sim", locale="en"))
        for name, needs in (("with", (LETTER,)), ("without", ())):
            message = Message(
                id=name, shopper="shp_1", campaign="", content=Content(title="a", body="b"), created_ms=now_ms,
                expires_ms=now_ms + 10_000, collapse_key=fresh("key"), needs=needs,
            )  # fmt: skip
            await outbox.put(tx, KEYRING, [Send(message=message, plan=plan, lane=Lane.BULK, source="test")])
        assert await outbox.cancel_needing(tx, "shp_1", {"location"}, now_ms) == 0
        assert await outbox.cancel_needing(tx, "shp_1", {LETTER, "location"}, now_ms) == 1
        assert await outbox.cancel_needing(tx, "shp_1", {LETTER}, now_ms) == 0
