"""One address in another spelling is the same address: no list and no refusal is passed by respelling it."""

from typing import Any, Final

import pytest

from tests.support.senders import AGREED, reasons, to
from tests.support.servers import Caller

TOKEN: Final = "ab" * 32
SPELLINGS: Final[list[tuple[str, dict[str, Any], dict[str, Any]]]] = [
    ("email", {"email": "Ann@Example.com"}, {"email": "ann@example.COM"}),
    ("email", {"email": "ann@bücher.example"}, {"email": "ann@xn--bcher-kva.example"}),
    ("email", {"email": "ren\u00e9@example.com"}, {"email": "rene\u0301@example.com"}),
    ("webhook", {"to": "+49301234567"}, {"to": "+49 (30) 123-45.67"}),
    ("webhook", {"to": "counter-7"}, {"to": " counter-7 "}),
    ("apns", {"token": TOKEN}, {"token": TOKEN.upper()}),
    ("fcm", {"token": "abc:def"}, {"token": "abc:def", "fid": None}),
]


def sms(number: str) -> dict[str, Any]:
    return {"channel": "webhook", "address": {"to": number}}


@pytest.mark.parametrize(("channel", "one", "other"), SPELLINGS)
async def test_what_is_suppressed_is_so_however_it_is_spelled(
    server: Caller, channel: str, one: dict[str, Any], other: dict[str, Any]
) -> None:
    for listed, asked in ((one, other), (other, one)):
        body = {"channel": channel, "address": listed, "reason": "bounced"}
        put = await server.operate("POST", "/v1/suppressions", body)
        address = {"channel": channel, "address": asked}
        assert await reasons(server, to(address=address, agreed=AGREED)) == ["suppressed"]
        assert await reasons(server, to(address=address, basis="service")) == ["suppressed"]
        path = f"/v1/suppressions/{channel}/{put['hash']}"
        assert (await server.call("DELETE", path, server.operator)).status == 204


async def test_who_refused_is_not_reached_by_another_spelling(server: Caller) -> None:
    phone = await server.phone(marketing=True, webhook=False)
    put = await server.call("PUT", phone.path("addresses/webhook"), phone.token, {"address": {"to": "+49301234567"}})
    assert put.status == 204
    for number in ("+49301234567", "+49 30 1234567", "+49-30-1234567"):
        assert await reasons(server, to(address=sms(number), agreed=AGREED)) == ["not_agreed"]


async def test_mailboxes_that_only_look_alike_are_two(server: Caller) -> None:
    body = {"channel": "email", "address": {"email": "strasse@example.com"}, "reason": "bounced"}
    await server.operate("POST", "/v1/suppressions", body)
    address = {"channel": "email", "address": {"email": "straße@example.com"}}
    assert await reasons(server, to(address=address, agreed=AGREED)) == ["queued"]
