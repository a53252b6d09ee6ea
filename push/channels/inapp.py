"""In-app: messages over the event stream that an app holds open; handed over when they are in its socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from push.model.delivery import Accepted, Outgoing
from push.model.errors import TransientError, UnreachableError
from push.model.ports import Pushed

MAX_WAITING: Final = 16
"""Messages that wait for one slow connection; more make the next attempt wait."""
WRITE_TIMEOUT_S: Final = 5.0
"""An app that does not take a message within this time is not there any more."""


class EventStreams:
    """The event streams that are open, by device."""

    def __init__(self) -> None:
        self._open: dict[str, list[asyncio.Queue[Pushed]]] = {}

    @property
    def connected(self) -> int:
        """Streams that are open."""
        return sum(len(queues) for queues in self._open.values())

    @asynccontextmanager
    async def connect(self, device: str) -> AsyncIterator[asyncio.Queue[Pushed]]:
        """A device's stream while it lasts: what is put into it must be written, and then confirmed."""
        queue: asyncio.Queue[Pushed] = asyncio.Queue(MAX_WAITING)
        self._open.setdefault(device, []).append(queue)
        try:
            yield queue
        finally:
            self._open[device].remove(queue)
            if not self._open[device]:
                del self._open[device]
            while not queue.empty():
                _refuse(queue.get_nowait())

    def queues(self, device: str) -> list[asyncio.Queue[Pushed]]:
        """The open streams of a device."""
        return list(self._open.get(device, ()))


def _refuse(pushed: Pushed) -> None:
    if not pushed.written.done():
        pushed.written.set_result(False)


class InAppChannel:
    """Hands messages to the event streams of `EventStreams`."""

    name = "inapp"

    def __init__(self, streams: EventStreams) -> None:
        self._streams = streams

    async def send(self, outgoing: Outgoing) -> Accepted:
        """Put a message into every open stream of its device; one that takes it is enough."""
        queues = self._streams.queues(outgoing.device)
        if not queues:
            raise UnreachableError("the app is not connected")
        written = [_offer(queue, outgoing) for queue in queues]
        _, late = await asyncio.wait(written, timeout=WRITE_TIMEOUT_S)
        for future in late:
            future.cancel()
        if any(f.done() and not f.cancelled() and f.result() for f in written):
            return Accepted()
        if late:
            raise TransientError("the app did not take the message in time")
        raise UnreachableError("the app went away")


def _offer(queue: asyncio.Queue[Pushed], outgoing: Outgoing) -> asyncio.Future[bool]:
    pushed = Pushed(outgoing, asyncio.get_running_loop().create_future())
    try:
        queue.put_nowait(pushed)
    except asyncio.QueueFull:
        _refuse(pushed)
    return pushed.written
