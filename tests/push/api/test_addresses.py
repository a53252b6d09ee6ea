"""Where channels reach a device: put, shown masked, moved to whoever registers it last, forgotten."""

import pytest

from firmware_sim.webpush import SubscriptionKeys
from tests.support.servers import Answer, Caller, Phone

MAILBOX = {"address": {"email": "ann@example.com"}}


async def put(server: Caller, phone: Phone, channel: str, body: object) -> Answer:
    return await server.call("PUT", phone.path(f"addresses/{channel}"), phone.token, body)


async def shown(server: Caller, phone: Phone) -> dict[str, str]:
    answer = await server.call("GET", phone.path("addresses"), phone.token)
    assert answer.status == 200, answer
    return {one["channel"]: one["shown"] for one in answer.json}


async def test_a_device_registers_shows_and_forgets_its_addresses(any_server: Caller) -> None:
    server = any_server
    phone = await server.phone()
    assert (await put(server, phone, "email", MAILBOX)).status == 204
    assert (await put(server, phone, "apns", {"app": "ios", "address": {"token": "ab" * 32}})).status == 204
    assert await shown(server, phone) == {"email": "a…@example.com", "apns": "…abab"}
    assert (await server.call("DELETE", phone.path("addresses/email"), phone.token)).status == 204
    assert await shown(server, phone) == {"apns": "…abab"}


async def test_an_address_belongs_to_whoever_registered_it_last(any_server: Caller) -> None:
    """An app that was installed anew is one device, not two."""
    server = any_server
    before, now = await server.phone(), await server.phone()
    await put(server, before, "email", MAILBOX)
    await put(server, now, "email", {"address": {"email": "ANN@example.com"}})
    assert (await shown(server, before), await shown(server, now)) == ({}, {"email": "A…@example.com"})


async def test_the_same_subscription_is_one_address_whichever_way_it_comes(server: Caller) -> None:
    subscription = SubscriptionKeys.generate().address("https://push.example/x")
    before, now = await server.phone(), await server.phone()
    await server.call("PUT", before.path("subscription"), before.token, subscription)
    body = {"address": {**subscription, "expirationTime": None}}
    assert (await put(server, now, "webpush", body)).status == 204
    assert await shown(server, before) == {}


@pytest.mark.parametrize(
    ("channel", "address", "expected"),
    [
        ("email", {"email": "nobody"}, "one mailbox"),
        ("apns", {"token": "xyz"}, "hexadecimal"),
        ("fcm", {"nothing": "x"}, "registration `token`"),
        ("webhook", {"to": ""}, "phone number"),
        ("webpush", {"endpoint": "http://push.example"}, "PushSubscription.toJSON()"),
        ("webpush", {"endpoint": "https://push.example", "keys": "x"}, "PushSubscription.toJSON()"),
    ],
)
async def test_an_address_that_can_never_work_is_refused_with_what_was_expected(
    server: Caller, channel: str, address: dict[str, object], expected: str
) -> None:
    answer = await put(server, await server.phone(), channel, {"address": address})
    assert (answer.status, answer.json["title"]) == (400, "Not an address")
    assert expected in answer.json["detail"]


@pytest.mark.parametrize("channel", ["pigeon", "inapp", "log"])
async def test_a_channel_without_addresses_is_not_here(server: Caller, channel: str) -> None:
    phone = await server.phone()
    assert (await put(server, phone, channel, MAILBOX)).status == 404
    assert (await server.call("DELETE", phone.path(f"addresses/{channel}"), phone.token)).status == 404


async def test_a_device_sees_and_sets_its_own_addresses_only(server: Caller) -> None:
    mine, other = await server.phone(), await server.phone()
    assert (await server.call("GET", mine.path("addresses"), other.token)).status == 403
    assert (await server.call("PUT", mine.path("addresses/email"), other.token, MAILBOX)).status == 403
    assert (await server.call("DELETE", mine.path("addresses/email"), other.token)).status == 403
