"""Webhook: a message posted to the retailer's own endpoint, or in its shape to an SMS provider's or anybody else's.

Requests are signed as Standard Webhooks has it; ``webhook-id`` is the delivery's, the same each time. A receiver that
looks at it takes a repeat for what it is; one that does not may pass a message on twice.
"""

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Final, NamedTuple

import aiohttp
import msgspec

from push.channels import http, signing, template
from push.channels.credentials import of_app, read
from push.channels.posting import Answer, Headers, Place, Places, post
from push.channels.template import CONTENT_TYPES, NAMES, Encoding, Template
from push.channels.webhook_payload import dropped, payload, target
from push.model.delivery import Accepted, Checked, Outgoing, Part
from push.model.errors import (
    BusyError,
    CredentialError,
    DeliveryError,
    OutcomeUnknownError,
    PermanentError,
    TransientError,
)

# --- settings ---------------------------------------------------------------------------------------------------------


class WebhookSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to reach endpoints. Apps and their credentials come through the API."""

    timeout_s: Annotated[float, msgspec.Meta(gt=0)] = 10.0
    connect_timeout_s: Annotated[float, msgspec.Meta(gt=0)] = 5.0
    connections_per_host: Annotated[int, msgspec.Meta(ge=1)] = 16
    allow_private_hosts: bool = False
    """Whether an endpoint may lie at a loopback, private or link-local address: only with receivers in-house."""
    ca_file: str | None = None
    """Certificate authorities, as PEM, to trust besides the system's: with receivers in-house."""
    origin_overrides: dict[str, str] = {}
    """Origins of endpoints, and where to send instead. They may be plain HTTP, and private. For tests and relays."""


HeaderName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$(?!\n)")]  # RFC 9110 section 5.6.2
HeaderValue = Annotated[str, msgspec.Meta(pattern=r"^[\x20-\x7e]{0,4096}$(?!\n)")]
FieldPath = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64}){0,7}$(?!\n)")]

_OURS: Final = frozenset(
    {"host", "connection", "content-length", "content-type", "content-encoding", "transfer-encoding"}
)


