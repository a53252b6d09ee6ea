"""The protocol between Firefox and its push service, in front of the local push service.

As `dom/push/PushServiceWebSocket.sys.mjs` of Firefox speaks it: JSON over a websocket, subprotocol
``push-notification``; `uaid` names a browser across connections, a channel is one subscription of it.
"""

import asyncio
import contextlib
import uuid
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from typing import Any, Final

from aiohttp import web

from firmware_sim.push_service import Inbox, Pushed, PushService

DELIVERED: Final = 100
"""The code of an acknowledged message that the service worker got; 101: could not be decrypted, 102: not delivered."""


class Autopush:
    """Every browser that ever connected, its channels, and what they acknowledged as (message id, code)."""

    def __init__(self, service: PushService) -> None:
        self.url = ""
        self.acknowledged: list[tuple[str, int]] = []
        self._service = service
        self._channels: dict[str, dict[str, str]] = {}

    async def connect(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one connection until the browser closes it."""
        socket = web.WebSocketResponse(protocols=("push-notification",))
        await socket.prepare(request)
        connection = _Connection(self, self._service, socket)
        try:
            async for message in socket:
                await connection.answer(message.json())
        finally:
            connection.close()
        return socket

    def channels(self, uaid: str) -> dict[str, str]:
        """The subscriptions of a browser, by its own names for them."""
        return self._channels.setdefault(uaid, {})


class _Connection:
    def __init__(self, autopush: Autopush, service: PushService, socket: web.WebSocketResponse) -> None:
        self._autopush = autopush
        self._service = service
        self._socket = socket
        self._uaid = ""
        self._outbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._sender = asyncio.create_task(self._send())
        self._attached = contextlib.ExitStack()

    async def answer(self, asked: dict[str, Any]) -> None:
        """React to one message; `{}` is a ping."""
        match asked.get("messageType"):
            case "hello":
                self._hello(asked)
            case "register":
                self._register(asked["channelID"], asked.get("key"))
            case "unregister":
                self._unregister(asked["channelID"])
            case "ack":
                self._acknowledge(asked["updates"])
            case None:
                self._outbox.put_nowait({})

    def close(self) -> None:
        """Let messages wait from now on."""
        self._attached.close()
        self._sender.cancel()

    def _hello(self, asked: dict[str, Any]) -> None:
        self._uaid = asked.get("uaid") or uuid.uuid4().hex
        hello: dict[str, Any] = {
            "messageType": "hello",
            "uaid": self._uaid,
            "status": 200,
            "use_webpush": True,
            "broadcasts": {},
        }
        self._outbox.put_nowait(hello)
        for channel, subscription in self._autopush.channels(self._uaid).items():
            self._attach(channel, subscription)

    def _register(self, channel: str, key: str | None) -> None:
        subscription = self._service.subscribe(key.rstrip("=") if key else None)
        self._autopush.channels(self._uaid)[channel] = subscription
        endpoint = self._service.endpoint(subscription)
        self._outbox.put_nowait(
            {"messageType": "register", "channelID": channel, "status": 200, "pushEndpoint": endpoint}
        )
        self._attach(channel, subscription)

    def _unregister(self, channel: str) -> None:
        self._service.unsubscribe(self._autopush.channels(self._uaid).pop(channel, ""))
        self._outbox.put_nowait({"messageType": "unregister", "channelID": channel, "status": 200})

    def _attach(self, channel: str, subscription: str) -> None:
        inbox = self._service.inboxes[subscription]

        def notify(pushed: Pushed) -> None:
            self._outbox.put_nowait(_notification(channel, pushed))

        inbox.attach(notify, self._service.clock_s())
        self._attached.callback(inbox.detach, notify)

    def _acknowledge(self, updates: list[dict[str, Any]]) -> None:
        for update in updates:
            self._autopush.acknowledged.append((update["version"], update["code"]))
            for inbox in self._inboxes():
                inbox.acknowledge(update["version"])

    def _inboxes(self) -> list[Inbox]:
        return [self._service.inboxes[s] for s in self._autopush.channels(self._uaid).values()]

    async def _send(self) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await self._socket.send_json(await self._outbox.get())


def _notification(channel: str, pushed: Pushed) -> dict[str, Any]:
    return {
        "messageType": "notification",
        "channelID": channel,
        "version": pushed.id,
        "data": urlsafe_b64encode(pushed.body).rstrip(b"=").decode(),
        "headers": {"encoding": "aes128gcm"},
    }


@contextlib.asynccontextmanager
async def autopush(service: PushService) -> AsyncIterator[Autopush]:
    """Serve on a free port of loopback; sets `url`."""
    server = Autopush(service)
    app = web.Application()
    app.router.add_get("/", server.connect)
    runner = web.AppRunner(app, shutdown_timeout=0.2, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.url = f"ws://127.0.0.1:{runner.addresses[0][1]}/"
        yield server
    finally:
        await runner.cleanup()
