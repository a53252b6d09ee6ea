"""A message as Segment's clients write it, before anything of it is believed. Pure.

Its "Common Fields", and those of each kind (https://segment.com/docs/connections/spec/common/). Clients are many and
old, so ids may be numbers, absent fields null, and fields that are not known here are passed over.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec

from push.model.profiles import Json, StatementKind
from push.profiles.collect.bounds import MOST_BYTES, Rejected, beyond

Spoken = str | int | float | None
"""An id; clients of typed databases send numbers."""
_Fields = dict[str, Any] | None


class Message(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One message. `type` may be left out where the path says it."""

    type: StatementKind | None = None
    message_id: Spoken = None
    anonymous_id: Spoken = None
    user_id: Spoken = None
    previous_id: Spoken = None
    group_id: Spoken = None
    event: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    name: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    category: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    traits: _Fields = None
    properties: _Fields = None
    context: _Fields = None
    timestamp: Spoken = None
    original_timestamp: Spoken = None
    sent_at: Spoken = None


_DECODER: Final = msgspec.json.Decoder(Message)
_UNBOUNDED: Final = ("traits", "properties", "context")
_TEXTS: Final = (
    "message_id",
    "anonymous_id",
    "user_id",
    "previous_id",
    "group_id",
    "event",
    "name",
    "category",
    "timestamp",
    "original_timestamp",
    "sent_at",
)


def decode(raw: bytes | msgspec.Raw) -> Message | Rejected:
    """A message, looked at for its bounds alone."""
    size = len(memoryview(raw))
    if size > MOST_BYTES:
        return Rejected("too_large", "", f"a message of at most {MOST_BYTES} bytes")
    try:
        message = _DECODER.decode(raw)
    except RecursionError:
        return Rejected("too_deep", "", "less nesting")
    except (msgspec.ValidationError, ValueError) as error:
        return Rejected("not_understood", "", _told(error))
    return _beyond(message) or message


def _beyond(message: Message) -> Rejected | None:
    fields: dict[str, object] = {name: getattr(message, name) for name in (*_TEXTS, *_UNBOUNDED)}
    return beyond({name: value for name, value in fields.items() if value is not None}, "")


def _told(error: Exception) -> str:
    """What a decoder expected and where: it names types and fields, and no value but an unknown kind."""
    text = str(error)
    if "enum value" in text:
        return "a `type` of identify, track, page, screen, group or alias"
    return text if isinstance(error, msgspec.ValidationError) else "valid JSON"


def text(value: Spoken) -> str:
    """An id as a text: a number without what floats add; empty where there is none."""
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else str(value)
    return str(value).strip()


def fields(value: _Fields) -> dict[str, Json]:
    """An object of a message, empty where there is none."""
    return value or {}


def within(said: Mapping[str, Json], name: str) -> dict[str, Json]:
    """An object inside another, empty where there is none."""
    found = said.get(name)
    return msgspec.convert(found, dict[str, Any]) if isinstance(found, dict) else {}
