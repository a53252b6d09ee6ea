"""Messages a second over the event streams of 1,000 apps, from the in-app channel into their sockets.

    .venv/bin/python tests/bench/bench_sse.py [connections] [messages per connection]

This process serves: the channel and the handler of the stream as the server has them, on real HTTP; the apps are a
process of their own, which counts what arrives. Messages differ from device to device. By CPU: per second of this
process's CPU time, so that neighbours on the machine do not count; by the clock: until the apps have all of them.
"""

import asyncio
import multiprocessing
import selectors
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection
from typing import Final, NamedTuple

from aiohttp import web

from push.access.tokens import keep
from push.api import stream
from push.api.server import application
from push.channels.inapp import EventStreams, InAppChannel
from push.database.open import open_database
from push.model.delivery import Content, Message, Outgoing
from push.model.ids import fresh
from push.model.ports import Database
from push.model.tokens import new_token
from push.profiles import people
from tests.bench.table import Line, show
from tests.support import small_api
from tests.support.clocks import RealClock

CONNECTIONS: Final = 1000
MESSAGES: Final = 50
ROUNDS: Final = 3
SENDERS: Final = 256
"""As many as the server has on their way at once."""
LEAST_PER_S: Final = 50_000
CLOCK: Final = RealClock()
BODY: Final = "A coffee is waiting for you at the bar, on the house. ".ljust(150, ".")
BEGINNING: Final = b"event: message\n"
WAIT_S: Final = 60


class Round(NamedTuple):
    """Messages a second, by CPU of the server and by the clock."""

    by_cpu: float
    by_clock: float


def apps(pipe: Connection) -> None:
    """Open a stream for each token, and say so; then, for each number of events, say when that many have come."""
    port, tokens = pipe.recv()
    selector = selectors.DefaultSelector()
    for n, token in enumerate(tokens):
        connection = socket.create_connection(("127.0.0.1", port))
        head = f"GET /v1/devices/d{n}/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
        connection.sendall(head.encode())
        selector.register(connection, selectors.EVENT_READ)
    _read(selector, b": welcome\n", len(tokens))
    pipe.send(None)
    while (wanted := pipe.recv()) is not None:
        _read(selector, BEGINNING, wanted)
        pipe.send(None)


def _read(selector: selectors.BaseSelector, what: bytes, wanted: int) -> None:
    """Until so many of `what` have come. One that is cut between two reads is put together again."""
    tails: dict[int, bytes] = {}
    while wanted > 0:
        for key, _ in selector.select(WAIT_S):
            assert isinstance(key.fileobj, socket.socket)
            read = tails.get(key.fd, b"") + key.fileobj.recv(1 << 16)
            wanted -= read.count(what)
            tails[key.fd] = read[read.rfind(b"\n") + 1 :]


@asynccontextmanager
async def serving(tokens: Sequence[str]) -> AsyncIterator[tuple[int, EventStreams]]:
    """The stream's endpoint for devices with these tokens; its port."""
    streams = EventStreams()
    with tempfile.TemporaryDirectory() as folder:
        async with open_database(f"sqlite://{folder}/push.db", CLOCK) as db:
            await _register(db, tokens)
            context = small_api.context(db, CLOCK, streams, small_api.Nowhere())
            app = application(context, (), Counter())
            app.router.add_get(stream.PATH, stream.handler(context))
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0, backlog=len(tokens))
            await site.start()
            try:
                yield runner.addresses[0][1], streams
            finally:
                streams.close()
                await runner.cleanup()


async def _register(db: Database, tokens: Sequence[str]) -> None:
    now_ms = CLOCK.now_ms()
    device = {"shopper": "s", "platform": "sim", "locale": "en", "created_ms": now_ms}
    async with db.transaction() as tx:
        await people.ensure_shopper(tx, "s", now_ms)
        await tx.execute_many("profiles.new_device", [{"id": f"d{n}", **device} for n in range(len(tokens))])
        for n, token in enumerate(tokens):
            await keep(tx, token, "device", f"d{n}", now_ms)


def outgoing(device: str) -> Outgoing:
    """An offer to one device."""
    now_ms = CLOCK.now_ms()
    message = Message(
        id=fresh("msg"),
        shopper="s",
        campaign="welcome",
        content=Content(title="Welcome back", body=BODY, url="/app/offer/1"),
        created_ms=now_ms,
        expires_ms=now_ms + 600_000,
        collapse_key="welcome",
    )
    return Outgoing(delivery=fresh("dlv"), device=device, message=message, address={}, now_ms=now_ms)


async def play(channel: InAppChannel, pipe: Connection, offers: Sequence[Outgoing]) -> Round:
    """Send all of them, one after the other to each device, devices alongside."""
    waiting = iter(offers)

    async def sender() -> None:
        for offer in waiting:
            await channel.send(offer)
            await asyncio.sleep(0)  # each delivery is a task of its own in the server

    pipe.send(len(offers))
    began_s, began_cpu_s = time.monotonic(), time.process_time()
    async with asyncio.TaskGroup() as group:
        for _ in range(SENDERS):
            group.create_task(sender())
    cpu_s = time.process_time() - began_cpu_s
    await asyncio.to_thread(pipe.recv)
    return Round(len(offers) / cpu_s, len(offers) / (time.monotonic() - began_s))


async def measure(pipe: Connection, connections: int, messages: int) -> list[Round]:
    """Some rounds."""
    tokens = [new_token("device") for _ in range(connections)]
    async with serving(tokens) as (port, streams):
        channel = InAppChannel(streams)
        pipe.send((port, tokens))
        await asyncio.to_thread(pipe.recv)
        rounds = []
        for _ in range(ROUNDS):
            offers = [outgoing(f"d{n}") for _ in range(messages) for n in range(connections)]
            rounds.append(await play(channel, pipe, offers))
        pipe.send(None)
        return rounds


def main() -> None:
    """Measure and print."""
    connections = int(sys.argv[1]) if len(sys.argv) > 1 else CONNECTIONS
    messages = int(sys.argv[2]) if len(sys.argv) > 2 else MESSAGES
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=apps, args=(there,), daemon=True)
    process.start()
    try:
        rounds = asyncio.run(measure(here, connections, messages))
    finally:
        process.kill()
    what = f"messages to {connections:,} apps"
    lines = [
        Line(f"{what}, by CPU", max(r.by_cpu for r in rounds), "a second", LEAST_PER_S, more_is_better=True),
        Line(f"{what}, by the clock", max(r.by_clock for r in rounds), "a second", more_is_better=True),
    ]
    show("Event streams on one core", lines)


if __name__ == "__main__":
    main()
