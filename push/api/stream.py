"""The event stream of a device: server-sent events that resume after the last one seen."""

import asyncio
from typing import Final

import msgspec
from aiohttp import web

from push.api.apps import message_out
from push.api.contract import DEVICE, Call, Context, Endpoint, ProblemError, own_device
from push.api.server import Handler, authenticate
from push.model.delivery import Content
from push.model.ports import Pushed

HEARTBEAT_S: Final = 15
"""Proxies close connections that are silent for 30 to 60 s."""
MAX_RESUMED: Final = 100

PATH: Final = "/v1/devices/{device}/messages"


async def _never(context: Context, call: Call) -> None:
    raise NotImplementedError


ENDPOINT: Final = Endpoint("GET", PATH, DEVICE, "Receive messages as server-sent events", _never)


def handler(context: Context) -> Handler:
    """The aiohttp handler of the event stream."""

    async def handle(request: web.Request) -> web.StreamResponse:
        principal = await authenticate(context, request, ENDPOINT)
        device = own_device(Call(principal, request.match_info, request.query, None))
        last_seq = _last_event_id(request)
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        async with context.streams.connect(device) as queue:
            await response.prepare(request)
            await response.write(b": welcome\n\n")
            sent = await _resume(context, response, device, last_seq)
            await _wake(context, device)
            await _follow(response, queue, sent)
        return response

    return handle


def _last_event_id(request: web.Request) -> int | None:
    text = request.headers.get("Last-Event-ID", "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:  # noqa: PLR2004 - fits a BIGINT
        raise ProblemError(400, "Not understood", "Last-Event-ID must be the number of an event of this stream.")
    return int(text)


async def _resume(context: Context, response: web.StreamResponse, device: str, last_seq: int | None) -> set[int]:
    """Send again what the app may have missed: everything after the last event that it saw."""
    sent: set[int] = set()
    if last_seq is None:
        return sent
    now_ms = context.clock.now_ms()
    rows = await context.db.fetch("deliver.stream_since", device=device, seq=last_seq, now_ms=now_ms, most=MAX_RESUMED)
    for row in rows:
        content = msgspec.json.decode(row["content"], type=Content)
        out = message_out(row["message"], row["id"], content, row["expires_ms"])
        await response.write(event(row["seq"], out))
        sent.add(row["seq"])
    return sent


async def _wake(context: Context, device: str) -> None:
    """What waited for this app to connect is due now."""
    now_ms = context.clock.now_ms()
    async with context.db.transaction() as tx:
        await tx.execute("profiles.seen", id=device, seen_ms=now_ms)
        await tx.execute("deliver.wake_device", device=device, now_ms=now_ms)
    context.wake_senders()


async def _follow(response: web.StreamResponse, queue: asyncio.Queue[Pushed], sent: set[int]) -> None:
    """Write messages as they come, and a comment when none does, until the app goes away."""
    while True:
        try:
            async with asyncio.timeout(HEARTBEAT_S):
                outgoing, written = await queue.get()
        except TimeoutError:
            await response.write(b": still here\n\n")
            continue
        try:
            if outgoing.seq not in sent:
                message = outgoing.message
                out = message_out(message.id, outgoing.delivery, message.content, message.expires_ms)
                await response.write(event(outgoing.seq, out))
        except (ConnectionError, asyncio.CancelledError):
            _settle(written, done=False)
            raise
        _settle(written, done=True)


def _settle(written: asyncio.Future[bool], *, done: bool) -> None:
    if not written.done():
        written.set_result(done)


def event(seq: int, data: object) -> bytes:
    """One server-sent event (WHATWG HTML, section 9.2)."""
    return b"id: %d\nevent: message\ndata: %s\n\n" % (seq, msgspec.json.encode(data))
