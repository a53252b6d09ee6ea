"""What Chromium's push speaks, in front of the local push service: check-in, registration, and MCS over TLS.

Field numbers as in the `.proto` files of Chromium's `google_apis/gcm/protocol`.
"""

import asyncio
import contextlib
import secrets
import ssl
import time
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

import trustme
from aiohttp import web

from firmware_sim.push_service import Pushed, PushService
from tests.support import protobuf

ORIGINS: Final = ("https://fcm.googleapis.com", "https://jmt17.google.com")
"""Origins that Chromium gives its endpoints, whatever it is told about its push service: released and other builds."""

_VERSION: Final = bytes((41,))
_PING, _PING_ANSWER, _LOGIN, _LOGIN_ANSWER, _IQ, _DATA = 0, 1, 2, 3, 7, 8
_SELECTIVE_ACK: Final = 12
_LAST_STREAM_ID: Final = 10
_LOGIN_STREAM_ID: Final = 1


class Registration(NamedTuple):
    """One push subscription of the browser."""

    app: str
    subtype: str
    sender: str


class Gcm:
    """The stand-in: one browser's registrations by token, and the messages that it confirmed."""

    def __init__(self, service: PushService) -> None:
        self.origin = ""
        self.mcs = ""
        self.acknowledged: list[str] = []
        self.registrations: dict[str, Registration] = {}
        self._service = service
        self._connections: set[_Connection] = set()

    def app(self) -> web.Application:
        """Check-in and registration."""
        app = web.Application()
        app.router.add_post("/check-in", _check_in)
        app.router.add_post("/register3", self._register)
        return app

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one MCS connection until the browser closes it."""
        connection = _Connection(self, self._service, reader, writer)
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)

    def acknowledge(self, message_id: str) -> None:
        """The browser has it."""
        self.acknowledged.append(message_id)
        for token in self.registrations:
            self._service.inboxes[token].acknowledge(message_id)

    async def _register(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        asked = Registration(form["app"], form.get("X-subtype", ""), form.get("sender", ""))
        if "delete" in form:
            for token in [t for t, known in self.registrations.items() if known.subtype == asked.subtype]:
                del self.registrations[token]
                self._service.unsubscribe(token)
            return web.Response(text=f"deleted={asked.app}")
        token = self._service.subscribe(asked.sender.rstrip("="), audiences=ORIGINS)
        self.registrations[token] = asked
        for connection in self._connections:
            connection.attach(token)
        return web.Response(text=f"token={token}")


async def _check_in(request: web.Request) -> web.Response:
    asked = protobuf.decode(await request.read())
    android_id = protobuf.integer(asked, 2) or secrets.randbits(62) + 1
    token = protobuf.integer(asked, 13) or secrets.randbits(62) + 1
    known = protobuf.encode([(1, 1), (3, int(time.time() * 1000)), (9, 0)])
    body = known + protobuf.fixed64(7, android_id) + protobuf.fixed64(8, token)
    return web.Response(body=body, content_type="application/x-protobuf")


class _Connection:
    def __init__(
        self, gcm: Gcm, service: PushService, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._gcm = gcm
        self._service = service
        self._reader = reader
        self._writer = writer
        self._sent: list[str] = []
        self._attached = contextlib.ExitStack()

    async def run(self) -> None:
        """Read stanzas: tag, length, message; the first comes after a version byte."""
        try:
            await self._reader.readexactly(1)
            while True:
                tag = (await self._reader.readexactly(1))[0]
                self._answer(tag, protobuf.decode(await self._reader.readexactly(await self._size())))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._attached.close()
            self._writer.close()

    def attach(self, token: str) -> None:
        """Hand over what comes for a registration."""
        inbox = self._service.inboxes[token]

        def notify(pushed: Pushed) -> None:
            self._sent.append(pushed.id)
            self._write(_DATA, _data(self._gcm.registrations[token], pushed))

        inbox.attach(notify, self._service.clock_s())
        self._attached.callback(inbox.detach, notify)

    async def _size(self) -> int:
        raw = b""
        while not raw or raw[-1] > 0x7F:
            raw += await self._reader.readexactly(1)
        return protobuf.read_varint(raw, 0)[0]

    def _answer(self, tag: int, stanza: protobuf.Fields) -> None:
        self._confirm(tag, stanza)
        if tag == _PING:
            self._write(_PING_ANSWER, b"")
        elif tag == _LOGIN:
            self._writer.write(_VERSION)
            fields = [(5, _LOGIN_STREAM_ID), (6, 1), (8, int(time.time() * 1000))]
            self._write(_LOGIN_ANSWER, protobuf.encode([(1, protobuf.text(stanza, 1)[0]), *fields]))
            for token in self._gcm.registrations:
                self.attach(token)

    def _confirm(self, tag: int, stanza: protobuf.Fields) -> None:
        if tag == _LOGIN:
            confirmed = protobuf.text(stanza, _LAST_STREAM_ID)
        elif tag == _IQ and protobuf.integer(protobuf.message(stanza, 7), 1) == _SELECTIVE_ACK:
            confirmed = protobuf.text(protobuf.message(protobuf.message(stanza, 7), 2), 1)
        else:
            confirmed = self._sent[: max(0, protobuf.integer(stanza, _LAST_STREAM_ID) - _LOGIN_STREAM_ID)]
        for message_id in confirmed:
            if message_id not in self._gcm.acknowledged:
                self._gcm.acknowledge(message_id)

    def _write(self, tag: int, stanza: bytes) -> None:
        self._writer.write(bytes((tag,)) + protobuf.varint(len(stanza)) + stanza)


def _data(registration: Registration, pushed: Pushed) -> bytes:
    subtype = protobuf.encode([(1, "subtype"), (2, registration.subtype)])
    encoding = protobuf.encode([(1, "content-encoding"), (2, "aes128gcm")])
    return protobuf.encode(
        [
            (2, pushed.id),
            (3, registration.sender),
            (5, registration.app),
            (7, subtype),
            (7, encoding),
            (9, pushed.id),
            (17, pushed.ttl_s),
            (18, int(time.time())),
            (21, pushed.body),
            (24, 1),
        ]
    )


@contextlib.asynccontextmanager
async def gcm(service: PushService) -> AsyncIterator[Gcm]:
    """Serve on free ports of loopback; sets `origin` and `mcs`, as Chromium's switches take them."""
    stand_in = Gcm(service)
    runner = web.AppRunner(stand_in.app(), shutdown_timeout=0.2, access_log=None)
    await runner.setup()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        stand_in.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with await asyncio.start_server(stand_in.connect, "127.0.0.1", 0, ssl=context) as mcs:
            stand_in.mcs = f"https://127.0.0.1:{mcs.sockets[0].getsockname()[1]}"
            yield stand_in
    finally:
        await runner.cleanup()
