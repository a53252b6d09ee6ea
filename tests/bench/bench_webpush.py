"""Web Push a second on one core, beside pywebpush, in one run: encrypted and signed, then with the POST too.

    .venv/bin/python tests/bench/bench_webpush.py [messages]

A rate is messages by CPU time of this process, so that neighbours on the machine and the receiving server, a process of
its own, do not count. Rounds alternate; the best of each is shown.
"""

import asyncio
import multiprocessing
import sys
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from typing import Final, NamedTuple

import aiohttp
from pywebpush import Vapid, WebPusher, webpush_async

from firmware_sim.webpush import SubscriptionKeys
from push.channels import vapid, webpush
from push.model.delivery import Content, Message, Outgoing
from tests.bench.table import Line, show

ROUNDS: Final = 3
IN_FLIGHT: Final = 32
PAYLOAD_BYTES: Final = 300
CONTACT: Final = "mailto:operator@example.com"

Rate = Callable[[int], Awaitable[None]]


class Subject(NamedTuple):
    """One line of the table."""

    what: str
    who: str
    budget_per_s: int | None
    run: Rate


class PushServer(asyncio.Protocol):
    """Answers every request with 201: the least that HTTP/1.1 asks for, so that the client is what is measured."""

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
            self._transport.write(b"HTTP/1.1 201 Created\r\nLocation: /message/1\r\nContent-Length: 0\r\n\r\n")


def serve(port: Connection) -> None:
    """Run the server in a process of its own; tell its port."""

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(PushServer, "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


def outgoing(address: dict[str, object]) -> Outgoing:
    """An offer whose plaintext is about `PAYLOAD_BYTES` long."""
    now_ms = int(time.time() * 1000)
    body = "A coffee is waiting for you at the bar, on the house. ".ljust(PAYLOAD_BYTES - 150, ".")
    message = Message(
        id="m1",
        shopper="ada",
        campaign="welcome",
        content=Content(title="Welcome back", body=body, url="/app/offer/1"),
        created_ms=now_ms,
        expires_ms=now_ms + 600_000,
        collapse_key="welcome",
    )
    return Outgoing(delivery="d1", device="phone", message=message, address=address, now_ms=now_ms)


async def in_flight(count: int, send: Callable[[], Awaitable[object]]) -> None:
    """Call `send` so many times, `IN_FLIGHT` at once."""

    async def worker(share: int) -> None:
        for _ in range(share):
            await send()

    async with asyncio.TaskGroup() as group:
        for _ in range(IN_FLIGHT):
            group.create_task(worker(count // IN_FLIGHT))


def subjects(
    ours: webpush.WebPush, session: aiohttp.ClientSession, key: vapid.Key, address: dict[str, object]
) -> list[Subject]:
    """What is measured: the same message, subscription and key for everyone."""
    offer = outgoing(address)
    text = webpush.payload(offer).decode()
    theirs = Vapid.from_pem(vapid.to_pem(key))

    async def prepare(count: int) -> None:
        for _ in range(count):
            ours.prepare(offer)

    async def prepare_theirs(count: int) -> None:
        for _ in range(count):
            exp = int(time.time()) + 3600
            theirs.sign({"aud": "https://push.example", "exp": str(exp), "sub": CONTACT})
            WebPusher(address).encode(text.encode(), content_encoding="aes128gcm")

    async def send(count: int) -> None:
        await in_flight(count, lambda: ours.send(offer))

    async def send_theirs(count: int) -> None:
        await in_flight(count, post_theirs)

    async def post_theirs() -> None:
        claims: dict[str, str | int] = {"sub": CONTACT}
        answer = await webpush_async(address, text, theirs, claims, ttl=600, aiohttp_session=session)
        assert not isinstance(answer, str)
        answer.release()

    return [
        Subject("encrypted and signed", "footfall", 8000, prepare),
        Subject("encrypted and signed", "pywebpush", None, prepare_theirs),
        Subject("with POST", "footfall", 3300, send),
        Subject("with POST", "pywebpush", None, send_theirs),
    ]


async def measure(count: int, port: int) -> list[tuple[Subject, float]]:
    """Each subject's best rate, per second of CPU."""
    origin = f"http://127.0.0.1:{port}"
    key = vapid.generate()
    address = SubscriptionKeys.generate().address(f"{origin}/push/1")
    settings = webpush.WebPushSettings(origin_overrides={origin: origin})
    async with webpush.connect(settings, key) as ours, aiohttp.ClientSession() as session:
        tried = subjects(ours, session, key, address)
        best = [0.0] * len(tried)
        for _ in range(ROUNDS):
            for number, subject in enumerate(tried):
                started_s = time.process_time()
                await subject.run(count)
                best[number] = max(best[number], count / (time.process_time() - started_s))
        return list(zip(tried, best, strict=True))


def lines(found: list[tuple[Subject, float]]) -> list[Line]:
    """Ours beside theirs, for each thing done."""
    theirs = {subject.what: rate for subject, rate in found if subject.who != "footfall"}
    return [
        Line(
            subject.what, rate, "a second", subject.budget_per_s, "pywebpush", theirs[subject.what], more_is_better=True
        )
        for subject, rate in found
        if subject.who == "footfall"
    ]


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3200
    here, there = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    server = context.Process(target=serve, args=(there,), daemon=True)
    server.start()
    try:
        found = asyncio.run(measure(count, here.recv()))
    finally:
        server.terminate()
    show(f"Web Push on one core, payloads of {PAYLOAD_BYTES} bytes", lines(found))


if __name__ == "__main__":
    main()
