"""Pages and hybrid apps of other origins that may call the API from a browser (the Fetch standard's CORS protocol).

Tokens travel in a header that only our own code sets, never in cookies, so credentials are not allowed here.
"""

from collections.abc import Awaitable, Callable, Collection
from typing import Final

from aiohttp import hdrs, web

MAX_AGE_S: Final = 600
"""How long a browser may remember the answer to its question; Chromium caps it at two hours."""

OPEN_HEADERS: Final = "Authorization, Content-Type, Content-Encoding, X-Retry-Count, X-Footfall-User-Token"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def allow(app: web.Application, origins: Collection[str]) -> None:
    """Let pages of these origins call; without any, browsers let none."""
    if not origins:
        return

    @web.middleware
    async def answer_question(request: web.Request, handler: Handler) -> web.StreamResponse:
        asks = request.method == hdrs.METH_OPTIONS and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers
        if not asks or request.headers.get(hdrs.ORIGIN) not in origins:
            return await handler(request)
        return web.Response(
            status=204,
            headers={
                hdrs.ACCESS_CONTROL_ALLOW_METHODS: "GET, POST, PUT, DELETE",
                hdrs.ACCESS_CONTROL_ALLOW_HEADERS: "Authorization, Content-Type, Last-Event-ID",
                hdrs.ACCESS_CONTROL_MAX_AGE: str(MAX_AGE_S),
            },
        )

    async def name_origin(request: web.Request, response: web.StreamResponse) -> None:
        origin = request.headers.get(hdrs.ORIGIN)
        response.headers.add(hdrs.VARY, hdrs.ORIGIN)
        if origin is not None and origin in origins:
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin

    app.middlewares.insert(0, answer_question)
    app.on_response_prepare.append(name_origin)


def open_to_all(app: web.Application, paths: Collection[str]) -> None:
    """Let pages of every origin call these: what collects takes a key, and no cookie.

    `paths` are as the routes have them, with ``{names}``.
    """

    @web.middleware
    async def answer_question(request: web.Request, handler: Handler) -> web.StreamResponse:
        asks = request.method == hdrs.METH_OPTIONS and hdrs.ACCESS_CONTROL_REQUEST_METHOD in request.headers
        if not asks or not _is_one(request.path, paths):
            return await handler(request)
        return web.Response(
            status=204,
            headers={
                hdrs.ACCESS_CONTROL_ALLOW_METHODS: "GET, POST",
                hdrs.ACCESS_CONTROL_ALLOW_HEADERS: OPEN_HEADERS,
                hdrs.ACCESS_CONTROL_MAX_AGE: str(MAX_AGE_S),
            },
        )

    async def name_all(request: web.Request, response: web.StreamResponse) -> None:
        if hdrs.ORIGIN in request.headers and _is_one(request.path, paths):
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = "*"
            response.headers[hdrs.ACCESS_CONTROL_EXPOSE_HEADERS] = hdrs.RETRY_AFTER

    app.middlewares.insert(0, answer_question)
    app.on_response_prepare.append(name_all)


def _is_one(path: str, paths: Collection[str]) -> bool:
    """Whether a path is one of these, whatever stands where a pattern has a name."""
    return path in paths or any(_fits(path.split("/"), pattern.split("/")) for pattern in paths if "{" in pattern)


def _fits(parts: list[str], pattern: list[str]) -> bool:
    return len(parts) == len(pattern) and all(b.startswith("{") or a == b for a, b in zip(parts, pattern, strict=True))
