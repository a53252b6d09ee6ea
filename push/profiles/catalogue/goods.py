"""Products in the database: read with prices and stock, written one by one or many at once, and taken out of sale.

Writers take turns, so that changes are numbered in the order in which they are committed, and what is compared with
what stands is what is then replaced.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from push.model.errors import AbsentError, StaleError
from push.model.ports import Queries, Row, Transaction
from push.profiles.catalogue.product import Kept, Product, refuse

PRICE_DAYS: Final = 30
"""How far back the lowest price is looked for: no less (Directive 98/6/EC, Article 6a(2))."""
SPAN_MS: Final = PRICE_DAYS * 86_400_000
MOST: Final = 500
"""Products of a page."""
_JSON: Final = ("category", "attributes")


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Products by id; `after` asks for the next page."""

    items: tuple[Kept, ...]
    after: str | None


class Written(NamedTuple):
    """What became of products: how many are new, were changed, and are the same; and what stood of one."""

    new: int
    changed: int
    same: int
    before: Product | None
    revision: int


async def load(db: Queries, ids: Collection[str]) -> dict[str, Product]:
    """Products on sale, by id; those that there are not are left out."""
    rows = await db.fetch("catalogue.some", ids=_ids(ids))
    return {row["id"]: _product(row) for row in rows if not row["gone"]}


async def get(db: Queries, name: str) -> Kept | None:
    """A product on sale."""
    rows = [row for row in await db.fetch("catalogue.some", ids=_ids([name])) if not row["gone"]]
    return (await _kept(db, rows))[0] if rows else None


async def some(db: Queries, ids: Collection[str]) -> dict[str, Kept]:
    """Products on sale with prices and stock, by id; those that there are not are left out."""
    rows = [row for row in await db.fetch("catalogue.some", ids=_ids(ids)) if not row["gone"]]
    return {kept.product.id: kept for kept in await _kept(db, rows)}


async def page(db: Queries, after: str, limit: int, sku: str | None = None) -> Page:
    """Products on sale whose id comes after one, by id."""
    most = max(1, min(limit, MOST))
    rows = await db.fetch("catalogue.page", after=after, sku=sku, most=most + 1)
    items = await _kept(db, rows[:most])
    return Page(items=tuple(items), after=items[-1].product.id if len(rows) > most else None)


async def _kept(db: Queries, rows: Sequence[Row]) -> list[Kept]:
    ids = _ids([row["id"] for row in rows])
    prices = {row["product"]: row for row in await db.fetch("catalogue.prices", ids=ids, span_ms=SPAN_MS)}
    stock: dict[str, dict[str, int]] = {}
    for row in await db.fetch("catalogue.stock", ids=ids):
        stock.setdefault(row["product"], {})[row["store"]] = row["quantity"]
    return [_one(row, prices.get(row["id"]), stock.get(row["id"], {})) for row in rows]


def _one(row: Row, price: Row | None, stock: dict[str, int]) -> Kept:
    return Kept(
        product=_product(row),
        price_from_ms=None if price is None else price["from_ms"],
        lowest_minor=None if price is None else price["lowest_minor"],
        stock=stock,
        revision=row["revision"],
        changed_by=row["changed_by"],
        changed_ms=row["changed_ms"],
    )


# --- writing ----------------------------------------------------------------------------------------------------------


async def put(tx: Transaction, product: Product, by: str, now_ms: int, expect: int | None = None) -> Written:
    """Write a product. `expect` is the revision that the caller saw: None any, 0 none yet, negative any that is there.

    Raises `MisfitError`, `StaleError`.
    """
    return await _put(tx, [product], by, now_ms, expect)


async def put_many(tx: Transaction, products: Sequence[Product], by: str, now_ms: int) -> Written:
    """Write products, all or none; of two with one id the last counts. Raises `MisfitError`."""
    return await _put(tx, list({product.id: product for product in products}.values()), by, now_ms, None)


