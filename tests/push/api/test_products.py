"""The catalogue over real HTTP: put, read, changed by nobody who did not look, in bulk, and in stock by store."""

from typing import Any

from tests.support.servers import STORE, Caller

SHOE: dict[str, Any] = {
    "id": "shoe-1", "sku": "SH/1", "name": "Runner", "category": ["Shoes", "Running"], "brand": "Ace",
    "price_minor": 7999, "regular_minor": 9999, "currency": "EUR", "attributes": {"colour": "grün"},
}  # fmt: skip


async def test_a_product_is_put_read_changed_and_taken_out_of_sale(any_server: Caller) -> None:
    server = any_server
    assert await server.operate("PUT", "/v1/products/shoe-1", SHOE) == {"new": 1, "changed": 0, "same": 0}
    got = await server.call("GET", "/v1/products/shoe-1", server.operator)
    assert got.headers["ETag"] == '"1"'
    assert got.json["product"].items() >= SHOE.items()
    assert (got.json["lowest_minor"], got.json["stock"]) == (None, {})
    stale = {"If-Match": '"7"'}
    refused = await server.call(
        "PUT", "/v1/products/shoe-1", server.operator, {**SHOE, "price_minor": 1}, headers=stale
    )
    assert refused.status == 412
    seen = {"If-Match": '"1"'}
    cheaper = await server.call("PUT", "/v1/products/shoe-1", server.operator, {**SHOE, "price_minor": 1}, headers=seen)
    assert (cheaper.status, cheaper.headers["ETag"]) == (200, '"2"')
    assert (await server.operate("GET", "/v1/products/shoe-1"))["lowest_minor"] == 7999
    assert (await server.call("DELETE", "/v1/products/shoe-1", server.operator)).status == 204
    assert (await server.call("GET", "/v1/products/shoe-1", server.operator)).status == 404
    trail = await server.operate("GET", "/v1/audit?subject=product%20shoe-1")
    assert [entry["action"] for entry in trail["items"]] == ["delete product", "put product", "put product"]


async def test_a_thousand_are_put_at_once_or_none(any_server: Caller) -> None:
    many = [{"id": f"p-{n:04}", "name": f"No. {n}", "sku": f"s{n}"} for n in range(1000)]
    assert await any_server.operate("POST", "/v1/products/bulk", {"products": many}) == {
        "new": 1000, "changed": 0, "same": 0
    }  # fmt: skip
    bad = [{"id": "q", "name": "Q"}, {"id": "r", "name": "R", "price_minor": 1}]
    refused = await any_server.call("POST", "/v1/products/bulk", any_server.operator, {"products": bad})
    assert (refused.status, "currency" in refused.json["detail"]) == (400, True)
    found = await any_server.operate("GET", "/v1/products?limit=500&after=p-0499")
    assert ([one["product"]["id"] for one in found["items"]], found["after"]) == ([p["id"] for p in many[500:]], None)
    [one] = (await any_server.operate("GET", "/v1/products?sku=s7"))["items"]
    assert one["product"]["id"] == "p-0007"


async def test_what_path_and_body_say_must_agree(server: Caller) -> None:
    refused = await server.call("PUT", "/v1/products/shoe-2", server.operator, SHOE)
    assert (refused.status, refused.json["title"]) == (400, "Path and body disagree")


async def test_a_store_says_what_it_has(any_server: Caller) -> None:
    await any_server.operate("PUT", "/v1/products/shoe-1", SHOE)
    path = f"/v1/stores/{STORE}/stock"
    said = await any_server.operate("PUT", path, {"quantities": {"shoe-1": 3, "hat": 1}})
    assert said == {"stored": 1, "unknown": ["hat"]}
    [held] = (await any_server.operate("GET", path))["items"]
    assert (held["product"], held["quantity"]) == ("shoe-1", 3)
    assert (await any_server.operate("GET", "/v1/products/shoe-1"))["stock"] == {STORE: 3}
    await any_server.operate("PUT", path, {"quantities": {}, "replace": True})
    assert (await any_server.operate("GET", path))["items"] == []


async def test_who_is_kept_to_a_store_sees_its_stock_alone(server: Caller) -> None:
    await server.operate("PUT", "/v1/stores/s2", {"id": "s2", "name": "Two"})
    await server.operate("PUT", "/v1/products/shoe-1", SHOE)
    for store in (STORE, "s2"):
        await server.operate("PUT", f"/v1/stores/{store}/stock", {"quantities": {"shoe-1": 1}})
    asked = {"subject": "till", "scope": "operator", "role": "editor", "stores": ["s2"]}
    token = (await server.operate("POST", "/v1/tokens", asked))["token"]
    seen = await server.call("GET", "/v1/products/shoe-1", token)
    assert seen.json["stock"] == {"s2": 1}
    assert (await server.call("PUT", f"/v1/stores/{STORE}/stock", token, {"quantities": {}})).status == 403
    assert (await server.call("PUT", "/v1/products/shoe-1", token, SHOE)).status == 403
