"""Web Push: the message protocol of RFC 8030, encrypted by RFC 8291, signed by RFC 8292."""

import contextlib
import hashlib
import ssl
from collections.abc import AsyncIterator, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Annotated, Final

import aiohttp
import msgspec
from yarl import URL

from push.channels import aes128gcm, egress
from push.channels.vapid import Key, Signer
from push.model.delivery import Accepted, Outgoing
from push.model.errors import DeliveryError, DeviceGoneError, OutcomeUnknownError, PermanentError, TransientError

# --- settings ---------------------------------------------------------------------------------------------------------


class WebPushSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to reach push services."""

    contact: Annotated[str, msgspec.Meta(pattern="^(mailto:|https://).")] = "mailto:operator@example.com"
    """Where the operator of a push service can reach us; Apple's refuses what is not an address."""
    key_file: str = "vapid.pem"
    """The application server's private key; made on the first start. Whoever loses it loses every subscription."""
    timeout_s: Annotated[float, msgspec.Meta(gt=0)] = 10.0
    connect_timeout_s: Annotated[float, msgspec.Meta(gt=0)] = 5.0
    connections_per_host: Annotated[int, msgspec.Meta(ge=1)] = 32
    allow_private_hosts: bool = False
    """Whether an endpoint may lie at a loopback, private or link-local address: only with a push service in-house."""
    ca_file: str | None = None
    """Certificate authorities, as PEM, to trust besides the system's: with a push service in-house."""
    origin_overrides: dict[str, str] = {}
    """Origins of endpoints, and where to send instead. They may be plain HTTP, and private. For tests and relays."""


# --- payload ----------------------------------------------------------------------------------------------------------

_MAX_TTL_S: Final = 28 * 86400
"""FCM refuses longer ones; the others shorten them."""
_TOPIC_BYTES: Final = 24
"""32 characters of base64url: the most that RFC 8030 section 5.4 lets a topic have."""
_ENDPOINT_SIZE: Final = 2048


class Keys(msgspec.Struct, frozen=True):
    """The receiver's keys, base64url."""

    p256dh: str
    auth: str


class Subscription(msgspec.Struct, frozen=True):
    """A `PushSubscription` as `toJSON()` gives it; other members, such as expirationTime, are passed over."""

    endpoint: Annotated[str, msgspec.Meta(max_length=_ENDPOINT_SIZE)]
    keys: Keys


