"""Endpoints as an aiohttp application: authentication, decoding, problems."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import msgspec
import structlog
from aiohttp import hdrs, web

from push.api.contract import Call, Context, Endpoint, ProblemError
from push.model.errors import DatabaseError
from push.model.tokens import Principal
from push.profiles import people

log = structlog.get_logger()

MAX_BODY_BYTES: Final = 1024 * 1024
_PROBLEM: Final = "application/problem+json"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(context: Context, endpoints: Sequence[Endpoint], answered: Counter[str]) -> web.Application:
    """An application that serves `endpoints`; `answered` counts answers by status."""
    app = web.Application(middlewares=[Problems(answered)], client_max_size=MAX_BODY_BYTES)
    for endpoint in endpoints:
        app.router.add_route(endpoint.method, endpoint.path, handler(context, endpoint))
    return app


def problem(status: int, title: str, detail: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """A problem as a response."""
    body = msgspec.json.encode({"type": "about:blank", "title": title, "status": status, "detail": detail})
    return web.Response(status=status, body=body, content_type=_PROBLEM, headers=headers)


class Problems:
    """A middleware that turns every error into a problem, and counts answers."""

    __middleware_version__ = 1

    def __init__(self, answered: Counter[str]) -> None:
        self._answered = answered

    async def __call__(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer, whatever the handler does."""
        response = await _guarded(request, handler)
        self._answered[f"{response.status // 100}xx"] += 1
        return response


async def _guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ProblemError as error:
        return problem(error.status, error.title, error.detail, error.headers)
    except web.HTTPRequestEntityTooLarge:
        return problem(413, "Too large", f"A body of at most {MAX_BODY_BYTES} bytes was expected.")
    except web.HTTPException as error:
        if error.status < 400:  # noqa: PLR2004 - redirects are not errors
            raise
        keep = {k: v for k, v in error.headers.items() if k == hdrs.ALLOW}
        return problem(error.status, error.reason, f"{request.method} {request.path} is not served here.", keep)
    except DatabaseError:
        log.exception("database does not answer", path=request.path)
        return problem(503, "Not now", "The database does not answer. Try again in a moment.", {"Retry-After": "2"})
    except (ConnectionError, TimeoutError):
        raise
    except Exception:
        log.exception("call failed", method=request.method, path=request.path)
        return problem(500, "Our fault", "This call failed in the server; its log says why.")


def handler(context: Context, endpoint: Endpoint) -> Handler:
    """The aiohttp handler of one endpoint."""
    decoder = None if endpoint.body is None else msgspec.json.Decoder(endpoint.body)

    async def handle(request: web.Request) -> web.StreamResponse:
        principal = await authenticate(context, request, endpoint)
        body = None if decoder is None else _decoded(decoder, await request.read())
        result = await endpoint.handler(context, Call(principal, request.match_info, request.query, body))
        if result is None:
            return web.Response(status=204)
        return web.Response(status=endpoint.status, body=msgspec.json.encode(result), content_type="application/json")

    return handle


async def authenticate(context: Context, request: web.Request, endpoint: Endpoint) -> Principal:
    """Whose token the request carries. Raises `ProblemError` 401 or 403."""
    kind, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    principal = await people.principal(context.db, token.strip()) if kind.lower() == "bearer" else None
    if principal is None:
        expected = " or ".join(sorted(endpoint.scopes))
        detail = f"A header `Authorization: Bearer …` with a valid {expected} token was expected."
        raise ProblemError(401, "Who is calling?", detail, {hdrs.WWW_AUTHENTICATE: "Bearer"})
    if principal.scope not in endpoint.scopes:
        raise ProblemError(
            403, "Not allowed", f"This call takes a token of scope {' or '.join(sorted(endpoint.scopes))}."
        )
    return principal


def _decoded(decoder: msgspec.json.Decoder[object], raw: bytes) -> object:
    try:
        return decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(
            400, "Not understood", f"{error}. The description at /openapi.json says what is expected."
        ) from None
