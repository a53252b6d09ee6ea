"""Web Push: the message protocol of RFC 8030, encrypted by RFC 8291, signed by RFC 8292.

UnifiedPush (unifiedpush.org, specification 3) is the same between server and push server, so an app's UnifiedPush
endpoint and keys are registered like a browser's subscription. What differs is on the other side: the endpoint is any
public host, that of the distributor which the user chose; most read neither `Topic` nor `Urgency`, so that a repeated
or newer message comes beside the one before it (the app shows one id once); many keep a message for their own time,
whatever its `TTL`; and an endpoint that is gone is a 404.
"""

import contextlib
import hashlib
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Final

import aiohttp
import msgspec
from yarl import URL

from push.channels import aes128gcm, http, vapid
from push.channels.credentials import of_app, read
from push.channels.vapid import Key, Signer
from push.model.delivery import DEFAULT_APP, Accepted, Action, Checked, Outgoing, Part
from push.model.errors import BusyError, DeviceGoneError, PermanentError, TooLargeError, TransientError

# --- settings ---------------------------------------------------------------------------------------------------------


Contact = Annotated[str, msgspec.Meta(pattern="^(mailto:|https://).", max_length=200)]


class WebPushSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to reach push services."""

    contact: Contact = "mailto:operator@example.com"
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


class WebPushCredential(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An app's own key pair, for apps beside the default one. `complete` makes the key where there is none yet."""

    contact: Contact
    private_key: Annotated[str, msgspec.Meta(max_length=2000)] | None = None
    """P-256, PEM. Whoever loses it loses every subscription of the app. Secret."""

    def __repr__(self) -> str:
        """Without the key."""
        return f"WebPushCredential(contact={self.contact!r})"


def complete(credential: Mapping[str, object]) -> dict[str, object]:
    """The credential with a key, a new one where it has none: to be made once, before it is stored.

    Raises `PermanentError`.
    """
    if read(credential, WebPushCredential).private_key is not None:
        return dict(credential)
    return {**credential, "private_key": vapid.to_pem(vapid.generate()).decode()}


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
    actions: tuple[Action, ...] = ()
    data: dict[str, str] = {}
    locale: str | None = None


class Target(msgspec.Struct, frozen=True):
    """A subscription that was found good: where to send, whom the token is for, what to encrypt with."""

    url: URL
    origin: str
    keys: aes128gcm.ReceiverKeys
    overridden: bool


def payload(outgoing: Outgoing) -> bytes:
    """The plaintext of a push message. Raises `TooLargeError`."""
    message, content = outgoing.message, outgoing.message.content
    plaintext = msgspec.json.encode(
        Payload(
            id=message.id,
            delivery=outgoing.delivery,
            title=content.title,
            body=content.body,
            expires_ms=message.expires_ms,
            url=content.url,
            image=content.image,
            actions=content.actions,
            data=content.data,
            locale=content.locale,
        )
    )
    if len(plaintext) > aes128gcm.MAX_PLAINTEXT:
        raise TooLargeError(len(plaintext), aes128gcm.MAX_PLAINTEXT)
    return plaintext


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
    """The channel. Made by `connect`, which closes what it opens.

    An address is a subscription as browsers give it: ``{"endpoint", "keys": {"p256dh", "auth"}}``.
    """

    name = "webpush"

    def __init__(
        self, settings: WebPushSettings, key: Key, public: aiohttp.ClientSession, overridden: aiohttp.ClientSession
    ) -> None:
        """Take two pools: one for the addresses that clients gave, one for those that the operator set."""
        self._overrides = {str(URL(origin).origin()): base for origin, base in settings.origin_overrides.items()}
        self._default = Signer(key, settings.contact)
        self._signers = {DEFAULT_APP: self._default}
        self._public = public
        self._overridden = overridden

    @property
    def application_server_key(self) -> str:
        """What pages of the default app subscribe with."""
        return self._signers[DEFAULT_APP].application_server_key

    @property
    def application_server_keys(self) -> dict[str, str]:
        """What pages subscribe with, by app."""
        return {app: signer.application_server_key for app, signer in self._signers.items()}

    def check_address(self, address: Mapping[str, object]) -> dict[str, object]:
        """The subscription as it is: browsers spell it in one way. Raises `PermanentError`: it can never work."""
        target(address, self._overrides)
        return dict(address)

    def fit(self, outgoing: Outgoing) -> tuple[Part, ...]:
        """Nothing is dropped: what the browser cannot show, the service worker has. Raises `TooLargeError`."""
        payload(outgoing)
        return ()

    async def check(self, app: str, credential: Mapping[str, object]) -> Checked:
        """Read a credential; there is no one to ask, as push services learn of a key by its first use.

        Raises `PermanentError`.
        """
        del app
        signer = _signer(complete(credential))
        missing = () if credential.get("private_key") else ("it has no private_key yet",)
        return Checked(summary="a key pair of its own" if missing else signer.application_server_key, warnings=missing)

    def use(self, credentials: Mapping[str, Mapping[str, object]]) -> None:
        """Sign with these from now on; the default app keeps the key of `connect` unless it is among them.

        Raises `PermanentError`: one was not `complete`.
        """
        self._signers = {DEFAULT_APP: self._default} | {a: _signer(c) for a, c in credentials.items()}

    async def send(self, outgoing: Outgoing) -> Accepted:
        """Encrypt, sign and post. Raises `push.model.errors.DeliveryError`."""
        to, body, headers = self.prepare(outgoing)
        session = self._overridden if to.overridden else self._public
        try:
            async with session.post(to.url, data=body, headers=headers, allow_redirects=False) as response:
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):  # the status alone decides
                    await response.content.read(aes128gcm.MAX_BODY)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise http.unanswered(error) from None
        return _answered(response.status, response.headers, outgoing.now_ms)

    def prepare(self, outgoing: Outgoing) -> tuple[Target, bytes, dict[str, str]]:
        """The request for a message: where, body, headers. Raises `PermanentError`, `CredentialError`."""
        signer = of_app(self._signers, outgoing.app)
        to = target(outgoing.address, self._overrides)
        headers = {
            "Authorization": signer.authorization(to.origin, outgoing.now_ms),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(min(outgoing.ttl_s, _MAX_TTL_S)),
            "Topic": topic(outgoing.message.collapse_key, to.keys.auth),
            "Urgency": outgoing.message.urgency,
        }
        return to, aes128gcm.encrypt(payload(outgoing), to.keys), headers


def _signer(credential: Mapping[str, object]) -> Signer:
    """Raises `PermanentError`."""
    known = read(credential, WebPushCredential)
    key = vapid.parse((known.private_key or "").encode())
    if key is None:
        raise PermanentError("bad_credential: private_key: expected an unencrypted P-256 private key as PEM")
    return Signer(key, known.contact)


@contextlib.asynccontextmanager
async def connect(settings: WebPushSettings, key: Key) -> AsyncIterator[WebPush]:
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
        yield WebPush(settings, key, public, overridden)


# --- errors -----------------------------------------------------------------------------------------------------------

_GONE: Final = frozenset({404, 410})  # RFC 8030 section 7.3
_BUSY: Final = frozenset({429, 503})
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
            failure = BusyError if status in _BUSY else TransientError
            wait_ms = http.retry_after_ms(headers, now_ms)
            raise failure(_REASONS.get(status, "service_failed"), status=status, retry_after_ms=wait_ms)
        case _:
            raise PermanentError(_REASONS.get(status, "request_refused"), status=status)
