"""The radio of a paced world, served over a Unix domain socket to gateways and phones in other processes.

World ─play(clock)─▶ AirServer ─Unix socket─▶ listen ▶ Heard

A client says which receiver it is, the air repeats it, then the client only reads. Records are
MessagePack behind a four-byte big-endian length. Like a radio, the air waits for nobody: a client that
does not keep up loses packets, which are counted.
"""

import asyncio
import struct
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Final, Self

import msgspec

from firmware_sim.radio import Heard
from firmware_sim.world import World

LENGTH: Final = struct.Struct(">I")
HELLO_MAX_BYTES: Final = 256
RECORD_MAX_BYTES: Final = 1024
"""A record is some 70 bytes; what claims to be longer than this is not ours."""
QUEUE_RECORDS: Final = 4096
"""Some four seconds of a crowded store (1,000 packets a second): longer than any healthy client sleeps."""
TICK_S: Final = 0.005
"""Pace of a played world: what it adds to a packet's way is far below the tens of ms that firmware waits anyway."""


class Hello(msgspec.Struct, frozen=True):
    """What a client says first: whose ears it is."""

    receiver: str


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Heard).decode


class _Client:
    """One connection's bounded queue and the task that empties it."""

    def __init__(self, writer: asyncio.StreamWriter, limit: int) -> None:
        self._writer = writer
        self._queue: deque[bytes] = deque()
        self._limit = limit
        self._filled = asyncio.Event()

    def put(self, record: bytes) -> bool:
        if len(self._queue) >= self._limit:
            return False
        self._queue.append(record)
        self._filled.set()
        return True

    def __len__(self) -> int:
        return len(self._queue)

    async def drain(self) -> None:
        while True:
            await self._filled.wait()
            self._filled.clear()
            chunk = b"".join(self._queue)
            self._queue.clear()
            self._writer.write(chunk)
            await self._writer.drain()


class AirServer:
    """The air as a socket. Use as an asynchronous context manager; `dropped` counts by receiver what was lost here.

    A packet for a receiver that is not connected is lost as on air, and counted in `unattended`.
    """

    def __init__(self, path: Path, *, queue_records: int = QUEUE_RECORDS) -> None:
        self.path = path
        self.dropped: Counter[str] = Counter()
        self.unattended: Counter[str] = Counter()
        self.refused = 0
        self._limit = queue_records
        self._clients: dict[str, list[_Client]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        """Listen at the path. Raises OSError where that cannot be done."""
        self._server = await asyncio.start_unix_server(self._serve, self.path)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the air and every connection."""
        if self._server:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self.path.unlink, missing_ok=True)

    @property
    def listening(self) -> set[str]:
        """The receivers that are connected."""
        return set(self._clients)

    def waiting(self, receiver: str) -> int:
        """Records that wait to be written to a receiver's connections."""
        return sum(len(client) for client in self._clients.get(receiver, ()))

    def send(self, heard: Heard) -> None:
        """Give a packet to whoever listens as its receiver; never waits."""
        clients = self._clients.get(heard.receiver)
        if not clients:
            self.unattended[heard.receiver] += 1
            return
        record = _framed(heard)
        for client in clients:
            if not client.put(record):
                self.dropped[heard.receiver] += 1

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._meet(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            hello = await _hello(reader)
            if hello is None:
                self.refused += 1
            else:
                await self._attend(hello.receiver, reader, writer)
        finally:
            writer.close()

    async def _attend(self, receiver: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = _Client(writer, self._limit)
        client.put(_framed(Hello(receiver)))
        self._clients.setdefault(receiver, []).append(client)
        both = [asyncio.create_task(client.drain()), asyncio.create_task(_end(reader))]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._clients[receiver].remove(client)
            if not self._clients[receiver]:
                del self._clients[receiver]
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)  # a broken connection is over, whoever noticed


def _framed(value: Heard | Hello) -> bytes:
    body = _encode(value)
    return LENGTH.pack(len(body)) + body


async def _hello(reader: asyncio.StreamReader) -> Hello | None:
    try:
        return msgspec.msgpack.decode(await _record(reader, HELLO_MAX_BYTES), type=Hello)
    except (msgspec.MsgspecError, asyncio.IncompleteReadError, ValueError):
        return None


async def _end(reader: asyncio.StreamReader) -> None:
    while await reader.read(HELLO_MAX_BYTES):
        pass  # a client has nothing more to say; whatever it says is ignored


async def _record(reader: asyncio.StreamReader, longest: int) -> bytes:
    (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
    if length > longest:
        raise ValueError(f"a record has {length} bytes: expected at most {longest}")
    return await reader.readexactly(length)


async def listen(path: Path, receiver: str, connected: asyncio.Event | None = None) -> AsyncGenerator[Heard, None]:
    """What a receiver hears, until the air closes; sets `connected` once the air knows it.

    Raises OSError where there is no air at `path`, ValueError where something else answers.
    """
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(_framed(Hello(receiver)))
        await _record(reader, HELLO_MAX_BYTES)  # the air says hello too: from now on nothing is missed
        if connected is not None:
            connected.set()
        while True:
            yield _decode(await _record(reader, RECORD_MAX_BYTES))
    except asyncio.IncompleteReadError:
        return
    finally:
        writer.close()


async def play(world: World, air: AirServer, now_ms: Callable[[], float], until_ms: float) -> None:
    """Run a world in step with a clock until `until_ms`, into the air."""
    while (at_ms := now_ms()) < until_ms:
        for heard in world.events(at_ms):
            air.send(heard)
        await asyncio.sleep(TICK_S)
