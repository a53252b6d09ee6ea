"""The server, wired: every room gets what it needs here, and nowhere else."""

import asyncio
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import structlog
from aiohttp import web

from push import operations, telling, ways
from push.api import (
    addresses,
    apps,
    credentials,
    events,
    hooks,
    inbox,
    insight,
    messages,
    openapi,
    registry,
    sending,
    sse,
    stream,
    suppressions,
    tokens,
    tracking,
    unsubscribe,
)
from push.api.contract import Context, ProblemError
from push.api.server import application
from push.broker.client import BrokerClient
from push.broker.endpoint import Endpoint
from push.channels.inapp import EventStreams
from push.channels.services import service_of
from push.console import cors
from push.console.files import app_files
from push.console.routes import add_routes
from push.credentials import CredentialBook, Trade
from push.database.open import open_database
from push.deliver.attempts import Means
from push.deliver.backlog import Backlog
from push.deliver.sender import Sender
from push.ingest.engine import Engine, Outside
from push.model.errors import PermanentError
from push.model.people import Purpose
from push.model.ports import Addressed, Channel, Clock, Database
from push.model.vault import Vault
from push.presence.thresholds import Presence
from push.profiles.consent import ConsentBook
from push.registrar import Registrar
from push.secrets import ensure_token, make_folder, master_key, read_or_make, write_private
from push.settings import PushSettings
from push.starting import StartError, bind, open_broker, read_seed

log = structlog.get_logger()

ENDPOINTS: Final = (
    *apps.ENDPOINTS,
    *messages.ENDPOINTS,
    stream.ENDPOINT,
    *inbox.ENDPOINTS,
    *addresses.ENDPOINTS,
    *sending.ENDPOINTS,
    *tracking.ENDPOINTS,
    *suppressions.ENDPOINTS,
    *credentials.ENDPOINTS,
    *registry.ENDPOINTS,
    *insight.ENDPOINTS,
    *tokens.ENDPOINTS,
    *hooks.ENDPOINTS,
    events.ENDPOINT,
)
RUNNING: Final = "running.json"
"""Where the server listens, for whoever started it; gone when it stops."""
SHUTDOWN_S: Final = 2.0
"""Event streams are asked to end, and calls to finish; after this long they are cut."""


class SystemClock:
    """The machine's UTC clock."""

    def now_ms(self) -> int:
        """The time now."""
        return time.time_ns() // 1_000_000


class Running(NamedTuple):
    """A server that is up: where it listens."""

    http_url: str
    broker_url: str


class Parts(NamedTuple):
    """What the server is made of, wired."""

    settings: PushSettings
    db: Database
    vault: Vault
    clock: Clock
    app_key: str
    endpoint: Endpoint
    client: BrokerClient
    channels: Mapping[str, Channel]
    streams: EventStreams
    consents: ConsentBook
    sender: Sender
    backlog: Backlog
    credentials: CredentialBook
    engine: Engine
    registrar: Registrar
    telling: telling.Telling


@asynccontextmanager
async def serve(settings: PushSettings, clock: Clock | None = None) -> AsyncIterator[Running]:
    """The whole server for the length of the block.

    Raises what stops a start; a task that dies later ends the block.
    """
    async with AsyncExitStack() as stack:
        await asyncio.to_thread(make_folder, Path(settings.data_dir))
        bound = stack.enter_context(await asyncio.to_thread(bind, settings.http))
        parts = await _parts(stack, settings, clock or SystemClock())
        context = _context(parts)
        await _seed(settings, context)
        await _work(stack, parts)
        running = Running(await _listen(stack, await _application(parts, context), bound), parts.endpoint.url)
        await asyncio.to_thread(_tell, settings, running)
        stack.push_async_callback(asyncio.to_thread, settings.file(RUNNING).unlink, missing_ok=True)
        yield running


async def _parts(stack: AsyncExitStack, settings: PushSettings, clock: Clock) -> Parts:
    """Open what is to be opened, wire the rest, and come back to where the last run left off."""
    vault = Vault(await asyncio.to_thread(master_key, settings.file(settings.master_key_file)))
    db = await stack.enter_async_context(open_database(settings.database(), clock))
    app_key = await _tokens(settings, db, clock)
    broker, endpoint = await open_broker(settings, stack)
    client = BrokerClient(endpoint)
    streams, consents, presence = EventStreams(), ConsentBook(), Presence(settings.presence, {})
    channels = await stack.enter_async_context(ways.open_ways(settings, clock, streams))
    links = unsubscribe.links(vault, settings.http.public_url)
    sender = Sender(settings.sender, Means(db, vault, clock, channels, links, longest_s=settings.longest_s))
    outside = Outside(db, clock, client, sender.wake)
    engine = Engine(settings.ingest, outside, presence, consents, stale_ms=settings.presence.stale_s * 1000)
    await consents.load(db)
    registrar = Registrar(db, vault, engine, broker)
    await registrar.reload()
    await engine.resume()
    return Parts(
        settings,
        db,
        vault,
        clock,
        app_key,
        endpoint,
        client,
        channels,
        streams,
        consents,
        sender,
        Backlog(db, settings.sender.most_queued),
        await _credentials(db, vault, clock, channels, sender),
        engine,
        registrar,
        await telling.open_telling(stack, settings.hooks, db, vault, clock),
    )


