"""Beacons register: rotating ones by key agreement with a beacon written from the specification, others by range."""

import asyncio
import time
from typing import Any

import pytest

from tests.support.eid_beacon import SpecBeacon
from tests.support.servers import STORE, Caller, Phone

EID = "/v1/provisioning/eid"
RANGE: dict[str, Any] = {
    "format": "ibeacon", "base": "f7826da6-4fa2-4e98-8024-bc5b71e0893e", "major": 7, "first": 1, "last": 500,
    "store": STORE, "zone": "z1", "id": "door-{n:03}",
}  # fmt: skip


async def new_beacon(server: Caller, exponent: int = 6) -> SpecBeacon:
    asked = await server.operate("GET", EID)
    return await asyncio.to_thread(SpecBeacon, bytes.fromhex(asked["service_public_key"]), exponent)


def registration(beacon: SpecBeacon, counter_s: int) -> dict[str, Any]:
    record = {"id": "shelf-1", "role": "fixture", "format": "eid", "store": STORE, "zone": "z1"}
    return {
        "beacon": record, "beacon_public_key": beacon.public_key.hex(), "exponent": beacon.exponent,
        "counter_s": counter_s, "initial_eid": beacon.says(counter_s).hex(),
    }  # fmt: skip


async def entered(server: Caller, phone: Phone, said: bytes) -> list[str]:
    """What a phone gets that ranges an id strongly."""
    body = {"store": STORE, "sightings": [{"kind": "eid", "id": said.hex(), "rssi_dbm": -50}]}
    answer = await server.call("POST", "/v1/sightings", phone.token, body)
    assert answer.status == 200, answer
    found: list[str] = answer.json["messages"]
    return found


async def test_what_a_beacon_broadcasts_resolves_once_it_registered(any_server: Caller) -> None:
    server = any_server
    beacon, counter_s = await new_beacon(server), 5_000_000
    phone = await server.phone(location=True, marketing=True, inapp=True)
    assert await entered(server, phone, beacon.says(counter_s)) == []
    began_s = time.monotonic()
    made = await server.operate("POST", EID, registration(beacon, counter_s))
    assert (made["is_new"], made["beacon"]["id"]) == (True, "shelf-1")
    now_s = counter_s + int(time.monotonic() - began_s)
    assert len(await entered(server, phone, beacon.says(now_s))) == 1
    kept = (await server.call("GET", "/v1/registry", server.operator)).raw.decode()
    assert "shelf-1" in kept
    assert beacon.identity_key.hex() not in kept


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"counter_s": 4_950_000}, "the clock does not fit: the beacon is about"),
        ({"exponent": 7}, "the exponent does not fit: with 6"),
        ({"initial_eid": "00" * 8}, "the key does not fit"),
        ({"beacon_public_key": "00" * 32}, "cannot agree on an identity key"),
    ],
    ids=["clock", "exponent", "key", "no key"],
)
async def test_what_does_not_fit_is_named_and_nothing_is_kept(
    server: Caller, changes: dict[str, object], fault: str
) -> None:
    beacon = await new_beacon(server)
    refused = await server.call("POST", EID, server.operator, registration(beacon, 5_000_000) | changes)
    assert (refused.status, fault in refused.json["detail"]) == (400, True), refused.json
    assert (await server.call("GET", "/v1/beacons/shelf-1", server.operator)).status == 404


async def test_the_servers_key_stays_the_same(server: Caller) -> None:
    first = await server.operate("GET", EID)
    assert first == await server.operate("GET", EID)
    assert (first["exponent_min"], first["exponent_max"]) == (0, 15)


async def test_a_range_becomes_so_many_fixtures_in_one_go(any_server: Caller) -> None:
    server = any_server
    made = await server.operate("POST", "/v1/provisioning/range", RANGE)
    assert (len(made["beacons"]), made["beacons"][0], made["beacons"][-1]) == (500, "door-001", "door-500")
    one = (await server.operate("GET", "/v1/beacons/door-258"))["beacon"]
    assert one["static_id"] == "f7826da64fa24e988024bc5b71e0893e" + "0007" + "0102"
    assert (one["role"], one["store"], one["zone"]) == ("fixture", STORE, "z1")
    phone = await server.phone(location=True, marketing=True, inapp=True)
    body = {"store": STORE, "sightings": [{"kind": "ibeacon", "id": one["static_id"], "rssi_dbm": -50}]}
    heard = await server.call("POST", "/v1/sightings", phone.token, body)
    assert len(heard.json["messages"]) == 1


