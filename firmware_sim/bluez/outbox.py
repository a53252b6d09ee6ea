"""What goes out on a bus, paced: dbus-fast takes a full socket (EAGAIN) for a dead one, and gives up."""

import asyncio
from collections.abc import Iterable
from typing import Final

from dbus_fast import Message
from dbus_fast.aio import MessageBus

_PACE: Final = 32
"""Messages between two round trips to the daemon, whose answer says that it has read all before.

Linux's default buffer of a Unix socket (208 KiB) holds some hundred signals.
"""
_ANSWER_S: Final = 10.0


class BusGoneError(ConnectionError):
    """The service has no connection to a bus: it was never started, has crashed, or the daemon has died."""

    def __init__(self) -> None:
        super().__init__("the service is not on a bus")


class Outbox:
    """Messages in order, sent by a task of its own as fast as the daemon reads."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus
        self._queue: asyncio.Queue[Message | asyncio.Future[None]] = asyncio.Queue()
        self._pump = asyncio.create_task(self._send_on(), name="bluez outbox")

    def put(self, messages: Iterable[Message]) -> None:
        """Send these, after what was put before."""
        for message in messages:
            self._queue.put_nowait(message)

    async def sent(self) -> None:
        """Return once all that was put has gone out. Raises `BusGoneError` if it cannot."""
        mark: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(mark)
        await asyncio.wait({mark, self._pump}, return_when=asyncio.FIRST_COMPLETED)
        if not mark.done():
            raise BusGoneError

    async def close(self) -> None:
        """Send nothing any more."""
        self._pump.cancel()
        await asyncio.gather(self._pump, return_exceptions=True)

    async def _send_on(self) -> None:
        count = 0
        while True:
            item = await self._queue.get()
            if not self._bus.connected:
                raise BusGoneError
            if isinstance(item, asyncio.Future):
                item.set_result(None)
                continue
            self._bus.send(item)
            count += 1
            if count % _PACE == 0:
                await self._round_trip()

    async def _round_trip(self) -> None:
        ping = Message("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus.Peer", "Ping")
        async with asyncio.timeout(_ANSWER_S):
            await self._bus.call(ping)
