"""Pages and files that browsers load."""

from collections.abc import Awaitable, Callable, Mapping

import msgspec
from aiohttp import web

from push.console.files import BASE, CONSOLE, HEADERS, SCREEN


def add_routes(
    app: web.Application, files: Mapping[str, tuple[bytes, str]], settings: Callable[[], Mapping[str, object]]
) -> None:
    """Serve the phone's app from memory, with what it needs to find its server as it stands when it is asked."""

    async def tell(request: web.Request) -> web.Response:
        del request
        return web.Response(body=msgspec.json.encode(settings()), content_type="application/json", headers=HEADERS)

    for path, (body, content_type) in files.items():
        app.router.add_get(path, _file(body, content_type))
    app.router.add_get(f"{BASE}settings.json", tell)
    app.router.add_get(BASE.rstrip("/"), _to_app)
    app.router.add_get("/", _to_console)


def add_screen_routes(app: web.Application, files: Mapping[str, tuple[bytes, str]]) -> None:
    """Serve the page of every screen from memory; which one it is, its address says."""
    for path, (body, content_type) in files.items():
        where = f"{SCREEN}{{id:[A-Za-z0-9_-]{{1,64}}}}" if path == SCREEN else path
        app.router.add_get(where, _file(body, content_type))


def _file(body: bytes, content_type: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def serve(request: web.Request) -> web.Response:
        del request
        return web.Response(body=body, content_type=content_type, headers=HEADERS)

    return serve


async def _to_console(request: web.Request) -> web.Response:
    del request
    raise web.HTTPFound(CONSOLE)


async def _to_app(request: web.Request) -> web.Response:
    del request
    raise web.HTTPFound(BASE)
