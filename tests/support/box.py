"""One gateway's machine in a deployment under test: configuration, process, link, spool file, and what it made."""

import asyncio
import json
import os
import random
import signal
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from firmware_sim.proxy import TcpProxy
from firmware_sim.stage import Actor, start
from push.broker.holders import try_bind
from push.broker.users import BrokerUser
from tests.support.patience import PATIENCE_S

HOST = "127.0.0.1"
STORE = "shop"
WITHIN_S = PATIENCE_S
POLL_S = 0.03

Condition = Callable[[], Awaitable[bool]]


_CHANCE = random.SystemRandom()
"""Not the seeded generator: pytest-randomly gives every worker the same, and so the same port."""


def quiet_port() -> int:
    """A port that nobody listens on, below those that systems give to clients: a restart finds it free again."""
    while True:
        try:
            return try_bind(HOST, _CHANCE.randrange(20_000, 32_000))
        except OSError:
            continue


def write_toml(path: Path, settings: Mapping[str, object]) -> Path:
    """A file of dotted keys; JSON writes such values as TOML does."""
    path.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items()))
    return path


async def until(what: str, holds: Condition, actors: Sequence[Actor]) -> None:
    """Wait until a condition holds; fail when it does not in time, or one of `actors` has ended."""
    give_up_s = time.monotonic() + WITHIN_S
    while not await holds():
        ended = [actor.name for actor in actors if not actor.is_running]
        if ended or time.monotonic() > give_up_s:
            said = [f"{actor.name} said:\n{await asyncio.to_thread(actor.last_words)}" for actor in actors]
            raise AssertionError("\n".join([f"waited for {what}; ended: {ended}", *said]))
        await asyncio.sleep(POLL_S)


class Enrolled(NamedTuple):
    """A gateway as the registry and the broker know it."""

    name: str
    secret: bytes
    user: BrokerUser


class Box:
    """One gateway's machine: its files, its link to the broker, and the process that runs on it, if any."""

    def __init__(self, enrolled: Enrolled, folder: Path, port: int, http: aiohttp.ClientSession) -> None:
        self.enrolled = enrolled
        self.name, self.secret, self.user = enrolled
        self.folder = folder
        self._port = port
        self._link: TcpProxy | None = None
        self.made: dict[str, int] = {}
        self.actor: Actor | None = None
        self.settings: dict[str, object] = {}
        self._http = http
        self._metrics = quiet_port()

    @property
    def link(self) -> TcpProxy:
        """Its way to the broker, to be broken."""
        assert self._link is not None
        return self._link

    @link.setter
    def link(self, link: TcpProxy) -> None:
        self._link, self._port = link, link.port

    async def start(self, environment: Mapping[str, str], **settings: object) -> None:
        """Run the daemon; returns once it answers."""
        config = await asyncio.to_thread(self._write, settings)
        arguments = ["gateway", "run", "--config", str(config)]
        self.actor = await start(self.name, arguments, self.folder, {**os.environ, **environment})
        await self.until(f"{self.name} to answer", self.answers)

    async def answers(self) -> bool:
        return await self._health() is not None

    async def health(self) -> dict[str, Any]:
        """The daemon's snapshot as of now."""
        health = await self._health()
        assert health is not None, self.actor and self.actor.last_words()
        return health

    async def counters(self) -> dict[str, int]:
        counters: dict[str, int] = (await self.health())["counters"]
        return counters

    async def config_version(self) -> int:
        """Of the remote configuration in force; 0 before the server has said anything."""
        return int((await self.health())["config_version"])

    async def until(self, what: str, holds: Condition) -> None:
        await until(what, holds, [] if self.actor is None else [self.actor])

    async def until_counted(self, counter: str, at_least: int) -> None:
        async def holds() -> bool:
            return (await self.counters()).get(counter, 0) >= at_least

        await self.until(f"{at_least} {counter} at {self.name}", holds)

    async def until_connected(self) -> None:
        async def holds() -> bool:
            return bool((await self.health())["connected"])

        await self.until(f"{self.name} to reach its broker", holds)

    async def kill(self) -> str:
        """Kill -9; the boot that ended. What it had spooled goes into the books as its file says."""
        assert self.actor is not None
        boot = str((await self.health())["boot"])
        await self.actor.stop(signal.SIGKILL)
        self.made[boot] = await asyncio.to_thread(self._spooled) - sum(self.made.values())
        self.actor = None
        return boot

    async def stop(self) -> dict[str, Any]:
        """SIGTERM; the last health report, with nothing left in the spool."""
        assert self.actor is not None
        assert await self.actor.stop() == 0, self.actor.last_words()
        self.actor = None
        health: dict[str, Any] = json.loads(await asyncio.to_thread((self.folder / "data" / "health.json").read_text))
        self.made[health["boot"]] = health["counters"].get("batches_spooled", 0)
        return health

    def spool(self) -> "closing[sqlite3.Connection]":
        """The file of a gateway that does not run."""
        return closing(sqlite3.connect(self.folder / "data" / "spool.db"))

    def _spooled(self) -> int:
        """Batches ever committed: SQLite keeps the highest AUTOINCREMENT id given out."""
        with self.spool() as db:
            rows = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'batch'").fetchall()
        return int(rows[0][0]) if rows else 0

    async def _health(self) -> dict[str, Any] | None:
        try:
            async with self._http.get(f"http://{HOST}:{self._metrics}/healthz") as answer:
                health: dict[str, Any] = await answer.json()
                return health
        except aiohttp.ClientError:
            return None

    def _write(self, settings: Mapping[str, object]) -> Path:
        (self.folder / "secret").write_text(self.secret.hex())
        (self.folder / "secret").chmod(0o600)
        (self.folder / "password").write_text(self.user.password)
        return write_toml(
            self.folder / "gateway.toml",
            {
                "gateway.id": self.name,
                "gateway.store": STORE,
                "gateway.secret_file": str(self.folder / "secret"),
                "gateway.data_dir": str(self.folder / "data"),
                "gateway.scan.backend": "firmware_sim.backend:SimScanner",
                "gateway.uplink.brokers": [f"mqtt://{HOST}:{self._port}"],
                "gateway.uplink.username": self.user.name,
                "gateway.uplink.password_file": str(self.folder / "password"),
                "gateway.uplink.resend_ms": 300,
                "gateway.uplink.backlog_per_s": 500,
                "gateway.health.metrics_port": self._metrics,
                "gateway.health.every_s": 1,
                **self.settings,
                **settings,
            },
        )
