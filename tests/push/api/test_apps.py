"""What apps call, over real HTTP: registering, agreeing, subscribing, ranging, receipts."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import msgspec
import pytest

from beacons.registry import Beacon
from firmware_sim.webpush import SubscriptionKeys
from push.api.contract import Call
from push.api.messages import Messages, Ranged, Ranging, report_sightings
from push.channels.inapp import EventStreams
from push.model.delivery import State
from push.model.ports import Database
from push.model.presence import Observation
from push.model.tokens import Principal
from push.profiles import consent
from push.registry.directory import Directory
from push.settings import AppSettings
from tests.support import small_api
from tests.support.clocks import RealClock
from tests.support.fresh import open_database
from tests.support.outbox import enqueue, join, state
from tests.support.servers import FIXTURE, REGISTRY, STORE, Caller, Phone, becomes, serving, settings

ALL = {"location": True, "marketing": True, "inapp": True}
KEYS = SubscriptionKeys.generate()
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


def subscription(endpoint: str = "https://push.example/x") -> dict[str, object]:
    return dict(KEYS.address(endpoint))


# --- registering ------------------------------------------------------------------------------------------------------


async def test_an_app_registers_devices_of_new_shoppers_without_any_consent(server: Caller) -> None:
    one, two = await server.phone(), await server.phone()
    assert len({one.device, two.device, one.token, two.token, one.shopper, two.shopper}) == 6
    answer = await server.call("GET", one.path("consent"), one.token)
    assert set(answer.json["purposes"].values()) == {False}


async def test_the_key_of_an_app_links_nothing_that_is_known(server: Caller) -> None:
    body = {"platform": "ios", "shopper": "ada"}
    answer = await server.call("POST", "/v1/devices", server.app, body)
    assert (answer.status, answer.json["title"]) == (403, "Not allowed")
    linked = await server.operate("POST", "/v1/devices", body)
    assert linked["shopper"] == "ada"


async def test_devices_are_listed_from_a_time_on_and_by_platform(server: Caller) -> None:
    phone = await server.phone(location=True)
    await server.operate("POST", "/v1/devices", {"platform": "ios", "shopper": "ada"})
    listed = (await server.call("GET", "/v1/devices?platform=sim", server.operator)).json
    assert [(one["id"], one["granted"]) for one in listed] == [(phone.device, ["location"])]
    assert (await server.call("GET", f"/v1/devices?since_ms={10**15}", server.operator)).json == []
    strange = await server.call("GET", "/v1/devices?platform=toaster", server.operator)
    assert (strange.status, "platform" in strange.json["detail"]) == (400, True)


async def test_what_an_app_needs_to_begin(server: Caller) -> None:
    config = (await server.call("GET", "/v1/app/config", server.app)).json
    assert len(config["application_server_key"]) == 87
    uuid, major = FIXTURE[:32], int(FIXTURE[32:36], 16)
    assert config["regions"] == [{"store": STORE, "kind": "ibeacon", "id": FIXTURE[:36], "uuid": uuid, "major": major}]
    assert {p["id"] for p in config["purposes"]} == {"location", "marketing", "profiling", "inapp", "webpush"}


# --- consent ----------------------------------------------------------------------------------------------------------


async def test_purposes_that_are_left_out_stay_as_they_are(server: Caller) -> None:
    phone = await server.phone(**ALL)
    answer = await server.call("PUT", phone.path("consent"), phone.token, {"purposes": {"inapp": False}})
    granted = {purpose for purpose, yes in answer.json["purposes"].items() if yes}
    assert granted == {"location", "marketing"}


async def test_without_consent_nobody_is_located_or_given_an_identity(server: Caller) -> None:
    phone = await server.phone(marketing=True, inapp=True)
    ranged = await server.range(phone)
    tag = await server.call("POST", phone.path("tag"), phone.token, {})
    assert (ranged.status, tag.status) == (409, 409)
    assert await server.operate("GET", "/v1/visits") == []


async def test_a_withdrawal_lets_go_of_her_at_once_and_takes_back_what_waits(server: Caller) -> None:
    phone = await server.phone(location=True, marketing=True, webpush=True)
    await server.call("PUT", phone.path("subscription"), phone.token, subscription("https://127.0.0.1:1/x"))
    await server.range(phone)

    async def waits() -> bool:
        found = await server.operate("GET", "/v1/deliveries")
        return bool(found) and found[0]["attempt"] >= 1 and found[0]["state"] in {"pending", "failed"}

    await becomes(waits, "a first attempt")
    withdrawn = await server.call("PUT", phone.path("consent"), phone.token, {"purposes": {"location": False}})
    assert withdrawn.json["purposes"]["location"] is False
    [visit] = await server.operate("GET", "/v1/visits")
    assert visit["left_ms"] is not None
    [delivery] = await server.operate("GET", "/v1/deliveries")
    assert State(delivery["state"]).is_terminal
    assert (await server.range(phone)).status == 409


async def test_what_an_operator_withdraws_for_her_is_withdrawn_alike(server: Caller) -> None:
    phone = await server.phone(**ALL)
    await server.range(phone)
    body = {"id": phone.shopper, "purposes": {"location": False, "marketing": False}, "source": "letter"}
    await server.operate("PUT", f"/v1/shoppers/{phone.shopper}", body)
    [visit] = await server.operate("GET", "/v1/visits")
    assert visit["left_ms"] is not None


async def test_a_phone_that_hangs_up_after_withdrawing_is_not_located_any_more(
    tmp_path: Path, postgres_url: str
) -> None:
    """The answer has no reader; what was asked for holds all the same. PostgreSQL tells when the call waits for it."""
    async with serving(settings(tmp_path / "data", database_url=postgres_url)) as server:
        await server.operate("PUT", "/v1/registry", REGISTRY)
        phone = await server.phone(**ALL)
        await server.range(phone)
        async with consents_held(postgres_url) as waited_for:
            reader, writer = await withdraw(server, phone)
            await becomes(waited_for, "the call to come to its consents")
            writer.write_eof()
            assert await reader.read() == b"", "the server has noticed, and hangs up in turn"
            writer.close()

        async def left() -> bool:
            [visit] = await server.operate("GET", "/v1/visits")
            return visit["left_ms"] is not None

        await becomes(left, "the visit to end")


@asynccontextmanager
async def consents_held(url: str) -> AsyncIterator[Callable[[], Awaitable[bool]]]:
    """Let nobody read consents to change them while the block lasts; gives whether somebody waits to."""
    holder = await asyncpg.connect(url)
    try:
        async with holder.transaction():
            await holder.execute("SELECT 1 FROM consents FOR UPDATE")

            async def waited_for() -> bool:
                return bool(await holder.fetchval(WAITING))

            yield waited_for
    finally:
        await holder.close()


async def withdraw(server: Caller, phone: Phone) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Ask not to be located any more, and leave the answer where it is."""
    host, _, port = server.running.http_url.removeprefix("http://").partition(":")
    body = b'{"purposes": {"location": false}}'
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"PUT {phone.path('consent')} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {phone.token}\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return reader, writer


