"""How many of each product a store has, as its own systems say."""

import json
from collections.abc import Mapping
from typing import Final

import msgspec

from push.model.ports import Queries, Transaction

MOST: Final = 500
"""Products of a page."""


class InStock(msgspec.Struct, frozen=True, kw_only=True):
    """How many of a product a store has, and since when it says so."""

    product: str
    quantity: int
    changed_ms: int


class StockPage(msgspec.Struct, frozen=True, kw_only=True):
    """What a store has, by product; `after` asks for the next page."""

    items: tuple[InStock, ...]
    after: str | None


async def put(
    tx: Transaction, store: str, quantities: Mapping[str, int], now_ms: int, *, replace: bool
) -> tuple[str, ...]:
    """Write what a store has; the products that are not on sale, of which nothing is kept.

    With `replace`, of what is not named the store has nothing.
    """
    await tx.execute("catalogue.heard_stock", id=f"stock:{store}", now_ms=now_ms)
    rows = await tx.fetch("catalogue.sold", ids=json.dumps(sorted(quantities)))
    sold = {row["id"] for row in rows}
    if replace:
        await tx.execute("catalogue.clear_stock", store=store)
    await tx.execute_many(
        "catalogue.put_stock",
        [{"product": p, "store": store, "quantity": quantities[p], "now_ms": now_ms} for p in sorted(sold)],
    )
    return tuple(sorted(quantities.keys() - sold))


async def page(db: Queries, store: str, after: str, limit: int) -> StockPage:
    """What a store has of products whose id comes after one, by id."""
    most = max(1, min(limit, MOST))
    rows = await db.fetch("catalogue.stock_of_store", store=store, after=after, most=most + 1)
    items = tuple(msgspec.convert(dict(row), InStock) for row in rows[:most])
    return StockPage(items=items, after=items[-1].product if len(rows) > most else None)
