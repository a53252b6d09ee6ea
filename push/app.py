"""The server, wired: every room gets what it needs here, and nowhere else."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import structlog
from aiohttp import web

from beacons.wire import broker_password
from push import metrics
from push.api import apps, insight, openapi, registry, stream
from push.api.contract import Context
from push.api.server import application
from push.broker.client import BrokerClient
from push.broker.embedded import EmbeddedBroker, EmbeddedSettings, run_broker
from push.broker.endpoint import Endpoint
from push.broker.users import gateway_user
from push.campaigns.book import Book, Versioned
from push.channels import vapid, webpush
from push.channels.inapp import EventStreams, InAppChannel
from push.channels.log import LogChannel
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
from push.secrets import ensure_token, master_key, read_or_make, write_private
from push.settings import PushSettings

log = structlog.get_logger()

ENDPOINTS: Final = (*apps.ENDPOINTS, stream.ENDPOINT, *registry.ENDPOINTS, *insight.ENDPOINTS)
SHUTDOWN_S: Final = 3.0
"""Event streams never end by themselves; after this long they are cut."""


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
        vault = Vault(await asyncio.to_thread(master_key, settings.file(settings.master_key_file)))
        db = await stack.enter_async_context(open_database(settings.database(), clock))
        app_key = await _tokens(settings, db, clock)
        broker, endpoint = await _broker(settings, stack)
        client = BrokerClient(endpoint)
        vapid_key = await asyncio.to_thread(vapid.load_or_create, settings.file(settings.webpush.key_file))
        push = await stack.enter_async_context(webpush.connect(settings.webpush, vapid_key))
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
            statistics,
        )
        await _seed(settings, context)
        group = await stack.enter_async_context(asyncio.TaskGroup())
        stack.callback(lambda: [task.cancel() for task in tasks])
        tasks = [
            group.create_task(client.run(engine.offer), name="broker client"),
            group.create_task(engine.run(), name="ingest"),
            group.create_task(sender.run(), name="sender"),
        ]
        answered: Counter[str] = Counter()
        app = application(context, [e for e in ENDPOINTS if e is not stream.ENDPOINT], answered)
        app.router.add_get(stream.PATH, stream.handler(context))
        add_routes(app, await asyncio.to_thread(app_files), _app_settings(settings, app_key, engine))
        _operations(app, client, _figures(engine, sender, client, streams, answered))
        http_url = await _listen(stack, app, settings)
        running = Running(http_url, endpoint.url)
        await asyncio.to_thread(_tell, settings, running)
        yield running


async def _tokens(settings: PushSettings, db: Database, clock: Clock) -> str:
    """Make sure that the operator's and the app's token exist; the app's."""
    operator, _ = await asyncio.to_thread(read_or_make, settings.file("operator.token"), "operator")
    app_key, _ = await asyncio.to_thread(read_or_make, settings.file("app.token"), "app")
    await ensure_token(db, operator, "operator", clock.now_ms())
    await ensure_token(db, app_key, "app", clock.now_ms())
    return app_key


async def _broker(settings: PushSettings, stack: AsyncExitStack) -> tuple[EmbeddedBroker | None, Endpoint]:
    """Our own broker, or the way to another one."""
    b = settings.broker
    if b.url:
        password = (await asyncio.to_thread(Path(b.password_file).read_text)).strip() if b.password_file else None
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
    """Take over the seed file, where one is set."""
    if settings.seed_file:
        raw = await asyncio.to_thread(Path(settings.seed_file).read_bytes)
        stored = await registry.put_seed(context, msgspec.json.decode(raw, type=registry.Seed), "seed file")
        for warning in stored.warnings:
            log.warning("registry", warning=warning)


def _app_settings(settings: PushSettings, app_key: str, engine: Engine) -> Callable[[], Mapping[str, object]]:
    """What the phone's app is told of its server: the publishable key, and the store that it greets for, by name."""

    def read() -> Mapping[str, object]:
        store = engine.directory.stores.get(settings.app_store or "")
        return {"app_key": app_key, "store": None if store is None else store.name}

    return read


def _figures(
    engine: Engine, sender: Sender, client: BrokerClient, streams: EventStreams, answered: Counter[str]
) -> metrics.Counters:
    return metrics.Counters(
        {
            "footfall_ingest": ("What ingest took in", "what", lambda: engine.counts),
            "footfall_refused_payloads": ("Payloads refused", "reason", lambda: engine.refused),
            "footfall_deliveries": ("What became of attempts", "outcome", lambda: sender.counts),
            "footfall_http_answers": ("Answers by class", "status", lambda: answered),
            "footfall_broker": ("The broker client", "what", lambda: msgspec.structs.asdict(client.counters)),
        },
        {
            "footfall_now": (
                "Depths and connections",
                "what",
                lambda: {"queued_payloads": engine.depth, "event_streams": streams.connected},
            )
        },
    )


def _operations(app: web.Application, client: BrokerClient, figures: metrics.Counters) -> None:
    """What machines ask: alive, ready, figures, and the API's description."""
    description = openapi.document(ENDPOINTS, version("footfall"))

    async def healthz(request: web.Request) -> web.Response:
        del request
        return web.json_response({"status": "alive"})

    async def readyz(request: web.Request) -> web.Response:
        del request
        ready = client.connected
        return web.json_response({"ready": ready, "broker": ready}, status=200 if ready else 503)

    async def prometheus(request: web.Request) -> web.Response:
        del request
        return web.Response(body=metrics.text(figures), content_type="text/plain")

    async def describe(request: web.Request) -> web.Response:
        del request
        return web.Response(body=description, content_type="application/json")

    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", prometheus)
    app.router.add_get("/openapi.json", describe)


async def _listen(stack: AsyncExitStack, app: web.Application, settings: PushSettings) -> str:
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, settings.http.host, settings.http.port)
    await site.start()
    host, port = runner.addresses[0][:2]
    return f"http://{host}:{port}"


def _tell(settings: PushSettings, running: Running) -> None:
    write_private(settings.file("running.json"), msgspec.json.encode(running._asdict()).decode() + "\n")


Ready = Callable[[Running], None]


async def run(settings: PushSettings, stop: asyncio.Event, ready: Ready) -> None:
    """Serve until `stop` is set."""
    async with serve(settings) as running:
        log.info("serving", http=running.http_url, broker=running.broker_url)
        ready(running)
        await stop.wait()
        log.info("stopping")