async def _put(tx: Transaction, products: Sequence[Product], by: str, now_ms: int, expect: int | None) -> Written:
    for product in products:
        refuse(product)
    last = await _numbers(tx, len(products))
    stands = {row["id"]: row for row in await tx.fetch("catalogue.some", ids=_ids([p.id for p in products]))}
    there = {name: _product(row) for name, row in stands.items() if not row["gone"]}
    revision = 0
    for product in products[:1]:
        revision = stands[product.id]["revision"] if product.id in stands else 0
        _expect(f"product {product.id}", stands.get(product.id), expect)
    differing = [product for product in products if there.get(product.id) != product]
    hand = {"changed_by": by, "changed_ms": now_ms}
    rows = [_columns(product) | hand | {"seq": last - n} for n, product in enumerate(differing)]
    await tx.execute_many("catalogue.put", rows)
    await _price(tx, differing, stands, now_ms)
    new = sum(product.id not in there for product in differing)
    return Written(
        new=new,
        changed=len(differing) - new,
        same=len(products) - len(differing),
        before=there.get(products[0].id) if products else None,
        revision=revision + len(differing[:1]),
    )


async def delete(tx: Transaction, name: str, by: str, now_ms: int, expect: int | None = None) -> Product:
    """Take a product out of sale; what it was. That it is sensitive stays known. Raises `AbsentError`, `StaleError`."""
    seq = await _numbers(tx, 1)
    rows = [row for row in await tx.fetch("catalogue.some", ids=_ids([name])) if not row["gone"]]
    if not rows:
        raise AbsentError(f"product {name}")
    _expect(f"product {name}", rows[0], expect)
    await tx.execute("catalogue.delete", id=name, seq=seq, changed_by=by, changed_ms=now_ms)
    await tx.execute("catalogue.close_price", product=name, now_ms=now_ms)
    await tx.execute("catalogue.drop_stock", product=name)
    return _product(rows[0])


async def _numbers(tx: Transaction, n: int) -> int:
    """The last of `n` new numbers."""
    row = await tx.fetch_one("catalogue.take", n=n)
    if row is None:  # pragma: no cover - the migration made it
        raise RuntimeError("the counter of products is gone")
    return int(row["value"])


def _expect(subject: str, row: Row | None, expect: int | None) -> None:
    """Raises `StaleError` where it is not as the caller saw it."""
    stands = None if row is None or row["gone"] else row
    if expect is None or (stands is None and expect == 0):
        return
    if stands is None:
        raise StaleError(subject, "", 0, 0, None)
    if 0 <= expect != stands["revision"]:
        raise StaleError(subject, stands["changed_by"], stands["changed_ms"], stands["revision"], _product(stands))


async def _price(tx: Transaction, products: Sequence[Product], stands: Mapping[str, Row], now_ms: int) -> None:
    """End the prices that hold no more, begin those that hold now, and forget what no reduction has to name."""
    moved = [each for each in products if _cost(stands.get(each.id)) != (each.price_minor, each.currency)]
    await tx.execute_many("catalogue.close_price", [{"product": each.id, "now_ms": now_ms} for each in moved])
    begun = [
        {"product": each.id, "now_ms": now_ms, "price_minor": each.price_minor, "currency": each.currency}
        for each in moved
        if each.price_minor is not None
    ]
    await tx.execute_many("catalogue.open_price", begun)
    before_ms = now_ms - SPAN_MS
    await tx.execute_many("catalogue.prune_prices", [{"product": p.id, "before_ms": before_ms} for p in moved])


def _cost(row: Row | None) -> tuple[int | None, str] | None:
    return None if row is None or row["price_minor"] is None else (row["price_minor"], row["currency"])


def _columns(product: Product) -> dict[str, Any]:
    fields = msgspec.structs.asdict(product)
    return fields | {name: msgspec.json.encode(fields[name], order="sorted").decode() for name in _JSON}


def _product(row: Row) -> Product:
    fields = {name: row[name] for name in Product.__struct_fields__}
    return msgspec.convert(
        fields | {name: json.loads(row[name]) for name in _JSON} | {"sensitive": bool(row["sensitive"])}, Product
    )


def _ids(ids: Collection[str]) -> str:
    return json.dumps(list(ids))
