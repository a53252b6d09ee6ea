"""Sessions of the console: a random token in a cookie, its hash in the database.

The cookie is HttpOnly, and SameSite=Lax: a link in a mail must open the console logged in, and no other site's form or
script sends it with a call that changes something. What changes something also says a second secret, derived from the
token (`Session.csrf`), which only a page of ours can know; so a page of a sister domain cannot (OWASP's Cross-Site
Request Forgery Prevention Cheat Sheet, HMAC-based token).
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

import msgspec

from push.access.desk import DAY_MS, HOUR_MS, Desk
from push.access.operators import Operator, principal_of, stores_of
from push.model.ports import Row, Transaction
from push.model.tokens import Principal, Role, new_token, token_hash

COOKIE: Final = "footfall_session"
CSRF_HEADER: Final = "X-Footfall-CSRF"
MOST_EACH: Final = 20
"""Of one operator at once: phones, tills, the office. The oldest ends."""
NOTE_EVERY_MS: Final = 5 * 60_000
OPERATOR_EVERY_MS: Final = HOUR_MS
LONGEST_AGENT: Final = 200


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's session, as it is used now."""

    id: str
    operator: str
    login: str
    name: str
    principal: Principal
    csrf: str
    """What a page of ours says with every call that changes something. Never stored."""
    must_change: bool
    totp: bool
    created_ms: int
    expires_ms: int

    def __repr__(self) -> str:
        """Without what is secret."""
        return f"Session(of {self.login!r})"


class Opened(msgspec.Struct, frozen=True):
    """A session that was opened, and the token for its cookie."""

    token: str
    session: Session

    def __repr__(self) -> str:
        """Without what is secret."""
        return f"Opened({self.session!r})"


class SessionInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A session as its owner sees it in a list."""

    id: str
    created_ms: int
    seen_ms: int
    expires_ms: int
    agent: str


async def open_session(tx: Transaction, desk: Desk, operator: Operator, agent: str) -> Opened:
    """A new session; sessions that are over are cleared away."""
    now_ms, token = desk.clock.now_ms(), new_token("session")
    expires_ms = now_ms + desk.settings.longest_d * DAY_MS
    await tx.execute("access.drop_ended_sessions", now_ms=now_ms, idle_since_ms=_idle_since_ms(desk))
    await tx.execute(
        "access.open_session",
        hash=token_hash(token),
        operator=operator.id,
        now_ms=now_ms,
        expires_ms=expires_ms,
        agent=agent.replace("\0", "")[:LONGEST_AGENT],
    )
    await tx.execute("access.drop_oldest_sessions", operator=operator.id, most=MOST_EACH)
    session = Session(
        id=token_hash(token),
        operator=operator.id,
        login=operator.login,
        name=operator.name,
        principal=operator.principal,
        csrf=csrf_of(token),
        must_change=operator.must_change,
        totp=operator.totp,
        created_ms=now_ms,
        expires_ms=expires_ms,
    )
    return Opened(token, session)


async def find(desk: Desk, token: str) -> Session | None:
    """Whose session this is, None where it is over or never was: one look-up by key."""
    now_ms = desk.clock.now_ms()
    row = await desk.db.fetch_one(
        "access.session", hash=token_hash(token), now_ms=now_ms, idle_since_ms=_idle_since_ms(desk)
    )
    if row is None:
        return None
    desk.traces.note("access.session_seen", row["hash"], row["seen_ms"], NOTE_EVERY_MS)
    desk.traces.note("access.operator_seen", row["operator"], row["operator_seen_ms"], OPERATOR_EVERY_MS)
    return _session(row, token)


def _session(row: Row, token: str) -> Session:
    role: Role = row["role"]
    return Session(
        id=row["hash"],
        operator=row["operator"],
        login=row["login"],
        name=row["name"],
        principal=principal_of(row["login"], role, stores_of(row["stores"])),
        csrf=csrf_of(token),
        must_change=bool(row["must_change"]),
        totp=bool(row["totp"]),
        created_ms=row["created_ms"],
        expires_ms=row["expires_ms"],
    )


async def listed(desk: Desk, operator: str) -> list[SessionInfo]:
    """An operator's sessions, the newest first."""
    rows = await desk.db.fetch("access.sessions_of", operator=operator)
    return [msgspec.convert({**row, "id": row["hash"]}, SessionInfo) for row in rows]


async def close(desk: Desk, session: Session) -> None:
    """Log out."""
    async with desk.db.transaction() as tx:
        await tx.execute("access.close_session", hash=session.id)


async def close_all(tx: Transaction, operator: str, but: str = "") -> None:
    """End an operator's sessions, but for the one of this id."""
    await tx.execute("access.close_sessions", operator=operator, but=but)


def _idle_since_ms(desk: Desk) -> int:
    return desk.clock.now_ms() - desk.settings.idle_h * HOUR_MS


def csrf_of(token: str) -> str:
    """What proves that a page of ours is asking: an HMAC-SHA256 under the session's token."""
    return hmac.new(token.encode(), b"footfall csrf", hashlib.sha256).hexdigest()


def is_ours(session: Session, csrf: str | None) -> bool:
    """Whether a call said what only a page of ours can know."""
    return csrf is not None and hmac.compare_digest(session.csrf.encode(), csrf.encode(errors="replace"))


# --- the cookie -------------------------------------------------------------------------------------------------------


def cookie_name(desk: Desk) -> str:
    """By https no other host of the domain can set it: ``__Host-`` (RFC 6265bis, section 4.1.3.2)."""
    return f"__Host-{COOKIE}" if desk.secure else COOKIE


def cookie(desk: Desk, token: str) -> str:
    """The value of `Set-Cookie` that carries a session; it ends with the browser's, or with the session."""
    longest_s = desk.settings.longest_d * DAY_MS // 1000
    return f"{cookie_name(desk)}={token}; Path=/; Max-Age={longest_s}; HttpOnly; SameSite=Lax{_secure(desk)}"


def no_cookie(desk: Desk) -> str:
    """The value of `Set-Cookie` that takes it away."""
    return f"{cookie_name(desk)}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{_secure(desk)}"


def _secure(desk: Desk) -> str:
    return "; Secure" if desk.secure else ""


def token_in(desk: Desk, cookies: Mapping[str, str]) -> str | None:
    """The session's token among a request's cookies, None where there is none that could be one."""
    token = cookies.get(cookie_name(desk), "")
    return token if token.startswith("ff_session_") and token.isascii() else None
