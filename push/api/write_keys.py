"""Keys as clients of Segment's API hand them over: as the user of Basic authentication, or within the body.

Pages that go away send with `navigator.sendBeacon`, which sets no header; so the body may have the key.
"""

import base64
import binascii
from typing import Final

import msgspec
from aiohttp import hdrs, web

from push.access import tokens
from push.access.desk import Desk
from push.api.bodies import body_of
from push.model.tokens import Principal

_MOST_CHARS: Final = 200


class _Keyed(msgspec.Struct, rename="camel"):
    """What of a body says whose it is."""

    write_key: str = ""


_KEYED: Final = msgspec.json.Decoder(_Keyed)


async def caller(desk: Desk, request: web.Request, timeout_s: float) -> Principal | None:
    """Whose key a request hands over, None where it has none that is valid. Raises `ProblemError` 400, 408."""
    key = _of_header(request.headers.get(hdrs.AUTHORIZATION, "")) or _of_body(await body_of(request, timeout_s))
    return await tokens.principal(desk, key) if key else None


def _of_header(header: str) -> str:
    """The user of Basic authentication (RFC 7617); there is no password."""
    kind, _, encoded = header.partition(" ")
    if kind.lower() != "basic" or len(encoded) > _MOST_CHARS:
        return ""
    try:
        return base64.b64decode(encoded.strip(), validate=True).decode("ascii").partition(":")[0]
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""


def _of_body(raw: bytes) -> str:
    try:
        key = _KEYED.decode(raw).write_key
    except (ValueError, RecursionError):  # whatever it is, it names nobody
        return ""
    return key if len(key) <= _MOST_CHARS and key.isascii() else ""
