"""Logging in and out, and what an operator changes of her own proofs. The console's pages use the same calls."""

from typing import Annotated, Any, Final

import msgspec

from push.access import login, self_service, sessions, setup
from push.access.login import LoginIn
from push.access.self_service import TotpBegun
from push.access.sessions import Opened, Session
from push.access.setup import SetUpIn
from push.api.contract import NOBODY, OPERATOR, Call, Context, Endpoint, ProblemError, Reply
from push.api.entry import answering
from push.model.tokens import Role

Password = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]


class SessionOut(msgspec.Struct, frozen=True, kw_only=True):
    """Who is logged in, and what she may. With `must_change` she changes her password before anything else."""

    operator: str
    login: str
    name: str
    role: Role
    stores: tuple[str, ...] | None
    totp: bool
    must_change: bool
    csrf: str
    """To be said as `X-Footfall-CSRF` with every call that changes something."""
    expires_ms: int

    def __repr__(self) -> str:
        """Without what is secret."""
        return f"SessionOut(of {self.login!r})"


class PasswordIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Another password for oneself."""

    current: Password
    new: Password

    def __repr__(self) -> str:
        """Without what is secret."""
        return "PasswordIn(…)"


class ProofIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Her password, to be sure that it is she."""

    password: Password

    def __repr__(self) -> str:
        """Without what is secret."""
        return "ProofIn(…)"


class CodeIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A code that the app shows."""

    code: Annotated[str, msgspec.Meta(min_length=1, max_length=20)]


class Recovery(msgspec.Struct, frozen=True):
    """Codes for when the phone is lost, each good once; shown this once."""

    codes: tuple[str, ...]

    def __repr__(self) -> str:
        """Without what is secret."""
        return "Recovery(…)"


def _shown(session: Session) -> SessionOut:
    stores = session.principal.stores
    return SessionOut(
        operator=session.operator,
        login=session.login,
        name=session.name,
        role=session.principal.role,
        stores=None if stores is None else tuple(sorted(stores)),
        totp=session.totp,
        must_change=session.must_change,
        csrf=session.csrf,
        expires_ms=session.expires_ms,
    )


def _welcome(context: Context, opened: Opened, status: int = 200) -> Reply:
    headers = {"Set-Cookie": sessions.cookie(context.access, opened.token)}
    return Reply(_shown(opened.session), status, headers)


def own_session(call: Call) -> Session:
    """The caller's session. Raises `ProblemError` 401."""
    if call.session is None:  # the endpoint lets nobody in without
        raise ProblemError(401, "Who is calling?", "The cookie of a session was expected.")
    return call.session


async def set_up(context: Context, call: Call) -> Reply:
    """Make the first admin, with the code that the server wrote; she is logged in."""
    body: SetUpIn = call.body
    with answering():
        return _welcome(context, await setup.begin(context.access, body, call.peer), 201)


async def log_in(context: Context, call: Call) -> Reply:
    """Open a session; its token is in the cookie, and nowhere else."""
    body: LoginIn = call.body
    with answering():
        return _welcome(context, await login.enter(context.access, body, call.peer))


async def who(context: Context, call: Call) -> SessionOut:
    """Who is logged in."""
    del context
    return _shown(own_session(call))


async def log_out(context: Context, call: Call) -> Reply:
    """End the session."""
    await sessions.close(context.access, own_session(call))
    return Reply(None, 204, {"Set-Cookie": sessions.no_cookie(context.access)})


async def change_password(context: Context, call: Call) -> Reply:
    """Another password; all other sessions end, and this one goes on under another cookie."""
    body: PasswordIn = call.body
    with answering():
        opened = await self_service.change_password(
            context.access, own_session(call), body.current, body.new, call.peer
        )
    return _welcome(context, opened)


async def begin_totp(context: Context, call: Call) -> TotpBegun:
    """A secret for an authenticator app; codes are asked for once one was confirmed."""
    body: ProofIn = call.body
    with answering():
        return await self_service.begin_totp(context.access, own_session(call), body.password, call.peer)


async def confirm_totp(context: Context, call: Call) -> Recovery:
    """Ask for codes from now on."""
    body: CodeIn = call.body
    with answering():
        return Recovery(await self_service.confirm_totp(context.access, own_session(call), body.code, call.peer))


async def drop_totp(context: Context, call: Call) -> None:
    """Ask for no codes any more."""
    body: ProofIn = call.body
    with answering():
        await self_service.drop_totp(context.access, own_session(call), body.password, call.peer)


_MINE: Final[dict[str, Any]] = {"of_session": True, "role": "viewer", "reach": "own"}
_PATH: Final = "/v1/session"
ENDPOINTS: Final = (
    Endpoint("POST", "/v1/setup", NOBODY, "Make the first operator", set_up, SetUpIn, SessionOut, 201),
    Endpoint("POST", _PATH, NOBODY, "Log in", log_in, LoginIn, SessionOut, errors=(401, 429)),
    Endpoint("GET", _PATH, OPERATOR, "Who is logged in", who, result=SessionOut, **_MINE),
    Endpoint("DELETE", _PATH, OPERATOR, "Log out", log_out, **_MINE),
    Endpoint(
        "PUT", f"{_PATH}/password", OPERATOR, "Change one's password", change_password, PasswordIn, SessionOut,
        errors=(429,), **_MINE,
    ),
    Endpoint(
        "POST", f"{_PATH}/totp", OPERATOR, "Begin with an authenticator app", begin_totp, ProofIn, TotpBegun,
        errors=(429,), **_MINE,
    ),
    Endpoint(
        "PUT", f"{_PATH}/totp", OPERATOR, "Ask for codes from now on", confirm_totp, CodeIn, Recovery,
        errors=(429,), **_MINE,
    ),
    Endpoint(
        "POST", f"{_PATH}/totp/end", OPERATOR, "Ask for no codes any more", drop_totp, ProofIn,
        errors=(429,), **_MINE,
    ),
)  # fmt: skip
