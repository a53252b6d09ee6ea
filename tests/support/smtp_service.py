"""A mail server on loopback: aiosmtpd, whose next answers can be made faulty, step by step."""

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import AsyncIterator
from email import message_from_string
from email.message import EmailMessage
from email.policy import default
from typing import Any, Final, Literal, NamedTuple

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.support.brokers import until

HOST: Final = "127.0.0.1"
USERNAME: Final = "offers"
PASSWORD: Final = "correct horse battery staple"  # noqa: S105 - of the tests

Step = Literal["greeting", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "content", "RSET", "NOOP", "QUIT"]
Security = Literal["tls", "starttls", "none"]


class Fault(NamedTuple):
    """What goes wrong with one step: an answer of its own (the step is then not done), silence, or a cut connection."""

    step: Step
    answer: str | None = None
    delay_s: float = 0.0
    cut: bool = False


class Received(NamedTuple):
    """A mail that was taken, and by which connection."""

    connection: int
    sender: str
    recipient: str
    options: list[str]
    raw: bytes

    @property
    def mail(self) -> EmailMessage:
        return message_from_string(self.raw.decode(), policy=default)


class SmtpService:
    """The server's state. `faults` are used up one a step; `commands` are all that came in, by connection."""

    def __init__(self, security: Security = "tls", *, size_limit: int = 1 << 20, smtputf8: bool = True) -> None:
        self.security = security
        self.size_limit = size_limit
        self.smtputf8 = smtputf8
        self.faults: deque[Fault] = deque()
        self.mails: list[Received] = []
        self.commands: list[tuple[int, str]] = []
        self.connections = 0
        self.open = 0
        self.most_open = 0
        self.authority = trustme.CA()
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(HOST).configure_cert(self.tls)
        self.port = 0

    def fault(self, step: Step) -> Fault | None:
        """What goes wrong with this step now."""
        for fault in self.faults:
            if fault.step == step:
                self.faults.remove(fault)
                return fault
        return None

    def said(self, connection: int) -> list[str]:
        """The commands of one connection."""
        return [command for number, command in self.commands if number == connection]

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword
    ) -> AuthResult:
        """aiosmtpd's hook."""
        del server, session, envelope, mechanism
        return AuthResult(success=data == LoginPassword(USERNAME.encode(), PASSWORD.encode()), handled=False)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        """A hook: a cut or a delayed mail has been taken all the same, one with an answer of its own has not."""
        del session
        assert isinstance(server, _Connection)
        fault = self.fault("content")
        assert envelope.mail_from is not None
        assert isinstance(envelope.original_content, bytes)
        if fault is None or fault.answer is None:
            [recipient] = envelope.rcpt_tos
            taken = Received(
                server.number, envelope.mail_from, recipient, list(envelope.mail_options), envelope.original_content
            )
            self.mails.append(taken)
        if fault is not None:
            await server.misbehave(fault)
        return "250 2.0.0 Ok: queued as 4F2A" if fault is None or fault.answer is None else fault.answer


class _Connection(SMTP):
    """One connection's protocol."""

    def __init__(self, service: SmtpService) -> None:
        self.service = service
        super().__init__(
            service,
            hostname="mail.example",
            data_size_limit=service.size_limit,
            enable_SMTPUTF8=service.smtputf8,
            tls_context=service.tls if service.security == "starttls" else None,
            require_starttls=service.security == "starttls",
            auth_require_tls=False,
            authenticator=service.authenticate,
            loop=asyncio.get_running_loop(),
        )
        self._greeted = False
        self.number = service.connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not self._greeted and self.transport is None:  # not when STARTTLS puts TLS in between
            self.service.open += 1
            self.service.most_open = max(self.service.most_open, self.service.open)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.service.open -= 1
        super().connection_lost(error)

    def end(self) -> None:
        """Cut the connection, and the plain one beneath that STARTTLS has left."""
        for transport in (self.transport, self._original_transport):
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()

    async def misbehave(self, fault: Fault) -> None:
        await asyncio.sleep(fault.delay_s)
        if fault.cut:
            self.end()

    async def push(self, status: Any) -> None:  # noqa: ANN401 - text or bytes, as aiosmtpd has it
        """The first line of a connection is its greeting."""
        if not self._greeted:
            self._greeted = True
            fault = self.service.fault("greeting")
            if fault is not None:
                await self.misbehave(fault)
                status = status if fault.answer is None else fault.answer
        with contextlib.suppress(ConnectionError):
            await super().push(status)

    async def _step(self, step: Step, usual: Any, arg: str) -> None:  # noqa: ANN401 - aiosmtpd's method
        self.service.commands.append((self.number, step))
        fault = self.service.fault(step)
        if fault is not None:
            await self.misbehave(fault)
        if fault is not None and fault.answer is not None:
            await self.push(fault.answer)
        elif fault is None or not fault.cut:
            await usual(arg)

    async def smtp_EHLO(self, arg: str) -> None:  # noqa: N802 - SMTP's names, here and below
        await self._step("EHLO", super().smtp_EHLO, arg)

    async def smtp_STARTTLS(self, arg: str) -> None:  # noqa: N802
        await self._step("STARTTLS", super().smtp_STARTTLS, arg)

    async def smtp_AUTH(self, arg: str) -> None:  # noqa: N802
        await self._step("AUTH", super().smtp_AUTH, arg)

    async def smtp_MAIL(self, arg: str) -> None:  # noqa: N802
        await self._step("MAIL", super().smtp_MAIL, arg)

    async def smtp_RCPT(self, arg: str) -> None:  # noqa: N802
        await self._step("RCPT", super().smtp_RCPT, arg)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        await self._step("DATA", super().smtp_DATA, arg)

    async def smtp_RSET(self, arg: str) -> None:  # noqa: N802
        await self._step("RSET", super().smtp_RSET, arg)

    async def smtp_NOOP(self, arg: str) -> None:  # noqa: N802
        await self._step("NOOP", super().smtp_NOOP, arg)

    async def smtp_QUIT(self, arg: str) -> None:  # noqa: N802
        await self._step("QUIT", super().smtp_QUIT, arg)


@contextlib.asynccontextmanager
async def serving(service: SmtpService) -> AsyncIterator[SmtpService]:
    """Serve on loopback, on a free port; sets the service's `port`."""
    connections: list[_Connection] = []

    def connected() -> _Connection:
        service.connections += 1
        connections.append(_Connection(service))
        return connections[-1]

    tls = service.tls if service.security == "tls" else None
    server = await asyncio.get_running_loop().create_server(connected, HOST, 0, ssl=tls)
    service.port = server.sockets[0].getsockname()[1]
    try:
        yield service
    finally:
        server.close()
        for connection in connections:
            connection.end()
        await until(lambda: service.open == 0)
        await server.wait_closed()