class WebhookCredential(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An endpoint, what proves that requests come from us, and what they look like."""

    url: Annotated[str, msgspec.Meta(max_length=2000)]
    """Where to post, https. Secret from its path on: many endpoints have a token there."""
    secret: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    """``whsec_…``; None: not signed, for receivers that go by `headers`. Secret."""
    previous_secret: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    """Signs too, while receivers change over from it to `secret`. Secret."""
    headers: Annotated[dict[HeaderName, HeaderValue], msgspec.Meta(max_length=16)] = {}
    """Sent with every request, such as ``Authorization``. Secret."""
    template: Template | None = None
    """The body, see `push.channels.template`; None: a `Payload` as JSON."""
    encoding: Encoding = "json"
    reference_header: HeaderName | None = None
    """The header of an answer that has the receiver's own id for the message."""
    reference_field: FieldPath | None = None
    """The field of a JSON answer that has it, such as ``messages.0.id``."""

    def __post_init__(self) -> None:
        """Refuse what fits together in no way. Raises ValueError."""
        for name, secret in (("secret", self.secret), ("previous_secret", self.previous_secret)):
            if secret is not None:
                _key(name, secret)
        taken = sorted(n for n in map(str.lower, self.headers) if n in _OURS or n.startswith("webhook-"))
        if taken:
            raise ValueError(f"headers: expected none that are ours: {', '.join(taken)}")
        if self.template is not None:
            template.check(self.template, self.encoding)
        elif self.encoding != "json":
            raise ValueError("encoding: expected json, or a template")

    def __repr__(self) -> str:
        """Without anything that may be secret."""
        return f"WebhookCredential(template={self.template is not None}, encoding={self.encoding!r})"

    @property
    def keys(self) -> tuple[bytes, ...]:
        """What signs."""
        return tuple(signing.key(secret) for secret in (self.secret, self.previous_secret) if secret is not None)


def _key(field: str, secret: str) -> None:
    try:
        signing.key(secret)
    except ValueError as error:
        raise ValueError(f"{field}: {error}") from None


# --- payload ----------------------------------------------------------------------------------------------------------


def _body(outgoing: Outgoing, credential: WebhookCredential) -> bytes:
    """Raises `PermanentError`."""
    return payload(outgoing, credential.template, credential.encoding)


# --- client -----------------------------------------------------------------------------------------------------------


class _Endpoint(NamedTuple):
    """What an app sends to."""

    credential: WebhookCredential
    place: Place
    keys: tuple[bytes, ...]
    headers: Headers


class Webhook:
    """The channel. Made by `connect`, which closes what it opens.

    An address is ``{"to": "+49301234567"}``.
    """

    name = "webhook"

    def __init__(self, places: Places) -> None:
        self._places = places
        self._endpoints: dict[str, _Endpoint] = {}

    def check_address(self, address: Mapping[str, object]) -> dict[str, object]:
        """The address, a phone number without filling. Raises `PermanentError`: what names nobody, and no number."""
        return {"to": target(address)}

    def fit(self, outgoing: Outgoing) -> tuple[Part, ...]:
        """What the app's template has no place for. Raises `TooLargeError`."""
        endpoint = self._endpoints.get(outgoing.app)
        if endpoint is None:
            return ()
        _body(outgoing, endpoint.credential)
        return dropped(outgoing.message.content, endpoint.credential.template)

    async def check(self, app: str, credential: Mapping[str, object]) -> Checked:
        """Ask the endpoint for its head, which sends nothing to anybody.

        It is there and trusted if it answers at all: that it takes posts cannot be tried. Raises `PermanentError`,
        `CredentialError`, `TransientError`.
        """
        del app
        endpoint = self._endpoint(credential)
        status = await _head(endpoint)
        if status in _CREDENTIAL_AT_ONCE or status // 100 == _REDIRECT:
            raise _refused(status)
        return Checked(summary=str(endpoint.place.url.origin()), warnings=_warnings(endpoint.credential))

    def use(self, credentials: Mapping[str, Mapping[str, object]]) -> None:
        """Post with these from now on. Raises `PermanentError`."""
        self._endpoints = {app: self._endpoint(credential) for app, credential in credentials.items()}

    async def send(self, outgoing: Outgoing) -> Accepted:
        """Sign and post. Raises `push.model.errors.DeliveryError`."""
        endpoint = of_app(self._endpoints, outgoing.app)
        body = _body(outgoing, endpoint.credential)
        signed = signing.headers(endpoint.keys, outgoing.delivery, outgoing.now_ms, body) if endpoint.keys else {}
        answer = await post(endpoint.place, body, {**endpoint.headers, **signed})
        reference = _answered(answer, endpoint.credential, outgoing.now_ms)
        return Accepted(
            status=answer.status,
            reference=reference,
            dropped=dropped(outgoing.message.content, endpoint.credential.template),
        )

    def _endpoint(self, credential: Mapping[str, object]) -> _Endpoint:
        """Raises `PermanentError`."""
        known = read(credential, WebhookCredential)
        try:
            place = self._places.find(known.url)
        except ValueError:
            raise PermanentError("bad_credential: url: expected an https URL") from None
        return _Endpoint(known, place, known.keys, {"Content-Type": CONTENT_TYPES[known.encoding], **known.headers})


async def _head(endpoint: _Endpoint) -> int:
    """Raises `TransientError`."""
    session, url = endpoint.place
    try:
        async with session.head(url, headers=endpoint.headers, allow_redirects=False) as response:
            return response.status
    except (aiohttp.ClientError, TimeoutError) as error:
        failed = http.unanswered(error)
    if isinstance(failed, OutcomeUnknownError):  # nothing was sent whose outcome could matter
        raise TransientError("service_unreachable")
    if isinstance(failed, PermanentError):
        raise CredentialError(failed.reason)
    raise failed


def _warnings(credential: WebhookCredential) -> tuple[str, ...]:
    names = template.used(credential.template) if credential.template is not None else NAMES
    found = [] if credential.secret else ["requests are not signed: the receiver must know us by a header"]
    found += [f"{{{name}}} is no placeholder, and sent as it stands" for name in sorted(names - NAMES)]
    found += [] if "to" in names else ["the template has no {to}: every message goes to the same receiver"]
    return tuple(found)


@contextlib.asynccontextmanager
async def connect(settings: WebhookSettings) -> AsyncIterator[Webhook]:
    """The channel, with its connections for as long as the context lasts. Raises OSError: no such `ca_file`."""
    tls = http.shared_trust(settings.ca_file)

    def session(*, public_only: bool) -> aiohttp.ClientSession:
        return http.session(
            tls,
            per_host=settings.connections_per_host,
            timeout_s=settings.timeout_s,
            connect_timeout_s=settings.connect_timeout_s,
            public_only=public_only,
        )

    async with (
        session(public_only=not settings.allow_private_hosts) as public,
        session(public_only=False) as overridden,
    ):
        yield Webhook(Places(public, overridden, settings.origin_overrides))


# --- errors -----------------------------------------------------------------------------------------------------------

_REDIRECT: Final = 3
_BUSY: Final = frozenset({429, 502, 503, 504})
_LATER: Final = frozenset({408, 425})
_CREDENTIAL: Final = {
    401: "credential_refused",
    402: "payment_required",
    403: "credential_refused",
    404: "endpoint_unknown",
    405: "endpoint_unknown",
    410: "endpoint_gone",  # Standard Webhooks: the receiver wants no more of them
}
_CREDENTIAL_AT_ONCE: Final = frozenset({401, 410})
"""Those that also say something in answer to another method than POST."""
_REFERENCE_SIZE: Final = 200


def _answered(answer: Answer, credential: WebhookCredential, now_ms: int) -> str | None:
    """The receiver's id for the message, where it was taken. Raises `DeliveryError`."""
    if answer.status // 100 == 2:  # noqa: PLR2004 - RFC 9110 section 15.3: successful
        return _reference(answer, credential)
    wait_ms = http.retry_after_ms(answer.headers, now_ms)
    if answer.status in _BUSY:
        reason = "rate_limited" if answer.status == 429 else "service_busy"  # noqa: PLR2004 - RFC 6585 section 4
        raise BusyError(reason, status=answer.status, retry_after_ms=wait_ms)
    if answer.status in _LATER or answer.status >= 500:  # noqa: PLR2004 - RFC 9110 section 15.6: server error
        raise TransientError("service_failed", status=answer.status, retry_after_ms=wait_ms)
    raise _refused(answer.status)


def _refused(status: int) -> DeliveryError:
    """One address serves all messages of an app: what is wrong with it is no fault of any of them."""
    if status // 100 == _REDIRECT:
        return CredentialError("redirect_refused", status=status)
    if status in _CREDENTIAL:
        return CredentialError(_CREDENTIAL[status], status=status)
    return PermanentError("payload_too_large" if status == 413 else "request_refused", status=status)  # noqa: PLR2004


def _reference(answer: Answer, credential: WebhookCredential) -> str | None:
    found: object = None
    if credential.reference_header is not None:
        found = answer.headers.get(credential.reference_header)
    if not found and credential.reference_field is not None and answer.body is not None:
        found = _field(answer.body, credential.reference_field)
    if isinstance(found, bool) or not isinstance(found, str | int):
        return None
    text = str(found)
    return text if 0 < len(text) <= _REFERENCE_SIZE and text.isprintable() else None


def _field(body: bytes, path: str) -> object:
    """What stands at a path in a JSON text, None where nothing does."""
    try:
        found = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return None
    for name in path.split("."):
        match found:
            case dict():
                found = found.get(name)
            case list() if name.isdigit() and int(name) < len(found):
                found = found[int(name)]
            case _:
                return None
    return found
