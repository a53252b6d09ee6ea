"""What is said to and by FCM: the JSON of its HTTP v1 API (firebase.google.com/docs/reference/fcm/rest/v1).

There is no way to address a topic or a condition: a message goes to one device.
"""

from typing import Annotated, Final, Literal, TypeVar

import msgspec

_Kind = TypeVar("_Kind")

Priority = Literal["NORMAL", "HIGH"]

# --- a message --------------------------------------------------------------------------------------------------------


class Notification(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the system shows."""

    title: str
    body: str
    image: str | None = None


class AndroidNotification(msgspec.Struct, frozen=True):
    """`tag`: a notification replaces the one of the same tag."""

    tag: str


class Android(msgspec.Struct, frozen=True):
    """`ttl` in seconds, as ``"600s"``; the service keeps four collapse keys for a device that is offline."""

    collapse_key: str
    priority: Priority
    ttl: str
    notification: AndroidNotification


class ApnsHeaders(msgspec.Struct, frozen=True, rename="kebab"):
    """Of APNs: priority 10, 5 or 1; expiration in seconds since the epoch, "0" for now or never."""

    apns_priority: str
    apns_expiration: str
    apns_collapse_id: str


class Alert(msgspec.Struct, frozen=True):
    """What iOS shows."""

    title: str
    body: str


class Aps(msgspec.Struct, frozen=True, omit_defaults=True, rename="kebab"):
    """`mutable_content` lets the app's service extension fetch the picture."""

    alert: Alert
    mutable_content: int = 0


class ApnsPayload(msgspec.Struct, frozen=True):
    """Apple's own members."""

    aps: Aps


class ApnsOptions(msgspec.Struct, frozen=True):
    """The picture for the app's service extension."""

    image: str


class Apns(msgspec.Struct, frozen=True, omit_defaults=True):
    """What goes to Apple."""

    headers: ApnsHeaders
    payload: ApnsPayload
    fcm_options: ApnsOptions | None = None


class WebHeaders(msgspec.Struct, frozen=True, rename={"ttl": "TTL", "urgency": "Urgency", "topic": "Topic"}):
    """Of Web Push (RFC 8030 section 5)."""

    ttl: str
    urgency: str
    topic: str


class WebOptions(msgspec.Struct, frozen=True):
    """Where a tap leads; the service takes https only."""

    link: str


class Web(msgspec.Struct, frozen=True, omit_defaults=True):
    """What goes to browsers."""

    headers: WebHeaders
    fcm_options: WebOptions | None = None


class FcmMessage(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A message for one device: `token` or `fid`. `notification` and `data` (all strings) are encoded already."""

    token: str | None = None
    fid: str | None = None
    notification: msgspec.Raw
    data: msgspec.Raw
    android: Android
    apns: Apns
    webpush: Web


class Request(msgspec.Struct, frozen=True):
    """The body of `messages:send`."""

    message: FcmMessage


# --- an answer --------------------------------------------------------------------------------------------------------

_FCM_ERROR: Final = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_TARGETS: Final = frozenset({"message.token", "message.fid"})
_BAD_TOKEN: Final = "registration token"  # noqa: S105 - words of an error


class Sent(msgspec.Struct, frozen=True):
    """`name` is the service's own for the message."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]


class Violation(msgspec.Struct, frozen=True):
    """A field that was refused."""

    field: str = ""


class Detail(msgspec.Struct, frozen=True, rename="camel"):
    """One of several kinds, told apart by `@type`; members that are not needed are passed over."""

    type: str = msgspec.field(name="@type", default="")
    error_code: str = ""
    field_violations: tuple[Violation, ...] = ()


class Error(msgspec.Struct, frozen=True):
    """Why a message was refused: Google's own `status`, and FCM's more exact code among the details."""

    status: str = ""
    message: str = ""
    details: tuple[Detail, ...] = ()

    @property
    def code(self) -> str:
        """FCM's code where there is one, else Google's."""
        return next((d.error_code for d in self.details if d.type == _FCM_ERROR), self.status)

    @property
    def blames_target(self) -> bool:
        """Whether nothing but the address is wrong.

        The service names the field; where it does not (as in the documentation's own example), its message speaks of
        the registration token. That a message was refused is not enough: it may be too large or hold a bad key.
        """
        fields = {v.field for detail in self.details for v in detail.field_violations}
        return fields <= _TARGETS if fields else _BAD_TOKEN in self.message


class Refused(msgspec.Struct, frozen=True):
    """The body of an answer that is no success."""

    error: Error


def sent(body: bytes | None) -> Sent | None:
    """The answer to a message that was taken; None: this is none."""
    return _decoded(body, Sent)


def refused(body: bytes | None) -> Error | None:
    """The answer to a message that was not taken; None: this is none."""
    found = _decoded(body, Refused)
    return None if found is None else found.error


def _decoded(body: bytes | None, kind: type[_Kind]) -> _Kind | None:
    try:
        return msgspec.json.decode(body or b"", type=kind)
    except (ValueError, RecursionError):  # no JSON, another shape, or brackets without end
        return None
