"""Lists over real HTTP: pages that follow each other, filters, and only what an operator is let in to."""

import pytest

from tests.support.servers import STORE, Answer, Caller


async def get(server: Caller, path: str, token: str | None = None) -> Answer:
    return await server.call("GET", path, token or server.operator)


@pytest.fixture
async def stocked(server: Caller) -> Caller:
    stores = [{"id": f"s{n}", "name": f"Store {n}"} for n in (2, 3)]
    gateways = [{"gateway": {"id": f"g{n}", "store": f"s{1 + n % 3}", "labels": ["new"]}} for n in range(6)]
    shelves = [
        {
            "beacon": {
                "id": f"shelf-{n}", "role": "fixture", "format": "ibeacon", "static_id": f"{n:040x}",
                "store": f"s{1 + n % 3}", "name": f"Shelf {9 - n}",
            }
        }
        for n in range(9)
    ]  # fmt: skip
    await server.operate("PUT", "/v1/registry", {"stores": stores, "gateways": gateways, "beacons": shelves})
    return server


async def test_pages_follow_each_other_to_the_end(stocked: Caller) -> None:
    found: list[str] = []
    after = ""
    while True:
        page = await stocked.operate("GET", f"/v1/beacons?sort=name&direction=desc&role=fixture&limit=4{after}")
        assert (page["total"], page["is_exact"]) == (10, True)
        found += [item["beacon"]["id"] for item in page["items"]]
        if page["after"] is None:
            break
        after = f"&after={page['after']}"
    assert found == [*(f"shelf-{n}" for n in range(9)), "fix-1"]


async def test_filters_go_together(stocked: Caller) -> None:
    page = await stocked.operate("GET", "/v1/beacons?store=s2&q=shelf&staff=false&format=ibeacon")
    assert [item["beacon"]["id"] for item in page["items"]] == ["shelf-1", "shelf-4", "shelf-7"]
    gateways = await stocked.operate("GET", "/v1/gateways?label=new&store=s1")
    assert [item["gateway"]["id"] for item in gateways["items"]] == ["g0", "g3"]
    stores = await stocked.operate("GET", "/v1/stores?q=store")
    assert [item["store"]["id"] for item in stores["items"]] == ["s2", "s3"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/v1/beacons?limit=501", "`limit` in the query: "),
        ("/v1/beacons?limit=many", "`limit` in the query: "),
        ("/v1/beacons?role=ghost", "`role` in the query: "),
        ("/v1/beacons?zone=z1", "zone: its store was expected beside it"),
        ("/v1/beacons?after=x", "after: expected what the page before said"),
        ("/v1/beacons?colour=red", "`colour` in the query"),
        ("/v1/audit?from_ms=-1", "`from_ms` in the query: "),
        ("/v1/stores?q=%00", "NUL"),
    ],
)
async def test_what_cannot_be_asked_for_is_refused_by_name(server: Caller, path: str, said: str) -> None:
    answer = await get(server, path)
    assert answer.status == 400
    assert said in answer.json["detail"]


async def test_who_is_kept_to_a_store_sees_that_and_nothing_else(stocked: Caller) -> None:
    asked = {"scope": "operator", "subject": "kept", "role": "editor", "stores": ["s2"]}
    token = (await stocked.operate("POST", "/v1/tokens", asked))["token"]
    beacons = (await get(stocked, "/v1/beacons", token)).json
    assert {item["beacon"]["store"] for item in beacons["items"]} == {"s2"}
    assert beacons["total"] == 3
    assert [item["store"]["id"] for item in (await get(stocked, "/v1/stores", token)).json["items"]] == ["s2"]
    assert (await get(stocked, f"/v1/beacons?store={STORE}", token)).json["items"] == []
    assert {item["gateway"]["store"] for item in (await get(stocked, "/v1/gateways", token)).json["items"]} == {"s2"}
    trail = (await get(stocked, "/v1/audit", token)).json["items"]
    assert {entry["store"] for entry in trail} == {"s2"}
    assert b"shelf-0" not in (await get(stocked, "/v1/beacons.csv", token)).raw
    assert (await get(stocked, "/v1/beacons/shelf-0", token)).status == 404
    own = {"id": "shelf-1", "role": "fixture", "format": "ibeacon", "static_id": f"{1:040x}", "store": "s2"}
    for path, beacon in (("shelf-0", {**own, "id": "shelf-0"}), ("shelf-1", {**own, "store": STORE})):
        answer = await stocked.call("PUT", f"/v1/beacons/{path}", token, {"beacon": beacon})
        assert (answer.status, answer.json["title"]) == (403, "Not yours")
    assert (await stocked.call("DELETE", "/v1/beacons/shelf-0", token)).status == 403
    assert (await stocked.call("PUT", "/v1/beacons/shelf-1", token, {"beacon": own})).status == 200
