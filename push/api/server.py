"""Endpoints as an aiohttp application: authentication, decoding, problems."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
import structlog
from aiohttp import hdrs, web

from push.api.bodies import body_of, decoded, refuse_nul
from push.api.callers import authenticate
from push.api.contract import Context, Endpoint, ProblemError, Reply
from push.api.raw import streamed, upload
from push.model.errors import DatabaseError, OverloadedError
from push.model.ports import Clock

log = structlog.get_logger()

MAX_BODY_BYTES: Final = 1024 * 1024
LOG_EVERY_MS: Final = 1000
"""Failures of one kind are logged this often at most: a database that is away makes every call fail."""
_PROBLEM: Final = "application/problem+json"
_SHOWN: Final = 200

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application(context: Context, endpoints: Sequence[Endpoint], answered: Counter[str]) -> web.Application:
    """An application that serves `endpoints`; `answered` counts answers by class of status."""
    app = web.Application(middlewares=[Problems(answered, context.clock)], client_max_size=MAX_BODY_BYTES)
    app.on_response_prepare.append(_guard)
    for endpoint in endpoints:
        app.router.add_route(endpoint.method, endpoint.path, handler(context, endpoint))
    return app


async def _guard(request: web.Request, response: web.StreamResponse) -> None:
    """Let nobody keep answers, which hold tokens and what concerns people, or take them for a page. Pages differ."""
    del request
    response.headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")


def problem(status: int, title: str, detail: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """A problem as a response."""
    shown = detail.encode(errors="replace").decode()
    body = msgspec.json.encode({"type": "about:blank", "title": title, "status": status, "detail": shown})
    return web.Response(status=status, body=body, content_type=_PROBLEM, headers=headers)


class Problems:
    """A middleware that turns every error into a problem, counts answers, and logs failures, but not without end."""

    __middleware_version__ = 1

    def __init__(self, answered: Counter[str], clock: Clock) -> None:
        self._answered = answered
        self._clock = clock
        self._logged_ms: dict[str, int] = {}
        self._held_back: Counter[str] = Counter()

    async def __call__(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer, whatever the handler does."""
        response = await self._guarded(request, handler)
        self._answered[f"{response.status // 100}xx"] += 1
        return response

    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except ProblemError as error:
            return problem(error.status, error.title, error.detail, error.headers)
        except web.HTTPException as error:
            return _refused(request, error)
        except Exception as error:  # noqa: BLE001 - whatever failed, the caller gets a problem and the log says why
            return self._failed(request, error)

    def _failed(self, request: web.Request, error: Exception) -> web.Response:
        """The problem that a failure is: 503 where trying again helps, our fault otherwise."""
        match error:
            case OverloadedError():
                return problem(503, "Not now", f"{error}.", {"Retry-After": "1"})
            case DatabaseError():
                self._log("database does not answer", request, str(error))
                detail = "The database does not answer. Try again in a moment."
                return problem(503, "Not now", detail, {"Retry-After": "2"})
            case RecursionError():  # nothing is as deep as that but what callers send
                return problem(400, "Not understood", "The body is nested too deeply.")
            case ConnectionError() if _is_gone(request):
                return problem(400, "Gone", "The caller went away.")
            case _:
                self._log("call failed", request, type(error).__name__, error)
                return problem(500, "Our fault", "This call failed in the server; its log says why.")

    def _log(self, event: str, request: web.Request, why: str, error: Exception | None = None) -> None:
        """One line with what was held back since the last; the route's pattern, for a path may name a person."""
        now_ms = self._clock.now_ms()
        if now_ms - self._logged_ms.get(event, -LOG_EVERY_MS) < LOG_EVERY_MS:
            self._held_back[event] += 1
            return
        self._logged_ms[event] = now_ms
        resource = request.match_info.route.resource
        route = "unknown" if resource is None else resource.canonical
        held_back = self._held_back.pop(event, 0)
        log.error(event, method=request.method, route=route, error=why, more=held_back, exc_info=error)


def _is_gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def _refused(request: web.Request, error: web.HTTPException) -> web.Response:
    """The framework's own refusals as problems; what is no error (a redirect) passes."""
    if error.status < 400:  # noqa: PLR2004 - redirects are not errors
        raise error
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return problem(413, "Too large", f"A body of at most {MAX_BODY_BYTES} bytes was expected.")
    keep = {k: v for k, v in error.headers.items() if k == hdrs.ALLOW}
    detail = f"{request.method} {request.rel_url.raw_path[:_SHOWN]} is not served here."
    return problem(error.status, error.reason, detail, keep)


def handler(context: Context, endpoint: Endpoint) -> Handler:
    """The aiohttp handler of one endpoint."""
    read = endpoint.read or _reader(endpoint.body)

    async def handle(request: web.Request) -> web.StreamResponse:
        call = await authenticate(context, request, endpoint)
        if endpoint.raw is not None:
            call = call._replace(body=upload(request, endpoint.raw, context.body_timeout_s))
        elif read is not None:
            call = call._replace(body=read(await body_of(request, context.body_timeout_s)))
        result = await endpoint.handler(context, call)
        return await _answered(request, endpoint, result if isinstance(result, Reply) else Reply(result))

    return handle


async def _answered(request: web.Request, endpoint: Endpoint, reply: Reply) -> web.StreamResponse:
    """The response that says it."""
    if reply.body is None:
        return web.Response(status=reply.status or 204, headers=reply.headers)
    status = reply.status or endpoint.status
    if isinstance(reply.body, AsyncIterator):
        response = web.StreamResponse(status=status, headers=reply.headers)
        response.content_type = endpoint.media
        await streamed(request, response, reply.body)
        return response
    is_raw = isinstance(reply.body, bytes)
    return web.Response(
        status=status,
        body=reply.body if is_raw else msgspec.json.encode(reply.body),
        content_type=endpoint.media if is_raw else "application/json",
        headers=reply.headers,
    )


def _reader(kind: Any) -> Callable[[bytes], object] | None:  # noqa: ANN401 - a type that msgspec knows, or None
    if kind is None:
        return None
    decoder = msgspec.json.Decoder(kind)

    def read(raw: bytes) -> object:
        value = decoded(decoder, raw)
        refuse_nul(raw)
        return value

    return read
