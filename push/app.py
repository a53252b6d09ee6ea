"""The server, wired: every room gets what it needs here, and nowhere else."""

import asyncio
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import structlog
from aiohttp import web

from push import entrance, operations, showing, telling, viewing
from push.api import (
    addresses,
    app_config,
    apps,
    campaigns,
    collect,
    collect_settings,
    confirm,
    consent_ledger,
    corrections,
    coupons,
    credentials,
    decisions,
    enrolment,
    enrolment_page,
    events,
    experiences,
    feeds,
    floors,
    health,
    hooks,
    imports,
    inbox,
    insight,
    labels,
    lists,
    logins,
    messages,
    nicknames,
    offers,
    openapi,
    operators,
    people,
    people_files,
    people_links,
    plans,
    presence,
    products,
    provisioning,
    records,
    registry,
    remote,
    requests,
    rights,
    schemas,
    screens,
    segments,
    sending,
    session,
    sources,
    sse,
    stops,
    stream,
    suppressions,
    tags,
    tokens,
    tracking,
    unsubscribe,
)
from push.api.contract import Context, ProblemError
from push.api.server import application
from push.channels.inapp import EventStreams
from push.console import cors
from push.console.files import app_files
from push.console.routes import add_routes
from push.figures import Measured, figures
from push.model.ports import Clock
from push.parts import Parts, SystemClock, context_of, open_parts
from push.secrets import make_folder, write_private
from push.settings import PushSettings
from push.starting import StartError, bind, read_seed

log = structlog.get_logger()

ENDPOINTS: Final = (
    *apps.ENDPOINTS,
    *app_config.ENDPOINTS,
    *consent_ledger.ENDPOINTS,
    *collect.ENDPOINTS,
    *people_links.ENDPOINTS,
    *people.ENDPOINTS,
    *messages.ENDPOINTS,
    stream.ENDPOINT,
    *inbox.ENDPOINTS,
    *offers.ENDPOINTS,
    *addresses.ENDPOINTS,
    *sending.ENDPOINTS,
    *tracking.ENDPOINTS,
    *suppressions.ENDPOINTS,
    *credentials.ENDPOINTS,
    *registry.ENDPOINTS,
    *campaigns.ENDPOINTS,
    *stops.ENDPOINTS,
    *coupons.ENDPOINTS,
    *experiences.ENDPOINTS,
    *decisions.ENDPOINTS,
    *feeds.ENDPOINTS,
    *records.ENDPOINTS,
    *lists.ENDPOINTS,
    *plans.ENDPOINTS,
    *floors.ENDPOINTS,
    *presence.ENDPOINTS,
    *imports.ENDPOINTS,
    *products.ENDPOINTS,
    *schemas.ENDPOINTS,
    *segments.ENDPOINTS,
    *people_files.ENDPOINTS,
    *enrolment.ENDPOINTS,
    *remote.ENDPOINTS,
    *sources.ENDPOINTS,
    *provisioning.ENDPOINTS,
    *labels.ENDPOINTS,
    *tags.ENDPOINTS,
    *screens.ENDPOINTS,
    *nicknames.ENDPOINTS,
    *rights.ENDPOINTS,
    *corrections.ENDPOINTS,
    *logins.ENDPOINTS,
    *requests.ENDPOINTS,
    *insight.ENDPOINTS,
    *tokens.ENDPOINTS,
    *operators.ENDPOINTS,
    *session.ENDPOINTS,
    *hooks.ENDPOINTS,
    *health.ENDPOINTS,
    events.ENDPOINT,
)
RUNNING: Final = "running.json"
"""Where the server listens, for whoever started it; gone when it stops."""
SWITCH_S: Final = 0.0005
"""How long the loop may keep the database's threads waiting (Python: 5 ms); every statement waits twice."""
SHUTDOWN_S: Final = 2.0
"""Event streams are asked to end, and calls to finish; after this long they are cut."""


class Running(NamedTuple):
    """A server that is up: where it listens."""

    http_url: str
    broker_url: str


