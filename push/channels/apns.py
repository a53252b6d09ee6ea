"""APNs: Apple's push service, over HTTP/2, with a provider token.

After developer.apple.com: Sending notification requests to APNs; Handling error responses from APNs.

The provider reads what it carries. In private mode, the default, it gets a general text and two ids, and the app's
notification service extension fetches the message; in full mode, all of it. Either way the collapse key goes hashed,
and nothing says which campaign. A repeat of a delivery has the same `apns-id` and `apns-collapse-id`: should both
arrive, the second comes in place of the first.
"""

import asyncio
import contextlib
import hashlib
import re
import ssl
from collections.abc import AsyncIterator, Mapping
from functools import lru_cache
from typing import Annotated, Final

import msgspec

from push.channels import http
from push.channels.apns_lines import Line, Lines, Signer, Where
from push.channels.apns_payload import Alert, Form, address_of, apns_id
from push.channels.apns_token import LEAST_S
from push.channels.credentials import of_app, read
from push.channels.http2_pool import Pool
from push.channels.http2_wire import Http2Error, NoRoomError, Peer, Response, UnansweredError, tls_for_http2
from push.model.delivery import Accepted, Checked, Content, Message, Outgoing, Part
from push.model.errors import (
    BusyError,
    CredentialError,
    DeliveryError,
    DeviceGoneError,
    OutcomeUnknownError,
    PermanentError,
    TransientError,
)
from push.model.ports import Clock

# --- settings ---------------------------------------------------------------------------------------------------------


class ApnsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to reach APNs. Apps and their credentials come through the API."""

    host: str = "api.push.apple.com"
    sandbox_host: str = "api.sandbox.push.apple.com"
    """For apps whose credential says `sandbox`: builds that were not installed from the App Store or TestFlight."""
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 443
    """443, or 2197 where a firewall lets only APNs through."""
    connections: Annotated[int, msgspec.Meta(ge=1, le=100)] = 4
    """At most, for each key and host; APNs allows about 1000 requests at once on each."""
    timeout_s: Annotated[float, msgspec.Meta(gt=0)] = 10.0
    connect_timeout_s: Annotated[float, msgspec.Meta(gt=0)] = 5.0
    ping_s: Annotated[float, msgspec.Meta(gt=0)] = 60.0
    """How long a connection may be silent before it is asked whether it lives."""
    ca_file: str | None = None
    """Certificate authorities, as PEM, to trust besides the system's: with a relay in-house."""


class ApnsCredential(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An app's token-signing key (.p8), and the app it sends to."""

    team_id: Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9]{10}$(?!\n)")]
    key_id: Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9]{10}$(?!\n)")]
    private_key: Annotated[str, msgspec.Meta(max_length=4000)]
    """P-256, PKCS #8 as PEM: the file as Apple gives it. Secret."""
    topic: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9.-]{1,255}$(?!\n)")]
    """The app's bundle id."""
    sandbox: bool = False
    private: bool = True
    """Whether the provider gets `generic_title` and `generic_body` instead of the message."""
    generic_title: Annotated[str, msgspec.Meta(min_length=1, max_length=100)] = "A message for you"
    generic_body: Annotated[str, msgspec.Meta(max_length=300)] = "Tap to read it"

    def __repr__(self) -> str:
        """Without the key."""
        return f"ApnsCredential(team_id={self.team_id!r}, key_id={self.key_id!r}, topic={self.topic!r})"


# --- payload ----------------------------------------------------------------------------------------------------------

_FULL: Final = Form("", None, b"")


def form(credential: ApnsCredential) -> Form:
    """How an app's messages look. Collapse keys are hashed under the private key, which the provider does not have."""
    generic = Alert(credential.generic_title, credential.generic_body) if credential.private else None
    return Form(credential.topic, generic, _fingerprint(credential))


def _fingerprint(credential: ApnsCredential) -> bytes:
    return hashlib.blake2b(credential.private_key.encode()).digest()


def _to_nobody(now_ms: int) -> Outgoing:
    """Nothing, for a device token that nobody can have."""
    message = Message(
        id="check",
        shopper="",
        campaign="",
        content=Content(title="", body=""),
        created_ms=now_ms,
        expires_ms=now_ms,
        collapse_key="check",
        urgency="normal",
    )
    return Outgoing(delivery="check", device="", message=message, address={"token": "0" * 64}, now_ms=now_ms)


# --- client -----------------------------------------------------------------------------------------------------------


