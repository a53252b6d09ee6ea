"""Connections to a mail server (RFC 5321), each used for one mail after the other, with a deadline for every step."""

import asyncio
import contextlib
import math
import re
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Final, Literal

import aiosmtplib
import msgspec

from push.channels import egress

Step = Literal["connect", "tls", "login", "wait", "reset", "sender", "recipient", "announce", "content"]
Why = Literal["unreachable", "not_public", "not_trusted", "no_tls", "no_login", "too_slow", "lost", "garbled"]

_GOODBYE_S: Final = 1.0
_CLOSING: Final = 421
_START_INPUT: Final = 354
_DOT: Final = re.compile(rb"(?m)^\.")  # RFC 5321 section 4.5.2


class RefusedError(Exception):
    """The server answered a step with no; the connection can go on, unless the code is 421."""

    def __init__(self, step: Step, code: int, text: str) -> None:
        super().__init__(f"{step}: {code}")
        self.step = step
        self.code = code
        self.text = text


class LostError(Exception):
    """The server did not answer a step, or not in any way that can be understood; the connection is of no more use."""

    def __init__(self, step: Step, why: Why) -> None:
        super().__init__(f"{step}: {why}")
        self.step = step
        self.why = why


Spawn = Callable[[Coroutine[Any, Any, None]], object]


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """A mail server, and who we are there."""

    host: str
    port: int
    security: Literal["tls", "starttls", "none"]
    username: str
    password: str
    local_name: str
    public_only: bool

    def __repr__(self) -> str:
        """Without the password."""
        return f"Server({self.host}:{self.port}, {self.security})"


class Patience(msgspec.Struct, frozen=True):
    """How long one step may take, in seconds, and until when (of the loop's clock) all together."""

    step_s: float
    until_s: float

    def step(self) -> float:
        """When a step that begins now must be over."""
        return min(asyncio.get_running_loop().time() + self.step_s, self.until_s)


@contextlib.asynccontextmanager
async def _within(step: Step, patience: Patience) -> AsyncIterator[None]:
    """Bound a step, and say in our words what went wrong. Raises `RefusedError`, `LostError`."""
    try:
        async with asyncio.timeout_at(patience.step()):
            yield
    except aiosmtplib.SMTPResponseException as error:
        raise _refused(step, error.code, error.message) from None
    except (aiosmtplib.SMTPException, OSError) as error:  # a TimeoutError is an OSError
        raise LostError(step, _why(step, error)) from None


def _refused(step: Step, code: int, text: str) -> RefusedError | LostError:
    return RefusedError(step, code, text) if 400 <= code <= 599 else LostError(step, "garbled")  # noqa: PLR2004 - no


def _why(step: Step, error: Exception) -> Why:
    cause = error.__cause__ if isinstance(error, aiosmtplib.SMTPException) and error.__cause__ else error
    match cause:
        case egress.ForbiddenAddressError():
            return "not_public"
        case ssl.SSLCertVerificationError():
            return "not_trusted"
        case ssl.SSLError():
            return "no_tls"
        case TimeoutError():
            return "too_slow"
        case OSError():
            return "unreachable" if step == "connect" else "lost"
        case _:  # the library refused by itself: the server did not offer what the step needs
            return "no_tls" if step == "tls" else "no_login"


class Session:
    """A connection that is logged in."""

    def __init__(self, smtp: aiosmtplib.SMTP) -> None:
        self._smtp = smtp
        self._sound = True
        self.opened_s = asyncio.get_running_loop().time()
        self.mails = 0

    @property
    def usable(self) -> bool:
        """Whether the last exchange came to its end, and the connection is still there."""
        return self._sound and self._smtp.is_connected

    @property
    def smtputf8(self) -> bool:
        """Whether the server takes addresses beyond ASCII."""
        return self._smtp.supports_extension("smtputf8")

    @property
    def most_bytes(self) -> int | None:
        """The largest mail that the server takes, where it says (RFC 1870 section 3: zero says nothing)."""
        text = self._smtp.esmtp_extensions.get("size", "")
        return int(text) or None if text.isascii() and text.isdigit() else None

    async def send(self, sender: str, recipient: str, mail: bytes, patience: Patience) -> str:
        """Hand a mail over; what the server said to it. Raises `RefusedError`, `LostError`."""
        self.mails += 1
        utf8 = [b"SMTPUTF8", b"BODY=8BITMIME"] if not recipient.isascii() else []
        size = [b"SIZE=%d" % len(mail)] if "size" in self._smtp.esmtp_extensions else []
        await self._command("sender", patience, b"MAIL", f"FROM:<{sender}>".encode(), *size, *utf8)
        await self._command("recipient", patience, b"RCPT", f"TO:<{recipient}>".encode())
        await self._command("announce", patience, b"DATA")
        return await self._content(mail, patience)

    async def reset(self, patience: Patience) -> bool:
        """Begin anew; whether the server is still there."""
        try:
            await self._command("reset", patience, b"RSET")
        except (RefusedError, LostError):
            return False
        return True

    async def probe(self, patience: Patience) -> None:
        """Ask whether the server is there. Raises `RefusedError`, `LostError`."""
        await self._command("reset", patience, b"NOOP")

    async def _command(self, step: Step, patience: Patience, *words: bytes) -> None:
        async with self._exchange(step, patience):
            answer = await self._smtp.execute_command(*words, timeout=None)
            good = answer.code == _START_INPUT if step == "announce" else 200 <= answer.code <= 299  # noqa: PLR2004 - yes
            if not good:
                raise _refused(step, answer.code, answer.message)

    async def _content(self, mail: bytes, patience: Patience) -> str:
        async with self._exchange("content", patience):
            protocol = self._smtp.protocol
            if protocol is None:
                raise aiosmtplib.SMTPServerDisconnected("Connection lost")
            protocol.write(_DOT.sub(b"..", mail) + b".\r\n")
            answer = await protocol.read_response()
            if not 200 <= answer.code <= 299:  # noqa: PLR2004 - yes
                raise _refused("content", answer.code, answer.message)
            return answer.message

    @contextlib.asynccontextmanager
    async def _exchange(self, step: Step, patience: Patience) -> AsyncIterator[None]:
        """Whatever breaks off in here, a cancellation too, leaves a connection that is out of step."""
        self._sound = False
        try:
            async with _within(step, patience):
                yield
        except RefusedError as error:
            self._sound = error.code != _CLOSING
            raise
        self._sound = True

    async def leave(self) -> None:
        """Say goodbye, where it is heard, and hang up. Never raises, and never takes long."""
        if self.usable:
            with contextlib.suppress(RefusedError, LostError):
                await self._command("reset", Patience(_GOODBYE_S, math.inf), b"QUIT")
        _hang_up(self._smtp)


