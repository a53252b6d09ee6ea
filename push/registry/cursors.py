"""Where a page of a list ended: a word that callers hand back as it is."""

import base64
import binascii
from typing import Final, NamedTuple

import msgspec

from push.model.errors import Fault, MisfitError

LAST: Final = "\U0010ffff"
"""Sorts behind every text that is registered."""
_MOST: Final = 2**53


class Position(NamedTuple):
    """The sort key and the id of the last row of a page."""

    value: str | int
    id: str


_DECODER: Final = msgspec.json.Decoder(Position)


def written(position: Position) -> str:
    """As callers see it."""
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).decode().rstrip("=")


def read(text: str, kind: type) -> Position:
    """What `written` wrote, with a sort key of that kind. Raises `MisfitError`."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        position = _DECODER.decode(raw)
    except (ValueError, binascii.Error):
        raise _unknown() from None
    too_far = isinstance(position.value, int) and abs(position.value) > _MOST
    if not isinstance(position.value, kind) or too_far or "\0" in f"{position.value}{position.id}":
        raise _unknown()
    return position


def _unknown() -> MisfitError:
    return MisfitError("list", (Fault("after", "after: expected what the page before said"),))
