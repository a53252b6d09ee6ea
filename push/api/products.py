"""The catalogue over the API: products one by one or a thousand at once, and what each store has of them."""

from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from beacons.topics import Id
from push.api.contract import OPERATOR, Call, Context, Endpoint, ProblemError, Reply
from push.api.queries import asked, given, parameters
from push.api.refusals import CONDITIONS, IF_MATCH, expected, refusing, tag
from push.model.tokens import Principal
from push.profiles.catalogue import goods, stock
from push.profiles.catalogue.product import Kept, Product, Quantity
from push.registry.audit import audit

MOST_AT_ONCE: Final = 1_000
MOST_IN_STOCK: Final = 10_000
After = Annotated[Id, Meta(description="The next page: what `after` of the one before says.")]
Limit = Annotated[int, Meta(ge=1, le=goods.MOST, description="How many at most.")]


class ProductsAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Which products."""

    sku: Annotated[str, Meta(min_length=1, max_length=200, description="Those with a SKU.")] | UnsetType = UNSET
    after: After | UnsetType = UNSET
    limit: Limit = 100


class StockAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Which products of a store."""

    after: After | UnsetType = UNSET
    limit: Limit = 100


class Products(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Products to be written, all or none."""

    products: Annotated[tuple[Product, ...], Meta(min_length=1, max_length=MOST_AT_ONCE)]


class PutProducts(msgspec.Struct, frozen=True, kw_only=True):
    """What became of them."""

    new: int
    changed: int
    same: int


class Stock(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many of each product a store has; with `replace` it has nothing of what is not named."""

    quantities: Annotated[dict[Id, Quantity], Meta(max_length=MOST_IN_STOCK)]
    replace: bool = False


class PutStock(msgspec.Struct, frozen=True, kw_only=True):
    """How many were written; of those that are not on sale nothing was."""

    stored: int
    unknown: tuple[str, ...]


def _shown(principal: Principal, kept: Kept) -> Kept:
    """Without the stock of stores that are not hers to see."""
    return msgspec.structs.replace(kept, stock={s: n for s, n in sorted(kept.stock.items()) if principal.sees(s)})


async def get_product(context: Context, call: Call) -> Reply:
    """A product. Raises `ProblemError` 404."""
    kept = await goods.get(context.db, call.path["id"])
    if kept is None:
        raise ProblemError(404, "Not there", f"There is no product {call.path['id']}.")
    return Reply(_shown(call.principal, kept), headers=tag(kept.revision))


async def get_products(context: Context, call: Call) -> goods.Page:
    """A page of products."""
    query = asked(call, ProductsAsked)
    page = await goods.page(context.db, given(query.after) or "", query.limit, given(query.sku))
    return msgspec.structs.replace(page, items=tuple(_shown(call.principal, kept) for kept in page.items))


async def put_product(context: Context, call: Call) -> Reply:
    """Put a product on sale, or change it."""
    product: Product = call.body
    if product.id != call.path["id"]:
        detail = f"The path says id {call.path['id']!r}, the body {product.id!r}."
        raise ProblemError(400, "Path and body disagree", detail)
    now_ms = context.clock.now_ms()
    with refusing():
        async with context.db.transaction() as tx:
            done = await goods.put(tx, product, call.actor, now_ms, expected(call))
            if not done.same:
                subject = f"product {product.id}"
                await audit(tx, call.actor, "put product", subject, now_ms, before=done.before, after=product)
    await context.catalogue.refresh(context.db)
    return Reply(PutProducts(new=done.new, changed=done.changed, same=done.same), headers=tag(done.revision))


async def put_products(context: Context, call: Call) -> PutProducts:
    """Put many products on sale, or change them, all or none."""
    now_ms = context.clock.now_ms()
    with refusing():
        async with context.db.transaction(patient=True) as tx:
            done = await goods.put_many(tx, call.body.products, call.actor, now_ms)
            counts = PutProducts(new=done.new, changed=done.changed, same=done.same)
            if done.new or done.changed:
                await audit(tx, call.actor, "put products", "catalogue", now_ms, after=counts)
    await context.catalogue.refresh(context.db)
    return counts


async def delete_product(context: Context, call: Call) -> None:
    """Take a product out of sale."""
    name, now_ms = call.path["id"], context.clock.now_ms()
    with refusing():
        async with context.db.transaction() as tx:
            before = await goods.delete(tx, name, call.actor, now_ms, expected(call))
            await audit(tx, call.actor, "delete product", f"product {name}", now_ms, before=before)


async def get_stock(context: Context, call: Call) -> stock.StockPage:
    """What a store has. Raises `ProblemError` 404."""
    query = asked(call, StockAsked)
    page = await stock.page(context.db, call.path["store"], given(query.after) or "", query.limit)
    if not page.items:
        await _refuse_unknown_store(context, call.path["store"])
    return page


async def put_stock(context: Context, call: Call) -> PutStock:
    """Say what a store has. Raises `ProblemError` 404."""
    store, body = call.path["store"], call.body
    await _refuse_unknown_store(context, store)
    async with context.db.transaction(patient=True) as tx:
        unknown = await stock.put(tx, store, body.quantities, context.clock.now_ms(), replace=body.replace)
    return PutStock(stored=len(body.quantities) - len(unknown), unknown=unknown)


async def _refuse_unknown_store(context: Context, store: str) -> None:
    if await context.db.fetch_one("registry.store", id=store) is None:
        raise ProblemError(404, "Not there", f"There is no store {store}.")


_ONE: Final = "/v1/products/{id}"
_STOCK: Final = "/v1/stores/{store}/stock"

ENDPOINTS: Final = (
    Endpoint(
        "GET", "/v1/products", OPERATOR, "Products on sale, by id", get_products, result=goods.Page,
        parameters=parameters(ProductsAsked), reach="own",
    ),
    Endpoint(
        "POST", "/v1/products/bulk", OPERATOR, "Put many products on sale", put_products, Products, PutProducts,
    ),
    Endpoint("GET", _ONE, OPERATOR, "A product", get_product, result=Kept, errors=(404,), reach="own"),
    Endpoint(
        "PUT", _ONE, OPERATOR, "Put a product on sale", put_product, Product, PutProducts, parameters=CONDITIONS,
        errors=(412,),
    ),
    Endpoint(
        "DELETE", _ONE, OPERATOR, "Take a product out of sale", delete_product, parameters=(IF_MATCH,),
        errors=(404, 412),
    ),
    Endpoint(
        "GET", _STOCK, OPERATOR, "What a store has of each product", get_stock, result=stock.StockPage,
        parameters=parameters(StockAsked), errors=(404,), reach="store",
    ),
    Endpoint(
        "PUT", _STOCK, OPERATOR, "Say what a store has of each product", put_stock, Stock, PutStock, errors=(404,),
        reach="store",
    ),
)  # fmt: skip
