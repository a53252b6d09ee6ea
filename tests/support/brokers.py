"""Real brokers for tests; `tests/conftest.py` makes the fixtures known everywhere.

`nats_broker` is the embedded nats-server, `mosquitto_broker` Debian's Mosquitto; `any_broker` runs a test on both. Each
listens on a free port of 127.0.0.1, knows the server's login, refuses everybody else, and lets `add_gateway` in::

    async def test_something(any_broker: RunningBroker) -> None:
        server = any_broker.endpoint                        # url, username, password of the server's own login
        gateway = await any_broker.add_gateway("s1", "g1")  # a login limited to that gateway's topics
        await any_broker.stop()                             # an outage; the port stays
        await any_broker.start()

`kill` is kill -9, and returns when the broker is back (the embedded one by itself). `start` and `stop` do nothing where
that is how it is already.
"""

import asyncio
import os
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Protocol

import aiomqtt
import pytest

from push.broker.embedded import EmbeddedBroker, EmbeddedSettings, run_broker
from push.broker.endpoint import Endpoint
from push.broker.holders import try_bind
from push.broker.users import BrokerUser, gateway_user, server_user
from tests.support.patience import PATIENCE_S
from tests.support.tools import ci_or_skip

HOST = "127.0.0.1"
TIMEOUT_S = PATIENCE_S


async def until(condition: Callable[[], bool], timeout_s: float = TIMEOUT_S) -> None:
    """Wait for a condition, to a deadline."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - conditions here are of other processes
            await asyncio.sleep(0.01)


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) == 0


async def kill_embedded(broker: EmbeddedBroker) -> None:
    """Kill -9, and wait until it is back."""
    restarts = broker.restarts
    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGKILL)
    await until(lambda: broker.restarts > restarts)


@asynccontextmanager
async def connected(endpoint: Endpoint, user: BrokerUser | None = None) -> AsyncIterator[aiomqtt.Client]:
    name, password = (endpoint.username, endpoint.password) if user is None else (user.name, user.password)
    tls = endpoint.tls()
    async with aiomqtt.Client(
        endpoint.host, endpoint.port, username=name, password=password, tls_context=tls, timeout=5
    ) as client:
        yield client


async def reach(endpoint: Endpoint, user: BrokerUser | None = None) -> None:
    async with connected(endpoint, user):
        pass


class RunningBroker(Protocol):
    """What both have in common."""

    @property
    def endpoint(self) -> Endpoint:
        """The server's own login, and the URL that gateways use too."""
        ...

    async def add_gateway(self, store: str, gateway: str) -> BrokerUser:
        """Let a gateway in, live."""
        ...

    async def add_user(self, user: BrokerUser) -> BrokerUser:
        """Let anybody in, live."""
        ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def kill(self) -> None: ...


class _Users:
    def __init__(self) -> None:
        self.server = server_user("test.server", secrets.token_urlsafe(24))
        self.gateways: dict[str, BrokerUser] = {}

    def add(self, user: BrokerUser) -> BrokerUser:
        self.gateways[user.name] = user
        return user

    def endpoint(self, port: int) -> Endpoint:
        return Endpoint(url=f"mqtt://{HOST}:{port}", username=self.server.name, password=self.server.password)

    @property
    def all(self) -> Sequence[BrokerUser]:
        return (self.server, *self.gateways.values())


class NatsBroker:
    """`RunningBroker` on the embedded nats-server."""

    def __init__(self, folder: Path, port: int) -> None:
        self.settings = EmbeddedSettings(folder=folder, host=HOST, port=port)
        self._users = _Users()
        self._stack = AsyncExitStack()
        self._broker: EmbeddedBroker | None = None

    @property
    def broker(self) -> EmbeddedBroker:
        assert self._broker is not None, "stopped"
        return self._broker

    @property
    def endpoint(self) -> Endpoint:
        return self._users.endpoint(self.settings.port)

    async def add_gateway(self, store: str, gateway: str) -> BrokerUser:
        return await self.add_user(gateway_user(store, gateway, secrets.token_urlsafe(24)))

    async def add_user(self, user: BrokerUser) -> BrokerUser:
        self._users.add(user)
        await self.broker.set_users(self._users.all)
        return user

    async def start(self) -> None:
        if self._broker is not None:
            return
        running = run_broker(self.settings, self._users.all)
        self._broker = await self._stack.enter_async_context(running)

    async def stop(self) -> None:
        self._broker = None
        await self._stack.aclose()

    async def kill(self) -> None:
        await kill_embedded(self.broker)


