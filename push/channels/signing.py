"""Standard Webhooks (standardwebhooks.com): who receives a request can tell that it is ours, whole, and new.

Signed is ``id.timestamp.body``, by HMAC-SHA256 under each secret in use: while one replaces the other, both sign, and
the receiver may know either. The id is the same for every attempt, so that a repeat is known as one.
"""

import base64
import binascii
import hmac
import os
from collections.abc import Sequence
from typing import Final

_PREFIX: Final = "whsec_"
_FEWEST: Final = 24
_MOST: Final = 64
"""Bytes of a secret, as the specification has it."""


def new_secret() -> str:
    """A secret as receivers are given it."""
    return _PREFIX + base64.b64encode(os.urandom(32)).decode()


def key(secret: str) -> bytes:
    """The key in a secret: ``whsec_`` and base64 of 24 to 64 bytes. Raises ValueError, without the secret."""
    try:
        found = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if not secret.startswith(_PREFIX) or not _FEWEST <= len(found) <= _MOST:
        raise ValueError(f"expected {_PREFIX} and base64 of {_FEWEST} to {_MOST} bytes")
    return found


def headers(keys: Sequence[bytes], message_id: str, now_ms: int, body: bytes) -> dict[str, str]:
    """What a request carries so that it can be verified; one signature for each key."""
    timestamp = str(now_ms // 1000)
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    signatures = [base64.b64encode(hmac.digest(k, signed, "sha256")).decode() for k in keys]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
