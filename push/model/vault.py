"""Sealing of secrets and keys with AES-256-GCM under the master key."""

import hashlib
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MASTER_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
"""96-bit random nonces: NIST SP 800-38D allows 2^32 seals under one key."""


class SealError(ValueError):
    """A sealed value that this master key does not open, or that belongs elsewhere."""

    def __init__(self, context: str) -> None:
        super().__init__(f"the sealed value of {context} does not open: is this the master key that sealed it?")


class Vault:
    """Seals values so that they open only under the same master key and for the same context."""

    def __init__(self, master_key: bytes) -> None:
        if len(master_key) != MASTER_KEY_BYTES:
            raise ValueError(f"a master key of {MASTER_KEY_BYTES} bytes was expected, got {len(master_key)}")
        self._cipher = AESGCM(master_key)
        self._finger_key = hashlib.blake2b(master_key, digest_size=32, person=b"fingerprint").digest()

    def seal(self, plain: bytes, context: str) -> bytes:
        """`plain` sealed for `context` (for example ``gateway:gw-1``)."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """The plain value. Raises `SealError`."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context.encode())
        except (InvalidTag, ValueError):
            raise SealError(context) from None

    def fingerprint(self, plain: bytes, context: str) -> str:
        """What finds equal values of one context without opening any: a BLAKE2b-256 under a key of its own, hex."""
        salted = hashlib.blake2b(context.encode(), digest_size=32).digest() + plain
        return hashlib.blake2b(salted, digest_size=32, key=self._finger_key).hexdigest()
