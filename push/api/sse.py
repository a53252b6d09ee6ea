"""Server-sent events: what every stream has in common, whatever it tells (WHATWG HTML, section 9.2)."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from aiohttp import HttpVersion11, web

from push.api.contract import Parameter, ProblemError

HEARTBEAT_S: Final = 15.0
"""Proxies close connections that are silent for 30 to 60 s."""
WRITE_TIMEOUT_S: Final = 5.0
"""A reader that takes nothing for this long is cut off; it resumes where it was."""
VANISHED_MS: Final = 20_000
"""A phone that left the network says no goodbye: a connection is dead when nothing was acknowledged for this long."""

STILL_HERE: Final = b": still here\n\n"
MEDIA: Final = "text/event-stream"
LAST_EVENT_ID: Final = "Last-Event-ID"
RESUMING: Final = Parameter(LAST_EVENT_ID, "header", "The last event that the caller has; without it, only new ones.")


class Patience(NamedTuple):
    """How long a stream is silent, and how long its reader may be."""

    heartbeat_s: float = HEARTBEAT_S
    write_timeout_s: float = WRITE_TIMEOUT_S


PATIENCE: Final = Patience()


class Write:
    """Writes to one stream."""

    def __init__(self, response: web.StreamResponse, transport: asyncio.Transport | None, timeout_s: float) -> None:
        """Take the transport of a response in chunks; without one, writing waits for the response each time."""
        self._response = response
        self._transport = transport
        self._timeout_s = timeout_s

    async def __call__(self, data: bytes) -> None:
        """Write. Raises ConnectionError, TimeoutError: the reader is gone, or takes nothing any more."""
        if not self.at_once(data):
            async with asyncio.timeout(self._timeout_s):
                await self._response.write(data)

    def at_once(self, data: bytes) -> bool:
        """Write if nothing written before still waits for the reader; whether that was so, and the reader is there.

        A chunk (RFC 9112 section 7.1) goes straight to the system: what waits for nobody needs no task, no timer.
        """
        transport = self._transport
        if transport is None or transport.is_closing() or transport.get_write_buffer_size():
            return False
        transport.write(b"%x\r\n%b\r\n" % (len(data), data))
        return not transport.is_closing()


async def serve(
    request: web.Request, patience: Patience, work: Callable[[Write], Awaitable[None]]
) -> web.StreamResponse:
    """Let `work` write a stream until it returns, or until its reader is gone or takes nothing."""
    response = web.StreamResponse(
        headers={"Content-Type": MEDIA, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )
    chunked = request.version >= HttpVersion11
    if chunked:
        response.enable_chunked_encoding()
    await response.prepare(request)
    _notice_vanishing(request)
    try:
        await response.write(b": welcome\n\n")  # and the head with it
        write = Write(response, request.transport if chunked else None, patience.write_timeout_s)
        await work(write)
    except (ConnectionError, TimeoutError):  # the reader is gone, or takes nothing any more
        if request.transport is not None:
            request.transport.abort()
    return response


def last_event_id(request: web.Request) -> int | None:
    """The number of the last event that the caller has. Raises `ProblemError` 400."""
    text = request.headers.get(LAST_EVENT_ID, "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:  # noqa: PLR2004 - fits a BIGINT
        raise ProblemError(400, "Not understood", "Last-Event-ID must be the number of an event of this stream.")
    return int(text)


def event(seq: int, kind: str, data: bytes) -> bytes:
    """One event, its data as JSON on one line."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (seq, kind.encode(), data)


def _notice_vanishing(request: web.Request) -> None:
    """Let the system end a connection whose other side is gone (RFC 5482), where it can."""
    sock = None if request.transport is None else request.transport.get_extra_info("socket")
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if sock is not None and option is not None and sock.family in {socket.AF_INET, socket.AF_INET6}:
        sock.setsockopt(socket.IPPROTO_TCP, option, VANISHED_MS)
