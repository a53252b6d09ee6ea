"""Other people's gateways over real HTTP, the broker included: believed as far as somebody said so, and no further."""

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final
from urllib.parse import urlsplit

import aiomqtt
import pytest

from tests.support.people import hired
from tests.support.servers import STORE, Caller, becomes

SOURCES = f"/v1/stores/{STORE}/sources"
SOURCE: Final[dict[str, Any]] = {
    "store": STORE, "id": "kitchen", "kind": "theengs", "topic": "home/+/BTtoMQTT/+",
    "gateways": {"kitchen": "g1"},
}  # fmt: skip
UUID = "fda50693a4e24fb1afcfc6eb07647825"
CARD = UUID + "00640001"
HEARD = {"id": "DF:51:FD:4A:4C:AF", "rssi": -60, "uuid": UUID, "major": 100, "minor": 1, "txpower": -59}


@contextlib.asynccontextmanager
async def connected(server: Caller, login: dict[str, str]) -> AsyncIterator[aiomqtt.Client]:
    where = urlsplit(server.running.broker_url)
    async with aiomqtt.Client(
        where.hostname or "", where.port or 0, username=login["user"], password=login["password"]
    ) as they:
        yield they


async def prepare(server: Caller) -> None:
    """Its store allows static tags, and has two gateways."""
    await server.operate("PUT", f"/v1/stores/{STORE}", {"id": STORE, "name": "Hamburg", "allow_static_tags": True})
    for gateway in ("g1", "g2"):
        body = {"gateway": {"id": gateway, "store": STORE}}
        await server.operate("PUT", f"/v1/stores/{STORE}/gateways/{gateway}", body)


async def test_what_a_source_hears_makes_visits_while_it_has_a_login(server: Caller) -> None:
    store = server
    await prepare(store)
    phone = await store.phone(location=True)
    beacon = {"id": "card", "role": "tag", "format": "ibeacon", "static_id": CARD, "shopper": phone.shopper}
    await store.operate("PUT", "/v1/beacons/card", {"beacon": beacon})
    made = await store.operate("PUT", f"{SOURCES}/kitchen", SOURCE)
    assert (made["source"]["triggers"], made["revision"]) == (False, 1)

    async with connected(store, made["login"]) as they:

        async def visits() -> object:
            for name in ("kitchen", "attic"):
                await they.publish(f"home/{name}/BTtoMQTT/DF51FD4A4CAF", json.dumps(HEARD))
            await they.publish("home/kitchen/BTtoMQTT/DF51FD4A4CAF", b"not json")
            return await store.operate("GET", "/v1/visits")

        await becomes(visits, "a visit of who was heard")
        [visit] = await store.operate("GET", "/v1/visits")
        assert (visit["shopper"], visit["store"]) == (phone.shopper, STORE)
        await becomes(_doing(store, refused=1, unmapped=1), "what was not understood to be told")
    doing = (await store.operate("GET", SOURCES))[0]["doing"]
    assert doing["unmapped"] == ["attic"]
    assert doing["messages"] >= doing["sightings"] >= 1
    await _is_shown_once_and_ended_by_another(store, made["login"])


def _doing(store: Caller, *, refused: int, unmapped: int) -> Callable[[], Awaitable[bool]]:
    async def holds() -> bool:
        doing = (await store.operate("GET", f"{SOURCES}/kitchen"))["doing"]
        return doing["refused"] >= refused and len(doing["unmapped"]) >= unmapped

    return holds


async def _is_shown_once_and_ended_by_another(store: Caller, first: dict[str, str]) -> None:
    """A login: shown when it was made, and good until there is another, or the source is off."""
    changed = await store.operate("PUT", f"{SOURCES}/kitchen", {**SOURCE, "triggers": True})
    assert (changed["login"], changed["revision"]) == (None, 2)
    assert first["password"] not in json.dumps(await store.operate("GET", "/v1/audit"))
    second = await store.operate("POST", f"{SOURCES}/kitchen/login")
    assert second["user"] == first["user"] == f"source.{STORE}.kitchen"
    with pytest.raises(aiomqtt.MqttError):
        async with connected(store, first):
            pass
    async with connected(store, second):
        pass
    await store.operate("PUT", f"{SOURCES}/kitchen", {**SOURCE, "enabled": False})
    with pytest.raises(aiomqtt.MqttError):
        async with connected(store, second):
            pass


MISFITS: Final[tuple[tuple[dict[str, object], str], ...]] = (
    ({"topic": "footfall/v1/+/+/sightings"}, "not footfall"),
    ({"topic": "+/door/BTtoMQTT/+"}, "a first level of its own"),
    ({"topic": "home/a b/BTtoMQTT/+"}, "levels of letters"),
    ({"topic": "home/door/+"}, "a level BTtoMQTT was expected"),
    ({"topic": "home/kitchen/BTtoMQTT/#"}, "source kitchen takes in some of the same topics"),
    ({"gateways": {"door": "g3"}}, "has no gateway 'g3'"),
    ({"gateways": {"door": "g2", "hall": "g2"}}, "under one name only"),
    ({"topic": "x/+/BTtoMQTT/+", "gateways": {"door": "g1"}}, "belongs to another source"),
    ({"gateways": {}}, "length >= 1"),
    ({"kind": "zigbee"}, "Invalid enum value"),
)


async def test_what_does_not_fit_is_refused_and_an_editor_trusts_nobody(server: Caller) -> None:
    await prepare(server)
    await server.operate("PUT", f"{SOURCES}/kitchen", SOURCE)
    for change, said in MISFITS:
        wrong = {**SOURCE, "id": "door", "topic": "shop/+/BTtoMQTT/+", "gateways": {"door": "g2"}, **change}
        answer = await server.call("PUT", f"{SOURCES}/door", server.operator, wrong)
        assert (answer.status, said in answer.json["detail"]) == (400, True), answer.json
    bob = await hired(server, "bob", "editor", [STORE])
    assert (await server.call("GET", f"{SOURCES}/kitchen", headers=bob.headers)).status == 200
    for method, path, body in (("PUT", "", SOURCE), ("POST", "/login", None), ("DELETE", "", None)):
        answer = await server.call(method, f"{SOURCES}/kitchen{path}", body=body, headers=bob.headers)
        assert answer.status == 403, (method, answer)
    await server.operate(
        "PUT", f"{SOURCES}/door", {**SOURCE, "id": "door", "topic": "d/+/BTtoMQTT/+", "gateways": {"d": "g2"}}
    )
    assert (await server.call("DELETE", f"{SOURCES}/kitchen", server.operator)).status == 204
    assert [one["source"]["id"] for one in await server.operate("GET", SOURCES)] == ["door"]
    for path in ("/v1/beacons/fix-1", *(f"/v1/stores/{STORE}/gateways/g{n}" for n in (1, 2)), f"/v1/stores/{STORE}"):
        assert (await server.call("DELETE", path, server.operator)).status == 204
