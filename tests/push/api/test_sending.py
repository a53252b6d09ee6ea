"""Messages that other systems send: planned, refused with a reason, named where they are wrong, pushed back."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from firmware_sim.webpush import SubscriptionKeys
from push.api import idempotency, sending
from push.api.contract import Call, Context, ProblemError
from push.api.idempotency import Key
from push.campaigns import outbox
from push.channels.inapp import EventStreams
from push.deliver.asked import Verdicts
from push.deliver.sender import SenderSettings
from push.model.errors import DatabaseError
from push.model.tokens import Principal
from tests.support import small_api
from tests.support.clocks import RealClock, SettableClock
from tests.support.fresh import open_database
from tests.support.outbox import join
from tests.support.senders import AGREED, DAY_MS, HELLO, mailbox, post, reasons, sender, sent, soon_ms, to
from tests.support.servers import Caller, becomes, serving, settings


async def waiting(server: Caller) -> int:
    found = await server.operate("GET", "/v1/deliveries?state=pending")
    return len(found)


# --- whom -------------------------------------------------------------------------------------------------------------


async def test_a_message_to_a_shopper_is_queued_and_arrives(any_server: Caller) -> None:
    server = any_server
    phone = await server.phone(marketing=True, inapp=True)
    async with server.listen(phone) as stream:
        answer = await server.call("POST", "/v1/messages", await sender(server), to(shopper=phone.shopper))
        assert answer.status == 202, answer
        [verdict] = answer.json["messages"]
        assert verdict.keys() == {"id", "status", "delivery"}
        _, message = await stream.event()
        assert (message["id"], message["delivery"]) == (verdict["id"], verdict["delivery"])


async def test_a_message_to_a_device_goes_to_no_other_of_the_same_person(server: Caller) -> None:
    phone = await server.phone(marketing=True, inapp=True)
    second = await server.operate("POST", "/v1/devices", {"platform": "sim", "shopper": phone.shopper})
    [verdict] = await sent(server, to(device=second["device"], send_at_ms=soon_ms(60_000)))
    trace = (await server.operate("GET", f"/v1/deliveries/{verdict['delivery']}"))["delivery"]
    assert (trace["device"], trace["shopper"]) == (second["device"], phone.shopper)


async def test_an_address_alone_is_enough_and_the_word_of_who_sends_is_her_consent(any_server: Caller) -> None:
    message = to(address=mailbox("ann@example.com"), agreed=AGREED)
    [verdict] = await sent(any_server, message)
    detail = await any_server.operate("GET", f"/v1/messages/{verdict['id']}")
    [again] = await sent(any_server, to(address=mailbox("Ann@Example.com"), agreed=AGREED))
    other = await any_server.operate("GET", f"/v1/messages/{again['id']}")
    assert detail["shopper"] == other["shopper"], "one mailbox is one person"
    assert detail["deliveries"][0]["delivery"]["device"] == other["deliveries"][0]["delivery"]["device"]
    assert "ann@" not in str(detail).lower()


async def test_an_address_that_a_person_registered_is_hers_and_her_refusal_holds(any_server: Caller) -> None:
    server = any_server
    phone = await server.phone(marketing=False, email=True)
    body = {"address": {"email": "ann@example.com"}}
    assert (await server.call("PUT", phone.path("addresses/email"), phone.token, body)).status == 204
    offer = to(address=mailbox("ann@example.com"), agreed=AGREED)
    assert await reasons(server, offer) == ["not_agreed"]
    assert await reasons(server, {**offer, "basis": "service"}) == ["queued"], "what she is owed needs no consent"


async def test_what_was_said_once_is_not_overridden(any_server: Caller) -> None:
    """Somebody who unsubscribed is not subscribed again by the next call that says she agreed."""
    server = any_server
    address = {"channel": "webhook", "address": {"to": "+491701234567"}}
    [verdict] = await sent(server, to(address=address, agreed=AGREED))
    detail = await server.operate("GET", f"/v1/messages/{verdict['id']}")
    refusal = {"id": detail["shopper"], "purposes": {"webhook": False}, "source": "letter"}
    await server.operate("PUT", f"/v1/shoppers/{detail['shopper']}", refusal)
    assert await reasons(server, to(address=address, agreed=AGREED)) == ["not_agreed"]


async def test_a_thousand_in_one_call(any_server: Caller) -> None:
    messages = [to(address=mailbox(f"u{n}@example.com"), agreed=AGREED) for n in range(1000)]
    verdicts = await sent(any_server, *messages)
    assert {verdict["status"] for verdict in verdicts} == {"queued"}
    assert len({verdict["id"] for verdict in verdicts}) == 1000


# --- refused at once, each with its reason ----------------------------------------------------------------------------


async def test_what_cannot_be_sent_is_refused_at_once_and_spoils_no_other(any_server: Caller) -> None:
    server = any_server
    agrees = await server.phone(marketing=True, inapp=True)
    silent = await server.phone()
    snoozed = await server.phone(marketing=True, inapp=True)
    await server.call("PUT", snoozed.path("snooze"), snoozed.token, {"until_ms": soon_ms(DAY_MS)})
    assert await reasons(
        server,
        to(shopper="nobody"),
        to(device="nothing"),
        to(shopper=silent.shopper),
        to(shopper=snoozed.shopper),
        to(shopper=agrees.shopper, policy={"channels": ["email"]}),
        to(address=mailbox("no mailbox"), agreed=AGREED),
        to(shopper=agrees.shopper),
    ) == ["unknown_shopper", "unknown_device", "not_agreed", "snoozed", "no_channel", "bad_address", "queued"]


async def test_an_address_on_the_list_gets_nothing_whoever_asks(any_server: Caller) -> None:
    body = {"channel": "email", "address": {"email": "ann@example.com"}, "reason": "bounced"}
    await any_server.operate("POST", "/v1/suppressions", body)
    messages = [
        to(address=mailbox("ANN@example.com"), agreed=AGREED),
        to(address=mailbox("ann@example.com"), basis="service"),
        to(address=mailbox("bob@example.com"), agreed=AGREED),
    ]
    assert await reasons(any_server, *messages) == ["suppressed", "suppressed", "queued"]


async def test_what_is_too_large_for_a_channel_takes_another_or_is_refused(server: Caller) -> None:
    phone = await server.phone(marketing=True, inapp=True, webpush=True)
    subscription = SubscriptionKeys.generate().address("https://push.example/x")
    await server.call("PUT", phone.path("subscription"), phone.token, subscription)
    large = {"title": "Hello", "body": "ä" * 2000}
    later = soon_ms(60_000)
    only = {"channels": ["webpush"]}
    both = {"channels": ["webpush", "inapp"]}
    refused, queued = await sent(
        server,
        to(shopper=phone.shopper, policy=only, send_at_ms=later) | {"content": large},
        to(shopper=phone.shopper, policy=both, send_at_ms=later) | {"content": large},
    )
    assert refused == {"id": refused["id"], "status": "refused", "reason": "too_large"}
    assert queued["status"] == "queued"


async def test_what_channels_drop_is_said_before(server: Caller) -> None:
    content = {**HELLO, "data": {"order": "17"}}
    message = to(address=mailbox("ann@example.com"), agreed=AGREED, collapse_key="order-17") | {"content": content}
    [verdict] = await sent(server, message)
    assert set(verdict["dropped"]["email"]) >= {"data", "collapse_key"}


async def test_an_id_of_ones_own_is_sent_once_and_belongs_to_its_caller(any_server: Caller) -> None:
    server = any_server
    phone = await server.phone(marketing=True, inapp=True)
    shop, other = await sender(server), await sender(server, "other")
    message = to(shopper=phone.shopper, id="order-17")
    [first] = await sent(server, message, token=shop)
    [second] = await sent(server, message, token=shop)
    [third] = await sent(server, message, token=other)
    assert (second["reason"], second["id"]) == ("duplicate_id", first["id"])
    assert third["status"] == "queued"
    assert third["id"] != first["id"]
    found = await server.call("GET", "/v1/messages/order-17", shop)
    assert found.json["id"] == first["id"]
    twice = await sent(server, to(shopper=phone.shopper, id="x"), to(shopper=phone.shopper, id="x"), token=shop)
    assert [verdict["status"] for verdict in twice] == ["queued", "refused"]


async def test_a_later_message_takes_the_place_of_one_that_waits(any_server: Caller) -> None:
    server = any_server
    phone = await server.phone(marketing=True, inapp=True)
    again = to(shopper=phone.shopper, collapse_key="order", send_at_ms=soon_ms(60_000))
    other = to(shopper=phone.shopper, collapse_key="other", send_at_ms=soon_ms(60_000))
    [first, kept] = await sent(server, again, other)
    [late, last] = await sent(server, again, again)
    assert (late["reason"], last["status"]) == ("replaced", "queued")
    states = {d["message"]: d["state"] for d in await server.operate("GET", "/v1/deliveries")}
    assert states == {first["id"]: "cancelled", kept["id"]: "pending", last["id"]: "pending"}


# --- when -------------------------------------------------------------------------------------------------------------


async def test_a_message_waits_for_its_time_and_lives_from_then_on(server: Caller) -> None:
    phone = await server.phone(marketing=True, inapp=True)
    at_ms = soon_ms(1500)
    async with server.listen(phone) as stream:
        [verdict] = await sent(server, to(shopper=phone.shopper, send_at_ms=at_ms, lifetime_s=60))
        _, message = await stream.event()
        assert time.time_ns() // 1_000_000 >= at_ms
    assert (message["id"], message["expires_ms"]) == (verdict["id"], at_ms + 60_000)


async def test_service_goes_before_offers(server: Caller) -> None:
    phone = await server.phone(marketing=True, inapp=True)
    verdicts = await sent(server, to(shopper=phone.shopper), to(shopper=phone.shopper, basis="service"))
    lanes = [(await server.operate("GET", f"/v1/deliveries/{v['delivery']}"))["delivery"]["lane"] for v in verdicts]
    assert lanes == [2, 1]


# --- wrong: all of it, and where --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"content": {"title": 7, "body": ""}}, "messages[1].content.title"),
        ({"content": {"title": "x"}}, "messages[1].content"),
        ({"to": {}}, "messages[1].to"),
        ({"to": {"shopper": "a", "device": "b"}}, "messages[1].to"),
        ({"to": {"address": mailbox("ann@example.com")}}, "messages[1]"),
        ({"to": {"address": {"channel": "pigeon", "address": {"x": 1}}}}, "messages[1].to.address.channel"),
        ({"lifetime_s": 4}, "messages[1].lifetime_s"),
        ({"lifetime_s": 29 * 86_400}, "messages[1].lifetime_s"),
        ({"collapse_key": "a b"}, "messages[1].collapse_key"),
        ({"send_at_ms": 2**52}, "messages[1].send_at_ms"),
        ({"policy": {"channels": ["fax"]}}, "messages[1].policy.channels"),
        ({"moment": True}, "messages[1]"),
        ({"id": "with blank"}, "messages[1].id"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_malformed_message_is_named_and_nothing_is_taken(
    server: Caller, change: dict[str, object], where: str
) -> None:
    phone = await server.phone(marketing=True, inapp=True)
    answer = await post(server, to(shopper=phone.shopper), {**to(shopper=phone.shopper), **change})
    assert (answer.status, answer.headers["Content-Type"]) == (400, "application/problem+json")
    assert f"`{where}" in answer.json["detail"], answer.json
    assert await server.operate("GET", "/v1/deliveries") == []


@pytest.mark.parametrize(
    "body",
    [[], 7, {}, {"messages": []}, {"messages": [to(shopper="a")] * 1001}, {"messages": [], "to": {}}, {"messages": 7}],
    ids=["list", "number", "nothing", "none", "too many", "both", "no list"],
)
async def test_a_body_that_is_none_is_refused(server: Caller, body: object) -> None:
    answer = await server.call("POST", "/v1/messages", server.operator, body)
    assert answer.status == 400, answer


async def test_only_senders_and_operators_send(server: Caller) -> None:
    phone = await server.phone(marketing=True, inapp=True)
    for token in (server.app, phone.token):
        assert (await post(server, to(shopper=phone.shopper), token=token)).status == 403


# --- too much ---------------------------------------------------------------------------------------------------------


async def test_who_sends_more_than_may_wait_is_told_when_to_come_again(tmp_path: Path) -> None:
    asked = settings(tmp_path / "data", sender=SenderSettings(most_queued=3))
    async with serving(asked) as server:
        phone = await server.phone(marketing=True, inapp=True)
        later = to(shopper=phone.shopper, send_at_ms=soon_ms(DAY_MS))
        verdicts = await sent(server, later, later)
        refused = await post(server, later, later)
        assert (refused.status, refused.json["title"]) == (429, "Too many waiting")
        assert int(refused.headers["Retry-After"]) >= 1
        assert await waiting(server) == 2, "all of a call, or nothing"
        await sent(server, later)
        taken_back = await server.call("DELETE", f"/v1/messages/{verdicts[0]['id']}", server.operator)
        assert taken_back.status == 204

        async def has_room() -> bool:
            return (await post(server, later)).status == 202

        await becomes(has_room, "what was taken back to make room")
        process = (await server.operate("GET", "/v1/statistics"))["process"]
        metrics = (await server.call("GET", "/metrics")).raw.decode()
        assert process["sender_queued"] == 3
        assert 'footfall_now{what="deliveries_queued"} 3.0' in metrics


# --- repeated ---------------------------------------------------------------------------------------------------------


async def test_a_repeated_call_gets_its_first_answer_and_sends_nothing(any_server: Caller) -> None:
    server = any_server
    phone = await server.phone(marketing=True, inapp=True)
    message = to(shopper=phone.shopper, send_at_ms=soon_ms(DAY_MS))
    first = await post(server, message, key='"one"')
    again = await post(server, message, key="one")
    assert (first.status, again.status) == (202, 202)
    assert again.raw == first.raw
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert await waiting(server) == 1


async def test_another_body_under_the_same_key_is_refused_and_another_callers_key_is_another(server: Caller) -> None:
    phone = await server.phone(marketing=True, inapp=True)
    one, two = to(shopper=phone.shopper), to(shopper=phone.shopper, basis="service")
    assert (await post(server, one, key='"k"')).status == 202
    other = await post(server, two, key='"k"')
    assert (other.status, other.json["title"]) == (422, "Another call")
    assert (await post(server, two, key='"k"', token=await sender(server))).status == 202


@pytest.mark.parametrize("key", ["", '""', '"open', "a b", "x" * 201, '"' + "x" * 201 + '"', 'a"b'])
async def test_a_key_that_is_none_is_refused(server: Caller, key: str) -> None:
    answer = await post(server, to(shopper="a"), key=key)
    assert answer.status == 400
    assert "Idempotency-Key" in answer.json["detail"]


async def test_of_callers_at_once_with_one_key_one_writes(any_server: Caller) -> None:
    server = any_server
    phone = await server.phone(marketing=True, inapp=True)
    messages = [to(shopper=phone.shopper, send_at_ms=soon_ms(DAY_MS)) for _ in range(50)]
    answers = await asyncio.gather(*[post(server, *messages, key="once") for _ in range(8)])
    assert {answer.status for answer in answers} <= {202, 409}
    assert len({answer.raw for answer in answers if answer.status == 202}) == 1
    assert await waiting(server) == 50
    assert (await post(server, *messages, key="once")).headers["Idempotent-Replayed"] == "true"


async def test_while_the_first_call_is_being_answered_a_second_is_told_so(tmp_path: Path) -> None:
    clock = RealClock()
    async with open_database(f"sqlite://{tmp_path}/push.db", clock) as db:
        await join(db, clock, "d1")
        context = small_api.context(db, clock, EventStreams(), small_api.Nowhere())
        body = sending.read(json.dumps(to(shopper="shp_d1")).encode())
        call = Call(Principal("operator", "o"), {}, {}, body, {"Idempotency-Key": "k"})
        async with db.transaction():  # the first call cannot write, and so is not answered
            first = asyncio.create_task(sending.send(context, call))
            await becomes(_is_running(context), "the first call to be answered")
            with pytest.raises(ProblemError) as told:
                await sending.send(context, call)
        assert (told.value.status, told.value.headers) == (409, {"Retry-After": "1"})
        answer = await first
        again = await sending.send(context, call)
        assert again.headers == {"Idempotent-Replayed": "true"}
        assert msgspec.json.encode(again.body) == msgspec.json.encode(answer.body)


def _is_running(context: Context) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return bool(context.answering)

    return look


async def test_an_answer_is_kept_for_a_day(tmp_path: Path) -> None:
    clock = SettableClock()
    async with open_database(f"sqlite://{tmp_path}/push.db", clock) as db:
        await join(db, clock, "d1")
        context = small_api.context(db, clock, EventStreams(), small_api.Nowhere())
        body = sending.read(json.dumps(to(shopper="shp_d1")).encode())
        call = Call(Principal("operator", "o"), {}, {}, body, {"Idempotency-Key": "k"})
        await sending.send(context, call)
        clock.advance(idempotency.KEPT_MS)
        assert (await sending.send(context, call)).headers == {"Idempotent-Replayed": "true"}
        clock.advance(1)
        other = sending.read(json.dumps(to(shopper="shp_d1", basis="service")).encode())
        for repeated, expected in ((call, "refused"), (call._replace(body=other), "queued")):
            later = await sending.send(context, repeated)
            assert isinstance(later.body, Verdicts)
            assert (dict(later.headers), later.body.messages[0].status) == ({}, expected)
            clock.advance(idempotency.KEPT_MS + 1)


async def test_old_answers_go_as_new_ones_come(tmp_path: Path) -> None:
    clock = SettableClock()
    async with open_database(f"sqlite://{tmp_path}/push.db", clock) as db:
        for n in range(50):
            async with db.transaction() as tx:
                await idempotency.claim(tx, Key(str(n), str(n), "f"), clock.now_ms())
        clock.advance(idempotency.KEPT_MS + 1)
        for n in range(5):
            async with db.transaction() as tx:
                await idempotency.claim(tx, Key(f"new {n}", f"new {n}", "f"), clock.now_ms())
        left = [await db.fetch_one("idempotency.find", key=str(n), since_ms=0) for n in range(50)]
        assert left == [None] * 50


async def test_without_a_database_nothing_is_taken(any_server: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    phone = await any_server.phone(marketing=True, inapp=True)

    async def away(*_: object) -> None:
        raise DatabaseError("away")

    with monkeypatch.context() as broken:
        broken.setattr(outbox, "write", away)
        answer = await post(any_server, to(shopper=phone.shopper), key="k")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    assert (await post(any_server, to(shopper=phone.shopper), key="k")).status == 202, "the key was given back"


async def test_of_two_to_one_person_in_a_call_the_later_takes_the_place_of_the_first(server: Caller) -> None:
    ann, also = [await server.phone(marketing=True, inapp=True) for _ in range(2)]
    await server.operate("POST", "/v1/links", {"a": ann.shopper, "b": also.shopper})
    later = soon_ms(60_000)
    both = [to(shopper=phone.shopper, collapse_key="news", send_at_ms=later) for phone in (ann, also)]
    first, second = await sent(server, *both)
    assert (first.get("reason"), second["status"]) == ("replaced", "queued")
