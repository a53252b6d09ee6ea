"""In-app: messages over the event stream that an app holds open; handed over when they are in its socket."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from push.model.delivery import Accepted, Outgoing, Part
from push.model.errors import DeliveryError, OutcomeUnknownError, TransientError, UnreachableError
from push.model.ports import Pushed, Stream

MAX_WAITING: Final = 16
"""Messages that wait for one slow connection; more make the next attempt wait."""
MAX_STREAMS: Final = 8
"""Of one device: tabs of one browser. One more ends the oldest."""
WRITE_TIMEOUT_S: Final = 5.0
"""An app that does not take a message within this time is not there any more."""

Queue = asyncio.Queue[Pushed | None]


class EventStreams:
    """The event streams that are open, by device."""

    def __init__(self) -> None:
        self._open: dict[str, list[Stream]] = {}
        self._closed = False
        self._last_seq = 0

    @property
    def connected(self) -> int:
        """Streams that are open."""
        return sum(len(streams) for streams in self._open.values())

    def number(self, now_ms: int) -> int:
        """The next event's number: greater than any before, also than those of an earlier run."""
        self._last_seq = max(self._last_seq + 1, now_ms)
        return self._last_seq

    @asynccontextmanager
    async def connect(self, device: str, now_ms: int) -> AsyncIterator[Stream]:
        """A device's stream while it lasts: what is put into it must be begun, written, and then settled."""
        stream = Stream(asyncio.Queue(MAX_WAITING), self.number(now_ms))
        streams = self._open.setdefault(device, [])
        streams.append(stream)
        if self._closed:
            _end(stream)
        if len(streams) > MAX_STREAMS:
            _end(streams.pop(0))
        try:
            yield stream
        finally:
            _end(stream)
            if stream in streams:
                streams.remove(stream)
            if not streams:
                self._open.pop(device, None)

    def of(self, device: str) -> Sequence[Stream]:
        """The open streams of a device."""
        return self._open.get(device, ())

    def end(self, device: str) -> None:
        """End the streams of a device that is no more."""
        for stream in self.of(device):
            _end(stream)

    def close(self) -> None:
        """End every stream, and those still to come."""
        self._closed = True
        for streams in self._open.values():
            for stream in streams:
                _end(stream)


def _end(stream: Stream) -> None:
    """Refuse what waits, and tell the stream's writer to end."""
    stream.straight = None
    while not stream.queue.empty():
        waiting = stream.queue.get_nowait()
        if waiting is not None:
            waiting.settle(written=False)
    stream.queue.put_nowait(None)


class InAppChannel:
    """Hands messages to the event streams of `EventStreams`. A device is found by its id: its address says nothing."""

    name = "inapp"

    def __init__(self, streams: EventStreams, write_timeout_s: float = WRITE_TIMEOUT_S) -> None:
        self._streams = streams
        self._write_timeout_s = write_timeout_s

    def check_address(self, address: Mapping[str, object]) -> dict[str, object]:
        """Take any address: none is looked at."""
        return dict(address)

    def fit(self, outgoing: Outgoing) -> tuple[Part, ...]:
        """The app gets the content as it is, at once; what came before it stays."""
        del outgoing
        return ("collapse_key",)

    async def send(self, outgoing: Outgoing) -> Accepted:
        """Put a message into every open stream of its device; the first that takes it is enough."""
        streams = self._streams.of(outgoing.device)
        if not streams:
            raise UnreachableError("app_not_connected")
        numbered = msgspec.structs.replace(outgoing, seq=self._streams.number(outgoing.now_ms))
        waiting = [stream for stream in streams if not _written(stream, numbered)]
        offered = [_offer(stream.queue, numbered) for stream in waiting if not stream.queue.full()]
        if len(waiting) < len(streams) or await self._taken({pushed.written for pushed in offered}):
            return Accepted(seq=numbered.seq, dropped=self.fit(outgoing))
        raise _not_taken(offered)

    async def _taken(self, waiting: set[asyncio.Future[bool]]) -> bool:
        try:
            async with asyncio.timeout(self._write_timeout_s):
                while waiting:
                    done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                    if any(future.result() for future in done):
                        return True
        except TimeoutError:
            pass
        return False


def _written(stream: Stream, outgoing: Outgoing) -> bool:
    """Write past the queue: what waits there goes first."""
    return stream.straight is not None and stream.queue.empty() and stream.straight(outgoing)


def _offer(queue: Queue, outgoing: Outgoing) -> Pushed:
    pushed = Pushed(outgoing)
    queue.put_nowait(pushed)
    return pushed


def _not_taken(offered: list[Pushed]) -> DeliveryError:
    """What it means that no stream took a message; those that have not begun will not any more."""
    if not offered:
        return TransientError("app_too_slow")
    late = [pushed for pushed in offered if not pushed.written.done()]
    for pushed in late:
        pushed.settle(written=False)
    if any(pushed.begun for pushed in late):
        return OutcomeUnknownError("outcome_unknown")
    return TransientError("app_too_slow") if late else UnreachableError("app_went_away")