def _hang_up(smtp: aiosmtplib.SMTP) -> None:
    """Without waiting for the other side's end of TLS, which may never come."""
    if isinstance(smtp.transport, asyncio.WriteTransport):
        smtp.transport.abort()
    smtp.close()


async def log_in(server: Server, tls: ssl.SSLContext, patience: Patience) -> Session:
    """A new connection. Raises `RefusedError`, `LostError`."""
    async with _within("connect", patience):
        opened = await egress.open_socket(server.host, server.port, public_only=server.public_only)
    smtp = aiosmtplib.SMTP(
        hostname=server.host,
        sock=opened,
        local_hostname=server.local_name,
        use_tls=server.security == "tls",
        start_tls=False,
        tls_context=tls,
        timeout=None,
    )
    try:
        await _greet(smtp, server, patience)
    except BaseException:
        _hang_up(smtp)  # with its socket, which belongs to the transport as soon as `connect` is entered
        raise
    return Session(smtp)


async def _greet(smtp: aiosmtplib.SMTP, server: Server, patience: Patience) -> None:
    async with _within("connect", patience):
        await smtp.connect()
    async with _within("connect", patience):
        await smtp.ehlo()
    if server.security == "starttls":
        async with _within("tls", patience):
            await smtp.starttls()
            await smtp.ehlo()
    if server.username:
        async with _within("login", patience):
            await smtp.login(server.username, server.password)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How many connections there are at once, and for how long each of them."""

    connections: int
    lifetime_s: float
    idle_s: float
    mails: int


class Pool:
    """The connections to one server."""

    def __init__(self, server: Server, tls: ssl.SSLContext, limits: Limits, spawn: Spawn) -> None:
        """Take `spawn`, which runs goodbyes beside what goes on."""
        self._server = server
        self._tls = tls
        self._limits = limits
        self._spawn = spawn
        self._slots = asyncio.Semaphore(limits.connections)
        self._idle: dict[Session, asyncio.TimerHandle] = {}
        self._closed = False

    @contextlib.asynccontextmanager
    async def session(self, patience: Patience) -> AsyncIterator[Session]:
        """A connection of one's own for the length of the block. Raises `RefusedError`, `LostError`."""
        async with _within("wait", Patience(math.inf, patience.until_s)):
            await self._slots.acquire()
        try:
            session = await self._waiting(patience) or await log_in(self._server, self._tls, patience)
            try:
                yield session
            finally:
                self._give_back(session)
        finally:
            self._slots.release()

    def close(self) -> None:
        """End connections: idle ones now, the others when their mail is through."""
        self._closed = True
        while self._idle:
            self._spawn(self._take().leave())

    async def _waiting(self, patience: Patience) -> Session | None:
        """One that is open and still answers, the last used first, so that those not needed grow old."""
        while self._idle:
            session = self._take()
            with contextlib.ExitStack() as unless_good:
                unless_good.callback(lambda left: self._spawn(left.leave()), session)
                if session.usable and await session.reset(patience):
                    unless_good.pop_all()
                    return session
        return None

    def _take(self) -> Session:
        session, timer = self._idle.popitem()
        timer.cancel()
        return session

    def _give_back(self, session: Session) -> None:
        loop = asyncio.get_running_loop()
        left_s = session.opened_s + self._limits.lifetime_s - loop.time()
        if self._closed or not session.usable or session.mails >= self._limits.mails or left_s <= 0:
            self._spawn(session.leave())
            return
        self._idle[session] = loop.call_later(min(left_s, self._limits.idle_s), self._expire, session)

    def _expire(self, session: Session) -> None:
        del self._idle[session]
        self._spawn(session.leave())
