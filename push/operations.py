"""What machines ask of the server: alive, ready, figures, and the API's description."""

import asyncio
from typing import Final

from aiohttp import web

from push import metrics
from push.broker.client import BrokerClient
from push.model.errors import DatabaseError
from push.model.ports import Database

READY_S: Final = 2.0
"""A database that takes longer to say anything is not ready."""


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
