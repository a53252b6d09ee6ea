"""The suppression list: put by address or delivery, shown masked, found by hash, in pages."""

from typing import Any

import pytest

from push.api import suppressions
from push.api.masks import masked
from push.deliver.asked import AddressedChannel
from tests.support.senders import AGREED, mailbox, sender, sent, to
from tests.support.servers import Caller

ANN = {"channel": "email", "address": {"email": "ann@example.com"}, "reason": "bounced"}


async def test_an_address_is_listed_masked_and_taken_off_by_its_hash(any_server: Caller) -> None:
    server = any_server
    put = await server.operate("POST", "/v1/suppressions", ANN)
    assert (put["shown"], put["reason"], put["channel"]) == ("a…@example.com", "bounced", "email")
    again = await server.operate("POST", "/v1/suppressions", {**ANN, "reason": "complained"})
    assert again == put, "the first word stays"
    listed = await server.call("GET", "/v1/suppressions", server.operator)
    assert listed.json == [put]
    assert b"ann@" not in listed.raw
    path = f"/v1/suppressions/email/{put['hash']}"
    assert (await server.call("DELETE", path, server.operator)).status == 204
    assert (await server.call("DELETE", path, server.operator)).status == 404
    assert await server.operate("GET", "/v1/suppressions") == []


async def test_a_sender_may_put_on_the_list_where_a_delivery_went_but_not_read_it(any_server: Caller) -> None:
    server = any_server
    shop = await sender(server)
    [verdict] = await sent(server, to(address=mailbox("bob@example.com"), agreed=AGREED), token=shop)
    body = {"delivery": verdict["delivery"], "reason": "complained"}
    put = await server.call("POST", "/v1/suppressions", shop, body)
    assert (put.status, put.json["shown"], put.json["source"]) == (201, "b…@example.com", "sender:shop")
    assert (await server.call("GET", "/v1/suppressions", shop)).status == 403


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"reason": "x"}, 400),
        ({"reason": "x", "channel": "email"}, 400),
        ({**ANN, "delivery": "d"}, 400),
        ({**ANN, "address": {"email": "nobody"}}, 400),
        ({**ANN, "reason": ""}, 400),
        ({"delivery": "none", "reason": "x"}, 404),
    ],
)
async def test_what_names_no_address_is_refused(server: Caller, body: dict[str, Any], status: int) -> None:
    answer = await server.call("POST", "/v1/suppressions", server.operator, body)
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json")


@pytest.mark.parametrize("after", ["x", "1", "1.email", "1.pigeon." + "0" * 64, "1.email." + "g" * 64])
async def test_a_page_that_is_none_is_refused(server: Caller, after: str) -> None:
    assert (await server.call("GET", f"/v1/suppressions?after={after}", server.operator)).status == 400


async def test_an_unknown_channel_is_not_here(server: Caller) -> None:
    answer = await server.call("DELETE", "/v1/suppressions/pigeon/abc", server.operator)
    assert (answer.status, answer.json["title"]) == (404, "Unknown channel")


async def test_pages_follow_each_other(any_server: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    server = any_server
    monkeypatch.setattr(suppressions, "MOST", 2)
    for n in range(3):
        await server.operate("POST", "/v1/suppressions", {**ANN, "address": {"email": f"u{n}@example.com"}})
    first = await server.call("GET", "/v1/suppressions", server.operator)
    path = first.headers["Link"].partition(">")[0].removeprefix("<")
    second = await server.call("GET", path, server.operator)
    assert "Link" not in second.headers
    assert [len(first.json), len(second.json)] == [2, 1]
    assert len({one["hash"] for one in first.json + second.json}) == 3


@pytest.mark.parametrize(
    ("channel", "address", "shown"),
    [
        ("email", {"email": "ann@example.com"}, "a…@example.com"),
        ("webhook", {"to": "+491701234567"}, "…4567"),
        ("webhook", {"to": "4711"}, "…"),
        ("fcm", {"fid": "abcdefghijklmnop"}, "…mnop"),
        ("apns", {"token": "00" * 32}, "…0000"),
        ("webpush", {"endpoint": "https://push.example/secret"}, "…cret"),
    ],
)
def test_a_mask_shows_enough_to_recognise_and_nothing_to_write_to(
    channel: AddressedChannel, address: dict[str, object], shown: str
) -> None:
    assert masked(channel, address) == shown
