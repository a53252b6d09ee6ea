"""What a campaign says to one person: wordings, slots, products, prices and coupons, on both databases."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from beacons.registry import Store
from push.campaigns import content, prices
from push.campaigns.content import Ask, ContentError, Means
from push.model.campaigns import Campaign, Option, Pick, Slot, Template, Wording
from push.model.decisions import Bought, Occasion, Person
from push.model.delivery import Content
from push.model.ports import Database, Transaction
from push.profiles.catalogue import goods, stock
from push.profiles.catalogue.product import Product
from push.profiles.catalogue.view import Catalogue
from push.registry import directory
from tests.support import campaigns
from tests.support.clocks import SettableClock
from tests.support.fresh import open_database

DAY_MS = 86_400_000
T0_MS = 1_790_000_000_000
SAYS = Template(title="{{ product.name }} for {{ product.price }}", body="{{ product.left }} here")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite://{tmp_path}/test.db" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def db(url: str) -> AsyncIterator[Database]:
    """A shop with two stores, of which one has told what it has."""
    async with open_database(url, SettableClock(T0_MS)) as opened:
        async with opened.transaction() as tx:
            for name in ("berlin", "hamburg"):
                await directory.put_store(tx, Store(id=name, name=name))
            await goods.put_many(tx, [shoe("red", 9000), shoe("blue", 7000), shoe("green", 5000)], "ann", T0_MS)
            sock = shoe("sock", 500, category=("Socks",), brand="Bee")
            pill = shoe("pill", 100, category=("Shoes", "Health"), sensitive=True)
            await goods.put_many(tx, [sock, pill, shoe("wart", 90, category=("Shoes", "Feet", "Warts"))], "ann", T0_MS)
            has = {"red": 2, "blue": 1, "green": 0, "sock": 9, "pill": 3, "wart": 3}
            await stock.put(tx, "berlin", has, T0_MS, replace=True)
        yield opened


def shoe(name: str, price: int, **said: object) -> Product:
    fields = {"id": name, "sku": f"SKU-{name}", "name": name.title(), "category": ("Shoes", "Running"), "brand": "Ace"}
    return Product(**{**fields, "price_minor": price, "currency": "EUR", **said})  # type: ignore[arg-type]


def person(locale: str = "en", facts: Mapping[str, Any] | None = None, owned: tuple[str, ...] = ()) -> Person:
    return Person(
        who="ann",
        granted=frozenset({"marketing"}),
        channels=("webpush", "email"),
        locale=locale,
        facts=dict(facts or {}),
        bought=tuple(Bought(product=each, at_ms=T0_MS) for each in owned),
    )


def campaign(template: Template = SAYS, **said: Any) -> Campaign:  # noqa: ANN401 - any field of a campaign
    return msgspec.structs.replace(campaigns.campaign("shoes"), template=template, **said)


class Pool:
    """Coupons, given out one by one."""

    def __init__(self, *codes: str) -> None:
        self.codes = [*codes]

    async def take(self, tx: Transaction, pool: str, shopper: str, campaign: str, expires_ms: int) -> str | None:
        assert (pool, shopper, campaign, expires_ms) == ("spring", "ann", "shoes", T0_MS + 600_000)
        del tx
        return self.codes.pop(0) if self.codes else None


async def said(  # noqa: PLR0913 - keywords with defaults, so that a test names what it is about
    db: Database,
    of: Campaign,
    to: Person | None = None,
    *,
    store: str = "berlin",
    pool: Pool | None = None,
    now_ms: int = T0_MS,
    variant: Mapping[str, str] | None = None,
) -> Content:
    catalogue = Catalogue(["Warts"])
    await catalogue.refresh(db)
    happened = Occasion(
        id="o", kind="store_entered", shopper="ann", store=store, at_ms=now_ms, heard_ms=now_ms, received_ms=now_ms
    )
    ask = Ask(campaign=of, variant=variant or {}, person=to or person(), occasion=happened, words={"shopper": {}})
    means = Means(coupon=(pool or Pool()).take, goods=catalogue)
    async with db.transaction() as tx:
        return await content.content(tx, means, ask, now_ms)


async def refused(db: Database, of: Campaign, to: Person | None = None, **how: Any) -> tuple[str, str]:  # noqa: ANN401
    with pytest.raises(ContentError) as caught:
        await said(db, of, to, **how)
    return caught.value.verdict, caught.value.why


def titled(title: str) -> Template:
    return Template(title=title)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_her_language_goes_before_her_channel_and_one_that_fails_before_none(db: Database) -> None:
    of = campaign(
        titled("own"),
        wordings=(
            Wording(locale="de", template=titled("deutsch")),
            Wording(locale="de", channel="webpush", template=titled("deutsch, kurz")),
            Wording(channel="webpush", template=titled("short")),
            Wording(locale="de-CH", template=titled("{{ shopper.age | divided_by: 0 }}")),
            Wording(locale="fr", channel="email", template=titled("français")),
        ),
    )
    expected = {"de-AT": "deutsch, kurz", "de_CH": "deutsch, kurz", "en-GB": "short", "fr": "short", "": "short"}
    assert {locale: (await said(db, of, person(locale))).title for locale in expected} == expected
    assert (await said(db, of, person("de-AT"))).locale == "de"


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_slots_are_filled_by_the_variant_and_in_her_language(db: Database) -> None:
    head = Slot(
        name="head",
        options=(
            Option(id="a", text="Hello"),
            Option(id="b", text="{{ shopper.name | default: 'You' }}!", texts={"de": "Hallo {{ product.name }}"}),
        ),
    )
    reward = Slot(name="reward", options=(Option(id="none"), Option(id="sock", text="and a sock", product="sock")))
    of = campaign(titled("{{ slots.head }} {{ slots.reward }}"), slots=(head, reward), pick=Pick(among="likes"))
    assert (await said(db, of, variant={"head": "b", "reward": "sock"})).title == "You! and a sock"
    german = await said(db, of, person("de-AT"), variant={"head": "b", "reward": "sock"})
    assert (german.title, german.data["product"]) == ("Hallo Sock and a sock", "sock")


async def test_the_best_product_is_the_first_that_is_here_not_hers_and_harmless(db: Database) -> None:
    """The cheapest of a category; of a list the first that there is."""

    async def first(pick: Pick, to: Person | None = None, store: str = "berlin") -> str:
        return (await said(db, campaign(pick=pick), to, store=store)).data["product"]

    shoes = Pick(among="category", of=("Shoes",))
    assert await first(shoes) == "blue"
    assert await first(shoes, person(owned=("blue",))) == await first(shoes, person(owned=("SKU-blue",))) == "red"
    assert await first(shoes, store="") == "blue"
    assert await first(msgspec.structs.replace(shoes, in_stock=False)) == "green"
    owned = msgspec.structs.replace(shoes, not_owned=False)
    assert await first(owned, person(owned=("blue",))) == "blue"
    assert await first(Pick(among="list", of=("pill", "green", "sock", "red"))) == "sock"
    assert await first(Pick(among="brand", of=("Cee", "Bee"))) == "sock"
    likes = person(facts={"figures.categories": ["Hats", "Shoes/Running", "Socks"]})
    assert await first(Pick(among="likes"), likes) == "blue"
    basket = person(facts={"figures.basket": ["SKU-red", "sock"]})
    assert await first(Pick(among="basket"), basket) == "red"


async def test_nothing_is_promised_that_is_not_known_to_be_there(db: Database) -> None:
    red = campaign(pick=Pick(among="list", of=("red",)))
    assert await refused(db, red, store="hamburg") == ("stock", "store hamburg never told what it has")
    verdict, why = await refused(db, red, now_ms=T0_MS + 2 * DAY_MS)
    assert (verdict, why) == ("stock", "what store berlin has was last told 23 h too long ago to promise it")
    async with db.transaction() as tx:
        await stock.put(tx, "berlin", {}, T0_MS + 2 * DAY_MS, replace=False)  # nothing is new: it holds
    assert (await said(db, red, now_ms=T0_MS + 2 * DAY_MS)).body == "2 here"
    green = campaign(pick=Pick(among="list", of=("green",)))
    assert (await refused(db, green))[1] == "none of what it may offer is in stock in store berlin"
    assert (await refused(db, red, person(owned=("red",))))[1] == "none of what it may offer is on sale and new to her"
    assert (await refused(db, campaign(pick=Pick(among="wishes"))))[1] == "her wish list is empty, or not known"


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_a_price_is_written_in_her_language_and_a_reduction_told_that_thirty_days_bear(db: Database) -> None:
    red = Pick(among="list", of=("red",))
    told = Template(title="{{ product.price }}{% if product.was %} instead of {{ product.was }}{% endif %}")
    before = await said(db, campaign(told, pick=red), person("de-AT"))
    assert (before.title, before.data["price_minor"], before.data["currency"]) == ("€\xa090,00", "9000", "EUR")
    assert await refused(db, campaign(titled("20 % off"), pick=red)) == (
        "template",
        "body: it says 20 % off red: no lower price than before",
    )
    async with db.transaction() as tx:
        await goods.put(tx, shoe("red", 7500), "ann", T0_MS + DAY_MS)
    now_ms = T0_MS + DAY_MS
    assert (await said(db, campaign(told, pick=red), now_ms=now_ms)).title == "€75.00 instead of €90.00"
    assert (await refused(db, campaign(titled("Spare 17 %"), pick=red), now_ms=now_ms))[0] == "template"
    assert (await said(db, campaign(titled("Now -16\xa0%!"), pick=red), now_ms=now_ms)).title


def test_a_share_of_something_is_no_reduction() -> None:
    assert prices.claimed(["100 % cotton, 20-30 % wool, 5% lye in 50 % of all, 20 \u2013 30 % more"]) == 0


@pytest.mark.parametrize(
    ("text", "percent"),
    [
        ("20% off", 20),
        ("12,5\xa0% Rabatt", 13),
        ("save up to 40 percent", 40),
        ("(\u221225 %)", 25),
        ("9 % moins", 9),
    ],
)
def test_a_reduction_is_one_however_it_is_said(text: str, percent: int) -> None:
    assert prices.claimed(["5 % off", text]) == percent


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_a_coupon_is_taken_for_what_can_be_said_alone_and_a_personal_price_is_called_one(db: Database) -> None:
    pool = Pool("A-1")
    broken = campaign(titled("{{ coupon.code }}{{ 1 | divided_by: 0 }}"), coupon="spring")
    assert (await refused(db, broken, pool=pool))[0] == "template"
    everyone = campaign(titled("Take {{ coupon.code }}"), coupon="spring")
    taken = await said(db, everyone, pool=pool)
    assert (taken.title, taken.body, taken.data) == ("Take A-1", "", {"coupon": "A-1"})
    assert await refused(db, everyone, pool=pool) == ("coupon", "the pool spring has no coupon left")
    chosen = campaign(titled("Take {{ coupon.code }}"), coupon="spring", audience={"kind": "all", "of": []})
    hers = await said(db, chosen, person("de"), pool=Pool("A-2"))
    assert (hers.body, hers.data["personal"]) == (prices.personal("de"), "true")
    own_words = Template(title="{{ coupon.code }}", body="{{ coupon.personal }} Bye")
    reworded = msgspec.structs.replace(chosen, template=own_words)
    assert (await said(db, reworded, pool=Pool("A-3"))).body == f"{prices.personal('en')} Bye"