async def test_without_consent_for_messages_in_the_app_the_answer_carries_none(server: Caller) -> None:
    phone = await server.phone(location=True, marketing=True, webpush=True)
    await server.call("PUT", phone.path("subscription"), phone.token, subscription())
    assert (await server.range(phone)).json == {"messages": []}
    [delivery] = await server.operate("GET", "/v1/deliveries")
    assert delivery["channel"] != "inapp"


class Withdrawing(small_api.Nowhere):
    """Presence that finds a message for her, and meanwhile she changes her mind."""

    directory = Directory(fixtures=(Beacon(id="f", role="fixture", format="ibeacon", static_id=FIXTURE, store=STORE),))

    def __init__(self, db: Database, delivery: str) -> None:
        self.db = db
        self.delivery = delivery

    def identify(self, ids: list[tuple[int, bytes]], at_ms: int) -> list[str | None]:
        del at_ms
        return ["f"] * len(ids)

    async def report(self, shopper: str, device: str, observations: list[Observation]) -> list[str]:
        del device, observations
        async with self.db.transaction() as tx:
            await consent.set_consents(tx, shopper, {"inapp": False}, at_ms=0, source="test")
        return [self.delivery]


async def test_who_withdraws_while_her_report_is_taken_in_gets_no_message_in_the_answer(tmp_path: Path) -> None:
    clock = RealClock()
    async with open_database(f"sqlite://{tmp_path}/push.db", clock) as db:
        await join(db, clock, "d1")
        delivery = await enqueue(db, clock, "d1", channels=("inapp", "webpush"))
        context = small_api.context(db, clock, EventStreams(), Withdrawing(db, delivery))
        body = Ranging(STORE, (Ranged("ibeacon", FIXTURE, -50),))
        answer = await report_sightings(context, Call(Principal("device", "d1"), {}, {}, body))
        assert answer == Messages(())
        assert await state(db, delivery) == State.PENDING


