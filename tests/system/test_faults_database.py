"""PostgreSQL goes away in full flow: nothing is lost, nothing is applied twice, the server stays up."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from tests.support.stack import Shopper, Stack

pytestmark = pytest.mark.system

SOCKET: Final = ".s.PGSQL.5432"
COMMITTED: Final = b"C\0\0\0\x0bCOMMIT\0"
"""CommandComplete of a COMMIT (PostgreSQL, 53.7: Message Formats)."""


async def terminate_all(url: str) -> None:
    """End every other connection to the database."""
    connection = await asyncpg.connect(url)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await connection.close()


async def crash(url: str) -> None:
    """Kill -9 a backend: PostgreSQL ends all the others, recovers from its log, and comes back."""
    connection = await asyncpg.connect(url)
    victim = await connection.fetchval(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    os.kill(victim, signal.SIGKILL)
    with suppress(asyncpg.PostgresError, OSError):
        await connection.close(timeout=5)


class CommitBreaker:
    """Between server and PostgreSQL. Loses `left` answers to COMMIT, each with the connection that carried it."""

    def __init__(self, upstream: Path) -> None:
        self.left = 0
        self.broken = 0
        self._upstream = upstream
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def at(self, path: Path) -> AsyncIterator["CommitBreaker"]:
        """Listening while the block lasts."""
        server = await asyncio.start_unix_server(self._accept, path)
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._join(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(self._upstream)
        both = [
            asyncio.create_task(self._carry(reader, far_writer)),
            asyncio.create_task(self._carry(far_reader, writer)),
        ]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            writer.transport.abort()
            far_writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65536):
            if self.left and COMMITTED in chunk:
                self.left -= 1
                self.broken += 1
                return
            writer.write(chunk)
            await writer.drain()


async def in_full_flow(stack: Stack) -> Shopper:
    """A deployment in which somebody has just been greeted."""
    await stack.start_server()
    await stack.run_gateway()
    return await stack.add_shopper()


async def assert_all_is_well(stack: Stack, shopper: Shopper) -> None:
    books = await stack.close_books()
    books.assert_exactly_once()
    (visit,) = await stack.visits(shopper)
    assert visit["left_ms"] is None
    assert len(await stack.moments(shopper)) == 1
    deliveries = [d["message"] for d in await stack.get("/v1/deliveries") if d["shopper"] == shopper.id]
    assert shopper.shown() == deliveries
    assert len(deliveries) == 1


async def test_connections_that_are_ended_in_full_flow_cost_nothing(own_stack: Stack, postgres_url: str) -> None:
    stack = own_stack
    stack.settings["push.database_url"] = postgres_url
    shopper = await in_full_flow(stack)
    async with stack.ether.crowd(), stack.ether.presence(shopper.card):
        for _ in range(4):
            before = await stack.until_applied(await stack.applied() + 3)
            await terminate_all(postgres_url)
            await stack.until_applied(before + 3)
        await stack.until_shown(shopper)
    await assert_all_is_well(stack, shopper)


async def test_a_database_that_crashes_and_recovers_costs_nothing(own_stack: Stack, postgres_url: str) -> None:
    stack = own_stack
    stack.settings["push.database_url"] = postgres_url
    shopper = await in_full_flow(stack)
    async with stack.ether.crowd(), stack.ether.presence(shopper.card):
        await stack.until_shown(shopper)
        before = await stack.until_applied(3)
        await crash(postgres_url)
        await stack.until_applied(before + 10)
    await assert_all_is_well(stack, shopper)


async def test_a_commit_whose_answer_is_lost_is_not_made_twice(
    own_stack: Stack, postgres_url: str, tmp_path: Path
) -> None:
    """The connection breaks after PostgreSQL has committed and before the server knows."""
    stack = own_stack
    (sockets,) = parse_qs(urlsplit(postgres_url).query)["host"]
    breaker = CommitBreaker(Path(sockets) / SOCKET)
    async with breaker.at(tmp_path / SOCKET):
        stack.settings["push.database_url"] = postgres_url.replace(sockets, str(tmp_path))
        shopper = await in_full_flow(stack)
        async with stack.ether.crowd(), stack.ether.presence(shopper.card):
            for _ in range(8):
                before = await stack.applied()
                breaker.left = 1
                await stack.until_applied(before + 4)
            await stack.until_shown(shopper)
        assert breaker.broken == 8
        assert (await stack.get("/v1/statistics"))["process"]["commit_failures"] > 0
        await assert_all_is_well(stack, shopper)
        await stack.close()
