"""Server-sent events: what every stream has in common, whatever it tells (WHATWG HTML, section 9.2)."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from aiohttp import web

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

Write = Callable[[bytes], Awaitable[None]]
"""Writes to one stream. Raises ConnectionError, TimeoutError: the reader is gone, or takes nothing any more."""


async def serve(
    request: web.Request, patience: Patience, work: Callable[[Write], Awaitable[None]]
) -> web.StreamResponse:
    """Let `work` write a stream until it returns, or until its reader is gone or takes nothing."""
    response = web.StreamResponse(
        headers={"Content-Type": MEDIA, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )
    await response.prepare(request)
    _notice_vanishing(request)

    async def write(data: bytes) -> None:
        async with asyncio.timeout(patience.write_timeout_s):
            await response.write(data)

    try:
        await write(b": welcome\n\n")
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