class Payload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the service worker reads, as JSON."""

    id: str
    delivery: str
    title: str
    body: str
    expires_ms: int
    url: str | None = None
    image: str | None = None


class Target(msgspec.Struct, frozen=True):
    """A subscription that was found good: where to send, whom the token is for, what to encrypt with."""

    url: URL
    origin: str
    keys: aes128gcm.ReceiverKeys
    overridden: bool


def payload(outgoing: Outgoing) -> bytes:
    """The plaintext of a push message."""
    message = outgoing.message
    return msgspec.json.encode(
        Payload(
            id=message.id,
            delivery=outgoing.delivery,
            title=message.content.title,
            body=message.content.body,
            expires_ms=message.expires_ms,
            url=message.content.url,
            image=message.content.image,
        )
    )


def topic(collapse_key: str, auth: bytes) -> str:
    """The collapse key as a `Topic`, hashed under the subscription's secret.

    A push service reads headers: it shall learn neither what a campaign is called, nor which of its users get the same.
    """
    return aes128gcm.encode(hashlib.blake2b(collapse_key.encode(), digest_size=_TOPIC_BYTES, key=auth).digest())


def target(address: Mapping[str, object], overrides: Mapping[str, str]) -> Target:
    """What `address`, a subscription, says. Raises `PermanentError`: ``bad_subscription``."""
    try:
        subscription = msgspec.convert(address, Subscription)
        endpoint = URL(subscription.endpoint).with_fragment(None)
        origin = str(endpoint.origin())
        keys = aes128gcm.receiver(subscription.keys.p256dh, subscription.keys.auth)
    except ValueError:  # msgspec's and yarl's errors are of this type
        raise PermanentError("bad_subscription") from None
    base = overrides.get(origin)
    if base is not None:
        return Target(URL(base.rstrip("/") + endpoint.raw_path_qs, encoded=True), origin, keys, overridden=True)
    if endpoint.scheme != "https" or endpoint.user is not None:
        raise PermanentError("bad_subscription")
    return Target(endpoint, origin, keys, overridden=False)


# --- client -----------------------------------------------------------------------------------------------------------


class WebPush:
    """The channel. Made by `connect`, which closes what it opens."""

    name = "webpush"

    def __init__(
        self, settings: WebPushSettings, key: Key, public: aiohttp.ClientSession, overridden: aiohttp.ClientSession
    ) -> None:
        """Take two pools: one for the addresses that clients gave, one for those that the operator set."""
        self._overrides = {str(URL(origin).origin()): base for origin, base in settings.origin_overrides.items()}
        self._signer = Signer(key, settings.contact)
        self._public = public
        self._overridden = overridden

    @property
    def application_server_key(self) -> str:
        """What pages subscribe with."""
        return self._signer.application_server_key

    def check(self, address: Mapping[str, object]) -> None:
        """Refuse a subscription that can never work, when it is registered. Raises `PermanentError`."""
        target(address, self._overrides)

    async def send(self, outgoing: Outgoing) -> Accepted:
        """Encrypt, sign and post. Raises `push.model.errors.DeliveryError`."""
        to, body, headers = self.prepare(outgoing)
        session = self._overridden if to.overridden else self._public
        try:
            async with session.post(to.url, data=body, headers=headers, allow_redirects=False) as response:
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):  # the status alone decides
                    await response.content.read(aes128gcm.MAX_BODY)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _unanswered(error) from None
        return _answered(response.status, response.headers, outgoing.now_ms)

    def prepare(self, outgoing: Outgoing) -> tuple[Target, bytes, dict[str, str]]:
        """The request for a message: where, body, headers. Raises `PermanentError`."""
        to = target(outgoing.address, self._overrides)
        plaintext = payload(outgoing)
        if len(plaintext) > aes128gcm.MAX_PLAINTEXT:
            raise PermanentError("payload_too_large")
        headers = {
            "Authorization": self._signer.authorization(to.origin, outgoing.now_ms),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(min(outgoing.ttl_s, _MAX_TTL_S)),
            "Topic": topic(outgoing.message.collapse_key, to.keys.auth),
            "Urgency": outgoing.message.urgency,
        }
        return to, aes128gcm.encrypt(plaintext, to.keys), headers


@contextlib.asynccontextmanager
async def connect(settings: WebPushSettings, key: Key) -> AsyncIterator[WebPush]:
    """The channel, with its connections for as long as the context lasts. Raises OSError: no such `ca_file`."""
    tls = ssl.create_default_context()
    if settings.ca_file is not None:
        tls.load_verify_locations(settings.ca_file)
    async with (
        _session(settings, tls, public_only=not settings.allow_private_hosts) as public,
        _session(settings, tls, public_only=False) as overridden,
    ):
        yield WebPush(settings, key, public, overridden)


def _session(settings: WebPushSettings, tls: ssl.SSLContext, *, public_only: bool) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=egress.connector(tls, per_host=settings.connections_per_host, public_only=public_only),
        timeout=aiohttp.ClientTimeout(total=settings.timeout_s, sock_connect=settings.connect_timeout_s),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers={"User-Agent": "footfall"},
    )


# --- errors -----------------------------------------------------------------------------------------------------------

_GONE: Final = frozenset({404, 410})  # RFC 8030 section 7.3
_LATER: Final = frozenset({408, 425, 429})  # to be read like a 5xx
_REASONS: Final = {
    400: "request_refused",
    401: "vapid_refused",
    403: "vapid_refused",
    404: "subscription_unknown",
    408: "service_busy",
    410: "subscription_gone",
    413: "payload_too_large",
    425: "service_busy",
    429: "rate_limited",
}
_SECONDS_DIGITS: Final = 9  # thirty years; what is longer is not meant
_REFERENCE_SIZE: Final = 1024


def _answered(status: int, headers: Mapping[str, str], now_ms: int) -> Accepted:
    """RFC 8030 section 5 says what each status means; those that it leaves out are taken by their class."""
    if status in _GONE:
        raise DeviceGoneError(_REASONS[status], status=status)
    kind = 5 if status in _LATER else status // 100
    match kind:
        case 2:
            location = headers.get("Location", "")
            return Accepted(status=status, reference=location if 0 < len(location) <= _REFERENCE_SIZE else None)
        case 3:
            raise PermanentError("redirect_refused", status=status)
        case 5:
            wait_ms = retry_after_ms(headers, now_ms)
            raise TransientError(_REASONS.get(status, "service_failed"), status=status, retry_after_ms=wait_ms)
        case _:
            raise PermanentError(_REASONS.get(status, "request_refused"), status=status)


def _unanswered(error: Exception) -> DeliveryError:
    """Without a status: what never left may be sent again, what may have arrived only under the same message id."""
    if isinstance(error, aiohttp.ClientSSLError):
        return TransientError("service_not_trusted")
    if isinstance(error, aiohttp.ClientConnectorError):
        if isinstance(error.os_error, egress.ForbiddenAddressError):
            return PermanentError("address_not_public")
        return TransientError("service_unreachable")
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return TransientError("service_unreachable")
    return OutcomeUnknownError("outcome_unknown")


def retry_after_ms(headers: Mapping[str, str], now_ms: int) -> int | None:
    """How long to wait, from `Retry-After` (RFC 9110 section 10.2.3: seconds or a date); None where it does not say.

    A date counts from the answer's own `Date`, so that two clocks which disagree do no harm; else from `now_ms`.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return int(text[:_SECONDS_DIGITS]) * 1000
    until_ms = _date_ms(text)
    if until_ms is None:
        return None
    return max(0, until_ms - (_date_ms(headers.get("Date", "")) or now_ms))


def _date_ms(text: str) -> int | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return int(date.replace(tzinfo=date.tzinfo or UTC).timestamp() * 1000)
