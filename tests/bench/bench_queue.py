"""What a million queued messages cost the server: memory at rest and while it sends, and what another caller hears.

    .venv/bin/python tests/bench/bench_queue.py [most queued] [seconds of sending]

The database is filled straight through the outbox, for later; a server of its own process then runs on it. At the end
all are due, and go to the `log` channel. Memory is the process's resident set.
"""

import asyncio
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Final, NamedTuple

import aiohttp

from push.campaigns import outbox
from push.campaigns.outbox import Send
from push.campaigns.routes import Plan
from push.database.open import open_database
from push.model.delivery import Content, Lane, Message, Route
from push.model.ids import fresh
from push.model.ports import Database
from push.profiles import consent
from push.profiles.keys import Keyring
from tests.bench.table import Line, say, show
from tests.support.breakable import ServersOwn
from tests.support.clocks import RealClock
from tests.support.keyrings import keyring_of
from tests.support.mailroom import post_body
from tests.support.stack import Stack, deployment

MOST: Final = 1_000_000
SECONDS: Final = 30.0
A_TIME: Final = 1000
PEOPLE: Final = 1000
LATER_MS: Final = 6 * 3_600_000
REST_S: Final = 4.0
FLAT_MB: Final = 32.0
"""What memory may grow by from an empty queue to a full one, and by sending: a cache here and there, not the queue."""
CLOCK: Final = RealClock()


class Seen(NamedTuple):
    """The server's memory at a number of queued messages."""

    queued: int
    rss_mb: float


async def fill(db: Database, keyring: Keyring, count: int) -> None:
    """Queue so many, for later."""
    for _ in range(0, count, A_TIME):
        async with db.transaction() as tx:
            await outbox.put(tx, keyring, [_send(n) for n in range(A_TIME)])


def _send(n: int) -> Send:
    now_ms, name = CLOCK.now_ms(), fresh("msg")
    message = Message(
        id=name,
        shopper=f"shp_{n % PEOPLE}",
        campaign="",
        content=Content(title="Autumn is here", body="Everything for the rain, on the second floor. ".ljust(150, ".")),
        created_ms=now_ms,
        expires_ms=now_ms + 4 * LATER_MS,
        collapse_key=name,
    )
    plan = Plan((Route(f"d{n % PEOPLE}", "log"),), hold_ms=LATER_MS)
    return Send(message=message, plan=plan, lane=Lane.BULK, source="bench")


async def join(db: Database) -> None:
    """People who agreed to offers."""
    now_ms = CLOCK.now_ms()
    people = [{"id": f"shp_{n}", "traits": "{}", "created_ms": now_ms} for n in range(PEOPLE)]
    device = {"platform": "sim", "locale": "en", "created_ms": now_ms}
    async with db.transaction() as tx:
        await tx.execute_many("profiles.new_shopper", people)
        await tx.execute_many(
            "profiles.new_device", [{"id": f"d{n}", "shopper": f"shp_{n}", **device} for n in range(PEOPLE)]
        )
        for row in people:
            await consent.set_consents(tx, str(row["id"]), {"marketing": True}, at_ms=now_ms, source="bench")


def rss_mb(stack: Stack) -> float:
    """Of the server's process."""
    assert stack.server is not None
    status = Path(f"/proc/{stack.server.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def waiting(path: Path) -> int:
    """Messages that are queued."""
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("SELECT COUNT(*) FROM deliveries WHERE queue IS NOT NULL").fetchone()[0])


def make_due(path: Path) -> None:
    """From now on."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE deliveries SET next_ms = decided_ms WHERE queue IS NOT NULL")


@asynccontextmanager
async def running(stack: Stack) -> AsyncIterator[None]:
    """The server, for the length of the block."""
    await stack.start_server()
    try:
        yield
    finally:
        await stack.end_server()


async def at_rest(stack: Stack, path: Path, most: int) -> list[Seen]:
    """Memory with nothing to do, at more and more queued messages."""
    seen, queued = [], 0
    for wanted in sorted({n for n in (0, 10_000, 100_000) if n < most} | {most}):
        async with open_database(f"sqlite:{path}", CLOCK) as db:
            if not wanted:
                await join(db)
            await fill(db, await keyring_of(path.parent), wanted - queued)
        queued = wanted
        async with running(stack):
            await asyncio.sleep(REST_S)
            seen.append(Seen(queued, await asyncio.to_thread(rss_mb, stack)))
            if queued == most:
                say(f"   one more than {most:,}: {await pushed_back(stack)}")
    return seen


async def pushed_back(stack: Stack) -> str:
    """What somebody hears who wants to send one more."""
    token = await asyncio.to_thread((stack.folder / "data" / "operator.token").read_text)
    body = post_body({"device": "d1"}, policy={"channels": ["inapp"]})
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token.strip()}"}) as http,
        http.post(f"{stack.url}/v1/messages", json=body) as answer,
    ):
        return f"{answer.status}, Retry-After: {answer.headers.get('Retry-After')}"


async def play(most: int, seconds: float) -> tuple[list[Seen], float, float]:
    """Memory at rest; the most while sending; messages sent a second."""
    with tempfile.TemporaryDirectory(prefix="footfall-queue-") as name:
        folder = Path(name)
        path = folder / "data" / "push.db"
        path.parent.mkdir()
        async with deployment(folder, ServersOwn()) as stack:
            stack.settings["push.sender.most_queued"] = most
            seen = await at_rest(stack, path, most)
            await asyncio.to_thread(make_due, path)
            async with running(stack):
                before, began_s = await asyncio.to_thread(waiting, path), time.monotonic()
                peak_mb = 0.0
                while time.monotonic() - began_s < seconds:
                    peak_mb = max(peak_mb, await asyncio.to_thread(rss_mb, stack))
                    await asyncio.sleep(0.5)
                sent = before - await asyncio.to_thread(waiting, path)
                return seen, peak_mb, sent / (time.monotonic() - began_s)


def main() -> None:
    """Measure and print."""
    most = int(sys.argv[1]) if len(sys.argv) > 1 else MOST
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else SECONDS
    seen, peak_mb, per_s = asyncio.run(play(most, seconds))
    empty_mb = seen[0].rss_mb
    lines = [Line(f"memory with {each.queued:,} queued", each.rss_mb, "MB") for each in seen]
    lines += [
        Line("it grows by queueing", seen[-1].rss_mb - empty_mb, "MB", FLAT_MB),
        Line("memory while sending, at most", peak_mb, "MB"),
        Line("it grows by sending", peak_mb - empty_mb, "MB", FLAT_MB),
        Line("sent through the log", per_s, "a second", more_is_better=True),
    ]
    show(f"A queue of {most:,} messages", lines)


if __name__ == "__main__":
    main()