class App:
    """One app: its form, and how it is reached."""

    def __init__(self, credential: ApnsCredential, line: Line, authority: bytes) -> None:
        self.credential = credential
        self.form = form(credential)
        self._line = line
        self._authority = authority
        self.proven = False
        """Whether APNs ever knew a device token of this app here: then host and topic are right."""

    async def post(self, outgoing: Outgoing, deadline_s: float) -> Response:
        """Send; a provider token that APNs calls expired is replaced once. Raises `push.model.errors.DeliveryError`."""
        device, body = address_of(outgoing.address), self.form.encode(outgoing)
        authorization = self._line.token.authorization(outgoing.now_ms)
        response = await self._try(outgoing, device, body, authorization, deadline_s)
        if response.status != _OK and _reply(response).reason == "ExpiredProviderToken":
            renewed = self._line.token.renewed(authorization, outgoing.now_ms)
            if renewed is not None:
                return await self._try(outgoing, device, body, renewed, deadline_s)
        return response

    async def _try(
        self, outgoing: Outgoing, device: str, body: bytes, authorization: bytes, deadline_s: float
    ) -> Response:
        head = self.form.headers(outgoing, device, self._authority, authorization)
        try:
            return await self._line.pool.request(head, body, deadline_s)
        except Http2Error as error:
            raise _unanswered(error) from None