@asynccontextmanager
async def serve(settings: PushSettings, clock: Clock | None = None) -> AsyncIterator[Running]:
    """The whole server for the length of the block.

    Raises what stops a start; a task that dies later ends the block.
    """
    async with AsyncExitStack() as stack:
        await asyncio.to_thread(make_folder, Path(settings.data_dir))
        bound = stack.enter_context(await asyncio.to_thread(bind, settings.http))
        parts = await open_parts(stack, settings, clock or SystemClock())
        context = context_of(parts)
        await _seed(settings, context)
        await _work(stack, parts)
        running = Running(await _listen(stack, await _application(parts, context), bound), parts.endpoint.url)
        await entrance.tell_way_in(parts.access, settings, running.http_url)
        await asyncio.to_thread(_tell, settings, running)
        stack.push_async_callback(asyncio.to_thread, settings.file(RUNNING).unlink, missing_ok=True)
        yield running


async def _application(parts: Parts, context: Context) -> web.Application:
    """Everything that is served."""
    answered: Counter[str] = Counter()
    app = application(context, [e for e in ENDPOINTS if e.media != sse.MEDIA], answered)
    app.router.add_get(stream.PATH, stream.handler(context))
    app.router.add_get(events.PATH, events.handler(context))
    await showing.serve(app, context, parts.showing.screens)
    await viewing.serve(app, parts)
    unsubscribe.add_routes(app, context)
    confirm.add_routes(app, context)
    enrolment_page.add_routes(app, context)
    telling.end_with(app, parts.telling.tail)
    app.on_shutdown.append(_ending(parts.streams))
    cors.allow(app, parts.settings.http.allowed_origins)
    collect_settings.add_routes(app, context)
    cors.open_to_all(app, {*(one.path for one in ENDPOINTS if one.keyed), collect_settings.PATH})
    add_routes(app, await asyncio.to_thread(app_files), _app_settings(parts))
    measured = figures(_measured(parts, answered))
    operations.add_routes(app, parts.access, parts.client, measured, await asyncio.to_thread(_described))
    return app


@cache
def _described() -> bytes:
    return openapi.document(ENDPOINTS, version("footfall"))


def _measured(parts: Parts, answered: Counter[str]) -> Measured:
    return Measured(
        parts.clock,
        parts.engine,
        parts.sender,
        parts.backlog,
        parts.credentials,
        parts.client,
        parts.streams,
        parts.showing.screens,
        parts.telling.hooks,
        parts.health,
        parts.resealer,
        parts.rewrapper,
        parts.retainer,
        parts.collecting,
        parts.segmenting.runner,
        parts.confirmer,
        parts.campaigner,
        parts.deciding.content.counts,
        parts.stops,
        answered,
    )


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
        group.create_task(parts.access.traces.run(), name="last uses"),
        group.create_task(parts.health.run(), name="health"),
        group.create_task(parts.resealer.run(), name="master keys"),
        group.create_task(parts.segmenting.runner.run(), name="segments"),
        group.create_task(parts.segmenting.counting.run(), name="counts of rules"),
        group.create_task(parts.rewrapper.run(), name="keys of months"),
        group.create_task(parts.sealer.run(), name="sealing"),
        group.create_task(parts.retainer.run(), name="retention"),
        group.create_task(parts.collecting.intake.run(), name="collecting"),
        group.create_task(parts.collecting.schemas.run(), name="schemas"),
        group.create_task(parts.catalogue.run(parts.db), name="catalogue"),
        group.create_task(parts.confirmer.run(), name="confirmations"),
        group.create_task(parts.stops.run(), name="stops"),
        group.create_task(parts.campaigner.run(), name="campaigns"),
    ]

    async def end() -> None:
        sender.stop()
        await asyncio.wait([sending], timeout=sender.longest_stop_s)
        for task in tasks:
            task.cancel()
        await parts.health.keep()

    stack.push_async_callback(end)


def _ending(streams: EventStreams) -> Callable[[web.Application], Awaitable[None]]:
    async def end_streams(app: web.Application) -> None:
        del app
        streams.close()

    return end_streams


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
    sys.setswitchinterval(SWITCH_S)
    async with serve(settings) as running:
        log.info("serving", http=running.http_url, broker=running.broker_url)
        ready(running)
        await stop.wait()
        log.info("stopping")
