"""Who is calling, and whether she may: a bearer token of a system, a device or an operator, or an operator's session.

A session's cookie comes with every request that a browser makes, so it counts only for pages of our own: no other
origin's, and whatever changes something says what only our pages know (`push.access.sessions`).
"""

from typing import Final

from aiohttp import hdrs, web

from beacons.topics import is_id
from push.access import sessions, tokens
from push.access.desk import Desk, Peer
from push.access.sessions import CSRF_HEADER, Session
from push.api import write_keys
from push.api.contract import Call, Context, Endpoint, ProblemError
from push.model.tokens import NOBODY, Principal

SAFE: Final = frozenset({"GET", "HEAD"})
_SHOWN: Final = 200
_OURS: Final = frozenset({None, "same-origin", "none"})
"""``none``: typed by hand, or a bookmark (W3C, Fetch Metadata Request Headers, section 2.3)."""


async def authenticate(context: Context, request: web.Request, endpoint: Endpoint) -> Call:
    """The call of whom the request's token or session says, its body still unread.

    Raises `ProblemError` 401, 403, or 400 for a path that names nothing, and for what the endpoint is never asked.
    """
    principal, session = await _caller(context, request, endpoint)
    _refuse_scope(principal, endpoint)
    _refuse_role(principal, endpoint)
    for name, value in request.match_info.items():
        if not is_id(value):
            raise ProblemError(400, "Not understood", f"`{name}` in the path: an id of [A-Za-z0-9_-] was expected.")
    _refuse_store(principal, endpoint, request)
    if request.query_string:
        _refuse_unknown(request, endpoint)
    return Call(principal, request.match_info, request.query, None, request.headers, session, peer_of(request))


def peer_of(request: web.Request) -> Peer:
    """Who is at the other end. What a header says of it is nobody's word: anybody can write one."""
    return Peer(request.remote or "", request.headers.get(hdrs.USER_AGENT, ""))


async def _caller(context: Context, request: web.Request, endpoint: Endpoint) -> tuple[Principal, Session | None]:
    """Raises `ProblemError` 401, 403."""
    desk = context.access
    if not endpoint.scopes:
        _refuse_other_origins(desk, request)
        return NOBODY, None
    bearer = await _token_of(context, request, endpoint)
    if bearer is not None:
        if endpoint.of_session:
            raise ProblemError(403, "Not allowed", "This call is for people who are logged in: a token has no session.")
        return bearer, None
    session = None if hdrs.AUTHORIZATION in request.headers else await session_of(desk, request)
    if session is None:
        raise _who(endpoint)
    _refuse_forged(desk, request, session)
    if session.must_change and not endpoint.of_session:
        raise ProblemError(403, "Change your password", "Somebody else knows your password: change it first.")
    return session.principal, session


async def _token_of(context: Context, request: web.Request, endpoint: Endpoint) -> Principal | None:
    """Raises `ProblemError` 401 where nothing but a token will do and there is none."""
    bearer = await bearer_of(context.access, request)
    if bearer is not None or not endpoint.keyed:
        return bearer
    keyed = await write_keys.caller(context.access, request, context.body_timeout_s)
    if keyed is None:
        raise _who(endpoint)
    return keyed


async def bearer_of(desk: Desk, request: web.Request) -> Principal | None:
    """Whose token the request carries, None where it carries none that is valid."""
    kind, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if kind.lower() != "bearer" or not token.isascii():
        return None
    return await tokens.principal(desk, token.strip())


async def session_of(desk: Desk, request: web.Request) -> Session | None:
    """Whose session the request's cookie is, None where it has none or it is over."""
    token = sessions.token_in(desk, request.cookies)
    return None if token is None else await sessions.find(desk, token)


def _who(endpoint: Endpoint) -> ProblemError:
    expected = " or ".join(sorted(endpoint.scopes))
    detail = f"A header `Authorization: Bearer …` with a valid {expected} token was expected."
    if endpoint.keyed:
        detail = (
            f"A token of {expected} was expected: as `Bearer`, as the user of `Basic`, or as `writeKey` in the body."
        )
    if endpoint.of_session:
        detail = "The cookie of a session was expected: POST /v1/session lets you in."
    return ProblemError(401, "Who is calling?", detail, {hdrs.WWW_AUTHENTICATE: "Bearer"})


# --- what a cookie does not open --------------------------------------------------------------------------------------


def _refuse_forged(desk: Desk, request: web.Request, session: Session) -> None:
    """Refuse what another origin's page lets a browser send. Raises `ProblemError` 403."""
    _refuse_other_origins(desk, request)
    if request.method not in SAFE and not sessions.is_ours(session, request.headers.get(CSRF_HEADER)):
        detail = f"A header `{CSRF_HEADER}` with what GET /v1/session tells was expected: a session's cookie alone "
        raise ProblemError(403, "Not allowed", f"{detail}changes nothing.")


def _refuse_other_origins(desk: Desk, request: web.Request) -> None:
    """Raises `ProblemError` 403."""
    if not is_our_origin(desk, request):
        raise ProblemError(403, "Not allowed", "A page of another origin may not use a session here, nor open one.")


def is_our_origin(desk: Desk, request: web.Request) -> bool:
    """Whether a browser says that a page of ours is asking; what is no browser says nothing."""
    if request.headers.get("Sec-Fetch-Site") not in _OURS:
        return False
    origin = request.headers.get(hdrs.ORIGIN)
    return origin is None or origin in {desk.origin, f"http://{request.host}", f"https://{request.host}"} - {""}


# --- what a credential does not open ----------------------------------------------------------------------------------


def _refuse_scope(principal: Principal, endpoint: Endpoint) -> None:
    if endpoint.scopes and principal.scope not in endpoint.scopes:
        raise ProblemError(
            403, "Not allowed", f"This call takes a token of scope {' or '.join(sorted(endpoint.scopes))}."
        )


def _refuse_role(principal: Principal, endpoint: Endpoint) -> None:
    if principal.scope == "operator" and not endpoint.of_session and not principal.may(endpoint.least):
        detail = f"This call takes an operator of role {endpoint.least} or more; yours is {principal.role}."
        raise ProblemError(403, "Not allowed", detail)


def _refuse_store(principal: Principal, endpoint: Endpoint, request: web.Request) -> None:
    """What is of the whole chain, or of another's store, is not for those who are kept to some."""
    if principal.scope != "operator" or principal.stores is None or endpoint.of_session or endpoint.reach == "own":
        return
    if endpoint.reach == "chain":
        raise ProblemError(403, "Not allowed", "This call concerns every store; you are kept to some.")
    found = request.match_info
    if not principal.sees(found.get("store", found.get("id"))):
        raise ProblemError(403, "Not yours", "You are kept to some stores, and this is none of them.")


def _refuse_unknown(request: web.Request, endpoint: Endpoint) -> None:
    """A parameter that is not known is a filter that would not be applied. Raises `ProblemError` 400."""
    asked = {parameter.name for parameter in endpoint.parameters if parameter.where == "query"}
    for name in request.query:
        if name not in asked:
            known = ", ".join(f"`{one}`" for one in sorted(asked)) or "none"
            raise ProblemError(400, "Not understood", f"`{name[:_SHOWN]}` in the query: expected {known}.")
