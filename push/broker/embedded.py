"""Footfall's own broker: nats-server as a supervised child, with its MQTT 3.1.1 listener on durable storage.

It dies with its parent where the system can see to that (`leash`), and is found by the next start where not (`lock`).
If it dies by itself it is started again. Logins stand in plain text in a file that only our user may read (0600): they
are random tokens, and no kept dependency makes the bcrypt hashes that nats-server could check instead.
"""

import asyncio
import errno
import os
import secrets
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec
import structlog

from push.broker.backoff import Backoff
from push.broker.endpoint import Endpoint
from push.broker.errors import BrokerError
from push.broker.holders import listener_of, try_bind
from push.broker.lock import locked, stop_orphan
from push.broker.nats_config import Listener, render
from push.broker.nats_process import NatsProcess
from push.broker.program import find_program
from push.broker.store import Store, open_store
from push.broker.users import BrokerUser, server_user

SERVER: Final = "footfall.server"
"""Our own login's name; a gateway's id has no dot."""

STEADY_S: Final = 30.0
"""A broker that lived this long is started again at once, however often one died before."""

RELEASE_S: Final = 2.0
"""A process that was killed drops its name before its sockets: its port is free within this time, or it is taken."""
_POLL_S: Final = 0.02
TRIES: Final = 5
"""A port that was free may be somebody else's a moment later; where any will do, so often another one is taken."""
_TAKEN: Final = "address already in use"
"""nats-server's words."""

_ANY_HOST: Final = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - what a user may have set
_LOG = structlog.get_logger("push.broker")


class EmbeddedSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How to run it: state in `folder`, MQTT on `host` and `port`, any free port with `free_ports` (demo and tests).

    `cert` and `key` are PEM files; with them only TLS is spoken. `client_ca` asks clients for certificates; `own_cert`
    and `own_key` are then our own client's. `program` is nats-server's path, found where None.
    """

    folder: Path
    host: str = "127.0.0.1"
    port: int = 1883
    free_ports: bool = False
    cert: Path | None = None
    key: Path | None = None
    client_ca: Path | None = None
    own_cert: Path | None = None
    own_key: Path | None = None
    program: Path | None = None


class _Plan(msgspec.Struct, frozen=True, kw_only=True):
    folder: Path
    listener: Listener
    program: Path
    any_port: bool = False
    own_cert: Path | None = None
    own_key: Path | None = None


@asynccontextmanager
async def run_broker(settings: EmbeddedSettings, users: Iterable[BrokerUser] = ()) -> AsyncIterator["EmbeddedBroker"]:
    """A broker for the length of the block, ready when it begins. Raises `BrokerError`."""
    with ExitStack() as lock:
        broker = EmbeddedBroker(await asyncio.to_thread(_prepare, settings, lock), users)
        await broker.start()
        try:
            yield broker
        finally:
            await broker.stop()


def _prepare(settings: EmbeddedSettings, lock: ExitStack) -> _Plan:
    folder = settings.folder.resolve()
    program = find_program(settings.program)
    if (settings.cert is None) != (settings.key is None):
        raise BrokerError("broker TLS: expected both a certificate and a key, or neither")
    lock.enter_context(locked(folder))
    orphan = stop_orphan(folder / "nats.pid", folder / "nats.conf")
    if orphan is not None:
        _LOG.warning("orphaned broker stopped", pid=orphan)
    listener = Listener(
        host=settings.host,
        port=_claim(settings.host, 0 if settings.free_ports else settings.port),
        cert=settings.cert and settings.cert.resolve(),
        key=settings.key and settings.key.resolve(),
        client_ca=settings.client_ca and settings.client_ca.resolve(),
    )
    own = {"own_cert": settings.own_cert, "own_key": settings.own_key}
    return _Plan(folder=folder, listener=listener, program=program, any_port=settings.free_ports, **own)


def _claim(host: str, port: int) -> int:
    """The port, which a broker that is just ending may hold a moment longer than anybody sees of it."""
    until_s = time.monotonic() + RELEASE_S
    while True:
        try:
            return try_bind(host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() >= until_s:
                raise _unusable(host, port, error) from None
        time.sleep(_POLL_S)


def _unusable(host: str, port: int, error: OSError) -> BrokerError:
    if error.errno == errno.EADDRINUSE:
        why = f"is taken by {listener_of(port)}; stop it, or set another push.broker.port"
    else:
        why = f"cannot be used: {error.strerror}; set another push.broker.host or port"
    return BrokerError(f"MQTT address {host}:{port} {why}")


class EmbeddedBroker:
    """A supervised nats-server. `restarts` counts the times it died and came back."""

    def __init__(self, plan: _Plan, users: Iterable[BrokerUser]) -> None:
        self.restarts = 0
        self._plan = plan
        self._server = server_user(SERVER, secrets.token_urlsafe(24))
        self._users = _distinct(users)
        self._changing = asyncio.Lock()
        self._process: NatsProcess | None = None
        self._supervisor: asyncio.Task[None] | None = None

    @property
    def endpoint(self) -> Endpoint:
        """Where and how the server's own client connects."""
        listener = self._plan.listener
        return Endpoint(
            url=f"{'mqtts' if listener.cert else 'mqtt'}://{_reachable(listener.host)}:{listener.port}",
            username=self._server.name,
            password=self._server.password,
            ca=listener.cert,
            pinned=listener.cert is not None,
            cert=self._plan.own_cert,
            key=self._plan.own_key,
        )

    @property
    def pid(self) -> int | None:
        """The child's process id, None while there is none."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start and supervise. Raises `BrokerError`."""
        await self._launch_first()
        self._supervisor = asyncio.create_task(self._supervise(), name="broker")

    async def stop(self) -> None:
        """Stop supervising, then the broker."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            with suppress(asyncio.CancelledError):
                await self._supervisor
        if self._process is not None:
            await self._process.stop()

    async def set_users(self, users: Iterable[BrokerUser]) -> None:
        """Replace all logins but our own. Clients whose login stays as it is keep their connection.

        Returns when the change holds. Raises `BrokerError` where the broker refused it.
        """
        wanted = _distinct(users)
        async with self._changing:
            before, self._users = self._users, wanted
            try:
                await self._reload()
            except BrokerError:
                self._users = before  # and a restart finds what last worked
                await asyncio.to_thread(self._write)
                raise

    async def _reload(self) -> None:
        await asyncio.to_thread(self._write)
        if self._process is not None:
            await self._process.reload()

    async def _supervise(self) -> None:
        loop = asyncio.get_running_loop()
        backoff = Backoff(base_s=0.1, most_s=10.0)
        while self._process is not None:
            born_s = loop.time()
            status = await self._process.wait()
            _LOG.error("broker died", status=status, last_words=self._process.last_words())
            if loop.time() - born_s > STEADY_S:
                backoff.reset()
            await self._revive(backoff)
            self.restarts += 1

    async def _revive(self, backoff: Backoff) -> None:
        while True:
            await asyncio.sleep(backoff.next_s())
            try:
                await self._launch()
            except BrokerError as error:
                _LOG.error("broker not restarted", error=str(error))
            else:
                return

    async def _launch_first(self) -> None:
        """Where any port will do, on another one if somebody was faster. Raises `BrokerError`."""
        for _ in range(TRIES - 1 if self._plan.any_port else 0):
            try:
                await self._launch()
            except BrokerError as error:
                if _TAKEN not in str(error):
                    raise
            else:
                return
            port = await asyncio.to_thread(_claim, self._plan.listener.host, 0)
            listener = msgspec.structs.replace(self._plan.listener, port=port)
            self._plan = msgspec.structs.replace(self._plan, listener=listener)
        await self._launch()

    async def _launch(self) -> None:
        async with self._changing:
            self._process = None
            store = await asyncio.to_thread(self._write)
            self._process = await NatsProcess.launch(self._plan.program, self._plan.folder / "nats.conf", store.key)

    def _write(self) -> Store:
        store = open_store(self._plan.folder)
        text = render(self._plan.folder, store.path, self._plan.listener, (self._server, *self._users))
        path = self._plan.folder / "nats.conf"
        draft = path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        draft.replace(path)
        return store


def _distinct(users: Iterable[BrokerUser]) -> tuple[BrokerUser, ...]:
    found = tuple(users)
    names = {user.name for user in found}
    if len(names) != len(found) or SERVER in names:
        raise BrokerError("broker users: expected each name once, and none of them our own")
    return found


def _reachable(host: str) -> str:
    return _ANY_HOST.get(host, f"[{host}]" if ":" in host else host)
