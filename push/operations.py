"""What machines ask of the server: alive, ready, figures, and the API's description."""

import asyncio
from collections import Counter
from typing import Final

import msgspec
from aiohttp import web

from push import metrics
from push.broker.client import BrokerClient
from push.channels.inapp import EventStreams
from push.deliver.backlog import Backlog
from push.deliver.sender import Sender
from push.ingest.engine import Engine
from push.model.errors import DatabaseError
from push.model.ports import Database

READY_S: Final = 2.0
"""A database that takes longer to say anything is not ready."""


def figures(  # noqa: PLR0913, PLR0917 - one for each thing that is counted
    engine: Engine,
    sender: Sender,
    backlog: Backlog,
    client: BrokerClient,
    streams: EventStreams,
    answered: Counter[str],
) -> metrics.Counters:
    """What `/metrics` tells."""
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
                lambda: {
                    "queued_payloads": engine.depth,
                    "event_streams": streams.connected,
                    "deliveries_in_flight": sender.in_flight,
                    "deliveries_queued": backlog.queued,
                },
            )
        },
    )


def add_routes(
    app: web.Application, db: Database, client: BrokerClient, figures: metrics.Counters, description: bytes
) -> None:
    """Serve what machines ask: alive, ready, figures, and the API's description."""

    async def healthz(request: web.Request) -> web.Response:
        del request
        return web.json_response({"status": "alive"})

    async def readyz(request: web.Request) -> web.Response:
        del request
        parts = {"broker": client.connected, "database": await _answers(db)}
        ready = all(parts.values())
        return web.json_response({"ready": ready, **parts}, status=200 if ready else 503)

    async def prometheus(request: web.Request) -> web.Response:
        del request
        return web.Response(body=metrics.text(figures), headers={"Content-Type": metrics.CONTENT_TYPE})

    async def describe(request: web.Request) -> web.Response:
        del request
        return web.Response(body=description, content_type="application/json")

    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", prometheus)
    app.router.add_get("/openapi.json", describe)


async def _answers(db: Database) -> bool:
    try:
        async with asyncio.timeout(READY_S):
            await db.fetch_one("deliver.ready")
    except (DatabaseError, TimeoutError):
        return False
    return True
