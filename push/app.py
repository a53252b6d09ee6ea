"""The server, wired: every room gets what it needs here, and nowhere else."""

import asyncio
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import structlog
from aiohttp import web

from beacons.wire import broker_password
from push import operations
from push.api import apps, insight, openapi, registry, stream
from push.api.contract import Context, ProblemError
from push.api.server import application
from push.broker.client import BrokerClient
from push.broker.embedded import EmbeddedBroker, EmbeddedSettings, run_broker
from push.broker.endpoint import Endpoint
from push.broker.users import gateway_user
from push.campaigns.book import Book, Versioned
from push.channels import vapid, webpush
from push.channels.inapp import EventStreams, InAppChannel
from push.channels.log import LogChannel
from push.console import cors
from push.console.files import app_files
from push.console.routes import add_routes
from push.database.open import open_database
from push.deliver.sender import Sender
from push.ingest.engine import Engine, Outside
from push.model.campaigns import Campaign
from push.model.people import Purpose
from push.model.ports import Channel, Clock, Database
from push.model.vault import Vault
from push.presence.thresholds import Presence
from push.profiles.consent import ConsentBook
from push.registry import directory
from push.secrets import ensure_token, make_folder, master_key, read_or_make, read_text, write_private
from push.settings import HttpSettings, PushSettings

log = structlog.get_logger()

ENDPOINTS: Final = (*apps.ENDPOINTS, stream.ENDPOINT, *registry.ENDPOINTS, *insight.ENDPOINTS)
RUNNING: Final = "running.json"
"""Where the server listens, for whoever started it; gone when it stops."""
SHUTDOWN_S: Final = 2.0
"""Event streams are asked to end, and calls to finish; after this long they are cut."""


class StartError(RuntimeError):
    """What stops a start: what, where, and what was expected."""


class SystemClock:
    """The machine's UTC clock."""

    def now_ms(self) -> int:
        """The time now."""
        return time.time_ns() // 1_000_000


class Running(NamedTuple):
    """A server that is up: where it listens."""

    http_url: str
    broker_url: str


class Registrar:
    """Brings committed changes of registry and campaigns into force: ingest, broker users, gateway configurations."""

    def __init__(self, db: Database, vault: Vault, engine: Engine, broker: EmbeddedBroker | None) -> None:
        self._db = db
        self._vault = vault
        self._engine = engine
        self._broker = broker
        self._wanted = 0
        self._done = 0
        self._busy = asyncio.Lock()

    async def reload(self) -> None:
        """Return once everything committed before this call is in force; calls that wait share one reload."""
        self._wanted += 1
        mine = self._wanted
        async with self._busy:
            if self._done >= mine:
                return
            covers = self._wanted
            await self._load()
            self._done = covers

    async def _load(self) -> None:
        held = self._engine.directory
        loaded = await directory.load(self._db, self._vault)
        rows = await self._db.fetch("campaigns.all")
        campaigns = [Versioned(msgspec.json.decode(r["definition"], type=Campaign), r["version"]) for r in rows]
        await self._engine.use(loaded, Book(campaigns))
        if self._broker is not None and loaded.keys != held.keys:
            await self._broker.set_users(
                gateway_user(g.store, g.id, broker_password(loaded.keys[g.id][0].secret))
                for g in loaded.gateways.values()
            )
        if (loaded.config_versions, loaded.gateways) != (held.config_versions, held.gateways):
            await self._engine.publish_configs()


@asynccontextmanager
async def serve(settings: PushSettings, clock: Clock | None = None) -> AsyncIterator[Running]:
    """The whole server for the length of the block.

    Raises what stops a start; a task that dies later ends the block.
    """
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        await asyncio.to_thread(make_folder, Path(settings.data_dir))
        bound = stack.enter_context(await asyncio.to_thread(_bind, settings.http))
        vault = Vault(await asyncio.to_thread(master_key, settings.file(settings.master_key_file)))
        db = await stack.enter_async_context(open_database(settings.database(), clock))
        app_key = await _tokens(settings, db, clock)
        broker, endpoint = await _broker(settings, stack)
        client = BrokerClient(endpoint)
        vapid_key = await asyncio.to_thread(vapid.load_or_create, settings.file(settings.webpush.key_file))
        push = await stack.enter_async_context(_webpush(settings, vapid_key))
        streams, consents, presence = EventStreams(), ConsentBook(), Presence(settings.presence, {})
        channels: dict[str, Channel] = {c.name: c for c in (InAppChannel(streams), push, LogChannel())}
        sender = Sender(settings.sender, db, vault, clock, channels)
        outside = Outside(db, vault, clock, client, sender.wake)
        stale_ms = settings.presence.stale_s * 1000
        engine = Engine(settings.ingest, outside, presence, consents, stale_ms=stale_ms)
        await consents.load(db)
        registrar = Registrar(db, vault, engine, broker)
        await registrar.reload()
        await engine.resume()

        def note(shopper: str, purposes: Mapping[Purpose, bool]) -> None:
            consents.note(shopper, purposes)

        def statistics() -> Mapping[str, int]:
            return {**engine.counts, **{f"sender_{k}": v for k, v in sender.counts.items()}}

        context = Context(
            db,
            vault,
            clock,
            streams,
            engine,
            registrar.reload,
            note,
            sender.wake,
            push.application_server_key,
            push.check,
            statistics,
        )
        await _seed(settings, context)
        await _work(stack, client, engine, sender)
        answered: Counter[str] = Counter()
        app = application(context, [e for e in ENDPOINTS if e is not stream.ENDPOINT], answered)
        app.router.add_get(stream.PATH, stream.handler(context))
        app.on_shutdown.append(_ending(streams))
        cors.allow(app, settings.http.allowed_origins)
        add_routes(app, await asyncio.to_thread(app_files), _app_settings(settings, app_key, engine))
        figures = operations.figures(engine, sender, client, streams, answered)
        operations.add_routes(app, db, client, figures, openapi.document(ENDPOINTS, version("footfall")))
        running = Running(await _listen(stack, app, bound), endpoint.url)
        await asyncio.to_thread(_tell, settings, running)
        stack.push_async_callback(asyncio.to_thread, settings.file(RUNNING).unlink, missing_ok=True)
        yield running


