"""What operations register, over real HTTP: all or nothing, in force at once, and what does not fit is named."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiomqtt
import msgspec
import pytest

from beacons.topics import topic
from beacons.wire import broker_password
from push.api.seed import Seed
from push.broker.users import gateway_user
from push.ingest.engine import IngestSettings
from tests.support.patience import PATIENCE_S
from tests.support.servers import FIXTURE, STORE, Caller, serving, settings

TAG = {"id": "tag-1", "role": "tag", "format": "ibeacon", "static_id": "ab" * 20, "shopper": "ada"}


async def refused(server: Caller, path: str, body: object) -> dict[str, Any]:
    answer = await server.call("PUT", path, server.operator, body)
    assert answer.status in {400, 409}, answer
    told: dict[str, Any] = answer.json
    return told


async def test_what_was_put_is_read_back_without_secrets_and_persons(server: Caller) -> None:
    await server.operate("PUT", "/v1/stores/s1/gateways/g1", {"gateway": {"id": "g1", "store": "s1"}})
    await server.operate("PUT", "/v1/shoppers/ada", {"id": "ada", "traits": {"name": "Ada"}})
    read = await server.operate("GET", "/v1/registry")
    assert [s["id"] for s in read["stores"]] == [STORE]
    assert read["gateways"] == [{"gateway": {**read["gateways"][0]["gateway"], "id": "g1"}, "secret": None}]
    assert (read["shoppers"], len(read["campaigns"])) == ([], 1)
    msgspec.convert(read, Seed)


async def test_a_new_gateways_secret_is_shown_once(server: Caller) -> None:
    path, body = "/v1/stores/s1/gateways/g1", {"gateway": {"id": "g1", "store": "s1"}}
    first = await server.operate("PUT", path, body)
    again = await server.operate("PUT", path, body)
    assert (len(first["secret"]), again["secret"]) == (64, None)


async def test_nothing_is_kept_of_a_registry_with_one_fault(server: Caller) -> None:
    body = {"stores": [{"id": "s2", "name": "Two"}], "beacons": [{"beacon": {**TAG, "static_id": "00" * 16}}]}
    told = await refused(server, "/v1/registry", body)
    assert told["detail"] == "beacon tag-1: format ibeacon needs a static_id of 40 hex digits in lower case"
    assert [s["id"] for s in (await server.operate("GET", "/v1/registry"))["stores"]] == [STORE]


@pytest.mark.parametrize(
    ("beacon", "key", "said"),
    [
        ({**TAG, "static_id": "ab" * 16}, None, "40 hex digits"),
        ({**TAG, "static_id": None}, None, "40 hex digits"),
        ({**TAG, "format": "uid"}, None, "32 hex digits"),
        ({**TAG}, "0" * 32, "has no identity_key"),
        ({**TAG, "format": "eid"}, "0" * 32, "has no static_id"),
        ({**TAG, "format": "eid", "static_id": None}, None, "needs its identity_key"),
        ({**TAG, "role": "fixture"}, None, "needs a store"),
        ({**TAG, "store": "nowhere"}, None, "there is no store 'nowhere'"),
        ({**TAG, "store": STORE, "zone": "attic"}, None, "store 's1' has no zone 'attic'"),
    ],
)
async def test_a_beacon_whose_parts_do_not_fit_is_refused_by_name(
    server: Caller, beacon: dict[str, object], key: str | None, said: str
) -> None:
    told = await refused(server, "/v1/beacons/tag-1", {"beacon": beacon, "identity_key": key})
    assert "beacon tag-1: " in told["detail"]
    assert said in told["detail"]


@pytest.mark.parametrize("static_id", ["zz" * 20, "AB" * 20, "ab" * 19, "ab" * 20 + "\n"])
async def test_an_id_that_is_no_hex_never_reaches_the_registry(server: Caller, static_id: str) -> None:
    told = await refused(server, "/v1/beacons/tag-1", {"beacon": {**TAG, "static_id": static_id}})
    assert "static_id" in told["detail"]


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/v1/stores/s2/zones/z", {"store": "s2", "id": "z", "name": "Z"}, "zone z: there is no store 's2'"),
        ("/v1/stores/s2/gateways/g", {"gateway": {"id": "g", "store": "s2"}}, "gateway g: there is no store 's2'"),
        (
            "/v1/stores/s1/gateways/g",
            {"gateway": {"id": "g", "store": "s1", "zone": "attic"}},
            "gateway g: store 's1' has no zone 'attic'",
        ),
        (
            "/v1/stores/s2",
            {"id": "s2", "name": "S", "time_zone": "Mars/Base"},
            "store s2: time_zone 'Mars/Base' is none",
        ),
        ("/v1/registry", {"presence": [{"store": "s9", "rules": {}}]}, "There is no store s9"),
    ],
)
async def test_a_place_that_is_not_there_is_named(server: Caller, path: str, body: object, said: str) -> None:
    assert said in (await refused(server, path, body))["detail"]


async def test_a_gateway_and_a_beacon_do_not_share_an_id(server: Caller) -> None:
    """Presence knows the ends of radio links by id alone."""
    await server.operate("PUT", f"/v1/stores/{STORE}/gateways/tag-1", {"gateway": {"id": "tag-1", "store": STORE}})
    told = await refused(server, "/v1/beacons/tag-1", {"beacon": TAG})
    assert "tag-1: a gateway and a beacon cannot share an id" in told["detail"]


async def test_path_and_body_must_agree(server: Caller) -> None:
    for path, body in (
        ("/v1/stores/s2", {"id": "s3", "name": "S"}),
        ("/v1/beacons/tag-2", {"beacon": TAG}),
        ("/v1/stores/s2/zones/z", {"store": "s1", "id": "z", "name": "Z"}),
        ("/v1/stores/s2/gateways/g", {"gateway": {"id": "g", "store": "s1"}}),
    ):
        assert (await refused(server, path, body))["title"] == "Path and body disagree"


async def test_an_id_on_the_air_is_one_beacons(server: Caller) -> None:
    told = await refused(server, "/v1/beacons/tag-1", {"beacon": {**TAG, "static_id": FIXTURE}})
    assert told["title"] == "Taken"


async def test_a_tag_that_never_rotates_comes_with_a_warning(server: Caller) -> None:
    stored = await server.operate("PUT", "/v1/beacons/tag-1", {"beacon": TAG})
    assert "anybody with a radio can follow it" in stored["warnings"][0]


async def test_a_template_that_does_not_parse_is_refused_with_its_field(server: Caller) -> None:
    campaign = {
        "id": "c", "name": "C", "trigger": {"kind": "store_entered"}, "template": {"title": "{{ shopper.name "},
    }  # fmt: skip
    told = await refused(server, "/v1/campaigns/c", campaign)
    assert told["title"] == "Template not understood"
    assert "campaign c: template.title" in told["detail"]


async def test_a_new_campaign_is_in_force_for_the_next_moment(server: Caller) -> None:
    better = {
        "id": "better", "name": "B", "trigger": {"kind": "store_entered"}, "template": {"title": "Better"}, "value": 9,
    }  # fmt: skip
    await server.operate("PUT", "/v1/campaigns/better", better)
    phone = await server.phone(location=True, marketing=True, inapp=True)
    [message] = (await server.range(phone)).json["messages"]
    assert message["title"] == "Better"
    [decision] = await server.operate("GET", f"/v1/decisions?shopper={phone.shopper}")
    verdicts = {c["campaign"]: c["verdict"] for c in decision["considered"]}
    assert verdicts == {"better": "chosen", "welcome": "outvalued"}


async def test_a_gateway_that_moved_to_another_store_is_let_in_there(server: Caller) -> None:
    await server.operate("PUT", "/v1/stores/s2", {"id": "s2", "name": "Bremen"})
    new = await server.operate("PUT", f"/v1/stores/{STORE}/gateways/g1", {"gateway": {"id": "g1", "store": STORE}})
    await server.operate("PUT", "/v1/stores/s2/gateways/g1", {"gateway": {"id": "g1", "store": "s2"}})
    user = gateway_user("s2", "g1", broker_password(bytes.fromhex(new["secret"])))
    host, _, port = server.running.broker_url.removeprefix("mqtt://").partition(":")
    async with aiomqtt.Client(host, int(port), username=user.name, password=user.password) as gateway:
        await gateway.subscribe(topic("s2", "g1", "config"), qos=1)
        async with asyncio.timeout(PATIENCE_S):
            assert (await anext(aiter(gateway.messages))).topic.value == topic("s2", "g1", "config")


@pytest.mark.timeout(30)
async def test_a_seed_file_may_say_what_nobody_agreed_to(tmp_path: Path) -> None:
    """Nothing ticks yet while it is taken over: a withdrawal in it must not wait for that."""
    seed = tmp_path / "seed.json"
    seed.write_text(json.dumps({"shoppers": [{"id": "ann", "purposes": {"location": False}}]}))
    async with serving(settings(tmp_path / "data", seed_file=str(seed))) as server:
        assert await server.operate("GET", "/v1/visits") == []


async def test_what_many_withdraw_at_once_does_not_take_one_tick_for_each(tmp_path: Path) -> None:
    people = [{"id": f"shp-{n}", "purposes": {"location": False}} for n in range(200)]
    slow = settings(tmp_path / "data", ingest=IngestSettings(tick_ms=1000))
    async with serving(slow) as server, asyncio.timeout(PATIENCE_S):  # a tick for each would be 200 s
        await server.operate("PUT", "/v1/registry", {"shoppers": people})