async def test_a_range_never_takes_what_is_registered(any_server: Caller) -> None:
    server = any_server
    await server.operate("POST", "/v1/provisioning/range", {**RANGE, "first": 5, "last": 6})
    refused = await server.call("POST", "/v1/provisioning/range", server.operator, {**RANGE, "id": "other-{n}"})
    assert (refused.status, "beacon door-005, beacon door-006" in refused.json["detail"]) == (409, True)
    assert (await server.call("GET", "/v1/beacons/other-1", server.operator)).status == 404


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"first": 2, "last": 1}, "not before first"),
        ({"first": 0, "last": 10_000}, "at most 10000"),
        ({"last": 65_536, "first": 65_000}, "at most 65535"),
        ({"id": "door"}, "{n}"),
        ({"id": "door {n}"}, "{n}"),
        ({"major": None}, "a UUID of 16, and `major`"),
        ({"base": "f7-8"}, "pairs of hex digits"),
        ({"format": "uid", "base": "00" * 10}, "namespace of 10"),
        ({"store": "nowhere"}, "there is no store 'nowhere'"),
        ({"zone": "nowhere"}, "no zone 'nowhere'"),
    ],
)
async def test_a_range_that_makes_no_sense_says_why(server: Caller, changes: dict[str, object], told: str) -> None:
    refused = await server.call("POST", "/v1/provisioning/range", server.operator, {**RANGE, **changes})
    assert (refused.status, told in refused.json["detail"]) == (400, True), refused.json


@pytest.mark.parametrize(("kind", "base"), [("uid", "00112233445566778899"), ("altbeacon", "ab" * 18)])
async def test_every_static_format_comes_in_ranges(server: Caller, kind: str, base: str) -> None:
    asked = {**RANGE, "format": kind, "base": base, "first": 254, "last": 257, "id": "x{n}"}
    del asked["major"]
    made = await server.operate("POST", "/v1/provisioning/range", asked)
    last = (await server.operate("GET", f"/v1/beacons/{made['beacons'][-1]}"))["beacon"]["static_id"]
    assert last.startswith(base)
    assert last.endswith("0101")


async def test_labels_are_a_page_to_print_and_say_where_each_fixture_is(any_server: Caller) -> None:
    server = any_server
    await server.operate("POST", "/v1/provisioning/range", {**RANGE, "last": 30})
    body = {"beacon": {"id": "odd", "role": "fixture", "format": "ibeacon", "static_id": "ee" * 20, "store": STORE}}
    body["beacon"]["name"] = "<script>alert(1)</script>"
    await server.operate("PUT", "/v1/beacons/odd", body)
    page = await server.call("GET", f"/v1/labels?store={STORE}", server.operator)
    text = page.raw.decode()
    assert (page.status, page.headers["Content-Type"].partition(";")[0]) == (200, "text/html")
    assert (text.count("<article>"), text.count('class="sheet"')) == (32, 2)
    assert "Door, Hamburg" in text
    assert "<script>" not in text
    door = (await server.call("GET", f"/v1/labels?store={STORE}&zone=z1&after=door-029", server.operator)).raw.decode()
    assert door.count("<article>") == 2  # door-030, and the shop's own fix-1
    assert (await server.call("GET", "/v1/labels", server.operator)).status == 400
    where = await server.call("GET", "/b/door-001")
    assert (where.status, where.headers["Location"]) == (302, "/console/beacons/door-001")


async def test_labels_are_drawn_while_others_are_answered(server: Caller) -> None:
    body = {"format": "ibeacon", "base": "ab" * 16, "major": 1, "first": 0, "last": 239, "store": STORE}
    await server.operate("POST", "/v1/provisioning/range", body)
    drawn = asyncio.create_task(server.call("GET", f"/v1/labels?store={STORE}", server.operator))
    answered = 0
    while not drawn.done():
        assert (await server.call("GET", "/healthz")).status == 200
        answered += 1
    assert (await drawn).status == 200
    assert answered > 10  # one or two, where the loop draws
