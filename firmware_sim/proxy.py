"""A TCP link that can be slowed, frozen, and cut, to stand between two real processes."""

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple, Self

CHUNK_BYTES: Final = 65536
IN_FLIGHT_CHUNKS: Final = 64
"""What a slow link holds before it pushes back on the sender, as a router's queue does."""


class _Chunk(NamedTuple):
    due_s: float
    data: bytes


class TcpProxy:
    """Forwards connections to `host:port`. Use as an asynchronous context manager, connect to `port` on loopback.

    `delay_s` is added each way. `cut` resets every connection, and each new one until `mend`. `freeze` makes the link
    half-open until `thaw`: connections stand, bytes and ends of stream do not come through. `cut_after_bytes`, once
    set, resets all connections as soon as so many more bytes have gone up: in the middle of a message.
    """

    def __init__(self, host: str, port: int) -> None:
        self.port = 0
        self.delay_s = 0.0
        self.cut_after_bytes: int | None = None
        self.accepted = 0
        self._upstream = (host, port)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._is_cut = False
        self._flowing = asyncio.Event()
        self._flowing.set()

    async def __aenter__(self) -> Self:
        """Listen on a free port of loopback."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Reset everything and stop listening."""
        self.cut()
        if self._server:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def connections(self) -> int:
        """Connections that stand, from here to the other side."""
        return len(self._writers) // 2

    def cut(self) -> None:
        """Reset every connection, now and until `mend`."""
        self._is_cut = True
        self._reset()

    def mend(self) -> None:
        """Let connections through again."""
        self._is_cut = False

    def freeze(self) -> None:
        """Let nothing through, and tell nobody: a link whose other end has lost its power."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Let through what waited."""
        self._flowing.set()

    def _reset(self) -> None:
        for writer in tuple(self._writers):
            _abort(writer)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        if self._is_cut:
            _abort(writer)
            return
        task = asyncio.create_task(self._join(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._upstream)
        except OSError:
            _abort(writer)
            return
        pair = {writer, far_writer}
        self._writers |= pair
        try:
            up = self._carry(reader, far_writer, counted=True)
            down = self._carry(far_reader, writer, counted=False)
            await asyncio.gather(up, down)
        except OSError:
            pass  # one side is gone: so is the other
        finally:
            self._writers -= pair
            for end in pair:
                _abort(end) if self._is_cut else end.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counted: bool) -> None:
        """One direction: chunks leave `delay_s` after they came, in order, while the link flows."""
        line: asyncio.Queue[_Chunk] = asyncio.Queue(IN_FLIGHT_CHUNKS)
        taking = asyncio.create_task(_take(reader, line, lambda: self.delay_s))
        try:
            while True:
                due_s, chunk = await line.get()
                await _sleep_until(due_s)
                await self._flowing.wait()
                if not chunk:
                    break
                self._send(writer, chunk, counted=counted)
                await writer.drain()
            with suppress(OSError):
                writer.write_eof()
            await taking
        finally:
            taking.cancel()

    def _send(self, writer: asyncio.StreamWriter, chunk: bytes, *, counted: bool) -> None:
        if not counted or self.cut_after_bytes is None:
            writer.write(chunk)
            return
        writer.write(chunk[: self.cut_after_bytes])
        self.cut_after_bytes -= len(chunk)
        if self.cut_after_bytes <= 0:
            self.cut_after_bytes = None
            asyncio.get_running_loop().call_soon(self._reset)


async def _take(reader: asyncio.StreamReader, line: "asyncio.Queue[_Chunk]", delay_s: Callable[[], float]) -> None:
    """Put what comes in line, with the time at which it may leave; an empty chunk is the end, however it came."""
    loop, chunk = asyncio.get_running_loop(), b"-"
    while chunk:
        try:
            chunk = await reader.read(CHUNK_BYTES)
        except OSError:
            chunk = b""
        await line.put(_Chunk(loop.time() + delay_s(), chunk))


async def _sleep_until(due_s: float) -> None:
    await asyncio.sleep(max(0.0, due_s - asyncio.get_running_loop().time()))


def _abort(writer: asyncio.StreamWriter) -> None:
    """Reset rather than close: the other side gets ECONNRESET, not a polite end (SO_LINGER with zero seconds)."""
    connection = writer.get_extra_info("socket")
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
