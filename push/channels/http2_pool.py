"""A few HTTP/2 connections to one peer, so that requests always find one with room, or wait for it in order."""

import asyncio
import random
from collections import OrderedDict
from typing import Final

from push.channels.http2 import Connection, open_connection
from push.channels.http2_wire import (
    Exchange,
    GoingAwayError,
    Headers,
    Http2Error,
    NoRoomError,
    NotConnectedError,
    NotProcessedError,
    Peer,
    Response,
    UnansweredError,
)

_MOST_WAITING: Final = 10_000
_TRIES: Final = 5
"""How often a request is sent that the peer refuses; new connections, where it goes away, have a pace of their own."""
_BASE_DELAY_S: Final = 0.1
_MOST_DELAY_S: Final = 5.0
_CLOSE_S: Final = 2.0


class Pool:
    """Up to `most` connections, each opened when there is no room on those that are. Lives in one event loop."""

    def __init__(self, peer: Peer, most: int) -> None:
        self._peer = peer
        self._most = most
        self._open: list[Connection] = []
        """Those that take requests."""
        self._all: set[Connection] = set()
        self._waiting: OrderedDict[Exchange, None] = OrderedDict()
        self._opening: asyncio.Task[None] | None = None
        self._fruitless = 0
        """Connections in a row that failed, or ended without one answer: how long to wait before the next."""
        self._kept = True
        self._closed = False

    @property
    def connections(self) -> int:
        """Those that take requests."""
        return len(self._open)

    @property
    def idle(self) -> bool:
        """Whether it has no connection, opens none, and nothing waits."""
        return not (self._all or self._waiting or self._opening)

    @property
    def waiting(self) -> int:
        """Requests that wait for room."""
        return len(self._waiting)

    async def request(self, head: Headers, body: bytes, deadline_s: float) -> Response:
        """Send a request, and wait for its answer until `deadline_s` of the loop's clock.

        What the peer did not act on is sent again at once, on another connection where that one goes away.

        Raises `NotConnectedError`, `NotProcessedError`: safe to send again; `UnansweredError`: the peer may have acted.
        """
        tries = 0
        while True:
            try:
                return await self._try(head, body, deadline_s)
            except NotProcessedError as error:
                tries += not isinstance(error, GoingAwayError)
                if tries == _TRIES or self._closed or asyncio.get_running_loop().time() >= deadline_s:
                    raise

    def retire(self) -> None:
        """Close each connection as soon as nothing waits for an answer there; what still comes is served, too."""
        self._kept = False
        self._serve()

    async def close(self) -> None:
        """Take nothing more, let what is on its way end, and close; not for longer than `_CLOSE_S`."""
        self._closed = True
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.wait([self._opening])
        self._fail_waiting(NotProcessedError("closed"))
        connections = list(self._all)
        for connection in connections:
            connection.drain()
        await _all_closed(connections, _CLOSE_S)
        for connection in connections:
            connection.abort()
        await _all_closed(connections, _CLOSE_S)

    async def _try(self, head: Headers, body: bytes, deadline_s: float) -> Response:
        exchange = Exchange(head, body)
        try:
            async with asyncio.timeout_at(deadline_s):
                self._begin(exchange)
                return await exchange.answer
        except TimeoutError:
            return _overdue(exchange)
        finally:
            self._waiting.pop(exchange, None)
            if exchange.connection is not None:
                exchange.connection.leave(exchange, overdue=False)

    def _begin(self, exchange: Exchange) -> None:
        if not self._waiting:
            for connection in self._open:
                if connection.free > 0:
                    connection.start(exchange)
                    return
        if self._closed:
            raise NotProcessedError("closed")
        if len(self._waiting) >= _MOST_WAITING:
            raise NoRoomError("too_many_wait")
        self._waiting[exchange] = None
        self._grow()

    def _serve(self) -> None:
        """Start what waits where there is room. Called by connections, with each answer: cheap when nothing waits."""
        if self._waiting:
            for connection in tuple(self._open):
                while self._waiting and connection.free > 0:
                    exchange, _ = self._waiting.popitem(last=False)
                    connection.start(exchange)
            if self._waiting:
                self._grow()
        if not self._kept and not self._waiting:
            for connection in list(self._open):
                connection.drain()

    def _retired(self, connection: Connection) -> None:
        if connection in self._open:
            self._open.remove(connection)
            self._fruitless = 0 if connection.answered else self._fruitless + 1
            if self._waiting:
                self._grow()

    def _grow(self) -> None:
        if self._opening is None and not self._closed and len(self._open) < self._most:
            self._opening = asyncio.get_running_loop().create_task(self._add(), name="http2-connect")

    async def _add(self) -> None:
        try:
            await asyncio.sleep(self._delay_s())
            connection = await open_connection(self._peer, self._serve, self._retired)
        except NotConnectedError as error:
            self._opening = None
            self._fruitless += 1
            if not self._open:
                self._fail_waiting(error)
            return
        self._opening = None
        self._all.add(connection)
        connection.closed.add_done_callback(lambda _: self._all.discard(connection))
        if connection.usable:
            self._open.append(connection)
        else:  # it said goodbye with its greeting
            self._fruitless += 1
        self._serve()

    def _delay_s(self) -> float:
        """Full jitter, so that many senders do not come back to a service at once (Brooker, AWS, 2015)."""
        if any(connection.answered for connection in self._open):
            self._fruitless = 0
        if not self._fruitless:
            return 0.0
        most_s: float = min(_MOST_DELAY_S, _BASE_DELAY_S * 2 ** min(self._fruitless, 10))
        return most_s * random.random()  # noqa: S311 - jitter, not a secret

    def _fail_waiting(self, error: Http2Error) -> None:
        waiting, self._waiting = self._waiting, OrderedDict()
        for exchange in waiting:
            exchange.fail(error)


def _overdue(exchange: Exchange) -> Response:
    """What there is at the deadline: an answer that came in this very turn of the loop, or the reason why not."""
    if exchange.answer.done() and not exchange.answer.cancelled():
        return exchange.answer.result()
    if exchange.connection is None:
        raise NoRoomError("no_room_in_time")
    exchange.connection.leave(exchange, overdue=True)
    raise UnansweredError("no_answer_in_time")


async def _all_closed(connections: list[Connection], timeout_s: float) -> None:
    if connections:
        await asyncio.wait([connection.closed for connection in connections], timeout=timeout_s)
