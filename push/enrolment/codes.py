"""One-time codes that people read off paper and type: random, kept as a hash."""

import hashlib
import re
import secrets
from base64 import b32encode
from typing import Final, Literal

CODE_BYTES: Final = 10
"""80 bits: beyond guessing, limits or none, and sixteen characters to type."""
GROUP: Final = 4
_CODE: Final = re.compile(r"[A-Z2-7]{16}")
_BETWEEN: Final = re.compile(r"[\s-]+")

Use = Literal["enrol", "claim"]
"""What a code is for: one for a gateway never claims a tag."""


def new_code() -> str:
    """Four groups of base32 (RFC 4648 section 6), which has no 0, 1, 8 or 9 to be taken for letters."""
    text = b32encode(secrets.token_bytes(CODE_BYTES)).decode()
    return "-".join(text[start : start + GROUP] for start in range(0, len(text), GROUP))


def code_hash(code: str, use: Use) -> str | None:
    """What is stored of a code, however it was typed; None where it cannot be one.

    A fast hash will do: the code itself cannot be guessed.
    """
    text = _BETWEEN.sub("", code).upper()
    if _CODE.fullmatch(text) is None:
        return None
    return hashlib.blake2b(text.encode(), digest_size=32, person=b"footfall/" + use.encode()).hexdigest()