async def _work(stack: AsyncExitStack, client: BrokerClient, engine: Engine, sender: Sender) -> None:
    """Run what runs by itself; at the end the sender first finishes what is on its way."""
    group = await stack.enter_async_context(asyncio.TaskGroup())
    sending = group.create_task(sender.run(), name="sender")
    tasks = [
        sending,
        group.create_task(client.run(engine.offer), name="broker client"),
        group.create_task(engine.run(), name="ingest"),
    ]

    async def end() -> None:
        sender.stop()
        await asyncio.wait([sending], timeout=sender.longest_stop_s)
        for task in tasks:
            task.cancel()

    stack.push_async_callback(end)


def _ending(streams: EventStreams) -> Callable[[web.Application], Awaitable[None]]:
    async def end_streams(app: web.Application) -> None:
        del app
        streams.close()

    return end_streams


@asynccontextmanager
async def _webpush(settings: PushSettings, key: vapid.Key) -> AsyncIterator[webpush.WebPush]:
    try:
        connecting = webpush.connect(settings.webpush, key)
        channel = await connecting.__aenter__()
    except OSError as error:
        detail = f"push.webpush.ca_file: {settings.webpush.ca_file!r} is no file of certificates as PEM ({error})"
        raise StartError(detail) from None
    try:
        yield channel
    finally:
        await connecting.__aexit__(None, None, None)


async def _tokens(settings: PushSettings, db: Database, clock: Clock) -> str:
    """Make sure that the operator's and the app's token exist; the app's."""
    operator = await asyncio.to_thread(read_or_make, settings.file("operator.token"), "operator")
    app_key = await asyncio.to_thread(read_or_make, settings.file("app.token"), "app")
    await ensure_token(db, operator, "operator", clock.now_ms())
    await ensure_token(db, app_key, "app", clock.now_ms())
    return app_key


async def _broker(settings: PushSettings, stack: AsyncExitStack) -> tuple[EmbeddedBroker | None, Endpoint]:
    """Our own broker, or the way to another one."""
    b = settings.broker
    if b.url:
        password = await asyncio.to_thread(read_text, Path(b.password_file)) if b.password_file else None
        ca = Path(b.ca_file) if b.ca_file else None
        return None, Endpoint(url=b.url, username=b.username or None, password=password, ca=ca)
    embedded = EmbeddedSettings(
        folder=settings.file("broker"),
        host=b.host,
        port=b.port,
        free_ports=b.free_ports,
        cert=Path(b.cert_file) if b.cert_file else None,
        key=Path(b.key_file) if b.key_file else None,
        program=Path(b.program) if b.program else None,
    )
    broker = await stack.enter_async_context(run_broker(embedded))
    return broker, broker.endpoint


async def _seed(settings: PushSettings, context: Context) -> None:
    """Take over the seed file, where one is set. Raises `StartError`."""
    if settings.seed_file:
        seed = await asyncio.to_thread(read_seed, Path(settings.seed_file))
        try:
            stored = await registry.put_seed(context, seed, "seed file")
        except ProblemError as error:
            raise StartError(f"{settings.seed_file}: {error.detail}") from None
        for warning in stored.warnings:
            log.warning("registry", warning=warning)


def read_seed(path: Path) -> registry.Seed:
    """The registry in a JSON file. Raises `StartError`."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=registry.Seed)
    except OSError as error:
        raise StartError(f"{path}: expected a readable registry as JSON ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise StartError(f"{path}: expected a registry as JSON: {error}") from None


def _app_settings(settings: PushSettings, app_key: str, engine: Engine) -> Callable[[], Mapping[str, object]]:
    """What the phone's app is told of its server: the publishable key, and the store that it greets for, by name."""

    def read() -> Mapping[str, object]:
        store = engine.directory.stores.get(settings.app_store or "")
        return {"app_key": app_key, "store": None if store is None else store.name}

    return read


def _bind(http: HttpSettings) -> socket.socket:
    """The address to serve at, taken before anything else is started. Raises `StartError`."""
    with ExitStack() as unless_bound:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(http.host, http.port, type=socket.SOCK_STREAM)[0]
            bound = unless_bound.enter_context(socket.socket(family, kind, protocol))
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what a former process left waiting is no harm
            bound.bind(address)
        except OSError as error:
            detail = f"push.http: {http.host} port {http.port} cannot be listened on: {error.strerror}"
            raise StartError(detail) from None
        unless_bound.pop_all()
    return bound


async def _listen(stack: AsyncExitStack, app: web.Application, bound: socket.socket) -> str:
    """Serve; the URL. Handlers outlive a caller who goes away: what was committed is also brought into force."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.SockSite(runner, bound).start()
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _tell(settings: PushSettings, running: Running) -> None:
    write_private(settings.file(RUNNING), msgspec.json.encode(running._asdict()).decode() + "\n")


Ready = Callable[[Running], None]


async def run(settings: PushSettings, stop: asyncio.Event, ready: Ready) -> None:
    """Serve until `stop` is set."""
    async with serve(settings) as running:
        log.info("serving", http=running.http_url, broker=running.broker_url)
        ready(running)
        await stop.wait()
        log.info("stopping")