# --- Web Push ---------------------------------------------------------------------------------------------------------


async def test_a_subscription_is_taken_and_forgotten(server: Caller) -> None:
    phone = await server.phone()
    body = {**subscription(), "expirationTime": None}
    assert (await server.call("PUT", phone.path("subscription"), phone.token, body)).status == 204
    assert (await server.call("DELETE", phone.path("subscription"), phone.token)).status == 204


@pytest.mark.parametrize(
    "change",
    [
        {"endpoint": "http://push.example/x"},
        {"endpoint": "https://user:password@push.example/x"},
        {"endpoint": "nonsense"},
        {"endpoint": "https://"},
        {"keys": {"p256dh": "AAAA", "auth": "A" * 22}},
        {"keys": {"p256dh": KEYS.address("")["keys"]["p256dh"], "auth": "AAAA"}},  # type: ignore[index]
    ],
)
async def test_a_subscription_that_can_never_work_is_refused_when_it_is_given(
    server: Caller, change: dict[str, object]
) -> None:
    phone = await server.phone()
    answer = await server.call("PUT", phone.path("subscription"), phone.token, {**subscription(), **change})
    assert (answer.status, answer.json["title"]) == (400, "Not a subscription")
    assert "password" not in answer.json["detail"]


# --- ranging ----------------------------------------------------------------------------------------------------------


async def test_the_answer_to_what_a_phone_ranged_carries_its_message(server: Caller) -> None:
    phone = await server.phone(**ALL)
    answer = await server.range(phone)
    [message] = answer.json["messages"]
    assert (message["title"], message["url"]) == ("Welcome to Hamburg", None)
    assert (await server.range(phone)).json == {"messages": []}
    [delivery] = await server.operate("GET", "/v1/deliveries")
    assert (delivery["id"], delivery["state"], delivery["channel"]) == (message["delivery"], "accepted", "inapp")


async def test_what_came_in_an_answer_can_be_had_again_by_resuming(server: Caller) -> None:
    """The answer may have got lost on its way."""
    phone = await server.phone(**ALL)
    [message] = (await server.range(phone)).json["messages"]
    async with server.listen(phone, last_id="1") as stream:
        assert (await stream.event())[1] == message


@pytest.mark.parametrize(
    ("change", "store"),
    [
        ({"id": "00" * 20}, STORE),
        ({"heard_ms_ago": 60_000}, STORE),
        ({}, "elsewhere"),
        ({"kind": "altbeacon"}, STORE),
    ],
    ids=["not ours", "too long ago", "another store", "another kind"],
)
async def test_what_proves_nothing_locates_nobody(server: Caller, change: dict[str, object], store: str) -> None:
    phone = await server.phone(**ALL)
    sighting = {"kind": "ibeacon", "id": FIXTURE, "rssi_dbm": -50, **change}
    answer = await server.call("POST", "/v1/sightings", phone.token, {"store": store, "sightings": [sighting]})
    assert (answer.status, answer.json) == (200, {"messages": []})
    assert await server.operate("GET", "/v1/visits") == []


