"""E-mail: one mail for one person, handed to the retailer's own mail server (RFC 5321), plain text and HTML.

A repeat carries the same Message-ID, so that mail programs show it once; servers do not look at it, so a mail whose
outcome was unknown may lie in a mailbox twice.
"""

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec

from push.channels import http, mail, mailbox
from push.channels.credentials import of_app, read
from push.channels.mailbox import Mailbox
from push.channels.smtp import Limits, LostError, Patience, Pool, RefusedError, Server, Session, Step, Why, log_in
from push.model.delivery import Accepted, Checked, Outgoing, Part
from push.model.errors import (
    BusyError,
    CredentialError,
    DeliveryError,
    DeviceGoneError,
    OutcomeUnknownError,
    PermanentError,
    TooLargeError,
    TransientError,
    UnreachableError,
)

# --- settings ---------------------------------------------------------------------------------------------------------


class EmailSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to reach mail servers."""

    timeout_s: Annotated[float, msgspec.Meta(gt=0)] = 30.0
    """For all steps of one mail together, with a new connection where one is needed."""
    step_timeout_s: Annotated[float, msgspec.Meta(gt=0)] = 10.0
    """For each step: connecting, each command, the answer to the mail itself."""
    connections_per_app: Annotated[int, msgspec.Meta(ge=1)] = 4
    mails_per_connection: Annotated[int, msgspec.Meta(ge=1)] = 100
    connection_lifetime_s: Annotated[float, msgspec.Meta(gt=0)] = 300.0
    idle_s: Annotated[float, msgspec.Meta(gt=0)] = 30.0
    """A connection that is not used for this long is closed; servers hold five minutes (RFC 5321 section 4.5.3.2.7)."""
    allow_private_hosts: bool = False
    """Whether a mail server may lie at a loopback, private or link-local address: only with one in-house."""
    plaintext_hosts: tuple[str, ...] = ()
    """Mail servers that may be spoken to without TLS, as their credential has it: such as one on this machine."""
    ca_file: str | None = None
    """Certificate authorities, as PEM, to trust besides the system's: with a mail server in-house."""


