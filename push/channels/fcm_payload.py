"""A Message as FCM carries it: what is shown, the data, and how each platform is told to treat it."""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Final

import msgspec

from push.channels import fcm_wire as wire
from push.channels.aes128gcm import encode
from push.model.delivery import Content, Outgoing, Part, Urgency
from push.model.errors import PermanentError, TooLargeError

MAX_PAYLOAD: Final = 4096
"""Bytes of notification and data, keys and values; as their JSON here, which is a little more than FCM counts."""
_MAX_TTL_S: Final = 28 * 86400
_COLLAPSE_BYTES: Final = 24
"""32 characters of base64url: what a `Topic` may have (RFC 8030 section 5.4); an `apns-collapse-id` has 64 bytes."""
_APNS_PRIORITY: Final[dict[Urgency, str]] = {"high": "10", "normal": "5", "low": "5", "very-low": "1"}
_RESERVED: Final = ("google", "gcm")
_RESERVED_WORDS: Final = frozenset({"from", "message_type", "collapse_key", "aps"})
"""Keys of data that the service refuses or overwrites; `aps` is Apple's own, beside which iOS puts the data."""


class Address(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A registration token, or the Firebase installation id that follows it (22 characters today): one of the two."""

    token: Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,4096}$(?!\n)")] | None = None
    fid: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$(?!\n)")] | None = None

    @property
    def value(self) -> str:
        """Whichever it is."""
        return self.token or self.fid or ""

    @property
    def spelled(self) -> dict[str, object]:
        """The address without the member that it has not."""
        return {"fid": self.fid} if self.token is None else {"token": self.token}


def address_of(address: Mapping[str, object]) -> Address:
    """What `address` says. Raises `PermanentError`: ``bad_address``."""
    try:
        found = msgspec.convert(address, Address)
    except msgspec.ValidationError:
        raise PermanentError("bad_address") from None
    if (found.token is None) is (found.fid is None):
        raise PermanentError("bad_address")
    return found


class Form:
    """How an app's messages look: `generic` in place of all that they say, or what they say where it is None."""

    def __init__(self, generic: wire.Notification | None, secret: bytes) -> None:
        """Take what is shown in private mode, and at most 64 bytes to hash collapse keys with."""
        self._generic = generic
        self._secret = secret

    def encode(self, outgoing: Outgoing) -> bytes:
        """The body of the request. Raises `TooLargeError`; `PermanentError`: ``bad_address``."""
        to = address_of(outgoing.address)
        shown, raw_shown, raw_data = self._payload(outgoing)
        key = self._collapse(to, outgoing.message.collapse_key or outgoing.message.id)
        message = wire.FcmMessage(
            token=to.token,
            fid=to.fid,
            notification=msgspec.Raw(raw_shown),
            data=msgspec.Raw(raw_data),
            android=_android(outgoing, key),
            apns=_apns(outgoing, key, shown),
            webpush=_web(outgoing, key, None if self._generic else _https(outgoing.message.content.url)),
        )
        return msgspec.json.encode(wire.Request(message))

    def fit(self, outgoing: Outgoing) -> tuple[Part, ...]:
        """What is dropped. Raises `TooLargeError`."""
        self._payload(outgoing)
        return self.dropped(outgoing.message.content)

    def dropped(self, content: Content) -> tuple[Part, ...]:
        """What is lost: in private mode, all that is said."""
        if self._generic is not None:
            return "text", *_said(content)
        image: tuple[Part, ...] = ("image",) if content.image is not None and _https(content.image) is None else ()
        return (*image, "data") if any(map(_reserved, content.data)) else image

    def _payload(self, outgoing: Outgoing) -> tuple[wire.Notification, bytes, bytes]:
        """What is shown, and as JSON; the data as JSON."""
        content = outgoing.message.content
        shown = self._generic or wire.Notification(content.title, content.body, _https(content.image))
        raw_shown, raw_data = msgspec.json.encode(shown), msgspec.json.encode(self._data(outgoing))
        size = len(raw_shown) + len(raw_data)
        if size > MAX_PAYLOAD:
            raise TooLargeError(size, MAX_PAYLOAD)
        return shown, raw_shown, raw_data

    def _data(self, outgoing: Outgoing) -> dict[str, str]:
        """The app's own data, and ours under keys that an app's cannot have, as they have dots."""
        message, content = outgoing.message, outgoing.message.content
        data = {"footfall.id": message.id, "footfall.delivery": outgoing.delivery}
        if self._generic is not None:
            return data
        data["footfall.expires_ms"] = str(message.expires_ms)
        if content.url is not None:
            data["footfall.url"] = content.url
        if content.actions:  # FCM has no buttons that every platform shows, but the app can draw them: not dropped
            data["footfall.actions"] = msgspec.json.encode(content.actions).decode()
        if content.locale is not None:
            data["footfall.locale"] = content.locale
        data.update((key, value) for key, value in content.data.items() if not _reserved(key))
        return data

    def _collapse(self, to: Address, collapse_key: str) -> str:
        """The collapse key, hashed under a secret: it names the campaign, and would tell who gets the same."""
        hashed = hashlib.blake2b(to.value.encode(), digest_size=_COLLAPSE_BYTES, key=self._secret)
        hashed.update(b"\0" + collapse_key.encode())
        return encode(hashed.digest())


def _android(outgoing: Outgoing, key: str) -> wire.Android:
    """A notification comes in place of the one of the same key, in the queue (collapse key) and on the screen (tag)."""
    priority: wire.Priority = "HIGH" if outgoing.message.urgency == "high" else "NORMAL"
    return wire.Android(key, priority, f"{_ttl_s(outgoing)}s", wire.AndroidNotification(key))


def _apns(outgoing: Outgoing, key: str, shown: wire.Notification) -> wire.Apns:
    ttl_s = _ttl_s(outgoing)
    expiration = str(outgoing.now_ms // 1000 + ttl_s) if ttl_s else "0"
    headers = wire.ApnsHeaders(_APNS_PRIORITY[outgoing.message.urgency], expiration, key)
    alert = wire.Alert(shown.title, shown.body)
    if shown.image is None:
        return wire.Apns(headers, wire.ApnsPayload(wire.Aps(alert)))
    return wire.Apns(headers, wire.ApnsPayload(wire.Aps(alert, mutable_content=1)), wire.ApnsOptions(shown.image))


def _web(outgoing: Outgoing, key: str, link: str | None) -> wire.Web:
    headers = wire.WebHeaders(str(_ttl_s(outgoing)), outgoing.message.urgency, key)
    return wire.Web(headers, None if link is None else wire.WebOptions(link))


def _ttl_s(outgoing: Outgoing) -> int:
    """0: now or never."""
    return min(outgoing.ttl_s, _MAX_TTL_S)


def _https(url: str | None) -> str | None:
    """The provider fetches and opens nothing else; a path of the app's own is no use to it."""
    return url if url is not None and url.startswith("https://") else None


def _reserved(key: str) -> bool:
    return key in _RESERVED_WORDS or key.startswith(_RESERVED)


def _said(content: Content) -> tuple[Part, ...]:
    parts: tuple[tuple[Part, object], ...] = (
        ("url", content.url),
        ("image", content.image),
        ("actions", content.actions),
        ("data", content.data),
        ("locale", content.locale),
    )
    return tuple(part for part, value in parts if value)
