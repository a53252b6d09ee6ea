"""Receivers of webhooks on loopback, over TLS: one does as it is told, an SMS provider has a mind of its own."""

import asyncio
import contextlib
import ssl
from base64 import b64encode
from collections import deque
from collections.abc import AsyncIterator, Mapping
from typing import Final, NamedTuple, TypeVar
from urllib.parse import parse_qsl

import trustme
from aiohttp import web

HOST: Final = "127.0.0.1"
_CLOSE_S: Final = 0.2


class Reply(NamedTuple):
    """What is answered: a status with headers and body, later, or instead a connection that is cut after some bytes."""

    status: int = 200
    headers: Mapping[str, str] = {}
    body: bytes = b""
    delay_s: float = 0.0
    cut: bytes | None = None


class Request(NamedTuple):
    """What came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """Keeps what comes in at any path; `replies` are used up one a request."""

    def __init__(self) -> None:
        self.replies: deque[Reply] = deque()
        self.requests: list[Request] = []
        self.authority = trustme.CA()
        self.origin = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        came = Request(request.method, request.path_qs, dict(request.headers), await request.read())
        self.requests.append(came)
        reply = self.replies.popleft() if self.replies else self.usual(came)
        await asyncio.sleep(reply.delay_s)
        if reply.cut is not None and request.transport is not None:
            request.transport.write(reply.cut)
            request.transport.close()
        return web.Response(status=reply.status, headers=reply.headers, body=reply.body)

    def usual(self, request: Request) -> Reply:
        """What is answered where nothing else is asked for."""
        del request
        return Reply()


class SmsProvider(Receiver):
    """An SMS provider as they are: Basic authentication, a form, E.164 numbers, its own id in a JSON answer."""

    def __init__(self, account: str, token: str) -> None:
        super().__init__()
        self.account = account
        self.authorization = "Basic " + b64encode(f"{account}:{token}".encode()).decode()
        self.sent: list[dict[str, str]] = []

    def usual(self, request: Request) -> Reply:
        if request.headers.get("Authorization") != self.authorization:
            return Reply(401, body=b'{"code": 20003}')
        if request.path != f"/2010/Accounts/{self.account}/Messages":
            return Reply(404)
        if request.method != "POST":
            return Reply(405)
        if request.headers.get("Content-Type") != "application/x-www-form-urlencoded":
            return Reply(415)
        return self._take(request.body)

    def _take(self, body: bytes) -> Reply:
        form = dict(_pairs(body))
        if set(form) != {"From", "To", "Body"} or not form["To"].startswith("+"):
            return Reply(400, body=b'{"code": 21211}')
        if not 0 < len(form["Body"]) <= 1600:
            return Reply(400, body=b'{"code": 21617}')
        self.sent.append(form)
        return Reply(201, {"Content-Type": "application/json"}, b'{"message": {"sid": "SM%d"}}' % len(self.sent))


def _pairs(body: bytes) -> list[tuple[str, str]]:
    return parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True)


R = TypeVar("R", bound=Receiver)


@contextlib.asynccontextmanager
async def serving(receiver: R) -> AsyncIterator[R]:
    """Serve on loopback, on a free port; sets the receiver's `origin`."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    receiver.authority.issue_cert(HOST).configure_cert(tls)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.handle)
    runner = web.AppRunner(app, shutdown_timeout=_CLOSE_S, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, 0, ssl_context=tls).start()
        receiver.origin = f"https://{HOST}:{runner.addresses[0][1]}"
        yield receiver
    finally:
        await runner.cleanup()
