"""One record of the registry after the other, over real HTTP: read, written, deleted, and never over somebody else."""

from typing import Any

import pytest

from push.model.ports import Database, Row
from tests.support.clocks import RealClock
from tests.support.fresh import open_database
from tests.support.people import hired
from tests.support.servers import FIXTURE, STORE, Answer, Caller

TAG = {"id": "tag-1", "role": "tag", "format": "ibeacon", "static_id": "ab" * 20}
PATHS = {
    f"/v1/stores/{STORE}": {"id": STORE, "name": "Hamburg Ost"},
    f"/v1/stores/{STORE}/zones/z1": {"store": STORE, "id": "z1", "name": "Entrance"},
    f"/v1/stores/{STORE}/gateways/g1": {"gateway": {"id": "g1", "store": STORE, "name": "By the till"}},
    "/v1/beacons/fix-1": {
        "beacon": {
            "id": "fix-1", "role": "fixture", "format": "ibeacon", "static_id": FIXTURE, "store": STORE, "zone": "z1",
            "labels": ["floor-1", "spare"], "group": "doors", "battery": "CR2477",
        }
    },
}  # fmt: skip


async def put(server: Caller, path: str, body: object, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await server.call("PUT", path, server.operator, body, headers=named)


async def get(server: Caller, path: str) -> Answer:
    return await server.call("GET", path, server.operator)


@pytest.mark.parametrize("path", PATHS)
async def test_what_was_put_is_read_with_its_revision_and_who_put_it(server: Caller, path: str) -> None:
    stored = await put(server, path, PATHS[path])
    read = await get(server, path)
    assert (stored.status, read.status) == (200, 200), (stored, read)
    assert stored.headers["ETag"] == read.headers["ETag"] == f'"{read.json["revision"]}"'
    assert read.json["changed_by"].startswith("operator:")
    assert read.json["changed_ms"] > 0
    kind = path.split("/")[-2].removesuffix("s")
    sent: Any = PATHS[path]
    for field, value in sent.get(kind, sent).items():
        assert read.json[kind][field] == value
    assert "key" not in str(read.json)
    assert "secret" not in str(read.json)


@pytest.mark.parametrize("path", PATHS)
async def test_of_two_who_edit_the_same_the_second_is_told(server: Caller, path: str) -> None:
    await put(server, path, PATHS[path])
    seen = (await get(server, path)).headers["ETag"]
    first: Any = PATHS[path]
    item = dict(first.get("gateway") or first.get("beacon") or first)
    changed = {**item, "name": "Ann's"}
    body = {key: changed for key in ("gateway", "beacon") if key in first} or changed
    assert (await put(server, path, body, If_Match=seen)).status == 200
    late = await put(server, path, first, If_Match=seen)
    assert (late.status, late.json["title"]) == (412, "Changed meanwhile")
    assert "has changed it meanwhile, at 20" in late.json["detail"]
    now = await get(server, path)
    assert late.headers["ETag"] == now.headers["ETag"] != seen
    assert "Ann's" in str(now.json)
    assert (await put(server, path, first, If_Match=now.headers["ETag"])).status == 200


@pytest.mark.parametrize("path", PATHS)
async def test_what_equals_what_stands_is_no_change(server: Caller, path: str) -> None:
    first = await put(server, path, PATHS[path])
    again = await put(server, path, PATHS[path])
    assert first.headers["ETag"] == again.headers["ETag"]


@pytest.mark.parametrize("path", PATHS)
async def test_deleted_is_gone_and_deleting_it_again_says_so(server: Caller, path: str) -> None:
    await put(server, path, PATHS[path])
    for other in list(PATHS)[list(PATHS).index(path) + 1 :]:  # what may stand in the way
        await server.call("DELETE", other, server.operator)
    assert (await server.call("DELETE", path, server.operator)).status == 204
    assert (await get(server, path)).status == 404
    assert (await server.call("DELETE", path, server.operator)).status == 404


async def test_what_is_to_be_new_is_not_written_over_what_is_there(server: Caller) -> None:
    for path, body in PATHS.items():
        await put(server, path, body)
        there = await put(server, path, body, If_None_Match="*")
        assert there.status == 412
    assert (await put(server, "/v1/beacons/tag-1", {"beacon": TAG}, If_None_Match="*")).status == 200


async def test_what_is_to_be_there_is_not_made(server: Caller) -> None:
    for match in ("*", '"1"'):
        gone = await put(server, "/v1/beacons/tag-1", {"beacon": TAG}, If_Match=match)
        assert (gone.status, gone.json["detail"]) == (412, "beacon tag-1: it is gone.")
    assert (await get(server, "/v1/beacons/tag-1")).status == 404


@pytest.mark.parametrize("headers", [{"If_Match": "1"}, {"If_Match": 'W/"1"'}, {"If_None_Match": '"1"'},
                                     {"If_Match": "*", "If_None_Match": "*"}])  # fmt: skip
async def test_a_condition_that_nobody_understands_is_refused(server: Caller, headers: dict[str, str]) -> None:
    answer = await put(server, "/v1/beacons/tag-1", {"beacon": TAG}, **headers)
    assert (answer.status, answer.json["title"]) == (400, "Not understood")


async def test_a_store_with_something_in_it_stays_and_says_what(server: Caller) -> None:
    await put(server, f"/v1/stores/{STORE}/gateways/g1", {"gateway": {"id": "g1", "store": STORE}})
    told = await server.call("DELETE", f"/v1/stores/{STORE}", server.operator)
    assert (told.status, told.json["title"]) == (409, "Taken")
    assert told.json["detail"] == f"store {STORE}: gateway g1, beacon fix-1 must be moved or deleted first."
    zone = await server.call("DELETE", f"/v1/stores/{STORE}/zones/z1", server.operator)
    assert zone.json["detail"] == "zone z1: beacon fix-1 must be moved or deleted first."


async def test_what_a_deleted_beacon_said_is_free_for_another_at_once(server: Caller) -> None:
    await put(server, "/v1/beacons/tag-1", {"beacon": TAG})
    other = {"beacon": {**TAG, "id": "tag-2"}}
    taken = await put(server, "/v1/beacons/tag-2", other)
    assert (taken.status, taken.json["title"]) == (409, "Taken")
    assert "beacon tag-1 says the same static_id" in taken.json["detail"]
    kept = await hired(server, "eve", "editor", [STORE])
    fixture = {"beacon": {**TAG, "id": "fix-9", "role": "fixture", "store": STORE, "zone": "z1"}}
    taken = await server.call("PUT", "/v1/beacons/fix-9", body=fixture, headers=kept.headers)
    assert (taken.status, "tag-1" in taken.json["detail"]) == (409, False)
    await server.call("DELETE", "/v1/beacons/tag-1", server.operator)
    assert (await put(server, "/v1/beacons/tag-2", other)).status == 200


async def test_a_gateway_is_deleted_and_read_in_its_own_store_only(server: Caller) -> None:
    await put(server, "/v1/stores/s2", {"id": "s2", "name": "Two"})
    await put(server, f"/v1/stores/{STORE}/gateways/g1", {"gateway": {"id": "g1", "store": STORE}})
    assert (await get(server, "/v1/stores/s2/gateways/g1")).status == 404
    assert (await server.call("DELETE", "/v1/stores/s2/gateways/g1", server.operator)).status == 404
    assert (await get(server, f"/v1/stores/{STORE}/gateways/g1")).status == 200


async def test_zones_of_one_store_are_listed_and_do_not_lie_over_each_other(server: Caller) -> None:
    square = [[0, 0], [10, 0], [10, 10], [0, 10]]
    path = f"/v1/stores/{STORE}/zones"
    await put(server, f"{path}/a", {"store": STORE, "id": "a", "name": "A", "polygon_m": square})
    over = await put(server, f"{path}/b", {"store": STORE, "id": "b", "name": "B", "polygon_m": square})
    assert (over.status, over.json["title"]) == (400, "Does not fit")
    assert "zone b: it shares 100 % with zone a (A)" in over.json["detail"]
    bow = await put(server, f"{path}/b", {"store": STORE, "id": "b", "name": "B", "polygon_m": sorted(square)})
    assert "cross or touch" in bow.json["detail"]
    assert [z["zone"]["id"] for z in (await get(server, path)).json] == ["a", "z1"]
    assert (await get(server, "/v1/stores/nowhere/zones")).status == 404


@pytest.mark.parametrize(
    ("store", "said"),
    [
        ({"latitude": 53.5}, "latitude and longitude come together"),
        ({"opening": [{"days": ["mon"], "opens": "09:00", "closes": "09:00"}]}, "closing was expected at another time"),
        ({"opening": [{"days": ["mon"], "opens": "24:00", "closes": "09:00"}]}, "opens 24:00"),
        ({"days": [{"date": "2026-02-30"}]}, "expected a date that there is"),
        ({"days": [{"date": "2026-02-20", "opens": "09:00"}]}, "both opens and closes"),
        ({"days": [{"date": "2026-02-20"}, {"date": "2026-02-20"}]}, "stands there twice"),
        ({"time_zone": "Europe/Atlantis"}, "time_zone 'Europe/Atlantis' is none"),
        ({"holidays": "XX"}, "holidays 'XX'"),
        ({"holidays": "DE-XX"}, "holidays 'DE-XX'"),
    ],
)
async def test_a_store_that_cannot_be_is_refused_with_what_was_expected(
    server: Caller, store: dict[str, object], said: str
) -> None:
    told = await put(server, f"/v1/stores/{STORE}", {"id": STORE, "name": "H", **store})
    assert told.status == 400
    assert said in told.json["detail"]


async def trail(server: Caller) -> list[Row]:
    async with open_database(f"sqlite://{server.folder}/push.db", RealClock()) as db:
        return await audited(db)


async def audited(db: Database) -> list[Row]:
    return await db.fetch("registry.audit_trail", most=100)


async def test_each_change_is_on_record_with_before_and_after_and_without_a_key(server: Caller) -> None:
    key = "0123456789abcdef" * 2
    beacon = {"id": "card", "role": "tag", "format": "eid"}
    await put(server, "/v1/beacons/card", {"beacon": beacon, "identity_key": key})
    await put(server, "/v1/beacons/card", {"beacon": {**beacon, "name": "Ann"}})
    await server.call("DELETE", "/v1/beacons/card", server.operator)
    rows = [row for row in await trail(server) if row["subject"] == "beacon card"]
    assert sorted(row["action"] for row in rows) == ["delete beacon", "put beacon", "put beacon"]
    assert {(row["before_json"] is None, row["after_json"] is None) for row in rows} == {
        (True, False), (False, False), (False, True),
    }  # fmt: skip
    assert key not in str(rows)
