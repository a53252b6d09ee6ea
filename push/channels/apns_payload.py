"""A Message as APNs carries it: headers that say how, and a payload with what iOS shows and what the app reads.

The keys beside `aps` are those that the FCM channel uses, so that an app on iOS reads the same whichever way it came.
"""

import hashlib
import uuid
from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from hpack import HeaderTuple, NeverIndexedHeaderTuple

from push.channels.aes128gcm import encode
from push.channels.http2_wire import Headers
from push.model.delivery import Content, Outgoing, Part, Urgency
from push.model.errors import PermanentError, TooLargeError

MAX_PAYLOAD: Final = 4096
"""Bytes; Apple allows 5120 for VoIP only (Generating a remote notification)."""
_COLLAPSE_BYTES: Final = 32
"""43 characters of base64url: an `apns-collapse-id` may have 64 bytes."""
_CATEGORY: Final = "footfall"
"""Names the buttons of a message that has some, for the app to fill in from `footfall.actions`."""
_APPLES: Final = "aps"
_PRIORITIES: Final[dict[Urgency, bytes]] = {"high": b"10", "normal": b"5", "low": b"1", "very-low": b"1"}
"""10: at once; 5: when it costs the device little; 1: and without waking it."""
_BACKGROUND: Final[dict[Urgency, bytes]] = _PRIORITIES | {"high": b"5"}
"""Apple refuses 10 for a background push (BadPriority)."""
_IDS: Final = uuid.UUID("6f1f6f0a-0f1b-5c62-9a53-7d1f5f4f6a11")
_POST: Final = HeaderTuple(b":method", b"POST")
_HTTPS: Final = HeaderTuple(b":scheme", b"https")


class Address(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A device token as iOS gives it to the app, in hexadecimal: 32 bytes today, and Apple says not to count on it."""

    token: Annotated[str, msgspec.Meta(pattern=r"^([0-9A-Fa-f]{2}){32,100}$(?!\n)")]


class Alert(msgspec.Struct, frozen=True):
    """What a person reads."""

    title: str
    body: str


class Aps(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="kebab"):
    """Apple's own part (Generating a remote notification, table 1)."""

    alert: Alert | None = None
    sound: str | None = None
    mutable_content: int = 0
    """1: the app's notification service extension may change what is shown, and fetch for it."""
    content_available: int = 0
    """1: wakes the app, and shows nothing."""
    category: str | None = None


def address_of(address: Mapping[str, object]) -> str:
    """The device token, in lower case. Raises `PermanentError`: ``bad_address``."""
    try:
        return msgspec.convert(address, Address).token.lower()
    except msgspec.ValidationError:
        raise PermanentError("bad_address") from None


def is_silent(content: Content) -> bool:
    """Whether there is nothing to read: it is for the app alone, and goes as a background push."""
    return not content.title and not content.body


def apns_id(delivery: str) -> str:
    """The id of a delivery's notification: the same for each attempt."""
    return str(uuid.uuid5(_IDS, delivery))


class Form:
    """How an app's messages look: `generic` in place of all that they say, or what they say where it is None."""

    def __init__(self, topic: str, generic: Alert | None, secret: bytes) -> None:
        """Take the bundle id, what is shown in private mode, and up to 64 bytes to hash collapse keys with."""
        self._topic = HeaderTuple(b"apns-topic", topic.encode())
        self._generic = generic
        self._secret = secret

    def encode(self, outgoing: Outgoing) -> bytes:
        """The payload. Raises `TooLargeError`."""
        message = outgoing.message
        ours = {"footfall.id": message.id, "footfall.delivery": outgoing.delivery}
        parts = _whole(outgoing, ours) if self._generic is None else self._private(outgoing, ours)
        payload = msgspec.json.encode(parts)
        if len(payload) > MAX_PAYLOAD:
            raise TooLargeError(len(payload), MAX_PAYLOAD)
        return payload

    def fit(self, outgoing: Outgoing) -> tuple[Part, ...]:
        """What is dropped. Raises `TooLargeError`."""
        self.encode(outgoing)
        return self.dropped(outgoing.message.content)

    def dropped(self, content: Content) -> tuple[Part, ...]:
        """What is lost: in private mode, all that is said; else nothing but data under Apple's own key."""
        if self._generic is None:
            return ("data",) if _APPLES in content.data else ()
        return _said(content)

    def headers(self, outgoing: Outgoing, device: str, authority: bytes, authorization: bytes) -> Headers:
        """The request for one device token. Those headers that many requests share come alike and in one order.

        HPACK makes a byte of each of them; the others are kept out of its tables, as Apple asks for.
        """
        message = outgoing.message
        silent = is_silent(message.content)
        expiration = message.expires_ms // 1000 if outgoing.ttl_s else 0  # 0: now or never
        collapse_id = self._collapse_id(device, message.collapse_key or message.id)
        return [
            _POST,
            _HTTPS,
            HeaderTuple(b":authority", authority),
            NeverIndexedHeaderTuple(b":path", b"/3/device/" + device.encode()),
            HeaderTuple(b"authorization", authorization),
            self._topic,
            HeaderTuple(b"apns-push-type", b"background" if silent else b"alert"),
            HeaderTuple(b"apns-priority", (_BACKGROUND if silent else _PRIORITIES)[message.urgency]),
            NeverIndexedHeaderTuple(b"apns-id", apns_id(outgoing.delivery).encode()),
            NeverIndexedHeaderTuple(b"apns-expiration", str(expiration).encode()),
            NeverIndexedHeaderTuple(b"apns-collapse-id", collapse_id.encode()),
        ]

    def _collapse_id(self, device: str, key: str) -> str:
        """A collapse key, hashed under a secret: it names the campaign, and would tell who gets the same."""
        hashed = hashlib.blake2b(device.encode(), digest_size=_COLLAPSE_BYTES, key=self._secret)
        hashed.update(b"\0" + key.encode())
        return encode(hashed.digest())

    def _private(self, outgoing: Outgoing, ours: dict[str, Any]) -> dict[str, Any]:
        """A general text, and which message the app is to fetch."""
        if is_silent(outgoing.message.content):
            return {_APPLES: Aps(content_available=1), **ours}
        return {_APPLES: Aps(alert=self._generic, sound=_sound(outgoing), mutable_content=1), **ours}


def _whole(outgoing: Outgoing, ours: dict[str, Any]) -> dict[str, Any]:
    message, content = outgoing.message, outgoing.message.content
    parts: dict[str, Any] = {
        "footfall.expires_ms": message.expires_ms,
        "footfall.url": content.url,
        "footfall.image": content.image,
        "footfall.actions": content.actions,
        "footfall.locale": content.locale,
    }
    shown = Aps(
        alert=None if is_silent(content) else Alert(content.title, content.body),
        sound=_sound(outgoing),
        mutable_content=int(content.image is not None),
        content_available=int(is_silent(content)),
        category=_CATEGORY if content.actions else None,
    )
    return content.data | {_APPLES: shown} | ours | {key: part for key, part in parts.items() if part}


def _sound(outgoing: Outgoing) -> str | None:
    return "default" if outgoing.message.urgency == "high" and not is_silent(outgoing.message.content) else None


def _said(content: Content) -> tuple[Part, ...]:
    parts: tuple[tuple[Part, object], ...] = (
        ("text", content.title or content.body),
        ("url", content.url),
        ("image", content.image),
        ("actions", content.actions),
        ("data", content.data),
        ("locale", content.locale),
    )
    return tuple(part for part, value in parts if value)
