"""The event stream of a device: server-sent events that resume after the last one seen."""

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec
from aiohttp import web

from push.api import sse
from push.api.apps import shopper_of
from push.api.callers import authenticate
from push.api.contract import DEVICE, Call, Context, Endpoint, own_device
from push.api.messages import MessageOut, message_out
from push.api.server import Handler
from push.api.sse import PATIENCE, Patience, Write
from push.campaigns.book import NEEDED
from push.model.delivery import Outgoing
from push.model.ports import Pushed, Row, Stream
from push.profiles import consent, keys, sealed

MAX_RESUMED: Final = 1000

PATH: Final = "/v1/devices/{device}/messages"


async def _never(context: Context, call: Call) -> None:
    raise NotImplementedError


ENDPOINT: Final = Endpoint(
    "GET",
    PATH,
    DEVICE,
    "Receive messages as server-sent events",
    _never,
    result=MessageOut,
    media=sse.MEDIA,
    parameters=(sse.RESUMING,),
    errors=(404,),
)


def handler(context: Context, patience: Patience = PATIENCE) -> Handler:
    """The aiohttp handler of the event stream."""

    async def handle(request: web.Request) -> web.StreamResponse:
        device = own_device(await authenticate(context, request, ENDPOINT))
        after_seq = sse.last_event_id(request)
        shopper = await shopper_of(context, device)
        async with context.streams.connect(device, context.clock.now_ms()) as stream:
            missed = [
                _again(context, row) for row in await _missed(context, device, shopper, after_seq, stream.upto_seq)
            ]
            await _wake(context, device)

            async def work(write: Write) -> None:
                await _resume(write, missed)
                await _follow(write, stream, patience.heartbeat_s)

            return await sse.serve(request, patience, work)

    return handle


async def _missed(context: Context, device: str, shopper: str, after_seq: int | None, upto_seq: int) -> Sequence[Row]:
    """What was handed over after the last event that the app saw, before this stream; nothing after a withdrawal."""
    if after_seq is None:
        return ()
    granted = await consent.granted(context.db, shopper)
    if not {"inapp", *NEEDED} <= granted:
        return ()
    rows = await context.db.fetch(
        "deliver.stream_since",
        device=device,
        after_seq=after_seq,
        upto_seq=upto_seq,
        now_ms=context.clock.now_ms(),
        most=MAX_RESUMED,
    )
    await keys.look_for(context.keyring, rows)
    return rows


def _again(context: Context, row: Row) -> bytes:
    """The event of a message that was handed over before."""
    content = sealed.content(context.keyring, row, row["message"])
    return _event(row["seq"], message_out(row["message"], row["id"], content, row["expires_ms"]))


async def _wake(context: Context, device: str) -> None:
    """What waited for this app to connect is due now."""
    now_ms = context.clock.now_ms()
    async with context.db.transaction() as tx:
        await tx.execute("profiles.seen", id=device, seen_ms=now_ms)
        await tx.execute("deliver.wake_device", device=device, now_ms=now_ms)
    context.wake_senders()


async def _resume(write: Write, missed: Sequence[bytes]) -> None:
    for event in missed:
        await write(event)


async def _follow(write: Write, stream: Stream, heartbeat_s: float) -> None:
    """Write messages as they come, and a comment when none does, until the app goes away.

    They come straight from whoever hands them over, while the app takes them; else through the queue.
    """
    stream.straight = lambda outgoing: write.at_once(_told(outgoing))
    while True:
        try:
            async with asyncio.timeout(heartbeat_s):
                pushed = await stream.queue.get()
        except TimeoutError:
            await write(sse.STILL_HERE)
            continue
        if pushed is None:
            return
        if pushed.begin():
            await _hand_over(write, pushed)


async def _hand_over(write: Write, pushed: Pushed) -> None:
    """Write one message. After a time-out nobody knows, so nothing is settled."""
    try:
        await write(_told(pushed.outgoing))
    except (ConnectionError, asyncio.CancelledError):
        pushed.settle(written=False)
        raise
    pushed.settle(written=True)


def _told(outgoing: Outgoing) -> bytes:
    message = outgoing.message
    return _event(outgoing.seq, message_out(message.id, outgoing.delivery, message.content, message.expires_ms))


def _event(seq: int, message: MessageOut) -> bytes:
    return sse.event(seq, "message", msgspec.json.encode(message))
