"""The event stream of a device: server-sent events that resume after the last one seen."""

import asyncio
import socket
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
from aiohttp import web

from push.api.apps import shopper_of
from push.api.contract import DEVICE, Call, Context, Endpoint, Parameter, ProblemError, own_device
from push.api.messages import MessageOut, message_out
from push.api.server import Handler, authenticate
from push.campaigns.decide import ALWAYS_NEEDED
from push.model.delivery import Content
from push.model.ports import Pushed, Row, Stream
from push.profiles import consent

HEARTBEAT_S: Final = 15.0
"""Proxies close connections that are silent for 30 to 60 s."""
WRITE_TIMEOUT_S: Final = 5.0
"""A reader that takes nothing for this long is cut off; it resumes where it was."""
VANISHED_MS: Final = 20_000
"""A phone that left the network says no goodbye: a connection is dead when nothing was acknowledged for this long."""
MAX_RESUMED: Final = 1000

PATH: Final = "/v1/devices/{device}/messages"
LAST_EVENT_ID: Final = "Last-Event-ID"


async def _never(context: Context, call: Call) -> None:
    raise NotImplementedError


ENDPOINT: Final = Endpoint(
    "GET",
    PATH,
    DEVICE,
    "Receive messages as server-sent events",
    _never,
    result=MessageOut,
    media="text/event-stream",
    parameters=(Parameter(LAST_EVENT_ID, "header", "The last event that the app has; without it, only new ones."),),
)


class Patience(NamedTuple):
    """How long a stream is silent, and how long its reader may be."""

    heartbeat_s: float = HEARTBEAT_S
    write_timeout_s: float = WRITE_TIMEOUT_S


PATIENCE: Final = Patience()


def handler(context: Context, patience: Patience = PATIENCE) -> Handler:
    """The aiohttp handler of the event stream."""

    async def handle(request: web.Request) -> web.StreamResponse:
        principal = await authenticate(context, request, ENDPOINT)
        device = own_device(Call(principal, request.match_info, request.query, None))
        after_seq = _last_event_id(request)
        async with context.streams.connect(device, context.clock.now_ms()) as stream:
            missed = await _missed(context, device, after_seq, stream.upto_seq)
            await _wake(context, device)
            response = web.StreamResponse(
                headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
            )
            await response.prepare(request)
            _notice_vanishing(request)
            try:
                await _Writer(response, patience).serve(missed, stream)
            except (ConnectionError, TimeoutError):  # the app is gone, or takes nothing any more
                if request.transport is not None:
                    request.transport.abort()
        return response

    return handle


def _last_event_id(request: web.Request) -> int | None:
    text = request.headers.get(LAST_EVENT_ID, "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:  # noqa: PLR2004 - fits a BIGINT
        raise ProblemError(400, "Not understood", "Last-Event-ID must be the number of an event of this stream.")
    return int(text)


async def _missed(context: Context, device: str, after_seq: int | None, upto_seq: int) -> Sequence[Row]:
    """What was handed over after the last event that the app saw, before this stream; nothing after a withdrawal."""
    if after_seq is None:
        return ()
    granted = await consent.granted(context.db, await shopper_of(context, device))
    if not {"inapp", *ALWAYS_NEEDED} <= granted:
        return ()
    return await context.db.fetch(
        "deliver.stream_since",
        device=device,
        after_seq=after_seq,
        upto_seq=upto_seq,
        now_ms=context.clock.now_ms(),
        most=MAX_RESUMED,
    )


async def _wake(context: Context, device: str) -> None:
    """What waited for this app to connect is due now."""
    now_ms = context.clock.now_ms()
    async with context.db.transaction() as tx:
        await tx.execute("profiles.seen", id=device, seen_ms=now_ms)
        await tx.execute("deliver.wake_device", device=device, now_ms=now_ms)
    context.wake_senders()


def _notice_vanishing(request: web.Request) -> None:
    """Let the system end a connection whose other side is gone (RFC 5482), where it can."""
    sock = None if request.transport is None else request.transport.get_extra_info("socket")
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if sock is not None and option is not None and sock.family in {socket.AF_INET, socket.AF_INET6}:
        sock.setsockopt(socket.IPPROTO_TCP, option, VANISHED_MS)


class _Writer:
    """Writes one stream."""

    def __init__(self, response: web.StreamResponse, patience: Patience) -> None:
        self._response = response
        self._patience = patience

    async def serve(self, missed: Sequence[Row], stream: Stream) -> None:
        """Write what was missed, then messages as they come, and a comment when none does, until the app goes away."""
        await self._write(b": welcome\n\n")
        for row in missed:
            content = msgspec.json.decode(row["content"], type=Content)
            await self._write(event(row["seq"], message_out(row["message"], row["id"], content, row["expires_ms"])))
        while True:
            try:
                async with asyncio.timeout(self._patience.heartbeat_s):
                    pushed = await stream.queue.get()
            except TimeoutError:
                await self._write(b": still here\n\n")
                continue
            if pushed is None:
                return
            if pushed.begin():
                await self._hand_over(pushed)

    async def _hand_over(self, pushed: Pushed) -> None:
        """Write one message. After a time-out nobody knows, so nothing is settled."""
        message = pushed.outgoing.message
        out = message_out(message.id, pushed.outgoing.delivery, message.content, message.expires_ms)
        try:
            await self._write(event(pushed.outgoing.seq, out))
        except (ConnectionError, asyncio.CancelledError):
            pushed.settle(written=False)
            raise
        pushed.settle(written=True)

    async def _write(self, data: bytes) -> None:
        async with asyncio.timeout(self._patience.write_timeout_s):
            await self._response.write(data)


def event(seq: int, data: object) -> bytes:
    """One server-sent event (WHATWG HTML, section 9.2)."""
    return b"id: %d\nevent: message\ndata: %s\n\n" % (seq, msgspec.json.encode(data))
