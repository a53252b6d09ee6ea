"""A small push service (RFC 8030) that runs on loopback, so that Web Push is real with no network at all.

    application server ──POST /push/{id}──▶ inbox ──websocket /receive/{id}──▶ phone
                                              └──────attach()──▶ whatever speaks a browser's own protocol

It is as strict as the real ones: TTL is asked for, VAPID tokens are verified, topics replace, messages expire. Its next
answers can be made faulty.
"""

import asyncio
import contextlib
import re
import ssl
import time
import uuid
from base64 import urlsafe_b64decode
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

import jwt
import msgspec
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec

MAX_BODY: Final = 4096  # RFC 8030 section 7.2
_MAX_TOKEN_LIFE_S: Final = 24 * 3600  # RFC 8292 section 2
_TOPIC: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")  # RFC 8030 section 5.4
_VAPID: Final = re.compile(r"vapid (?=.*\bt=(?P<t>[\w.-]+))(?=.*\bk=(?P<k>[\w-]+))")  # RFC 8292 section 3
_URGENCIES: Final = frozenset({"very-low", "low", "normal", "high"})
_KEPT_REQUESTS: Final = 1000
_CLOSE_S: Final = 0.2


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What goes wrong with one answer: a delay, another status, or a connection that is closed after the bytes `cut`.

    A cut or a delayed message has been taken all the same: that is what makes such an outcome unknown.
    """

    delay_s: float = 0.0
    status: int | None = None
    headers: dict[str, str] = {}
    cut: bytes | None = None


class Pushed(msgspec.Struct, frozen=True, kw_only=True):
    """A message as it waits for its phone: the encrypted body, and what its headers asked for."""

    id: str
    body: bytes
    topic: str | None
    urgency: str
    ttl_s: int
    expires_s: float


Listener = Callable[[Pushed], None]


class Inbox:
    """One subscription: what waits for it, and who listens."""

    def __init__(self, application_server_key: str | None, audiences: Sequence[str]) -> None:
        """Only the holder of the key may send here; its tokens are made out to one of `audiences`."""
        self.application_server_key = application_server_key
        self.audiences = audiences
        self._waiting: dict[str, Pushed] = {}
        self._listener: Listener | None = None

    def put(self, message: Pushed) -> None:
        """Keep a message until it is acknowledged or expires; one with a topic replaces those before it."""
        if message.topic is not None:
            self._waiting = {i: m for i, m in self._waiting.items() if m.topic != message.topic}
        if message.ttl_s or self._listener:
            self._waiting[message.id] = message
        if self._listener:
            self._listener(message)

    def attach(self, listener: Listener, now_s: float) -> None:
        """Hand over what waits and what comes, until `detach`."""
        self._listener = listener
        for message in self.waiting(now_s):
            listener(message)

    def detach(self, listener: Listener) -> None:
        """Stop handing over, unless another listener has taken its place."""
        if self._listener is listener:
            self._listener = None

    def acknowledge(self, message_id: str) -> None:
        """The phone has it."""
        self._waiting.pop(message_id, None)

    def waiting(self, now_s: float) -> list[Pushed]:
        """What has been neither acknowledged nor replaced, and still makes sense."""
        self._waiting = {i: m for i, m in self._waiting.items() if m.expires_s > now_s}
        return list(self._waiting.values())


class PushService:
    """The service's state. `faults` are used up one a request; `requests` keeps the last headers that came in."""

    def __init__(self, clock_s: Callable[[], float] = time.time) -> None:
        """Start empty. `clock_s` gives seconds since the Unix epoch."""
        self.origin = ""
        self.faults: deque[Fault] = deque()
        self.requests: deque[dict[str, str]] = deque(maxlen=_KEPT_REQUESTS)
        self.inboxes: dict[str, Inbox] = {}
        self.gone: set[str] = set()
        self.clock_s = clock_s

    def subscribe(self, application_server_key: str | None = None, audiences: Sequence[str] = ()) -> str:
        """A new subscription's id; `audiences` where its endpoint is known under other origins than ours."""
        subscription = uuid.uuid4().hex
        self.inboxes[subscription] = Inbox(application_server_key, audiences or [self.origin])
        return subscription

    def unsubscribe(self, subscription: str) -> None:
        """Forget it; who pushes to it from now on is told that it is gone."""
        if self.inboxes.pop(subscription, None):
            self.gone.add(subscription)

    def endpoint(self, subscription: str) -> str:
        """Where application servers push to."""
        return f"{self.origin}/push/{subscription}"

    def app(self) -> web.Application:
        """The HTTP side. Chromium's endpoints keep Google's path, so that is served too."""
        app = web.Application(client_max_size=1 << 20)
        app.router.add_post("/push/{id}", self._push)
        app.router.add_post("/fcm/send/{id}", self._push)
        app.router.add_post("/subscriptions", self._subscribe)
        app.router.add_delete("/push/{id}", self._unsubscribe)
        app.router.add_get("/receive/{id}", self._receive)
        return app

    async def _push(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(dict(request.headers))
        fault = self.faults.popleft() if self.faults else Fault()
        if fault.status is not None:
            return web.Response(status=fault.status, headers=fault.headers)
        answer = self._take(request.match_info["id"], request.headers.get, await request.read())
        await asyncio.sleep(fault.delay_s)
        if fault.cut is not None and request.transport:
            request.transport.write(fault.cut)
            request.transport.close()
        return answer

    def _take(self, subscription: str, header: Callable[[str, str], str], body: bytes) -> web.Response:
        inbox = self.inboxes.get(subscription)
        if inbox is None:
            return web.Response(status=410 if subscription in self.gone else 404)
        refused = self._unauthorised(inbox, header("Authorization", "")) or _malformed(header, body)
        if refused:
            return web.Response(status=refused)
        ttl_s, topic = int(header("TTL", "")), header("Topic", "")
        message = Pushed(
            id=uuid.uuid4().hex,
            body=body,
            topic=topic or None,
            urgency=header("Urgency", "normal"),
            ttl_s=ttl_s,
            expires_s=self.clock_s() + ttl_s,
        )
        inbox.put(message)
        return web.Response(
            status=201, headers={"Location": f"{self.origin}/message/{message.id}", "TTL": header("TTL", "")}
        )

    def _unauthorised(self, inbox: Inbox, authorization: str) -> int | None:
        """RFC 8292 section 4.2: 401 without a good token, 403 with one of somebody else's."""
        if inbox.application_server_key is None and not authorization:
            return None
        match = _VAPID.match(authorization)
        if match is None or not verifies(match["t"], match["k"], inbox.audiences, self.clock_s()):
            return 401
        return None if inbox.application_server_key in (None, match["k"]) else 403

    async def _subscribe(self, request: web.Request) -> web.Response:
        asked = msgspec.json.decode(await request.read() or b"{}", type=dict[str, str])
        subscription = self.subscribe(asked.get("applicationServerKey"))
        receive = f"{self.origin}/receive/{subscription}"
        return web.json_response({"endpoint": self.endpoint(subscription), "receive": receive}, status=201)

    async def _unsubscribe(self, request: web.Request) -> web.Response:
        self.unsubscribe(request.match_info["id"])
        return web.Response(status=204)

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        """To the phone: JSON `Pushed`, base64 body; from it: the id of each message that it has."""
        inbox = self.inboxes.get(request.match_info["id"])
        if inbox is None:
            raise web.HTTPGone
        socket = web.WebSocketResponse(heartbeat=30)
        await socket.prepare(request)
        messages: asyncio.Queue[Pushed] = asyncio.Queue()
        listener = messages.put_nowait
        inbox.attach(listener, self.clock_s())
        sender = asyncio.create_task(_forward(messages, socket))
        try:
            async for acknowledged in socket:
                inbox.acknowledge(acknowledged.data)
        finally:
            inbox.detach(listener)
            sender.cancel()
        return socket


async def _forward(messages: asyncio.Queue[Pushed], socket: web.WebSocketResponse) -> None:
    with contextlib.suppress(ConnectionError):
        while True:
            await socket.send_str(msgspec.json.encode(await messages.get()).decode())


def _malformed(header: Callable[[str, str], str], body: bytes) -> int | None:
    topic = header("Topic", "")
    well_formed = (
        header("TTL", "").isdigit()  # RFC 8030 section 5.2
        and header("Urgency", "normal") in _URGENCIES
        and (not topic or _TOPIC.fullmatch(topic))
        and (not body or header("Content-Encoding", "") == "aes128gcm")
    )
    if not well_formed:
        return 400
    return 413 if len(body) > MAX_BODY else None


def verifies(token: str, key: str, audiences: Sequence[str], now_s: float) -> bool:
    """Whether a VAPID token is signed by `key` (base64url point), made out to one of us, and lives at most a day."""
    try:
        point = urlsafe_b64decode(key + "=" * (-len(key) % 4))
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        options: jwt.types.Options = {"require": ["exp", "aud"], "verify_exp": False}
        claims = jwt.decode(token, public, algorithms=["ES256"], audience=audiences, options=options)
    except (ValueError, jwt.InvalidTokenError):
        return False
    return now_s < float(claims["exp"]) <= now_s + _MAX_TOKEN_LIFE_S


@contextlib.asynccontextmanager
async def serving(service: PushService, port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[PushService]:
    """Serve on loopback, on a free port unless one is given; sets the service's `origin`."""
    runner = web.AppRunner(service.app(), shutdown_timeout=_CLOSE_S, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls)
        await site.start()
        host, bound = runner.addresses[0][:2]
        service.origin = f"{'https' if tls else 'http'}://{host}:{bound}"
        yield service
    finally:
        await runner.cleanup()
