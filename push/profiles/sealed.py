"""What is said to people, and why, sealed under their own keys.

A row of either comes with its key: a statement joins ``person_keys`` as ``key_of``, ``key_month`` and ``key_wrapped``,
so that none asks for keys alone. `push.profiles.keys.look_for` comes before rows are opened.
"""

import msgspec

from push.model.delivery import Content
from push.model.ports import Row
from push.profiles import keys
from push.profiles.keys import DataKey, Keyring


def content(keyring: Keyring, row: Row, message: str) -> Content:
    """What a message says: a row with its ``content`` and ``sealed``.

    Raises `push.profiles.keys.ErasedError`, `push.model.vault.SealError`.
    """
    return msgspec.json.decode(_plain(keyring, row, "content", message_context(message)), type=Content)


def receipt(keyring: Keyring, row: Row, decision: str) -> str | bytes:
    """Why a decision was made: a row with its ``receipt`` and ``sealed``. Raises as `content`."""
    return _plain(keyring, row, "receipt", decision_context(decision))


def sealed_content(key: DataKey, message: str, said: Content) -> bytes:
    """What a message says, as it is stored; the key is that of its shopper."""
    return key.seal(msgspec.json.encode(said), message_context(message))


def sealed_receipt(key: DataKey, decision: str, plain: bytes) -> bytes:
    """A decision's receipt, as it is stored; the key is that of its shopper."""
    return key.seal(plain, decision_context(decision))


def message_context(message: str) -> str:
    """What a message is sealed for."""
    return f"message:{message}"


def decision_context(decision: str) -> str:
    """What a decision's receipt is sealed for."""
    return f"decision:{decision}"


def coupon_context(code: str) -> str:
    """What a coupon's code is sealed for, by the id that it is found by."""
    return f"coupon:{code}"


def _plain(keyring: Keyring, row: Row, clear: str, context: str) -> str | bytes:
    """What is from before it was sealed is still in clear."""
    if row["sealed"] is None:
        before: str = row[clear]
        return before
    return keys.joined(keyring, row).open(row["sealed"], context)
