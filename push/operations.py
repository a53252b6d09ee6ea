"""What machines ask of the server: alive, ready, figures, and the API's description."""

import asyncio
import ipaddress
from typing import Final

from aiohttp import hdrs, web

from push import metrics
from push.access.desk import Desk
from push.api import callers
from push.api.contract import ProblemError
from push.broker.client import BrokerClient
from push.model.errors import DatabaseError
from push.model.ports import Database

READY_S: Final = 2.0
"""A database that takes longer to say anything is not ready."""
FORWARDED: Final = ("X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", hdrs.FORWARDED, hdrs.VIA)
"""What proxies say. It is never believed as to who calls, only as to that it is somebody else than the proxy."""


def add_routes(
    app: web.Application, desk: Desk, client: BrokerClient, figures: metrics.Counters, description: bytes
) -> None:
    """Serve what machines ask: alive, ready, figures, and the API's description."""

    async def healthz(request: web.Request) -> web.Response:
        del request
        return web.json_response({"status": "alive"})

    async def readyz(request: web.Request) -> web.Response:
        del request
        parts = {"broker": client.connected, "database": await _answers(desk.db)}
        ready = all(parts.values())
        return web.json_response({"ready": ready, **parts}, status=200 if ready else 503)

    async def prometheus(request: web.Request) -> web.Response:
        await _admit(desk, request)
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


async def _admit(desk: Desk, request: web.Request) -> None:
    """Figures are for this machine itself, and for operators of every store. Raises `ProblemError` 401, 403."""
    if not desk.settings.metrics_token_only and _is_from_here(request):
        return
    principal = await callers.bearer_of(desk, request)
    if principal is None:
        session = await callers.session_of(desk, request)
        if session is not None and not session.must_change and callers.is_our_origin(desk, request):
            principal = session.principal
    if principal is None:
        detail = "Figures are for this machine itself, or for a header `Authorization: Bearer …` of an operator."
        raise ProblemError(401, "Who is calling?", detail, {hdrs.WWW_AUTHENTICATE: "Bearer"})
    if principal.scope != "operator" or principal.stores is not None:
        raise ProblemError(403, "Not allowed", "Figures are for operators of every store.")


def _is_from_here(request: web.Request) -> bool:
    """Whether the connection comes from this machine, and nobody said that it is forwarded."""
    if any(name in request.headers for name in FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.remote or "").is_loopback
    except ValueError:
        return False
