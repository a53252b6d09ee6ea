"""The server's HTTP API as an app on a phone uses it.

ApiError
├── OfflineError    no answer, or one that may be better later (5xx, 429): try again
└── RefusedError    the server said no, and why (RFC 9457): trying again would not help
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Final

import aiohttp
import msgspec

from firmware_sim.sse import Event, EventParser

TIMEOUT_S: Final = 15.0
SILENCE_S: Final = 45.0
"""The server says something at least every 15 s; a stream silent for three times as long is dead."""
RETRYABLE: Final = 500
TOO_MANY: Final = 429


class ApiError(Exception):
    """A request that did not succeed."""


class OfflineError(ApiError):
    """No answer, or none yet."""

    def __init__(self, method: str, path: str, reason: str) -> None:
        super().__init__(f"{method} {path}: {reason}")


class RefusedError(ApiError):
    """The server's refusal; `status` is HTTP's."""

    def __init__(self, method: str, path: str, status: int, problem: str) -> None:
        super().__init__(f"{method} {path}: {status} {problem}")
        self.status = status


class Device(msgspec.Struct, frozen=True):
    """A registered device: the token reads its messages and changes its consent."""

    device: str
    token: str
    shopper: str


class Tag(msgspec.Struct, frozen=True):
    """The rotating identity that a phone may advertise; `identity_key` is hex, and a secret."""

    beacon: str
    format: str
    identity_key: str
    exponent: int
    counter_s: int
    counter_at_ms: int


class Message(msgspec.Struct, frozen=True):
    """An offer as an app receives it, by stream, push, or in answer to what it ranged."""

    id: str
    delivery: str
    title: str
    body: str
    expires_ms: int
    url: str | None = None
    image: str | None = None


class Receipt(msgspec.Struct, frozen=True):
    """What became of a delivery: `kind` is "shown" or "opened"."""

    delivery: str
    kind: str
    at_ms: int


class Ranged(msgspec.Struct, frozen=True):
    """A fixture that the phone heard; `id` is hex."""

    kind: str
    id: str
    rssi_dbm: int
    heard_ms_ago: int


class _Answer(msgspec.Struct):
    messages: tuple[Message, ...] = ()


class Server:
    """One app's view of the server at `base` (a URL without a path); the session is the caller's to close."""

    def __init__(self, session: aiohttp.ClientSession, base: str, app_key: str) -> None:
        self._session = session
        self._base = base.rstrip("/")
        self._app_key = app_key

    async def config(self) -> dict[str, Any]:
        """What the server tells every app: its application server key, purposes, regions."""
        raw = await self._request("GET", "/v1/app/config", self._app_key)
        return msgspec.json.decode(raw, type=dict[str, Any])

    async def register(self, *, platform: str = "sim", locale: str = "en", shopper: str | None = None) -> Device:
        """Register a device; without a shopper it belongs to a new, anonymous one."""
        body = {"shopper": shopper, "platform": platform, "locale": locale}
        raw = await self._request("POST", "/v1/devices", self._app_key, body)
        return msgspec.json.decode(raw, type=Device)

    async def consent(self, device: Device, purposes: Mapping[str, bool]) -> None:
        """Grant (True) or withdraw (False) purposes."""
        await self._request("PUT", f"/v1/devices/{device.device}/consent", device.token, {"purposes": purposes})

    async def subscribe(self, device: Device, subscription: Mapping[str, object]) -> None:
        """Tell where and how to push, as `PushSubscription.toJSON()` says it."""
        await self._request("PUT", f"/v1/devices/{device.device}/subscription", device.token, subscription)

    async def tag(self, device: Device) -> Tag:
        """A rotating identity for this phone to advertise."""
        raw = await self._request("POST", f"/v1/devices/{device.device}/tag", device.token, {})
        return msgspec.json.decode(raw, type=Tag)

    async def report(self, device: Device, receipts: Sequence[Receipt]) -> None:
        """Report what was shown and opened."""
        await self._request("POST", "/v1/receipts", device.token, {"receipts": receipts})

    async def sighted(self, device: Device, store: str, sightings: Sequence[Ranged]) -> tuple[Message, ...]:
        """Report ranged fixtures; the answer may carry messages at once."""
        body = {"store": store, "sightings": sightings}
        raw = await self._request("POST", "/v1/sightings", device.token, body)
        return msgspec.json.decode(raw or b"{}", type=_Answer).messages

    async def events(self, device: Device, parser: EventParser) -> AsyncGenerator[Event, None]:
        """The device's event stream from `parser.last_id` on, until it breaks (OfflineError) or is refused."""
        path = f"/v1/devices/{device.device}/messages"
        headers = _headers(device.token) | {"Accept": "text/event-stream"}
        if parser.last_id:
            headers["Last-Event-ID"] = parser.last_id
        timeout = aiohttp.ClientTimeout(connect=TIMEOUT_S, sock_read=SILENCE_S)
        try:
            async with self._session.get(self._base + path, headers=headers, timeout=timeout) as response:
                await _check(response, "GET", path)
                async for chunk in response.content.iter_any():
                    for event in parser.feed(chunk):
                        yield event
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise OfflineError("GET", path, str(error) or repr(error)) from None

    async def _request(self, method: str, path: str, token: str, body: object = None) -> bytes:
        raw = None if body is None else msgspec.json.encode(body)
        headers = _headers(token) | ({} if raw is None else {"Content-Type": "application/json"})
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        try:
            async with self._session.request(
                method, self._base + path, data=raw, headers=headers, timeout=timeout
            ) as response:
                await _check(response, method, path)
                return await response.read()
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            raise OfflineError(method, path, str(error) or repr(error)) from None


def _headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def _check(response: aiohttp.ClientResponse, method: str, path: str) -> None:
    if response.ok:
        return
    text = (await response.text(errors="replace"))[:500]
    if response.status >= RETRYABLE or response.status == TOO_MANY:
        raise OfflineError(method, path, f"{response.status} {text}")
    raise RefusedError(method, path, response.status, text)
