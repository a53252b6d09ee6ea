"""Products as they are kept, on both databases: what they cost before, and what of them is known in memory."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from beacons.registry import Store
from push.model.errors import AbsentError, MisfitError, StaleError
from push.model.ports import Database
from push.profiles.catalogue import goods, stock, view
from push.profiles.catalogue.product import Product
from push.profiles.catalogue.view import Catalogue
from push.registry import directory
from tests.support.clocks import SettableClock
from tests.support.fresh import open_database

DAY_MS = 86_400_000
T0_MS = 1_790_000_000_000


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"sqlite://{tmp_path}/test.db" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def db(url: str) -> AsyncIterator[Database]:
    async with open_database(url, SettableClock(T0_MS)) as opened:
        yield opened


def shoe(price: int | None = 8000, **said: object) -> Product:
    fields = {"id": "shoe", "sku": "SH 1/42", "name": "Runner", "category": ("Shoes", "Running"), "brand": "Ace"}
    return Product(**{**fields, "price_minor": price, "currency": "EUR", **said})  # type: ignore[arg-type]


async def put(db: Database, product: Product, day: float = 0, expect: int | None = None) -> goods.Written:
    async with db.transaction() as tx:
        return await goods.put(tx, product, "ann", T0_MS + int(day * DAY_MS), expect)


async def lowest(db: Database) -> int | None:
    kept = await goods.get(db, "shoe")
    assert kept is not None
    return kept.lowest_minor


async def test_a_product_is_read_as_it_was_written(db: Database) -> None:
    product = shoe(regular_minor=9900, attributes={"colour": "grün"}, url="https://shop.example/1", sensitive=True)
    written = await put(db, product)
    assert (written.new, written.changed, written.same, written.revision) == (1, 0, 0, 1)
    kept = await goods.get(db, "shoe")
    assert kept is not None
    assert (kept.product, kept.changed_by, kept.revision, kept.price_from_ms) == (product, "ann", 1, T0_MS)
    assert await goods.load(db, ["shoe", "hat"]) == {"shoe": product}


async def test_the_lowest_price_is_that_of_thirty_days_before_the_present_one(db: Database) -> None:
    await put(db, shoe(5000), 0)
    assert await lowest(db) is None
    await put(db, shoe(9000), 2)
    await put(db, shoe(8000), 20)
    assert await lowest(db) == 5000
    await put(db, shoe(7000), 33)
    assert await lowest(db) == 8000, "five thousand ended thirty-one days before"
    await put(db, shoe(7000, name="Runner II"), 60)
    assert await lowest(db) == 8000, "another name is no other price"


async def test_prices_in_another_currency_are_no_lower_ones(db: Database) -> None:
    await put(db, shoe(100, currency="CZK"), 0)
    await put(db, shoe(8000), 1)
    assert await lowest(db) is None


async def test_two_prices_in_one_moment_leave_the_second(db: Database) -> None:
    await put(db, shoe(5000), 0)
    await put(db, shoe(6000), 0)
    kept = await goods.get(db, "shoe")
    assert kept is not None
    assert (kept.product.price_minor, kept.lowest_minor) == (6000, None)


async def test_old_prices_are_forgotten(db: Database) -> None:
    for day in range(0, 90, 10):
        await put(db, shoe(5000 + day), day)
    assert await lowest(db) == 5050
    async with db.transaction() as tx:
        left = await tx.execute("catalogue.prune_prices", product="shoe", before_ms=T0_MS + 50 * DAY_MS)
    assert left == 0


async def test_what_equals_what_stands_changes_nothing(db: Database) -> None:
    await put(db, shoe())
    again = await put(db, shoe())
    assert (again.new, again.changed, again.same, again.revision) == (0, 0, 1, 1)


async def test_nobody_writes_over_what_she_did_not_see(db: Database) -> None:
    await put(db, shoe(), expect=0)
    for expect in (0, 7):
        with pytest.raises(StaleError):
            await put(db, shoe(1), expect=expect)
    await put(db, shoe(2), expect=1)
    await put(db, shoe(3), expect=-1)
    async with db.transaction() as tx:
        with pytest.raises(StaleError):
            await goods.delete(tx, "shoe", "bob", T0_MS, 1)


async def test_a_price_without_currency_is_refused(db: Database) -> None:
    with pytest.raises(MisfitError, match="currency"):
        await put(db, shoe(currency=""))


async def test_what_is_sold_no_more_is_gone_but_stays_sensitive(db: Database) -> None:
    await put(db, shoe(sensitive=True))
    async with db.transaction() as tx:
        await goods.delete(tx, "shoe", "bob", T0_MS + 1)
    assert await goods.get(db, "shoe") is None
    assert (await goods.page(db, "", 10)).items == ()
    async with db.transaction() as tx:
        with pytest.raises(AbsentError):
            await goods.delete(tx, "shoe", "bob", T0_MS + 2)
    catalogue = Catalogue()
    await catalogue.refresh(db)
    assert catalogue.look(["shoe"])["shoe"].sensitive
    back = await put(db, shoe(), 1, expect=0)
    assert (back.new, back.revision) == (1, 3)


async def test_many_are_written_at_once_and_read_in_pages(db: Database) -> None:
    many = [Product(id=f"p-{n:04}", name="x", sku=f"s{n // 2}") for n in range(700)]
    async with db.transaction() as tx:
        done = await goods.put_many(tx, [*many, many[0]], "ann", T0_MS)
    assert (done.new, done.changed, done.same) == (700, 0, 0)
    first = await goods.page(db, "", 400)
    assert first.after == "p-0399"
    second = await goods.page(db, first.after, 400)
    assert ([one.product for one in (*first.items, *second.items)], second.after) == (many, None)
    assert [one.product.id for one in (await goods.page(db, "", 400, "s3")).items] == ["p-0006", "p-0007"]


async def test_stock_is_kept_by_store_of_what_is_on_sale(db: Database) -> None:
    await put(db, shoe())
    async with db.transaction() as tx:
        for name in ("berlin", "hamburg"):
            await directory.put_store(tx, Store(id=name, name=name))
        assert await stock.put(tx, "berlin", {"shoe": 3, "hat": 1}, T0_MS, replace=False) == ("hat",)
        await stock.put(tx, "hamburg", {"shoe": 0}, T0_MS, replace=False)
    kept = await goods.get(db, "shoe")
    assert kept is not None
    assert kept.stock == {"berlin": 3, "hamburg": 0}
    async with db.transaction() as tx:
        await stock.put(tx, "berlin", {}, T0_MS, replace=True)
    assert (await stock.page(db, "berlin", "", 10)).items == ()
    [left] = (await stock.page(db, "hamburg", "", 10)).items
    assert (left.product, left.quantity) == ("shoe", 0)


async def test_the_view_knows_products_by_id_and_sku_and_follows_changes(db: Database) -> None:
    await put(db, shoe())
    catalogue = Catalogue()
    await catalogue.refresh(db)
    found = catalogue.look(["shoe", "SH 1/42", "Shoe"])
    assert found.keys() == {"shoe", "SH 1/42"}
    assert found["SH 1/42"] == view.Good(("Shoes", "Running"), "Ace", sensitive=False)
    await put(db, shoe(sensitive=True))
    await catalogue.refresh(db)
    assert catalogue.look(["shoe"]) == {"shoe": view.Good((), "", sensitive=True)}


async def test_many_changes_go_into_columns_and_the_last_word_holds(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "MOST_RECENT", 100)
    monkeypatch.setattr(view, "SLICE", 50)
    catalogue = Catalogue()
    for brand in ("Ace", "Bee"):
        products = [Product(id=f"p-{n}", sku=f"s-{n}", name="x", brand=f"{brand}{n % 7}") for n in range(300)]
        async with db.transaction() as tx:
            await goods.put_many(tx, products, "ann", T0_MS)
        await catalogue.refresh(db)
    found = catalogue.look([f"p-{n}" for n in range(300)] + [f"s-{n}" for n in range(300)])
    assert {name: good.brand for name, good in found.items()} == {
        f"{kind}-{n}": f"Bee{n % 7}" for n in range(300) for kind in "ps"
    }


def test_categories_that_are_sensitive_hide_what_lies_in_them() -> None:
    catalogue = Catalogue(["Health > Intimate", "Tobacco"])
    assert catalogue.is_sensitive("health/intimate/x")
    assert catalogue.is_sensitive(("Kiosk", "tobacco"))
    assert not catalogue.is_sensitive("Health")
    assert not catalogue.is_sensitive("")