async def test_nothing_ranged_is_no_error(server: Caller) -> None:
    phone = await server.phone(**ALL)
    answer = await server.call("POST", "/v1/sightings", phone.token, {"store": STORE, "sightings": []})
    assert (answer.status, answer.json) == (200, {"messages": []})


async def test_an_id_of_the_wrong_length_is_named(server: Caller) -> None:
    phone = await server.phone(**ALL)
    sightings = [{"kind": "eid", "id": "00" * 20, "rssi_dbm": -50}]
    answer = await server.call("POST", "/v1/sightings", phone.token, {"store": STORE, "sightings": sightings})
    assert (answer.status, answer.json["detail"]) == (400, "sightings[0].id: kind eid has 16 hex digits.")


async def test_a_phone_that_is_both_ranging_and_listening_gets_the_message_once_by_the_answer(server: Caller) -> None:
    phone = await server.phone(**ALL)
    async with server.listen(phone):
        [message] = (await server.range(phone)).json["messages"]
        detail = await server.operate("GET", f"/v1/deliveries/{message['delivery']}")
    assert detail["attempts"] == []
    assert detail["delivery"]["attempt"] == 1


# --- receipts ---------------------------------------------------------------------------------------------------------


async def report(server: Caller, phone: Phone, delivery: str, kind: str) -> int:
    body = {"receipts": [{"delivery": delivery, "kind": kind, "at_ms": 2**53}]}
    answer = await server.call("POST", "/v1/receipts", phone.token, body)
    assert answer.status == 202
    return int(answer.json["accepted"])


async def test_receipts_lead_to_the_end_of_the_trace(server: Caller) -> None:
    phone, other = await server.phone(**ALL), await server.phone(**ALL)
    [message] = (await server.range(phone)).json["messages"]
    delivery = message["delivery"]

    assert await report(server, other, delivery, "shown") == 0
    assert await report(server, phone, delivery, "shown") == 1
    assert await report(server, phone, delivery, "opened") == 1
    assert await report(server, phone, delivery, "opened") == 1

    trace = (await server.operate("GET", f"/v1/deliveries/{delivery}"))["delivery"]
    hops = ["heard", "received", "resolved", "decided", "handed_over", "accepted", "shown", "opened"]
    times = [trace[f"{hop}_ms"] for hop in hops]
    assert trace["state"] == "opened"
    assert times == sorted(times)


async def test_an_app_is_told_of_the_nearest_stores_in_her_language(tmp_path: Path) -> None:
    words = {"de": {"location": ("Meinen Besuch bemerken", "Nur im Laden.")}, "de-AT": {"marketing": ("Angebote", "-")}}
    told = msgspec.convert({"consent_texts": words}, AppSettings)
    asked = settings(tmp_path / "data", app=told)
    async with serving(asked) as server:
        await server.operate("PUT", "/v1/registry", REGISTRY)
        far = {"id": "far", "name": "Wien", "latitude": 48.2, "longitude": 16.37}
        await server.operate("PUT", "/v1/stores/far", far)
        body = {"id": "w", "role": "fixture", "format": "uid", "static_id": "0a" * 16, "store": "far"}
        await server.operate("PUT", "/v1/beacons/w", {"beacon": body})
        config = (await server.call("GET", "/v1/app/config?lat=48.1&lon=16&locale=de-AT", server.app)).json
        assert [(r["store"], r["kind"]) for r in config["regions"]] == [("far", "uid"), (STORE, "ibeacon")]
        assert config["stores"][0]["name"] == "Wien"
        titles = {p["id"]: p["title"] for p in config["purposes"]}
        assert (titles["location"], titles["marketing"]) == ("Meinen Besuch bemerken", "Angebote")
        assert titles["profiling"] == "Make offers personal"
        assert config["addresses"]["api"] == f"{server.running.http_url}/v1/"
        phone = await server.phone()
        assert (await server.call("GET", "/v1/app/config", phone.token)).status == 200
        for wrong in ("lat=91&lon=0", "lat=1", "lat=x&lon=1", "lat=nan&lon=1"):
            assert (await server.call("GET", f"/v1/app/config?{wrong}", server.app)).status == 400, wrong
