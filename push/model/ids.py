"""Ids made in the app: random where nothing names the thing, derived where the same thing must get the same id."""

import hashlib
import secrets


def fresh(prefix: str) -> str:
    """A new random id, for example ``dev_3f…``: 96 bits, safe in topics and URLs."""
    return f"{prefix}_{secrets.token_hex(12)}"


def derived(prefix: str, *parts: object) -> str:
    """The id that these parts always get, so that what happened once is recorded once."""
    text = "\x1f".join(str(part) for part in parts)
    return f"{prefix}_{hashlib.blake2b(text.encode(), digest_size=12).hexdigest()}"


def subject(shopper: str) -> int:
    """What stands for a shopper in columns: 64 bits, the same in every process. Of a million, two meet once in 2^25."""
    digest = hashlib.blake2b(shopper.encode(), digest_size=8, person=b"footfall/subject").digest()
    return int.from_bytes(digest, "little")
