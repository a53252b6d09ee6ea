import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from firmware_sim.proxy import TcpProxy
from tests.firmware_sim.waiting import until

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
def got() -> list[bytes]:
    return []


@pytest.fixture
async def link(got: list[bytes]) -> AsyncIterator[TcpProxy]:
    """A link to a server that echoes, and says goodbye at the end of what it got."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(100):
                got.append(chunk)
                writer.write(chunk)
                await writer.drain()
            writer.write(b"bye")
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, TcpProxy("127.0.0.1", server.sockets[0].getsockname()[1]) as link:
        yield link


async def connect(link: TcpProxy) -> Stream:
    return await asyncio.open_connection("127.0.0.1", link.port)


async def exchange(stream: Stream, said: bytes) -> bytes:
    reader, writer = stream
    writer.write(said)
    async with asyncio.timeout(5):
        return await reader.readexactly(len(said))


async def test_bytes_and_the_end_pass_both_ways(link: TcpProxy) -> None:
    stream = await connect(link)
    assert await exchange(stream, b"hello" * 10_000) == b"hello" * 10_000
    stream[1].write_eof()
    assert await stream[0].read() == b"bye"
    stream[1].close()
    await until(lambda: link.connections == 0)


async def test_a_delay_is_added_each_way_without_slowing_the_flow(link: TcpProxy) -> None:
    link.delay_s = 0.1
    stream = await connect(link)
    began = time.monotonic()
    assert await exchange(stream, b"x" * 500_000) == b"x" * 500_000
    assert 0.2 <= time.monotonic() - began < 2.0
    stream[1].close()


async def test_a_cut_resets_all_connections_and_refuses_new_ones_until_mended(link: TcpProxy) -> None:
    streams = [await connect(link) for _ in range(3)]
    for stream in streams:
        await exchange(stream, b"hello")
    link.cut()
    for reader, writer in streams:
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
    reader, writer = await connect(link)
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()
    link.mend()
    stream = await connect(link)
    assert await exchange(stream, b"again") == b"again"
    stream[1].close()


async def test_a_frozen_link_says_nothing_and_loses_nothing(link: TcpProxy) -> None:
    stream = await connect(link)
    await exchange(stream, b"before")
    link.freeze()
    stream[1].write(b"during")
    stream[1].write_eof()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await stream[0].read(1)
    assert link.connections == 1
    link.thaw()
    async with asyncio.timeout(5):
        assert await stream[0].read() == b"duringbye"
    stream[1].close()


async def test_a_link_breaks_in_the_middle_of_a_message(link: TcpProxy, got: list[bytes]) -> None:
    stream = await connect(link)
    await exchange(stream, b"hello")
    link.cut_after_bytes = 3
    stream[1].write(b"0123456789")
    with pytest.raises(ConnectionResetError):
        await stream[0].read()
    stream[1].close()
    await until(lambda: b"".join(got) == b"hello012")
    other = await connect(link)
    assert await exchange(other, b"again") == b"again"
    other[1].close()


async def test_a_server_that_is_away_looks_like_a_reset() -> None:
    async with TcpProxy("127.0.0.1", 1) as link:
        reader, writer = await connect(link)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