class MosquittoBroker:
    """`RunningBroker` on Mosquitto, with password and ACL files, reloaded by SIGHUP (mosquitto(8))."""

    def __init__(self, folder: Path, port: int, program: str) -> None:
        self._folder = folder
        self._port = port
        self._program = program
        self._users = _Users()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def endpoint(self) -> Endpoint:
        return self._users.endpoint(self._port)

    async def add_gateway(self, store: str, gateway: str) -> BrokerUser:
        return await self.add_user(gateway_user(store, gateway, secrets.token_urlsafe(24)))

    async def add_user(self, user: BrokerUser) -> BrokerUser:
        self._users.add(user)
        await self._write()
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)
        await until(lambda: (self._folder / "log").read_bytes().count(b"Reloading config") >= len(self._users.gateways))
        return user

    async def start(self) -> None:
        if self._process is not None and self._process.returncode is None:
            return
        await self._write()
        self._process = await asyncio.create_subprocess_exec(self._program, "-c", str(self._folder / "conf"))
        await until(lambda: accepts(self._port))

    async def stop(self) -> None:
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        await self._end(signal.SIGKILL)
        await self.start()

    async def _end(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)
            await self._process.wait()

    async def _write(self) -> None:
        passwords, acl = self._folder / "passwords", self._folder / "acl"
        passwords.write_text("".join(f"{user.name}:{user.password}\n" for user in self._users.all))
        acl.write_text("\n".join(line for user in self._users.all for line in _acl(user)))
        (self._folder / "conf").write_text(
            f"listener {self._port} {HOST}\nallow_anonymous false\npassword_file {passwords}\nacl_file {acl}\n"
            f"user root\npersistence true\npersistence_location {self._folder}/\nautosave_interval 1\n"
            f"log_dest file {self._folder / 'log'}\n"
        )
        hashing = await asyncio.create_subprocess_exec("mosquitto_passwd", "-U", str(passwords))
        assert await hashing.wait() == 0


def _acl(user: BrokerUser) -> list[str]:
    return [
        f"user {user.name}",
        *(f"topic write {topic}" for topic in user.publish),
        *(f"topic read {topic}" for topic in user.subscribe),
        "",
    ]


Start = Callable[[str], Awaitable[RunningBroker]]


@pytest.fixture
async def start_broker(tmp_path: Path) -> AsyncIterator[Start]:
    """Starts a broker of a kind ("nats", "mosquitto"), which ends with the test."""
    async with AsyncExitStack() as stack:

        async def start(kind: str) -> RunningBroker:
            folder = tmp_path / kind
            broker: RunningBroker
            if kind == "nats":
                broker = NatsBroker(folder, try_bind(HOST, 0))
            else:
                program = ci_or_skip("mosquitto", "/usr/sbin/mosquitto")
                folder.mkdir()
                broker = MosquittoBroker(folder, try_bind(HOST, 0), program)
            await broker.start()
            stack.push_async_callback(broker.stop)
            return broker

        yield start


@pytest.fixture
async def nats_broker(start_broker: Start) -> RunningBroker:
    return await start_broker("nats")


@pytest.fixture
async def mosquitto_broker(start_broker: Start) -> RunningBroker:
    return await start_broker("mosquitto")


@pytest.fixture(params=["nats", "mosquitto"])
async def any_broker(request: pytest.FixtureRequest, start_broker: Start) -> RunningBroker:
    return await start_broker(str(request.param))
