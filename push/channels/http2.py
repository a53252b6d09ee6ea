"""A connection that speaks HTTP/2 (RFC 9113), as a client: many requests at once over one TLS connection.

    start ▶ headers ▶ body, as far as the peer's windows reach ▶ answered, refused, or lost

h2 knows the protocol; here are the socket, and the rules for what is sent when. `http2_pool` keeps several of them.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Final

from aiohappyeyeballs import start_connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import ProtocolError, StreamClosedError

from push.channels.http2_wire import (
    MOST_ANSWER_BYTES,
    MOST_STREAMS,
    Exchange,
    GoingAwayError,
    Http2Error,
    NotConnectedError,
    NotProcessedError,
    Peer,
    UnansweredError,
    Wire,
)

_MOST_UNSENT_BYTES: Final = 1024 * 1024
"""A peer that asks and asks (PING, SETTINGS) and never reads the answers is not waited for."""
_MOST_UNWRITTEN_BYTES: Final = 64 * 1024
"""Of bodies that wait for the end of a turn of the loop: until they are written, nobody says that it is too much."""
_TLS_CLOSE_S: Final = 1.0
_NEXT_ADDRESS_S: Final = 0.25  # RFC 8305 section 5


class Connection(asyncio.Protocol):
    """One connection, from `open_connection`. It calls `available` when it can take more, `retired` when it never will.

    It ends when it was `drain`ed and its last request has ended, when the peer ends it, says what is not HTTP/2, or is
    silent for two to three times `ping_s`, though asked.
    """

    def __init__(self, ping_s: float, available: Callable[[], None], retired: Callable[["Connection"], None]) -> None:
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._ping_s = ping_s
        self._available = available
        self._retired = retired
        self._h2 = Wire()
        self._exchanges: dict[int, Exchange] = {}
        self._blocked: dict[int, Exchange] = {}
        """Those whose body waits for the peer's windows, in the order in which they came."""
        self._most_streams = 0
        self._usable = True
        self._closing = False
        self._paused = False
        self._flushing = False
        self._unwritten = 0
        self._heard_s = loop.time()
        self._asked = False
        self._timer: asyncio.TimerHandle | None = None
        self.answered = False
        """Whether a request was ever answered here."""
        self.ready: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()

    # --- what the pool asks for ---

    @property
    def usable(self) -> bool:
        """Whether requests may start here, now or when others have ended."""
        return self._usable

    @property
    def free(self) -> int:
        """How many more requests may start now."""
        if self._paused or not self._usable or (self._blocked and self._h2.outbound_flow_control_window <= 0):
            return 0
        return self._most_streams - len(self._exchanges)

    def start(self, exchange: Exchange) -> None:
        """Send a request; there must be room for it. It leaves with the others of this turn of the loop."""
        exchange.connection, exchange.began_s = self, self._loop.time()
        try:
            exchange.stream = stream = self._h2.open(exchange.head, whole=not exchange.body)
            self._exchanges[stream] = exchange
            if exchange.body and not self._send_body(exchange):
                self._blocked[stream] = exchange
        except ProtocolError:  # a thousand million requests were sent here, say
            self._exchanges.pop(exchange.stream, None)
            exchange.fail(NotProcessedError("connection_used_up"))
            self.drain()
        self._flush_soon()

    def leave(self, exchange: Exchange, *, overdue: bool) -> None:
        """Stop waiting for an answer. Where nothing at all was heard while it was overdue, no more requests start."""
        if self._exchanges.pop(exchange.stream, None) is None:
            return
        self._blocked.pop(exchange.stream, None)
        self._reset(exchange.stream)
        if overdue and self._heard_s < exchange.began_s:
            self._retire()
        self._ended()
        self._available()

    def drain(self) -> None:
        """Take no more requests, and close when the last has ended."""
        self._retire()
        self._ended()

    def abort(self) -> None:
        """End it at once."""
        self._closing = True
        self._retire()
        self._transport.abort()

    # --- what asyncio calls ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say hello."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - create_connection makes no other
        self._transport = transport
        tls = transport.get_extra_info("ssl_object")
        if tls.selected_alpn_protocol() != "h2":  # RFC 9113 section 3.2
            self._end_hello("service_not_http2")
            self.abort()
            return
        self._h2.initiate_connection()
        self._flush()
        self._timer = self._loop.call_later(self._ping_s, self._tick)

    def data_received(self, data: bytes) -> None:
        """Read what the peer says; what is not HTTP/2 ends this connection, and nothing else."""
        if self._closing:
            return
        self._heard_s, self._asked = self._loop.time(), False
        try:
            for event in self._h2.receive_data(data):
                self._take(event)
            self._unblock()
        except Exception:  # noqa: BLE001 - h2 means to raise ProtocolError only, garbage makes it raise others too
            self._flush()
            self.abort()
            return
        self._flush()
        self._ended()
        self._available()

    def eof_received(self) -> None:
        """Let the transport close: there is no half of a TLS connection."""

    def pause_writing(self) -> None:
        """Start no more requests: the peer does not read those that are on their way."""
        self._paused = True

    def resume_writing(self) -> None:
        """Go on."""
        self._paused = False
        if not self._closing:
            self._unblock()
            self._flush_soon()
            self._available()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody will answer any more."""
        del exc  # whatever it was, it says nothing about what the peer did with our requests
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        self._settle_all(0, UnansweredError("connection_lost"))
        self._retire()
        self._end_hello("service_unreachable")
        if not self.closed.done():
            self.closed.set_result(None)

    # --- what the peer says ---

    def _take(self, event: Event) -> None:
        """One event. h2 has read all that came: nothing is sent before the last is handled, it may end a stream."""
        match event:
            case ResponseReceived():
                self._on_response(event)
            case DataReceived():
                self._on_data(event)
            case StreamEnded():
                self._on_end(event)
            case StreamReset():
                self._on_reset(event)
            case RemoteSettingsChanged():
                self._on_settings()
            case ConnectionTerminated():
                self._on_goaway(event)
            case _:
                pass

    def _on_settings(self) -> None:
        self._most_streams = min(MOST_STREAMS, self._h2.remote_settings.max_concurrent_streams)
        if not self.ready.done():
            self.ready.set_result(None)

    def _on_response(self, event: ResponseReceived) -> None:
        exchange = self._exchanges.get(event.stream_id)
        if exchange is not None:
            exchange.hear(event.headers)
            self.answered = True

    def _on_data(self, event: DataReceived) -> None:
        self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        exchange = self._exchanges.get(event.stream_id)
        if exchange is None:
            return
        exchange.received += event.data
        if len(exchange.received) > MOST_ANSWER_BYTES:
            exchange.received = exchange.received[:MOST_ANSWER_BYTES]
            self._reset(event.stream_id)
            self._finish(event.stream_id)

    def _on_end(self, event: StreamEnded) -> None:
        if event.stream_id in self._blocked:  # decided before it had read all
            self._reset(event.stream_id)
        self._finish(event.stream_id)

    def _on_reset(self, event: StreamReset) -> None:
        if event.remote_reset and event.error_code == ErrorCodes.REFUSED_STREAM:
            self._finish(event.stream_id, NotProcessedError("stream_refused"))
        else:
            self._finish(event.stream_id, UnansweredError("stream_reset"))

    def _on_goaway(self, event: ConnectionTerminated) -> None:
        """Streams above the number were not looked at (RFC 9113 section 6.8); the others may still be answered."""
        self._settle_all(event.last_stream_id or 0, GoingAwayError("going_away"))
        self._retire()

    # --- inside ---

    def _send_body(self, exchange: Exchange) -> bool:
        """Send as much as the windows allow; whether that was all."""
        window = self._h2.local_flow_control_window(exchange.stream)
        while window > 0 and not self._paused:
            size = min(window, self._h2.max_outbound_frame_size)
            chunk, exchange.body = exchange.body[:size], exchange.body[size:]
            self._h2.send_data(exchange.stream, chunk, end_stream=not exchange.body)
            self._unwritten += size
            if self._unwritten > _MOST_UNWRITTEN_BYTES:
                self._flush()
            if not exchange.body:
                return True
            window -= size
        return False

    def _unblock(self) -> None:
        sent = [stream for stream, exchange in self._blocked.items() if self._send_body(exchange)]
        for stream in sent:
            del self._blocked[stream]

    def _finish(self, stream: int, error: Http2Error | None = None) -> None:
        self._blocked.pop(stream, None)
        exchange = self._exchanges.pop(stream, None)
        if exchange is None:
            return
        if error is None:
            exchange.settle()
        else:
            exchange.fail(error)

    def _settle_all(self, above: int, error: Http2Error) -> None:
        for stream in [stream for stream in self._exchanges if stream > above]:
            self._finish(stream, error)

    def _reset(self, stream: int) -> None:
        if not self._closing:
            with contextlib.suppress(StreamClosedError):  # the peer was first
                self._h2.reset_stream(stream, ErrorCodes.CANCEL)
            self._flush_soon()

    def _retire(self) -> None:
        if self._usable:
            self._usable = False
            self._retired(self)

    def _ended(self) -> None:
        """Close, if this was drained and nothing is on its way any more."""
        if self._usable or self._closing or self._exchanges:
            return
        self._closing = True
        self._h2.close_connection()
        self._flush()
        self._transport.close()

    def _end_hello(self, reason: str) -> None:
        if not self.ready.done():
            self.ready.set_exception(NotConnectedError(reason))
            self.ready.exception()

    def _tick(self) -> None:
        """Ask a silent peer whether it is there; one that stays silent is not."""
        now_s = self._loop.time()
        if now_s - self._heard_s >= self._ping_s and not self._closing:
            if self._asked:
                self.abort()
                return
            self._asked = True
            self._h2.ping(b"footfall")
            self._flush()
        self._timer = self._loop.call_later(self._ping_s, self._tick)

    def _flush_soon(self) -> None:
        """Once in this turn of the loop, however many requests start in it: a write costs a TLS record and a call."""
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        self._unwritten = 0
        data = self._h2.data_to_send()
        if data and not self._transport.is_closing():
            self._transport.write(data)
            if self._transport.get_write_buffer_size() > _MOST_UNSENT_BYTES:
                self.abort()


async def open_connection(
    peer: Peer, available: Callable[[], None], retired: Callable[[Connection], None]
) -> Connection:
    """A connection whose peer has sent its SETTINGS: before, nobody knows how many requests it allows.

    Raises `NotConnectedError`.
    """
    loop = asyncio.get_running_loop()
    connection: Connection | None = None
    heard = False
    try:
        async with asyncio.timeout(peer.connect_timeout_s):
            addresses = await loop.getaddrinfo(peer.host, peer.port, type=socket.SOCK_STREAM)
            # asyncio does this, too, but Python 3.11's loses a socket when it is cancelled.
            connected = await start_connection(addresses, happy_eyeballs_delay=_NEXT_ADDRESS_S)
            _, connection = await loop.create_connection(
                lambda: Connection(peer.ping_s, available, retired),
                sock=connected,
                ssl=peer.tls,
                server_hostname=peer.host,
                ssl_shutdown_timeout=_TLS_CLOSE_S,
            )
            await connection.ready
            heard = True
    except ssl.SSLError:
        raise NotConnectedError("service_not_trusted") from None
    except (OSError, TimeoutError):
        raise NotConnectedError("service_unreachable") from None
    finally:
        if connection is not None and not heard:
            connection.abort()
    return connection
