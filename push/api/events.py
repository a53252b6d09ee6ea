"""What happens to messages, live: server-sent events for another system, which resume after the last one seen."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from aiohttp import web

from push.api import sse
from push.api.callers import authenticate
from push.api.contract import SENDER, Call, Context, Endpoint, Parameter, ProblemError, only_source
from push.api.server import Handler
from push.api.sse import PATIENCE, Patience, Write
from push.deliver.tail import POLL_S
from push.deliver.told import EVENT_KINDS, Item, Told, Wanted, steps
from push.model.delivery import EventKind
from push.model.errors import DatabaseError

PATH: Final = "/v1/events"
AT_ONCE: Final = 100
"""Events that are read at a time: what one slow reader costs."""
MOST_STREAMS: Final = 64


async def _never(context: Context, call: Call) -> None:
    raise NotImplementedError


ENDPOINT: Final = Endpoint(
    "GET",
    PATH,
    SENDER,
    "Follow what happens to messages; a sender, to its own",
    _never,
    result=Told,
    media=sse.MEDIA,
    parameters=(
        Parameter("kinds", "query", f"Only these, with commas between: {', '.join(EVENT_KINDS)}."),
        sse.RESUMING,
    ),
    role="editor",
)


class Follower:
    """One stream: where it is, and what it wants."""

    def __init__(self, context: Context, next_seq: int, wanted: Wanted) -> None:
        self._context = context
        self._next_seq = next_seq
        self._wanted = wanted

    async def follow(self, write: Write, heartbeat_s: float, allowed: Callable[[], Awaitable[bool]]) -> None:
        """Write events as they are committed, and now and then where it is, until the stream is to end.

        So it is once nobody is `allowed` to read it any more. Raises `DatabaseError`.
        """
        clock = asyncio.get_running_loop().time
        looked_s = clock()
        while not self._context.tail.closed:
            items = await self._read()
            for item in items:
                if item.told is not None:
                    await write(sse.event(item.next_seq - 1, item.told.type, msgspec.json.encode(item.told)))
                self._next_seq = item.next_seq
            if clock() - looked_s >= heartbeat_s:
                looked_s = clock()
                if not await allowed():
                    return
                await write(self._still_here())
            if not items:
                await asyncio.sleep(POLL_S)

    def _still_here(self) -> bytes:
        """With the number of what was passed over, so that resuming need not look at it again."""
        return sse.STILL_HERE[:-1] + b"id: %d\n\n" % (self._next_seq - 1)

    async def _read(self) -> list[Item]:
        last_seq = await self._context.tail.last_seq()
        if last_seq < self._next_seq:
            return []
        rows = await self._context.db.fetch("events.after", after_seq=self._next_seq - 1, most=AT_ONCE)
        return steps(rows, self._next_seq, last_seq, self._wanted, self._context.clock.now_ms())


def handler(context: Context, patience: Patience = PATIENCE) -> Handler:
    """The aiohttp handler of the stream."""
    streams: set[Follower] = set()

    async def handle(request: web.Request) -> web.StreamResponse:
        source = only_source(await authenticate(context, request, ENDPOINT))
        wanted, after_seq = Wanted(_kinds(request), source), sse.last_event_id(request)
        last_seq = await context.tail.last_seq()
        if len(streams) >= MOST_STREAMS:
            raise ProblemError(503, "Not now", f"{MOST_STREAMS} streams of events are open.", {"Retry-After": "5"})
        next_seq = 1 + (last_seq if after_seq is None else min(after_seq, last_seq))
        follower = Follower(context, next_seq, wanted)

        async def work(write: Write) -> None:
            with contextlib.suppress(DatabaseError):  # the stream ends, and its reader resumes it
                await follower.follow(write, patience.heartbeat_s, lambda: _may_read(context, request))

        streams.add(follower)
        try:
            return await sse.serve(request, patience, work)
        finally:
            streams.discard(follower)

    return handle


async def _may_read(context: Context, request: web.Request) -> bool:
    try:
        await authenticate(context, request, ENDPOINT)
    except ProblemError:
        return False
    return True


def _kinds(request: web.Request) -> frozenset[EventKind]:
    """Raises `ProblemError` 400."""
    text = request.query.get("kinds", "")
    try:
        return msgspec.convert(text.split(",") if text else (), frozenset[EventKind])
    except msgspec.ValidationError:
        expected = f"`kinds` must be some of {', '.join(EVENT_KINDS)}, with commas between."
        raise ProblemError(400, "Not understood", expected) from None