Security = Literal["tls", "starttls", "none"]
Host = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9:][A-Za-z0-9.:-]{0,252}$(?!\n)")]
Line = Annotated[str, msgspec.Meta(max_length=320, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")]


class EmailCredential(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mail server, the account there, and who mails come from."""

    host: Host
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] = 465
    security: Security = "tls"
    """TLS from the start (usually port 465), by STARTTLS (587), or none: where settings allow that for the host."""
    username: Line = ""
    """Empty: the server takes mail from us without a login."""
    password: Line = ""
    """Secret."""
    sender: Line
    """The address in From, and where mails that do not arrive go back to."""
    sender_name: Line = ""
    reply_to: Line | None = None

    def __post_init__(self) -> None:
        """Refuse addresses that are none. Raises ValueError."""
        _own("sender", self.sender)
        if self.reply_to is not None:
            _own("reply_to", self.reply_to)

    def __repr__(self) -> str:
        """Without the password."""
        return f"EmailCredential({self.sender} by {self.username!r} at {self.host}:{self.port}, {self.security})"


def _own(field: str, text: str) -> Mailbox:
    """An address of ours; ASCII, so that every server takes it. Raises ValueError."""
    try:
        found = mailbox.parse(text)
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from None
    if found.needs_smtputf8:
        raise ValueError(f"{field}: expected a local part in ASCII")
    return found


# --- payload ----------------------------------------------------------------------------------------------------------


class EmailAddress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where mails for a person go."""

    email: Annotated[str, msgspec.Meta(max_length=320)]


def target(address: Mapping[str, object]) -> Mailbox:
    """The mailbox that `address` names. Raises `PermanentError`: ``bad_address``."""
    try:
        return mailbox.parse(msgspec.convert(address, EmailAddress).email)
    except ValueError:  # msgspec's errors are of this type
        raise PermanentError("bad_address") from None


# --- client -----------------------------------------------------------------------------------------------------------


class _Account(NamedTuple):
    """What an app sends with."""

    credential: EmailCredential
    sender: mail.Sender
    pool: Pool


class Email:
    """The channel. Made by `connect`, which closes what it opens.

    An address is ``{"email": "ada@example.com"}``.
    """

    name = "email"

    def __init__(self, settings: EmailSettings, tls: ssl.SSLContext) -> None:
        self._settings = settings
        self._tls = tls
        self._accounts: dict[str, _Account] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._limits = Limits(
            connections=settings.connections_per_app,
            lifetime_s=settings.connection_lifetime_s,
            idle_s=settings.idle_s,
            mails=settings.mails_per_connection,
        )

    def check_address(self, address: Mapping[str, object]) -> dict[str, object]:
        """The address, its domain as DNS has it. Raises `PermanentError`: what is not one e-mail address."""
        return {"email": str(target(address))}

    def fit(self, outgoing: Outgoing) -> tuple[Part, ...]:
        """Data, urgency and collapse key have no place in a mail, nor have addresses within an app."""
        return mail.dropped(outgoing.message.content)

    async def check(self, app: str, credential: Mapping[str, object]) -> Checked:
        """Log in, and leave again. Raises `PermanentError`, `CredentialError`, `TransientError`."""
        del app
        known = self._read(credential)
        with _in_our_words():
            session = await log_in(self._server(known), self._tls, self._patience())
            try:
                await session.probe(self._patience())
            finally:
                await session.leave()
        warnings = () if known.security != "none" else ("mails, and the password, travel without encryption",)
        return Checked(summary=f"{known.sender} at {known.host}:{known.port} ({known.security})", warnings=warnings)

    def use(self, credentials: Mapping[str, Mapping[str, object]]) -> None:
        """Send with these from now on. Those that stay the same keep their connections. Raises `PermanentError`."""
        before, now = self._accounts, {app: self._account(app, self._read(c)) for app, c in credentials.items()}
        self._accounts = now
        for app, account in before.items():
            if now.get(app) is not account:
                account.pool.close()

    async def send(self, outgoing: Outgoing) -> Accepted:
        """Compose, and hand over to the mail server. Raises `push.model.errors.DeliveryError`."""
        account = of_app(self._accounts, outgoing.app)
        to = target(outgoing.address)
        composed = mail.compose(outgoing, account.sender, to)
        patience = self._patience()
        with _in_our_words():
            async with account.pool.session(patience) as session:
                _carried(session, to, len(composed))
                said = await session.send(str(account.sender.mailbox), str(to), composed, patience)
        return Accepted(status=_TAKEN, reference=_reference(said), dropped=self.fit(outgoing))

    async def close(self) -> None:
        """End every connection."""
        self.use({})
        await asyncio.gather(*self._leaving)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a goodbye, and know of it while it lasts."""
        task = asyncio.get_running_loop().create_task(work)
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    def _patience(self) -> Patience:
        return Patience(self._settings.step_timeout_s, asyncio.get_running_loop().time() + self._settings.timeout_s)

    def _read(self, credential: Mapping[str, object]) -> EmailCredential:
        """Raises `PermanentError`."""
        known = read(credential, EmailCredential)
        if known.security == "none" and known.host not in self._settings.plaintext_hosts:
            raise PermanentError("bad_credential: security: expected tls or starttls, or the host in plaintext_hosts")
        return known

    def _account(self, app: str, known: EmailCredential) -> _Account:
        before = self._accounts.get(app)
        if before is not None and before.credential == known:
            return before
        reply_to = None if known.reply_to is None else mailbox.parse(known.reply_to)
        sender = mail.Sender(mailbox.parse(known.sender), known.sender_name, reply_to)
        return _Account(known, sender, Pool(self._server(known), self._tls, self._limits, self._spawn))

    def _server(self, known: EmailCredential) -> Server:
        return Server(
            host=known.host,
            port=known.port,
            security=known.security,
            username=known.username,
            password=known.password,
            local_name=mailbox.parse(known.sender).domain,
            public_only=not self._settings.allow_private_hosts,
        )


def _carried(session: Session, to: Mailbox, size_bytes: int) -> None:
    """Refuse what this server said that it does not take. Raises `UnreachableError`, `TooLargeError`."""
    if to.needs_smtputf8 and not session.smtputf8:
        raise UnreachableError("address_needs_smtputf8")
    if session.most_bytes is not None and size_bytes > session.most_bytes:
        raise TooLargeError(size_bytes, session.most_bytes)


@contextlib.asynccontextmanager
async def connect(settings: EmailSettings) -> AsyncIterator[Email]:
    """The channel, with its connections for as long as the context lasts. Raises OSError: no such `ca_file`."""
    channel = Email(settings, http.shared_trust(settings.ca_file))
    try:
        yield channel
    finally:
        await channel.close()


# --- errors -----------------------------------------------------------------------------------------------------------

_TAKEN: Final = 250
_REFERENCE_SIZE: Final = 200
_LOGIN: Final = frozenset({530, 534, 535, 538})  # RFC 4954 section 6
_OURS: Final = frozenset({"connect", "tls", "login", "reset"})
"""Steps that know nothing of a message yet: who is refused there is us."""
_UNKNOWN: Final = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"})
"""RFC 3463 section 3.2 and RFC 7505 section 4.2, as far as they speak of the recipient: 5.1.7 and 5.1.8 do not."""
_SENDER: Final = frozenset({"5.1.7", "5.1.8"})
_FULL: Final = frozenset({"4.2.2", "5.2.2"})
_STATUS: Final = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}(?![0-9.])")  # RFC 3463 section 2
_REASONS: Final[dict[Step, str]] = {
    "sender": "sender_refused",
    "recipient": "recipient_refused",
    "announce": "message_refused",
    "content": "message_refused",
}
_LOST: Final[dict[Why, str]] = {
    "unreachable": "service_unreachable",
    "not_trusted": "service_not_trusted",
    "no_tls": "tls_failed",
    "too_slow": "service_too_slow",
    "lost": "connection_lost",
    "garbled": "answer_not_understood",
}


@contextlib.contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except RefusedError as error:
        raise refused(error) from None
    except LostError as error:
        raise lost(error) from None


def refused(error: RefusedError) -> DeliveryError:
    """RFC 5321 section 4.2.3 and RFC 3463 say what a refusal means, the latter where a server speaks it."""
    found = _STATUS.match(error.text)
    detail = found[0] if found else ""
    if error.code < 500:  # noqa: PLR2004 - RFC 5321 section 4.2.1: 4yz is transient
        return _later(error, detail)
    if error.code in _LOGIN:
        return CredentialError("login_refused", status=error.code)
    if error.step in _OURS:
        return CredentialError("service_refuses_us", status=error.code)
    if error.step == "sender" or detail in _SENDER:
        return CredentialError("sender_refused", status=error.code)
    return _never(error, detail)


def _later(error: RefusedError, detail: str) -> DeliveryError:
    """421 closes the connection, 452 lacks room: less at once. 450 and 451 are about this mail; greylisting is, too."""
    if detail in _FULL:
        return TransientError("mailbox_full", status=error.code)
    if error.code in {421, 452}:
        return BusyError("service_busy", status=error.code)
    return TransientError("refused_for_now", status=error.code)


def _never(error: RefusedError, detail: str) -> DeliveryError:
    if error.code in {550, 551, 553} and detail in _UNKNOWN:
        return DeviceGoneError("mailbox_unknown", status=error.code)
    if detail in _FULL:
        return PermanentError("mailbox_full", status=error.code)
    if error.code == 552 or detail == "5.3.4":  # noqa: PLR2004 - RFC 5321: exceeded storage allocation
        return PermanentError("payload_too_large", status=error.code)
    return PermanentError(_REASONS.get(error.step, "message_refused"), status=error.code)


def lost(error: LostError) -> DeliveryError:
    """Once the mail itself was on its way, nobody knows; before, nothing was sent."""
    if error.step == "content":
        return OutcomeUnknownError("outcome_unknown")
    if error.step == "wait":
        return BusyError("connections_busy")
    if error.why == "not_public":
        return CredentialError("address_not_public")
    if error.why == "no_login":
        return CredentialError("login_not_offered")
    return TransientError(_LOST[error.why])


def _reference(said: str) -> str | None:
    """The server's own words: most name the id that the mail has in its queue."""
    return mail.one_line(said)[:_REFERENCE_SIZE] or None
