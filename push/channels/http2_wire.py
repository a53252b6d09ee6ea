"""What HTTP/2 requests are made of: values, how a request fails, and h2 as it is needed here.

A request fails in one of two ways, and the difference is what a sender needs to know: nobody acted on it
(`NotConnectedError`, `NotProcessedError`), or somebody may have (`UnansweredError`).
"""

import asyncio
import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from h2.config import H2Configuration
from h2.connection import ConnectionInputs, H2Connection, H2ConnectionStateMachine
from h2.events import Event
from h2.exceptions import FrameTooLargeError, ProtocolError
from h2.frame_buffer import FrameBuffer
from h2.settings import SettingCodes, Settings
from hpack import Encoder

if TYPE_CHECKING:
    from push.channels.http2 import Connection

Headers = Sequence[tuple[bytes, bytes]]
"""In the order in which they are sent, pseudo-headers first, names in lower case (RFC 9113 section 8.2)."""

MOST_STREAMS: Final = 1000
"""Requests at once on one connection, if the peer allows as many; APNs does."""
MOST_ANSWER_BYTES: Final = 16 * 1024
"""What is kept of an answer's body; APNs' have less than 200 bytes."""
_MOST_HEADER_BYTES: Final = 16 * 1024
_WALK_EVERY: Final = 256
_STATUS_DIGITS: Final = 3


class Http2Error(Exception):
    """A request that got no answer; `reason` is short and countable."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotConnectedError(Http2Error):
    """There is no connection: nothing was sent."""


class NotProcessedError(Http2Error):
    """The peer did not act on the request (RFC 9113 section 8.7): it may be sent again, whatever it does."""


class GoingAwayError(NotProcessedError):
    """The connection ends, others may not: APNs' servers are shut down one by one."""


class NoRoomError(NotProcessedError):
    """The peer allows too few requests at once: this one was never sent."""


class UnansweredError(Http2Error):
    """The request was on its way when the answer got lost."""


class Response(NamedTuple):
    """What the peer said. `body` is cut off behind `MOST_ANSWER_BYTES`, or where the peer stopped."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


class Peer(NamedTuple):
    """Whom to speak with, and how long to wait: for a connection, and until a silent peer is asked if it is there."""

    host: str
    port: int
    tls: ssl.SSLContext
    connect_timeout_s: float
    ping_s: float


def tls_for_http2(tls: ssl.SSLContext) -> ssl.SSLContext:
    """`tls`, asking for HTTP/2 and nothing else."""
    tls.set_alpn_protocols(["h2"])
    return tls


class Exchange:
    """One request and, in time, its answer: a `Response`, or an `Http2Error`."""

    __slots__ = ("answer", "began_s", "body", "connection", "head", "headers", "received", "status", "stream")

    def __init__(self, head: Headers, body: bytes) -> None:
        self.head = head
        self.body = body
        """What of the body is not sent yet."""
        self.answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self.connection: Connection | None = None
        self.stream = 0
        self.began_s = 0.0
        self.status = 0
        """Not known yet while it is 0."""
        self.headers: dict[bytes, bytes] = {}
        self.received = b""

    def hear(self, headers: Headers) -> None:
        """Take the answer's headers. Raises `ProtocolError`: what a status is is the one thing that must be right."""
        self.headers = dict(headers)
        status = self.headers.get(b":status", b"")
        if len(status) != _STATUS_DIGITS or not status.isdigit():
            raise ProtocolError("no status")
        self.status = int(status)

    def settle(self) -> None:
        """Hand over what was received."""
        if not self.answer.done():
            self.answer.set_result(Response(self.status, self.headers, self.received))

    def fail(self, error: Http2Error) -> None:
        """Give up. Where a status was received it counts: the peer has decided."""
        if self.status:
            self.settle()
        elif not self.answer.done():
            self.answer.set_exception(error)
            self.answer.exception()  # whoever waited may have left: that is no error of the loop's


class _Machine(H2ConnectionStateMachine):
    """Goes on after GOAWAY, as h2 does not: streams up to its number may still be answered (RFC 9113 section 6.8)."""

    def process_input(self, input_: ConnectionInputs) -> list[Event]:
        if input_ is ConnectionInputs.RECV_GOAWAY:
            return []
        return super().process_input(input_)


class _Frames(FrameBuffer):
    """Refuses a frame that is too long when it begins, not when all of it is there: noise looks like a long one."""

    def __next__(self) -> Any:  # noqa: ANN401 - hyperframe's, as h2 has it
        if int.from_bytes(self._data[:3], "big") > self.max_frame_size:
            raise FrameTooLargeError("frame too long")
        return super().__next__()


class _Encoder(Encoder):
    """Sends texts as they are: the Huffman code (RFC 7541 section 5.2) saves a tenth, and costs half as much again."""

    def encode(self, headers: Any, huffman: bool = False) -> bytes:  # noqa: ANN401, FBT001, FBT002 - as hpack has it
        del huffman
        return super().encode(headers, huffman=False)


class Wire(H2Connection):
    """h2 as it is needed here. Headers are not checked: we make ours with care, and read of the peer's what we know."""

    def __init__(self) -> None:
        super().__init__(
            H2Configuration(
                client_side=True,
                header_encoding=None,
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
                validate_inbound_headers=False,
                normalize_inbound_headers=False,
            )
        )
        self.state_machine = _Machine()
        self.encoder = _Encoder()
        self.incoming_buffer = _Frames()
        self.local_settings = Settings(
            client=True,
            initial_values={SettingCodes.ENABLE_PUSH: 0, SettingCodes.MAX_HEADER_LIST_SIZE: _MOST_HEADER_BYTES},
        )
        self.decoder.max_header_list_size = _MOST_HEADER_BYTES
        self._walk_at = _WALK_EVERY

    def open(self, head: Headers, *, whole: bool) -> int:
        """Send a request's headers; its stream.

        The first request of a connection enters all of its headers into the peer's table, so that later ones need not
        spell names out; from then on, those marked as never indexed (`NeverIndexedHeaderTuple`: their values do not
        come again) leave the table alone, as Apple asks for.
        """
        stream = self.get_next_available_stream_id()
        self.send_headers(stream, head if stream > 1 else [(name, value) for name, value in head], end_stream=whole)
        return stream

    @property
    def open_outbound_streams(self) -> int:
        """Too few, on purpose: h2 walks through all streams for each new one. `Connection.free` keeps the limit.

        The walk is also what frees closed streams, so it is made every now and then.
        """
        if len(self.streams) >= self._walk_at:
            self._walk_at = super().open_outbound_streams + _WALK_EVERY
        return 0

    def clear_outbound_data_buffer(self) -> None:
        """Keep what waits: h2 throws it away at GOAWAY, with the rest of bodies that the peer still reads."""