async def _credentials(
    db: Database, vault: Vault, clock: Clock, channels: Mapping[str, Channel], sender: Sender
) -> CredentialBook:
    """The book, its credentials in force."""

    def changed(channel: str, app: str) -> None:
        sender.gates.reopen(channel, app)
        sender.wake()

    book = CredentialBook(Trade(db, vault, clock, ways.credentialed(channels), ways.complete, changed))
    await book.load()
    return book


def _context(parts: Parts) -> Context:
    """The server as endpoints see it."""
    engine, sender = parts.engine, parts.sender

    def note(shopper: str, purposes: Mapping[Purpose, bool]) -> None:
        parts.consents.note(shopper, purposes)

    def statistics() -> Mapping[str, int]:
        sent = {f"sender_{k}": v for k, v in sender.counts.items()}
        return {**engine.counts, **sent, "sender_queued": parts.backlog.queued}

    return Context(
        db=parts.db,
        vault=parts.vault,
        clock=parts.clock,
        streams=parts.streams,
        presence=engine,
        reload=parts.registrar.reload,
        note_consent=note,
        wake_senders=sender.wake,
        application_server_keys=lambda: ways.application_server_keys(parts.channels),
        pushes_per_visit=parts.settings.ingest.pushes_per_visit,
        check_address=_checker(parts.channels),
        statistics=statistics,
        credentials=parts.credentials,
        hooks=parts.telling.hooks,
        tail=parts.telling.tail,
        fit=ways.fit(parts.channels, parts.clock),
        backlog=parts.backlog,
        answering=set(),
    )


def _checker(channels: Mapping[str, Channel]) -> Callable[[str, Mapping[str, object]], str]:
    def check(name: str, address: Mapping[str, object]) -> str:
        channel = channels.get(name)
        if not isinstance(channel, Addressed):
            raise PermanentError("no_such_channel")
        channel.check_address(address)
        return service_of(name, address)

    return check


async def _application(parts: Parts, context: Context) -> web.Application:
    """Everything that is served."""
    answered: Counter[str] = Counter()
    app = application(context, [e for e in ENDPOINTS if e.media != sse.MEDIA], answered)
    app.router.add_get(stream.PATH, stream.handler(context))
    app.router.add_get(events.PATH, events.handler(context))
    unsubscribe.add_routes(app, context)
    telling.end_with(app, parts.telling.tail)
    app.on_shutdown.append(_ending(parts.streams))
    cors.allow(app, parts.settings.http.allowed_origins)
    add_routes(app, await asyncio.to_thread(app_files), _app_settings(parts))
    figures = operations.figures(parts.engine, parts.sender, parts.backlog, parts.client, parts.streams, answered)
    operations.add_routes(app, parts.db, parts.client, figures, openapi.document(ENDPOINTS, version("footfall")))
    return app


async def _work(stack: AsyncExitStack, parts: Parts) -> None:
    """Run what runs by itself; at the end the sender first finishes what is on its way."""
    group = await stack.enter_async_context(asyncio.TaskGroup())
    sender = parts.sender
    sending = group.create_task(sender.run(), name="sender")
    tasks = [
        sending,
        group.create_task(parts.client.run(parts.engine.offer), name="broker client"),
        group.create_task(parts.engine.run(), name="ingest"),
        group.create_task(parts.backlog.run(), name="backlog"),
        group.create_task(parts.credentials.run(), name="credentials"),
        group.create_task(parts.telling.hooks.run(), name="hooks"),
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


async def _tokens(settings: PushSettings, db: Database, clock: Clock) -> str:
    """Make sure that the operator's and the app's token exist; the app's."""
    operator = await asyncio.to_thread(read_or_make, settings.file("operator.token"), "operator")
    app_key = await asyncio.to_thread(read_or_make, settings.file("app.token"), "app")
    await ensure_token(db, operator, "operator", clock.now_ms())
    await ensure_token(db, app_key, "app", clock.now_ms())
    return app_key


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


def _app_settings(parts: Parts) -> Callable[[], Mapping[str, object]]:
    """What the phone's app is told of its server: the publishable key, and the store that it greets for, by name."""

    def read() -> Mapping[str, object]:
        store = parts.engine.directory.stores.get(parts.settings.app_store or "")
        return {"app_key": parts.app_key, "store": None if store is None else store.name}

    return read


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