class Apns:
    """The channel. Made by `connect`, which closes what it opens.

    An address is ``{"token"}``, a credential an `ApnsCredential`.
    """

    name = "apns"

    def __init__(self, settings: ApnsSettings, tls: ssl.SSLContext, clock: Clock) -> None:
        """Take whom to trust, set to ask for HTTP/2."""
        self._settings = settings
        self._clock = clock
        self._apps: dict[str, App] = {}
        timeout_s, ping_s = settings.connect_timeout_s, settings.ping_s
        self._lines = Lines(lambda host: Pool(Peer(host, settings.port, tls, timeout_s, ping_s), settings.connections))

    def check_address(self, address: Mapping[str, object]) -> dict[str, object]:
        """The address, in lower case. Raises `PermanentError`: one that can never work."""
        return {"token": address_of(address)}

    def fit(self, outgoing: Outgoing) -> tuple[Part, ...]:
        """What would be dropped; without a credential for its app, in full mode. Raises `TooLargeError`."""
        app = self._apps.get(outgoing.app)
        return (_FULL if app is None else app.form).fit(outgoing)

    async def check(self, app: str, credential: Mapping[str, object]) -> Checked:
        """Send nothing to nobody: the credential is good if what APNs refuses is the device token.

        Raises `push.model.errors.DeliveryError`.
        """
        del app
        known = read(credential, ApnsCredential)
        line = self._lines.open(self._where(known), known.private_key)
        try:
            response = await self._app(known, line).post(_to_nobody(self._clock.now_ms()), self._deadline_s())
        finally:
            await line.pool.close()
        refusal = _refused(response, self._clock.now_ms(), proven=True)
        if refusal is not None and not isinstance(refusal, DeviceGoneError):
            raise refusal
        warnings = ("sandbox: reaches only what is not from the App Store or TestFlight",) if known.sandbox else ()
        return Checked(summary=f"team {known.team_id}, key {known.key_id}, topic {known.topic}", warnings=warnings)

    def use(self, credentials: Mapping[str, Mapping[str, object]]) -> None:
        """Send with these from now on; what is on its way ends as it began.

        Raises `PermanentError`: one cannot be read, and nothing changes.
        """
        known = {app: read(credential, ApnsCredential) for app, credential in credentials.items()}
        lines = self._lines.keep({self._where(credential): credential.private_key for credential in known.values()})
        self._apps = {
            name: self._kept(name, credential) or self._app(credential, lines[self._where(credential)])
            for name, credential in known.items()
        }

    async def send(self, outgoing: Outgoing) -> Accepted:
        """Post to one device. Raises `push.model.errors.DeliveryError`."""
        app = of_app(self._apps, outgoing.app)
        response = await app.post(outgoing, self._deadline_s())
        app.proven = app.proven or response.status in (_OK, _GONE)
        refusal = _refused(response, outgoing.now_ms, proven=app.proven)
        if refusal is not None:
            raise refusal
        reference = response.headers.get(b"apns-id", b"")[:_REFERENCE_SIZE].decode("ascii", "replace")
        return Accepted(
            status=response.status,
            reference=reference or apns_id(outgoing.delivery),
            dropped=app.form.dropped(outgoing.message.content),
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._lines.close()

    def _deadline_s(self) -> float:
        return asyncio.get_running_loop().time() + self._settings.timeout_s

    def _where(self, credential: ApnsCredential) -> Where:
        signer = Signer(credential.team_id, credential.key_id, _fingerprint(credential))
        return Where(signer, self._settings.sandbox_host if credential.sandbox else self._settings.host)

    def _app(self, credential: ApnsCredential, line: Line) -> App:
        host, port = self._where(credential).host, self._settings.port
        return App(credential, line, (host if port == _HTTPS_PORT else f"{host}:{port}").encode())

    def _kept(self, name: str, credential: ApnsCredential) -> App | None:
        app = self._apps.get(name)
        return app if app is not None and app.credential == credential else None


@lru_cache(maxsize=16)
def _shared_tls(ca_file: str | None) -> ssl.SSLContext:
    """Made once by a process, as `http.shared_trust` is. Raises OSError: no file."""
    return tls_for_http2(http.trust(ca_file))


@contextlib.asynccontextmanager
async def connect(settings: ApnsSettings, clock: Clock) -> AsyncIterator[Apns]:
    """The channel, with its connections for as long as the context lasts. Raises OSError: no such `ca_file`."""
    apns = Apns(settings, _shared_tls(settings.ca_file), clock)
    try:
        yield apns
    finally:
        await apns.close()


# --- errors -----------------------------------------------------------------------------------------------------------

_OK: Final = 200
_FORBIDDEN: Final = 403
_GONE: Final = 410
_TOO_LARGE: Final = 413
_BUSY: Final = frozenset({429, 503})
_HTTPS_PORT: Final = 443
_REFERENCE_SIZE: Final = 64
_MOST_MS: Final = 2**53
_OF_THE_DEVICE: Final = frozenset({"BadDeviceToken", "DeviceTokenNotForTopic"})
_OF_THE_CREDENTIAL: Final = frozenset({"BadTopic", "MissingTopic", "TopicDisallowed"})
_OF_THE_CONNECTION: Final = frozenset({"IdleTimeout", "Shutdown"})
"""Another connection will do."""
_WORDS: Final = re.compile(r"[A-Z][a-z]+|[A-Z]+(?![a-z])")
_REASON: Final = re.compile(r"([A-Z][A-Za-z]{1,49})(?!\n)")


class Reply(msgspec.Struct, frozen=True):
    """Why APNs refused; `timestamp` is since when a device token is dead, ms, with 410 only."""

    reason: str = ""
    timestamp: Annotated[int, msgspec.Meta(ge=0, le=_MOST_MS)] | None = None

    @property
    def name(self) -> str:
        """The reason as our others are written: ``bad_device_token``; empty where it does not look like Apple's."""
        return "_".join(_WORDS.findall(self.reason)).lower() if _REASON.fullmatch(self.reason) else ""


def _reply(response: Response) -> Reply:
    try:
        return msgspec.json.decode(response.body, type=Reply)
    except (msgspec.DecodeError, UnicodeDecodeError):  # a relay's page, or cut off: the status decides
        return Reply()


def _refused(response: Response, now_ms: int, *, proven: bool) -> DeliveryError | None:
    """Apple's table (Handling error responses from APNs); reasons that are not in it, by the class of the status."""
    status, reply = response.status, _reply(response)
    if status == _OK:
        return None
    if status == _GONE:
        return DeviceGoneError(reply.name or "unregistered", status=status, since_ms=reply.timestamp)
    if status == _FORBIDDEN or reply.reason in _OF_THE_CREDENTIAL:
        return CredentialError(reply.name or "forbidden", status=status)
    if status in _BUSY or status >= 500 or reply.reason in _OF_THE_CONNECTION:  # noqa: PLR2004 - the class of statuses
        return _later(response, reply, now_ms)
    return _final(status, reply, proven=proven)


def _final(status: int, reply: Reply, *, proven: bool) -> PermanentError:
    """A device token is refused because it is bad, or is meant for the other host or another app, or because ours are.

    With a wrong `sandbox` or `topic` each device token of the app is refused like this, and to remove them all would
    be a disaster: they are dead only where others of the app were known.
    """
    if reply.reason in _OF_THE_DEVICE:
        return (DeviceGoneError if proven else PermanentError)(reply.name, status=status)
    if status == _TOO_LARGE:
        return PermanentError("payload_too_large", status=status)
    return PermanentError(reply.name or "request_refused", status=status)


def _later(response: Response, reply: Reply, now_ms: int) -> TransientError:
    asked = {"Retry-After": response.headers.get(b"retry-after", b"").decode("ascii", "replace")}
    wait_ms = http.retry_after_ms(asked, now_ms)
    if reply.reason == "TooManyProviderTokenUpdates":  # made by others with our key: ours is as old as it says
        wait_ms = max(wait_ms or 0, LEAST_S * 1000)
    busy = response.status in _BUSY and reply.reason not in _OF_THE_CONNECTION
    failure = BusyError if busy else TransientError
    return failure(reply.name or "service_failed", status=response.status, retry_after_ms=wait_ms)


def _unanswered(error: Http2Error) -> DeliveryError:
    """What nobody acted on may be sent again; else only under the same id, as it is."""
    if isinstance(error, UnansweredError):
        return OutcomeUnknownError(error.reason)
    return (BusyError if isinstance(error, NoRoomError) else TransientError)(error.reason)
