"""APNs a second on one core, beside aioapns, in one run, and whether each of 3,000 refusals is heard.

    .venv/bin/python tests/bench/bench_apns.py [messages]

One connection, TLS, to an HTTP/2 server in a process of its own: node's where there is one, else a small one of ours. A
rate is messages by CPU time of the sending process, so that neighbours and the server do not count. The best of some
rounds is shown. aioapns runs in an environment of its own, with its own defaults and the same payload.
"""

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import trustme
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from push.channels import apns
from push.model.delivery import Content, Message, Outgoing
from push.model.errors import DeviceGoneError
from tests.bench.peers import ask, python_of
from tests.bench.table import Line, say, show
from tests.support.clocks import RealClock

HERE: Final = Path(__file__).parent
ROUNDS: Final = 5
IN_FLIGHT: Final = 200
GONE: Final = 3000
TIMES_PEER: Final = 1.5
BODY: Final = "A coffee is waiting for you at the bar, on the house. ".ljust(180, ".")


class Server(NamedTuple):
    """Where it listens, and its process."""

    port: int
    process: "subprocess.Popen[str]"

    def counts(self) -> dict[str, int]:
        """How many requests it has answered, and how many of them with 410."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        counts: dict[str, int] = json.loads(self.process.stdout.readline())
        return counts


@contextmanager
def server(pem: Path) -> Iterator[Server]:
    """Node's server while the block lasts, else ours."""
    node = shutil.which("node")
    program = [node, str(HERE / "apns_server.js")] if node else [sys.executable, str(HERE / "apns_server.py")]
    with subprocess.Popen([*program, str(pem)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ours
        assert process.stdout is not None
        try:
            yield Server(int(process.stdout.readline()), process)
        finally:
            process.kill()


def key_file(folder: Path) -> Path:
    """A token-signing key as Apple gives it."""
    path = folder / "AuthKey.p8"
    key = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


def outgoing(device: str) -> Outgoing:
    """An offer for one device."""
    now_ms = int(time.time() * 1000)
    message = Message(
        id="m1",
        shopper="ada",
        campaign="welcome",
        content=Content(title="Welcome back", body=BODY, url="/app/offer/1"),
        created_ms=now_ms,
        expires_ms=now_ms + 600_000,
        collapse_key="welcome",
    )
    return Outgoing(delivery=device[-12:], device="phone", message=message, address={"token": device}, now_ms=now_ms)


async def in_flight(channel: apns.Apns, count: int, prefix: str) -> tuple[int, int]:
    """Send so many, `IN_FLIGHT` at once; how many were accepted, and for how many the device was gone."""
    accepted = gone = 0

    async def worker(first: int) -> None:
        nonlocal accepted, gone
        for number in range(first, count, IN_FLIGHT):
            try:
                await channel.send(outgoing(f"{prefix}{number:060x}"))
                accepted += 1
            except DeviceGoneError:
                gone += 1

    async with asyncio.TaskGroup() as group:
        for first in range(IN_FLIGHT):
            group.create_task(worker(first))
    return accepted, gone


async def ours(settings: apns.ApnsSettings, key: Path, count: int) -> tuple[float, int]:
    """The best rate, and how many refusals were heard."""
    credential = {
        "team_id": "TEAM000001",
        "key_id": "KEY0000001",
        "private_key": await asyncio.to_thread(key.read_text),
        "topic": "app",
        "private": False,
    }
    async with apns.connect(settings, RealClock()) as channel:
        channel.use({"default": credential})
        await in_flight(channel, 100, "0000")
        best = 0.0
        for _ in range(ROUNDS):
            began_s = time.process_time()
            accepted, _ = await in_flight(channel, count, "0000")
            best = max(best, accepted / (time.process_time() - began_s))
        _, gone = await in_flight(channel, GONE, "dead")
    return best, gone


def theirs(port: int, ca: Path, key: Path, count: int) -> dict[str, Any] | None:
    """The peer's figures; None where it is not to be had."""
    python = python_of("aioapns")
    if python is None:
        return None
    order = {
        "port": port,
        "ca": str(ca),
        "key": str(key),
        "count": count,
        "rounds": ROUNDS,
        "in_flight": IN_FLIGHT,
        "gone": GONE,
        "message": {
            "aps": {"alert": {"title": "Welcome back", "body": BODY}, "sound": "default"},
            "url": "/app/offer/1",
        },
    }
    return ask(python, "aioapns_peer.py", order)


def lines(rate: float, gone: int, peer: dict[str, Any] | None) -> list[Line]:
    """Ours beside theirs."""
    name = "aioapns"
    if peer is None:
        return [
            Line("sent and answered", rate, "a second", more_is_better=True),
            Line(f"{GONE} x 410, heard", gone, "", GONE, more_is_better=True),
        ]
    budget = TIMES_PEER * peer["rate"]
    return [
        Line("sent and answered", rate, "a second", budget, name, peer["rate"], more_is_better=True),
        Line(f"{GONE} x 410, heard", gone, "", GONE, name, peer["gone"], more_is_better=True),
    ]


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        authority, ca, pem = trustme.CA(), folder / "ca.pem", folder / "server.pem"
        authority.cert_pem.write_to_path(str(ca))
        authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(pem))
        key = key_file(folder)
        with server(pem) as running:
            settings = apns.ApnsSettings(host="localhost", port=running.port, ca_file=str(ca), connections=1)
            rate, gone = asyncio.run(ours(settings, key, count))
            answered = running.counts()["gone"]
            peer = theirs(running.port, ca, key, count)
            answered_theirs = running.counts()["gone"] - answered
    show("APNs on one core, one connection, a payload of 300 bytes", lines(rate, gone, peer))
    say(f"  410s that the server gave: {answered} to us, {answered_theirs} to the peer")


if __name__ == "__main__":
    main()
