"""The local push service, as an application server and as a phone see it."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import jwt
import pytest

from firmware_sim.push_service import PushService, serving
from firmware_sim.webpush import base64url
from push.channels import vapid

KEY = vapid.generate()
OTHER_KEY = vapid.generate()
DAY_S = 86400


class ManualClock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now_s = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def service(clock: ManualClock) -> AsyncIterator[PushService]:
    async with serving(PushService(clock)) as running:
        yield running


@pytest.fixture
async def http(service: PushService) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(service.origin) as session:
        yield session


class Phone:
    """A subscription that was made over HTTP, and its websocket."""

    def __init__(self, http: aiohttp.ClientSession, places: dict[str, str]) -> None:
        self.endpoint = places["endpoint"]
        self._receive = places["receive"]
        self._http = http

    async def push(self, body: bytes = b"sealed", key: vapid.Key = KEY, **headers: str) -> int:
        return (await self.push_for_headers(body, key, **headers))[0]

    async def push_for_headers(self, body: bytes, key: vapid.Key, **headers: str) -> tuple[int, dict[str, str]]:
        now_ms = 1_800_000_000_000
        origin = self.endpoint.partition("/push/")[0]
        authorization = vapid.Signer(key, "mailto:a@b.example").authorization(origin, now_ms)
        given = {"TTL": "60", "Content-Encoding": "aes128gcm", "Authorization": authorization}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        async with self._http.post(self.endpoint, data=body, headers=given) as response:
            return response.status, dict(response.headers)

    def listen(self) -> Any:  # noqa: ANN401 - aiohttp's request context
        return self._http.ws_connect(self._receive)

    async def bodies(self, count: int) -> list[bytes]:
        """The next bodies, each acknowledged."""
        async with self.listen() as socket:
            found = []
            for _ in range(count):
                pushed = await socket.receive_json(timeout=5)
                await socket.send_str(pushed["id"])
                found.append(base64.b64decode(pushed["body"]))
            return found


@pytest.fixture
async def phone(http: aiohttp.ClientSession) -> Phone:
    asked = {"applicationServerKey": vapid.application_server_key(KEY)}
    async with http.post("/subscriptions", json=asked) as response:
        assert response.status == 201
        return Phone(http, await response.json())


async def test_what_was_pushed_while_the_phone_was_away_waits_for_it(phone: Phone) -> None:
    assert [await phone.push(b"one"), await phone.push(b"two")] == [201, 201]

    assert await phone.bodies(2) == [b"one", b"two"]


async def test_what_was_not_acknowledged_comes_again(phone: Phone) -> None:
    await phone.push(b"one")
    async with phone.listen() as socket:
        await socket.receive_json(timeout=5)

    assert await phone.bodies(1) == [b"one"]


async def test_a_listening_phone_is_told_at_once(phone: Phone) -> None:
    async with phone.listen() as socket:
        await phone.push(b"first")
        await socket.receive_json(timeout=5)
        await phone.push(b"now or never", TTL="0")
        pushed = await socket.receive_json(timeout=5)

    assert base64.b64decode(pushed["body"]) == b"now or never"


async def test_a_topic_replaces_what_waits_under_it(phone: Phone) -> None:
    await phone.push(b"old", Topic="offer")
    await phone.push(b"other")
    await phone.push(b"new", Topic="offer")

    assert await phone.bodies(2) == [b"other", b"new"]


async def test_messages_expire(phone: Phone, clock: ManualClock) -> None:
    await phone.push(b"short", TTL="10")
    await phone.push(b"long", TTL="100")
    await phone.push(b"now or never", TTL="0")
    clock.now_s += 11

    assert await phone.bodies(1) == [b"long"]


async def test_the_answer_says_where_the_message_is_and_how_long_it_is_kept(phone: Phone) -> None:
    status, headers = await phone.push_for_headers(b"x", KEY)

    assert status == 201
    assert "/message/" in headers["Location"]
    assert headers["TTL"] == "60"


async def test_only_the_key_that_was_subscribed_with_may_push(phone: Phone) -> None:
    assert await phone.push(key=OTHER_KEY) == 403


async def test_a_token_of_another_day_is_refused(phone: Phone, clock: ManualClock) -> None:
    clock.now_s += DAY_S

    assert await phone.push() == 401


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"exp": 1_800_000_000 + DAY_S, "aud": "ours"}, 201),
        ({"exp": 1_800_000_000 + DAY_S + 1, "aud": "ours"}, 401),
        ({"exp": 1_800_000_000 - 1, "aud": "ours"}, 401),
        ({"exp": 1_800_000_000 + 60, "aud": "https://else.example"}, 401),
        ({"aud": "ours"}, 401),
    ],
)
async def test_tokens_are_judged_as_rfc_8292_says(
    phone: Phone, service: PushService, claims: dict[str, Any], status: int
) -> None:
    token = jwt.encode({**claims, "aud": claims["aud"].replace("ours", service.origin)}, KEY, algorithm="ES256")
    header = f"vapid t={token}, k={vapid.application_server_key(KEY)}"

    assert await phone.push(Authorization=header) == status


@pytest.mark.parametrize("header", ["", "Bearer x", "vapid t=x,k=y", f"vapid t=a.b.c,k={base64url(bytes(65))}"])
async def test_what_is_no_token_is_refused(phone: Phone, header: str) -> None:
    assert await phone.push(Authorization=header) == 401


@pytest.mark.parametrize(
    "headers",
    [{"TTL": "soon"}, {"TTL": ""}, {"Urgency": "very"}, {"Topic": "a" * 33}, {"Content_Encoding": "aesgcm"}],
)
async def test_malformed_requests_are_refused(phone: Phone, headers: dict[str, str]) -> None:
    assert await phone.push(b"sealed", KEY, **headers) == 400


async def test_a_body_that_is_too_large_is_refused(phone: Phone) -> None:
    assert await phone.push(bytes(4096)) == 201
    assert await phone.push(bytes(4097)) == 413


async def test_an_ended_subscription_is_gone_for_both_sides(phone: Phone, http: aiohttp.ClientSession) -> None:
    async with http.delete(phone.endpoint) as response:
        assert response.status == 204

    assert await phone.push() == 410
    with pytest.raises(aiohttp.WSServerHandshakeError, match="410"):
        await phone.bodies(1)
