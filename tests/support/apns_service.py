"""A small APNs that runs on loopback: HTTP/2 over TLS, strict about what it is sent, and faulty as a test wants it.

    async with serving(ApnsService()) as service:
        service.script = lambda call: call.refuse(410, "Unregistered") if call.device == dead else call.answer()

A `Call` is a whole request; a script that neither answers nor refuses it leaves it without an answer. Connections of a
service can be told to say GOAWAY, change SETTINGS, send garbage, or to be cut, at any time.
"""

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import trustme
from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, Event, PingReceived, RequestReceived, SettingsAcknowledged, StreamEnded, StreamReset
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings
from hyperframe.frame import GoAwayFrame

HOST = "localhost"
_EVERYTHING = 2**31 - 1
_FRAME_BYTES = 16_384
_BUFFER_BYTES = 65_536


class Call:
    """One request, whole."""

    def __init__(self, connection: "ServerConnection", stream: int, headers: dict[str, str], body: bytes) -> None:
        self.connection = connection
        self.stream = stream
        self.headers = headers
        self.body = body

    @property
    def device(self) -> str:
        return self.headers[":path"].removeprefix("/3/device/")

    @property
    def payload(self) -> dict[str, Any]:
        payload: dict[str, Any] = json.loads(self.body)
        return payload

    @property
    def everything(self) -> str:
        """All that the provider can read of it."""
        return json.dumps(self.headers) + self.body.decode()

    def answer(self, status: int = 200, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        """Answer, as far as this still can."""
        self.connection.answer(self, status, body, headers or {})

    def refuse(self, status: int, reason: str, **more: Any) -> None:  # noqa: ANN401 - members of an answer
        self.answer(status, json.dumps({"reason": reason, **more}).encode())

    def reset(self, code: ErrorCodes) -> None:
        self.connection.reset(self.stream, code)


Script = Callable[[Call], None]


class ServerConnection(asyncio.Protocol):
    """One connection, from the server's side."""

    def __init__(self, service: "ApnsService") -> None:
        self.service = service
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._heads: dict[int, dict[str, str]] = {}
        self._bodies: dict[int, bytes] = {}
        self._last = _EVERYTHING
        self.open = 0
        self.most_open = 0
        self.calls: list[Call] = []
        self.resets: list[int] = []
        self._unsent: dict[int, bytes] = {}
        self.pings = 0
        self.acknowledged = 0
        """SETTINGS that the client has taken."""

    @property
    def left(self) -> bool:
        """Whether the client is gone, or has said GOAWAY: it wants no more answers."""
        return self.transport.is_closing() or self._h2.state_machine.state is ConnectionState.CLOSED

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.service.connections.append(self)
        self.service.accepted += 1
        self._h2.local_settings = Settings(client=False, initial_values=self.service.settings)
        self._h2.initiate_connection()
        if not self.service.mute:
            self.flush()
            self.service.greeting(self)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.service.connections.remove(self)

    def data_received(self, data: bytes) -> None:
        if self.service.deaf or self.service.mute:
            return
        try:
            for event in self._h2.receive_data(data):
                self._take(event)
        except ProtocolError as error:
            self.service.violations.append(error)
            self.transport.abort()
            return
        if not self.left:
            self._send_bodies()
        self.flush()

    def _take(self, event: Event) -> None:
        match event:
            case RequestReceived():
                self._heads[event.stream_id] = {str(k): str(v) for k, v in event.headers}
                self._bodies[event.stream_id] = b""
                self.open += 1
                self.most_open = max(self.most_open, self.open)
            case DataReceived():
                self._bodies[event.stream_id] += event.data
                if self.service.opens_windows:
                    self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case StreamEnded():
                self._whole(event.stream_id)
            case StreamReset():
                self.open -= 1
                self.resets.append(event.stream_id)
                self._unsent.pop(event.stream_id, None)
            case SettingsAcknowledged():
                self.acknowledged += 1
            case PingReceived():
                self.pings += 1
            case _:
                pass

    def _whole(self, stream: int) -> None:
        if stream > self._last:
            return
        call = Call(self, stream, self._heads.pop(stream), self._bodies.pop(stream))
        self.calls.append(call)
        self.service.calls.append(call)
        self.service.script(call)

    def answer(self, call: Call, status: int, body: bytes, headers: dict[str, str]) -> None:
        if self.left or call.stream in self.resets:
            return
        head = [(":status", str(status)), ("apns-id", call.headers.get("apns-id", "")), *headers.items()]
        self._h2.send_headers(call.stream, head, end_stream=not body)
        if body:
            self._unsent[call.stream] = body
        self.open -= 1
        self._send_bodies()
        self.flush()

    def _send_bodies(self) -> None:
        """As far as the client's windows reach."""
        for stream in [stream for stream in self._unsent if stream not in self.resets]:
            while room := min(self._h2.local_flow_control_window(stream), _FRAME_BYTES):
                part, rest = self._unsent[stream][:room], self._unsent[stream][room:]
                self._unsent[stream] = rest
                self._h2.send_data(stream, part, end_stream=not rest)
                if not rest:
                    del self._unsent[stream]
                    break

    def send_head(self, call: Call, status: int) -> None:
        """Begin an answer."""
        self._h2.send_headers(call.stream, [(":status", str(status))])

    def answer_early(self, stream: int, status: int) -> None:
        """Answer a request that is not whole yet."""
        self._h2.send_headers(stream, [(":status", str(status))], end_stream=True)
        self.flush()

    def reset(self, stream: int, code: ErrorCodes) -> None:
        if self.left:
            return
        self._h2.reset_stream(stream, code)
        self.open -= 1
        self.flush()

    def change(self, settings: dict[SettingCodes, int]) -> None:
        """Change SETTINGS while requests are on their way."""
        if self.left:
            return
        changed: dict[SettingCodes | int, int] = {code: value for code, value in settings.items()}  # noqa: C416 - wider
        self._h2.update_settings(changed)
        self.flush()

    def go_away(self, last: int = _EVERYTHING, code: ErrorCodes = ErrorCodes.NO_ERROR) -> None:
        """Say GOAWAY, and look at nothing above `last` from now on; h2 would answer nothing below it, too."""
        self._last = min(self._last, last)
        self.flush()
        self.send(GoAwayFrame(0, last_stream_id=last, error_code=code, additional_data=b"").serialize())

    def widen(self, by: int) -> None:
        """Open the connection's window, and those of streams that there are."""
        self._h2.increment_flow_control_window(by)
        self.flush()

    def send(self, raw: bytes) -> None:
        self.transport.write(raw)

    def cut(self) -> None:
        self.transport.abort()

    def flush(self) -> None:
        data = self._h2.data_to_send()
        if data and not self.transport.is_closing():
            self.transport.write(data)


class ApnsService:
    """The service: what it does with each call, and what it has seen."""

    def __init__(self) -> None:
        self.script: Script = lambda call: call.answer()
        self.settings: dict[SettingCodes, int] = {SettingCodes.MAX_CONCURRENT_STREAMS: 1000}
        """What a new connection begins with."""
        self.greeting: Callable[[ServerConnection], None] = lambda _: None
        """What a new connection is told beside its settings."""
        self.opens_windows = True
        """Whether it lets more data in for what it has read."""
        self.deaf = False
        """Whether it reads nothing of what it gets."""
        self.mute = False
        """Whether it does not even say hello."""
        self.calls: list[Call] = []
        self.connections: list[ServerConnection] = []
        self.accepted = 0
        """Connections, ever."""
        self.violations: list[ProtocolError] = []
        """What clients did against the protocol."""
        self.port = 0
        self.authority = trustme.CA()

    def ca_file(self, folder: Path) -> str:
        path = folder / "apns-ca.pem"
        self.authority.cert_pem.write_to_path(str(path))
        return str(path)

    def devices(self) -> list[str]:
        return [call.device for call in self.calls]

    def change(self, settings: dict[SettingCodes, int]) -> None:
        """For the connections there are, and those to come."""
        self.settings = self.settings | settings
        for connection in self.connections:
            connection.change(settings)


@contextlib.asynccontextmanager
async def serving(service: ApnsService, protocols: tuple[str, ...] = ("h2",)) -> AsyncIterator[ApnsService]:
    """Serve at a free port while the context lasts, as `HOST`."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    service.authority.issue_cert(HOST).configure_cert(tls)
    async with listening(service, tls, protocols):
        yield service


@contextlib.asynccontextmanager
async def listening(
    service: ApnsService, tls: ssl.SSLContext, protocols: tuple[str, ...] = ("h2",)
) -> AsyncIterator[None]:
    """Serve with a certificate; at the port that it had before, if any."""
    tls.set_alpn_protocols(list(protocols))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: ServerConnection(service), "127.0.0.1", service.port, ssl=tls, ssl_shutdown_timeout=0.5
    )
    service.port = server.sockets[0].getsockname()[1]
    server.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)  # a slow reader is felt soon
    try:
        yield
    finally:
        server.close()
        for connection in list(service.connections):
            connection.cut()
        await server.wait_closed()
