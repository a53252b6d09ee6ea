"""From a request to a page and back: who asks, whether she may, whether a page of ours asks, and what went wrong."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import quote, unquote, urlencode, urlsplit

import structlog
from aiohttp import hdrs, web
from jinja2 import TemplateError

from push.access import sessions
from push.access.desk import Peer
from push.access.sessions import Session
from push.console import entry
from push.console.context import Answer, ConsoleContext, Gone, Shown, TroubleError, Visit
from push.console.forms import CSRF, SIGN_IN, Form, FormError, parse
from push.console.frame import frame
from push.console.pages.health import needing
from push.console.pages.settings import THEME
from push.console.render import SECURITY
from push.enrolment.site import named
from push.model.errors import DatabaseError, OverloadedError
from push.model.tokens import Role

log = structlog.get_logger()

SAID: Final = "footfall_said"
"""A cookie with one sentence for the next page: that a change was kept."""
LONGEST_SAID: Final = 300
_SAID_FOR: Final = "Path=/console; HttpOnly; SameSite=Lax"
_LATER: Final = "Nothing was changed. Try again in a moment."
_FAILED: Final = "The server's log says why. Other pages may work."

Page = Callable[[ConsoleContext, Visit], Awaitable[Answer]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def page(console: ConsoleContext, answer: Page, *, least: Role = "viewer", shown: Page | None = None) -> Handler:
    """The handler of an address for one method; who may do less than `least` gets nothing of it.

    A form that no page of this session sent reaches `shown`, which fills it in again, and never `answer`.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await _handled(console, request, (answer, shown or answer), least)
        except TroubleError as error:
            return trouble(console, error)
        except FormError as error:
            return trouble(console, TroubleError(400, "That form could not be read", error.expected))
        except OverloadedError:
            return trouble(console, TroubleError(503, "Too much at once", _LATER))
        except DatabaseError as error:
            log.warning("database does not answer", route=answer.__module__, error=str(error))
            return away(console)
        except (web.HTTPException, ConnectionError, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("page failed", route=answer.__module__)
            return trouble(console, TroubleError(500, "This page failed", _FAILED))

    return handle


async def _handled(
    console: ConsoleContext, request: web.Request, pages: tuple[Page, Page], least: Role
) -> web.StreamResponse:
    answer_, shown = pages
    is_post = request.method == hdrs.METH_POST
    form = await read_form(console, request) if is_post else Form()
    session = await who_is(console, request)
    await console.zones.learn(store.time_zone for store in console.directory().stores.values())
    if session is None:
        return await _stranger(console, request, form, shown, least)
    visit = _visit(console, request, session, form)
    _require(visit, least)
    if session.must_change and not request.path.startswith(entry.OWN_PASSWORD):
        return answered(console, visit, Gone(entry.OWN_PASSWORD))
    if is_post and not (is_ours(console, request) and sessions.is_ours(session, form.raw(CSRF))):
        # Of a session before this one: shown again as it was typed, to be looked at and sent anew.
        visit = visit._replace(is_restored=True)
    answer = await (shown if visit.is_restored else answer_)(console, visit)
    if isinstance(answer, Shown):
        visit = visit._replace(needing=await needing(console, visit))
    return answered(console, visit, answer)


def _require(visit: Visit, least: Role) -> None:
    if not visit.who.may(least):
        detail = f"This takes the role {least}; yours is {visit.who.role}. An admin can change that under Settings."
        raise TroubleError(403, "That is not yours to do", detail)


def _visit(console: ConsoleContext, request: web.Request, session: Session, form: Form) -> Visit:
    return Visit(
        session=session,
        path=request.path,
        at=dict(request.match_info),
        query={name: value.replace("\0", "") for name, value in request.query.items()},
        now_ms=console.clock.now_ms(),
        peer=peer_of(request),
        host=named(request.host),
        form=form,
        theme=theme if (theme := request.cookies.get(THEME, "")) in {"light", "dark"} else "",
        said=unquote(request.cookies.get(SAID, ""))[:LONGEST_SAID],
    )


# --- who asks ---------------------------------------------------------------------------------------------------------


async def who_is(console: ConsoleContext, request: web.Request) -> Session | None:
    """Whose session a request carries. Raises `DatabaseError`."""
    token = sessions.token_in(console.desk, request.cookies)
    return None if token is None else await sessions.find(console.desk, token)


def peer_of(request: web.Request) -> Peer:
    """Who is at the other end."""
    return Peer(request.remote or "", request.headers.get(hdrs.USER_AGENT, ""))


def is_ours(console: ConsoleContext, request: web.Request) -> bool:
    """Whether the page that sent a form is one of ours: browsers say so themselves (Fetch standard, `Origin`)."""
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is None:
        return request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
    hosts = {request.host, urlsplit(console.origin).netloc}
    try:
        return urlsplit(origin).netloc in hosts - {""}
    except ValueError:  # `http://[`: no browser says that
        return False


async def read_form(console: ConsoleContext, request: web.Request) -> Form:
    """What was typed. Raises `FormError`, `TroubleError`."""
    try:
        async with asyncio.timeout(console.body_timeout_s):
            return parse(await request.read(), request.content_type)
    except TimeoutError:
        raise TroubleError(408, "That took too long", "The form did not arrive in time. Send it again.") from None
    except web.HTTPRequestEntityTooLarge:
        raise TroubleError(413, "That is too large", "Files are imported under Import, not typed here.") from None


async def _stranger(
    console: ConsoleContext, request: web.Request, form: Form, shown: Page, least: Role
) -> web.StreamResponse:
    """Nobody is signed in: to the sign-in, and whatever she typed comes along, for it was typed here."""
    if request.method != hdrs.METH_POST:
        return web.Response(status=303, headers={hdrs.LOCATION: sign_in_address(request.raw_path), **SECURITY})
    if not is_ours(console, request):
        raise TroubleError(403, "Another site sent this form", "Nothing was changed. Sign in, and type it here.")
    if not form.has(f"{SIGN_IN}login"):
        return entry.interrupted(console, request.path, form)
    opened = await entry.sign_in(console, form, peer_of(request))
    if isinstance(opened, str):
        return entry.interrupted(console, request.path, form, wrong=opened)
    visit = _visit(console, request, opened.session, Form({n: v for n, v in form.fields.items() if n != CSRF}))
    back = visit._replace(is_restored=True, said=entry.WELCOME_BACK)
    cookie = sessions.cookie(console.desk, opened.token)
    if opened.session.must_change:
        return answered(console, back, Gone(entry.OWN_PASSWORD), cookie)
    _require(back, least)
    return answered(console, back, await shown(console, back), cookie)


def sign_in_address(wanted: str) -> str:
    """The sign-in that leads there afterwards."""
    if wanted in {entry.LOGIN, entry.HOME, "/console/"}:
        return entry.LOGIN
    return f"{entry.LOGIN}?{urlencode({'next': wanted})}"


# --- what is answered -------------------------------------------------------------------------------------------------


def answered(console: ConsoleContext, visit: Visit, answer: Answer, cookie: str | None = None) -> web.StreamResponse:
    """An answer as HTTP has it."""
    if isinstance(answer, Gone):
        response = web.Response(status=303, headers={hdrs.LOCATION: answer.where, **SECURITY})
        if answer.said:
            said = quote(answer.said[:LONGEST_SAID])
            response.headers.add(hdrs.SET_COOKIE, f"{SAID}={said}; Max-Age=60; {_SAID_FOR}")
    else:
        text = console.pages.render(answer.template, {**frame(visit), **answer.values})
        response = web.Response(status=answer.status, text=text, content_type="text/html", headers=SECURITY)
        if visit.said:
            response.headers.add(hdrs.SET_COOKIE, f"{SAID}=; Max-Age=0; {_SAID_FOR}")
    for one in (cookie, answer.cookie):
        if one is not None:
            response.headers.add(hdrs.SET_COOKIE, one)
    return response


def trouble(console: ConsoleContext, error: TroubleError) -> web.Response:
    """A page that says what went wrong, and what to do next."""
    values = {"title": error.title, "detail": error.detail, "next": error.next, "works": ()}
    try:
        text = console.pages.render("trouble.html", values)
    except TemplateError:  # pragma: no cover - the last resort
        text = error.title
    return web.Response(status=error.status, text=text, content_type="text/html", headers=SECURITY)


WORKS: Final = (
    "Gateways go on hearing, and keep what they heard until it is taken.",
    "Phones keep what they have and report it later.",
    "Nothing that was saved is lost; nothing new is saved until the database is back.",
)


def away(console: ConsoleContext) -> web.Response:
    """The page for as long as the database does not answer."""
    values = {
        "title": "The database does not answer",
        "detail": "The console reads everything from it, so it has no page to show. This one looks again by itself.",
        "next": ("", "Try again"),
        "works": WORKS,
    }
    text = console.pages.render("trouble.html", values)
    headers = {**SECURITY, hdrs.RETRY_AFTER: "5", "Refresh": "5"}
    return web.Response(status=503, text=text, content_type="text/html", headers=headers)
