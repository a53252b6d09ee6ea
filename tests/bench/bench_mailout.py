"""What somebody in a store waits for her message while a hundred thousand others are mailed, and one provider is down.

    .venv/bin/python tests/bench/bench_mailout.py [messages] [seconds]

The demo's whole store, twice: alone, and with another system that posts a mail-out, a thousand messages a call, over
webhooks to a receiver in a process of its own; and some to one that takes connections and never answers. Heard is the
radio time of a visit's first packet. All of it shares one machine, the simulator included.
"""

import asyncio
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any, Final

from firmware_sim.demo import Options, perform
from firmware_sim.operator import Operator
from firmware_sim.report import Percentiles, Report
from firmware_sim.scene import Scene
from tests.bench.table import Line, say, show

MESSAGES: Final = 100_000
A_CALL: Final = 1000
SECONDS: Final = 90.0
SHOPPERS: Final = 60
SEED: Final = 1
TO_THE_DEAD: Final = 20
"""Every so many messages goes to the provider that is down."""
P99_MS: Final = 500.0
SETTING: Final = "FOOTFALL__PUSH__WEBHOOK__ORIGIN_OVERRIDES"
HOOKS: Final = {"shop": "https://shop.example", "dead": "https://dead.example"}


class Receiver(asyncio.Protocol):
    """Answers every request with 204."""

    def __init__(self) -> None:
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            head = self._read[:end].lower()
            size = end + 4 + int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            if len(self._read) < size:
                return
            self._read = self._read[size:]
            self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


def receive(pipe: Connection) -> None:
    """Serve at two ports, one of which never answers; tell them."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        good = await loop.create_server(Receiver, "127.0.0.1", 0)
        dead = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
        pipe.send([server.sockets[0].getsockname()[1] for server in (good, dead)])
        await asyncio.gather(good.serve_forever(), dead.serve_forever())

    asyncio.run(run())


@contextmanager
def receivers() -> Iterator[Mapping[str, str]]:
    """Where receivers listen, by app, for the length of the block."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=receive, args=(there,), daemon=True)
    process.start()
    try:
        yield dict(zip(HOOKS, (f"http://127.0.0.1:{port}" for port in here.recv()), strict=True))
    finally:
        process.kill()


async def mail_out(operator: Operator, messages: int) -> None:
    """Post all of them, as fast as they are taken."""
    began_s = time.monotonic()
    for app, origin in HOOKS.items():
        await operator.put(f"/v1/credentials/webhook/{app}?check=false", {"url": f"{origin}/hook"})
    for first in range(0, messages, A_CALL):
        await operator.post("/v1/messages", {"messages": [_message(n) for n in range(first, first + A_CALL)]})
    say(f"   {messages:,} messages were taken in {time.monotonic() - began_s:.0f} s")


def _message(n: int) -> dict[str, Any]:
    app = "shop" if n % TO_THE_DEAD else "dead"
    return {
        "to": {"address": {"channel": "webhook", "app": app, "address": {"to": f"+4930{n:08}"}}},
        "content": {
            "title": "Autumn is here",
            "body": "Everything for the rain, on the second floor. ".ljust(150, "."),
        },
        "agreed": {"source": "bench", "at_ms": 1},
        "lifetime_s": 86_400,
    }


async def play(seconds: float, messages: int) -> Report:
    """One demo, beside a mail-out of so many messages."""

    async def look(scene: Scene, over: asyncio.Event) -> None:
        mailing = asyncio.create_task(mail_out(scene.operator, messages) if messages else over.wait())
        await over.wait()
        mailing.cancel()
        with suppress(asyncio.CancelledError):
            await mailing

    return await perform(Options(seconds, SHOPPERS, SEED), look, asyncio.Event())


def lines(alone: Report, beside: Report) -> list[Line]:
    """Both runs, for each latency and percentile."""
    found = []
    for what in ("heard_to_handed_over", "report_to_handed_over"):
        ours: Percentiles = getattr(beside.latency_ms, what)
        before: Percentiles = getattr(alone.latency_ms, what)
        for p in ("p50", "p95", "p99"):
            budget_ms = P99_MS if p == "p99" else None
            name = f"{what.replace('_', ' ')}, {p} of {ours.n}"
            found.append(Line(name, getattr(ours, p) or 0.0, "ms", budget_ms, "without", getattr(before, p)))
    return found


def main() -> None:
    """Play twice and print."""
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else MESSAGES
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else SECONDS
    alone = asyncio.run(play(seconds, 0))
    with receivers() as origins:
        overrides = ", ".join(f'"{HOOKS[app]}" = "{origin}"' for app, origin in origins.items())
        os.environ[SETTING] = f"{{ {overrides} }}"
        beside = asyncio.run(play(seconds, messages))
    say(f"{beside.visits} visits; what became of all deliveries by the end: {beside.deliveries}")
    show(f"Beside a mail-out of {messages:,} messages, one provider down", lines(alone, beside))


if __name__ == "__main__":
    main()
