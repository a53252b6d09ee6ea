"""What an offer is when it is opened: live, never dearer than promised, another in place of what sold out, or gone."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from beacons.registry import Store
from push.api import offers
from push.api.contract import Call, Context, ProblemError
from push.api.offers import Offer
from push.campaigns import outbox
from push.campaigns.outbox import Said
from push.campaigns.routes import Plan
from push.channels.inapp import EventStreams
from push.deliver import receipts
from push.deliver.receipts import ReceiptIn
from push.model.campaigns import Campaign, Pick, Template, Trigger
from push.model.decisions import (
    Bought,
    Considered,
    Decision,
    Inputs,
    Occasion,
    Person,
    Policy,
    Receipt,
    Surroundings,
)
from push.model.delivery import Content
from push.model.tokens import Principal
from push.profiles import consent, keys
from push.profiles.catalogue import goods, stock
from push.profiles.catalogue.product import Product
from push.registry import directory
from tests.support import small_api
from tests.support.clocks import SettableClock
from tests.support.fresh import open_database
from tests.support.keyrings import KEYRING
from tests.support.outbox import join, ways
from tests.support.servers import STORE, Caller

DAY_MS = 86_400_000
CAMPAIGN = Campaign(
    id="shoes",
    name="Shoes",
    trigger=Trigger(kind="store_entered"),
    template=Template(title="{{ product.name }} for {{ product.price }}"),
    pick=Pick(among="category", of=("Shoes",)),
    lifetime_s=7 * 86_400,
)


class Opened(NamedTuple):
    """A phone with one message about the red shoe for 70 €, and time."""

    context: Context
    clock: SettableClock
    delivery: str

    async def offer(self) -> Offer:
        call = Call(Principal("device", "phone"), {"device": "phone", "delivery": self.delivery}, {}, None)
        return await offers.get_offer(self.context, call)

    async def gone(self) -> str:
        with pytest.raises(ProblemError) as refused:
            await self.offer()
        assert refused.value.status == 410
        return refused.value.detail

    async def price(self, name: str, minor: int) -> None:
        product = Product(id=name, name=name.title(), category=("Shoes",), price_minor=minor, currency="EUR")
        async with self.context.db.transaction() as tx:
            await goods.put(tx, product, "ann", self.clock.now_ms())

    async def has(self, **pieces: int) -> None:
        async with self.context.db.transaction() as tx:
            await stock.put(tx, "berlin", pieces, self.clock.now_ms(), replace=True)


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Opened]:
    clock = SettableClock()
    async with open_database(f"sqlite://{tmp_path}/push.db", clock) as db:
        shopper = await join(db, clock, "phone")
        async with db.transaction() as tx:
            await directory.put_store(tx, Store(id="berlin", name="Berlin"))
        context = small_api.context(db, clock, EventStreams(), small_api.Nowhere())
        box = Opened(context, clock, await sent(context, shopper, clock.now_ms()))
        for name, minor in (("red", 7000), ("blue", 8000), ("green", 7500)):
            await box.price(name, minor)
        await box.has(red=2, blue=1, green=3)
        yield box


async def sent(context: Context, shopper: str, now_ms: int) -> str:
    """A message as a decision writes it: to somebody who has the green shoe already."""
    happened = Occasion(
        id="m", kind="store_entered", shopper=shopper, store="berlin", at_ms=now_ms, heard_ms=now_ms, received_ms=now_ms
    )
    decision = Decision(
        id="d",
        moment="m",
        shopper=shopper,
        store="berlin",
        campaign="shoes",
        considered=(Considered(campaign="shoes", version=1, verdict="chosen", why=""),),
        decided_ms=now_ms,
    )
    inputs = Inputs(
        occasion=happened,
        person=Person(
            who=shopper, granted=frozenset(), channels=("inapp",), bought=(Bought(product="green", at_ms=1),)
        ),
        around=Surroundings(time_zone="UTC"),
        policy=Policy(),
        candidates=(("shoes", 1),),
        now_ms=now_ms,
    )
    data = {"product": "red", "price_minor": "7000", "currency": "EUR", "store": "berlin"}
    content = Content(title="Red for €70.00", body="", data=data)
    async with context.db.transaction() as tx:
        definition = msgspec.json.encode(CAMPAIGN).decode()
        await tx.execute(
            "campaigns.put_version", campaign="shoes", version=1, definition=definition, made_by="", made_ms=1
        )
        opened = await keys.ensure(tx, KEYRING, [shopper])
        await tx.execute_many(*outbox.decisions(opened, [Receipt(decision=decision, inputs=inputs)]))
        send = outbox.answer(decision, Said(CAMPAIGN, content, Plan(ways("phone", ("inapp",)))), happened)
        [delivery] = await outbox.write(tx, opened, [send])
        return delivery


async def test_a_promised_price_holds_where_it_rose_and_a_lower_one_is_told(opened: Opened) -> None:
    await opened.price("red", 9000)
    offer = await opened.offer()
    assert offer.product is not None
    assert (offer.state, offer.product.price, offer.product.was) == ("as_promised", "€70.00", None)
    assert (offer.product.left, offer.message.title) == (2, "Red for €70.00")
    opened.clock.advance(DAY_MS)
    await opened.price("red", 6000)
    offer = await opened.offer()
    assert offer.product is not None
    assert (offer.state, offer.product.price, offer.product.was) == ("cheaper", "€60.00", "€90.00")


async def test_what_sold_out_gives_way_to_the_next_best_and_without_one_is_gone(opened: Opened) -> None:
    await opened.has(red=0, blue=1, green=3)
    offer = await opened.offer()
    assert offer.product is not None
    assert (offer.state, offer.product.id) == ("swapped", "blue"), "green is cheaper, and hers already"
    assert offer.message.title == "Blue"
    assert offer.message.body == "What we offered you has sold out. In its place: Blue, €80.00"
    await opened.has(blue=0, green=3)
    assert "sold out" in await opened.gone()
    async with opened.context.db.transaction() as tx:
        await consent.set_consents(tx, "shp_phone", {"profiling": False}, at_ms=opened.clock.now_ms(), source="test")
    offer = await opened.offer()
    assert offer.product is not None
    assert offer.product.id == "green", "what she has is nobody's business any more"


async def test_stock_that_was_told_long_ago_is_not_promised(opened: Opened) -> None:
    opened.clock.advance(2 * DAY_MS)
    offer = await opened.offer()
    assert offer.product is not None
    assert (offer.state, offer.product.left) == ("as_promised", None)


async def test_an_offer_that_was_used_or_stopped_is_gone(opened: Opened) -> None:
    now_ms = opened.clock.now_ms()
    stop = {"id": "s", "scope": "store:berlin", "why": "wrong price", "stopped_by": "ann", "stopped_ms": now_ms}
    async with opened.context.db.transaction() as tx:
        await tx.execute("campaigns.stop", **stop)
    assert "stopped" in await opened.gone()
    async with opened.context.db.transaction() as tx:
        await tx.execute("campaigns.end_stop", id="s", ended_by="ann", ended_ms=now_ms)
        used = ReceiptIn(delivery=opened.delivery, kind="redeemed", at_ms=now_ms)
        assert await receipts.keep(tx, "phone", [used], now_ms) == 1
    assert "used" in await opened.gone()


async def test_an_offer_with_a_loop_comes_from_the_catalogue_to_her_phone_and_is_looked_at_again(
    server: Caller,
) -> None:
    """On a whole server: what is live when it is decided, and what is when it is opened."""
    listed = "{% for each in products %}{{ each.name }} {{ each.price }}; {% endfor %}{{ product.left }} left"
    offer = {
        "id": "welcome",
        "name": "Shoes",
        "trigger": {"kind": "store_entered"},
        "template": {"title": "{{ slots.head }}", "body": listed},
        "slots": [{"name": "head", "options": [{"id": "a", "text": "{{ product.name }} in {{ store.name }}"}]}],
        "pick": {"among": "category", "of": ["Shoes"]},
    }
    shoe = {"category": ["Shoes"], "currency": "EUR"}
    products = [
        {"id": "red", "name": "Red", "price_minor": 7000, **shoe},
        {"id": "blue", "name": "Blue", "price_minor": 8000, **shoe},
    ]
    await server.operate("PUT", "/v1/registry", {"campaigns": [offer]})
    await server.operate("POST", "/v1/products/bulk", {"products": products})
    where = f"/v1/stores/{STORE}/stock"
    await server.operate("PUT", where, {"quantities": {"red": 2, "blue": 1}})
    phone = await server.phone(location=True, marketing=True, inapp=True)
    await server.range(phone)
    [delivery] = await server.operate("GET", "/v1/deliveries")
    path = phone.path(f"messages/{delivery['id']}")
    message = (await server.call("GET", path, phone.token)).json
    assert (message["title"], message["body"]) == ("Red in Hamburg", "Red €70.00; Blue €80.00; 2 left")
    await server.operate("PUT", where, {"quantities": {"red": 0}})
    opened = await server.call("GET", f"{path}/offer", phone.token)
    assert (opened.json["state"], opened.json["product"]["name"]) == ("swapped", "Blue")
