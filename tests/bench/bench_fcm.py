"""FCM a second on one core, beside firebase-admin: mapped, and with the POST.

    .venv/bin/python tests/bench/bench_fcm.py [messages]

A rate is messages by CPU time of the sending process, so that neighbours on the machine and the receiving server, a
process of its own, do not count; the rate by the wall clock stands beside it. The best of several rounds is shown. The
peer runs in an environment of its own and with its own `send_each_async`, whose access token is there already.
"""

import asyncio
import multiprocessing
import sys
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from typing import Any, Final, NamedTuple

from push.channels import fcm
from push.channels.credentials import read
from push.channels.fcm import FcmCredential, FcmSettings
from push.channels.fcm_payload import Form
from push.model.delivery import Content, Message, Outgoing
from tests.bench import peers
from tests.bench.table import Line, show
from tests.support.clocks import RealClock
from tests.support.fcm_service import FCM, KEY_FILE, OAUTH

ROUNDS: Final = 3
IN_FLIGHT: Final = 32
BUDGET_PER_S: Final = 6000
PEER: Final = "firebase-admin"
PEER_COUNT: Final = 1000
TOKEN: Final = "fcm-token:" + "APA91b" * 23
CONTENT: Final = Content(
    title="Welcome back",
    body="A coffee is waiting for you at the bar, on the house.".ljust(150, "."),
    url="https://shop.example/offer/1",
    data={"offer": "1"},
)
CREDENTIAL: Final[dict[str, object]] = {"service_account": KEY_FILE, "private": False}
GRANTED: Final = b'{"access_token": "ya29.%s", "expires_in": 3599, "token_type": "Bearer"}' % (b"x" * 200)
SENT: Final = b'{\n  "name": "projects/shop-1/messages/0:1500415314455276%31bd1c9631bd1c96"\n}\n'


class Rate(NamedTuple):
    """Messages a second."""

    by_cpu: float
    by_clock: float


class Service(asyncio.Protocol):
    """Grants every token and takes every message: the least that HTTP/1.1 asks for, so that the client is measured."""

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
            body = GRANTED if head.startswith(b"post /token") else SENT
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=UTF-8\r\nVary: Origin\r\nServer: ESF\r\n"
                b"Cache-Control: private\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
            )


def serve(port: Connection) -> None:
    """Run the server in a process of its own; tell its port."""

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(Service, "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


def outgoing() -> Outgoing:
    """An offer."""
    now_ms = int(time.time() * 1000)
    message = Message(
        id="msg_0123456789abcdef01234567",
        shopper="ada",
        campaign="welcome",
        content=CONTENT,
        created_ms=now_ms,
        expires_ms=now_ms + 600_000,
        collapse_key="welcome",
    )
    return Outgoing(
        delivery="dlv_0123456789abcdef01234567",
        device="phone",
        message=message,
        address={"token": TOKEN},
        now_ms=now_ms,
    )


async def in_flight(count: int, send: Callable[[], Awaitable[object]]) -> None:
    """Call `send` so many times, `IN_FLIGHT` at once."""

    async def worker() -> None:
        for _ in range(count // IN_FLIGHT):
            await send()

    async with asyncio.TaskGroup() as group:
        for _ in range(IN_FLIGHT):
            group.create_task(worker())


async def best(count: int, run: Callable[[], Awaitable[None]]) -> Rate:
    """Of all rounds."""
    spent = []
    for _ in range(ROUNDS):
        began_cpu_s, began_s = time.process_time(), time.perf_counter()
        await run()
        spent.append((time.process_time() - began_cpu_s, time.perf_counter() - began_s))
    return Rate(count / min(cpu_s for cpu_s, _ in spent), count / min(s for _, s in spent))


async def measure(count: int, url: str) -> tuple[Rate, Rate]:
    """Ours: mapped, and with the POST."""
    offer, form = outgoing(), fcm.form(read(CREDENTIAL, FcmCredential))
    async with fcm.connect(FcmSettings(origin_overrides={FCM: url, OAUTH: url}), RealClock()) as channel:
        channel.use({"default": CREDENTIAL})
        await channel.send(offer)

        async def mapped() -> None:
            map_all(form, offer, count)

        return await best(count, mapped), await best(count, lambda: in_flight(count, lambda: channel.send(offer)))


def map_all(form: Form, offer: Outgoing, count: int) -> None:
    """All but the network."""
    for _ in range(count):
        form.encode(offer)


def theirs(url: str) -> Rate | None:
    """The peer's, with the POST; None where it cannot be installed."""
    python = peers.python_of("firebase")
    if python is None:
        return None
    order: dict[str, Any] = {
        "url": url,
        "count": PEER_COUNT,
        "rounds": ROUNDS,
        "token": TOKEN,
        "title": CONTENT.title,
        "body": CONTENT.body,
        "data": {"offer": "1", "url": CONTENT.url, "id": "msg_0123456789abcdef01234567"},
    }
    found = peers.ask(python, "firebase.py", order)
    return Rate(found["cpu_per_s"], found["per_s"])


def lines(mapped: Rate, posted: Rate, peer: Rate | None) -> list[Line]:
    """Ours beside theirs."""
    by_cpu, by_clock = (None, None) if peer is None else peer
    return [
        Line("mapped and checked", mapped.by_cpu, "a second of CPU", more_is_better=True),
        Line("with POST", posted.by_cpu, "a second of CPU", BUDGET_PER_S, PEER, by_cpu, more_is_better=True),
        Line("with POST, by the clock", posted.by_clock, "a second", None, PEER, by_clock, more_is_better=True),
    ]


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 6400
    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(there,), daemon=True)
    server.start()
    try:
        url = f"http://127.0.0.1:{here.recv()}"
        mapped, posted = asyncio.run(measure(count, url))
        peer = theirs(url)
    finally:
        server.terminate()
    show("FCM on one core", lines(mapped, posted, peer))


if __name__ == "__main__":
    main()
