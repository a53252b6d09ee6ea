"""A system of the operator's on loopback, over TLS: takes what hooks post, and is faulty when told to be."""

import asyncio
import json
import ssl
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import trustme
from aiohttp import web
from standardwebhooks.webhooks import Webhook

HOST = "127.0.0.1"


class Received(NamedTuple):
    """One request that was answered, whatever with."""

    id: str
    body: dict[str, Any]
    headers: dict[str, str]
    raw: bytes
    answered: str


class Receiver:
    """Answers by its script (a status, or ``slow``, ``held``, ``cut``, ``redirect``, ``huge``), and 204 at its end."""

    def __init__(self) -> None:
        self.script: deque[str] = deque()
        self.always: str | None = None
        """Instead of the script."""
        self.requests: list[Received] = []
        self.retry_after: str | None = None
        self.at_once = 0
        self.most_at_once = 0
        self.authority = trustme.CA()
        self.url = ""
        self.slow_s = 30.0
        self.release = asyncio.Event()

    @property
    def taken(self) -> list[Received]:
        return [request for request in self.requests if request.answered in {"204", "200", "huge", "held"}]

    @property
    def seqs(self) -> list[int]:
        """Numbers of the events that were taken."""
        return [r.body["data"]["seq"] for r in self.taken if r.body["type"].startswith("message.")]

    def then(self, faults: Iterable[str]) -> None:
        self.script.extend(faults)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            raw = await request.read()
            await asyncio.sleep(0)
            how = self.always or (self.script.popleft() if self.script else "204")
            headers = {k.lower(): v for k, v in request.headers.items()}
            self.requests.append(Received(headers["webhook-id"], json.loads(raw), headers, raw, how))
            return await self._answer(request, how)
        finally:
            self.at_once -= 1

    async def _answer(self, request: web.Request, how: str) -> web.StreamResponse:
        match how:
            case "slow":
                await asyncio.sleep(self.slow_s)
            case "held":
                await self.release.wait()
            case "cut":
                assert request.transport is not None
                request.transport.abort()
            case "redirect":
                return web.Response(status=307, headers={"Location": self.url + "/elsewhere"})
            case "huge":
                return web.Response(body=b"x" * 3_000_000)
            case status:
                headers = {} if self.retry_after is None else {"Retry-After": self.retry_after}
                return web.Response(status=int(status), headers=headers)
        return web.Response()

    def verified(self, secret: str, request: Received) -> bool:
        """Whether the library that receivers use takes the signature."""
        try:
            Webhook(secret).verify(request.raw, request.headers)
        except Exception:  # noqa: BLE001 - the library's own, and whatever it meets in a bad header
            return False
        return True


@asynccontextmanager
async def receiving(folder: Path) -> AsyncIterator[tuple[Receiver, str]]:
    """A receiver, and the file of the authority that signed its certificate."""
    receiver = Receiver()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    receiver.authority.issue_cert(HOST).configure_cert(tls)
    ca_file = folder / "receiver-ca.pem"
    receiver.authority.cert_pem.write_to_path(str(ca_file))
    app = web.Application()
    app.router.add_post("/{tail:.*}", receiver.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, HOST, 0, ssl_context=tls)
    await site.start()
    receiver.url = f"https://{HOST}:{runner.addresses[0][1]}/hook?token=secret"
    try:
        yield receiver, str(ca_file)
    finally:
        await runner.cleanup()
