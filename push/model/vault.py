"""Sealing of secrets and keys with AES-256-GCM under the master key.

A sealed value is ``mark + nonce + ciphertext``; the mark names the master key, so that several may be in use while one
takes another's place. Values from before there were marks are ``nonce + ciphertext``, and open all the same.
"""

import hashlib
import os
from collections.abc import Sequence
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MASTER_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
"""96-bit random nonces: NIST SP 800-38D allows 2^32 seals under one key."""
_MAGIC: Final = b"\x00ff1"
_ID_BYTES: Final = 4
MARK_BYTES: Final = len(_MAGIC) + _ID_BYTES


class SealError(ValueError):
    """A sealed value that this master key does not open, or that belongs elsewhere."""

    def __init__(self, context: str) -> None:
        super().__init__(f"the sealed value of {context} does not open: is this the master key that sealed it?")


class MasterKeys(NamedTuple):
    """The master key that seals, and those before it that still open."""

    current: bytes
    previous: tuple[bytes, ...] = ()

    def __repr__(self) -> str:
        """Without the keys."""
        return f"MasterKeys({key_name(self.current)}, {len(self.previous)} before)"


def key_name(master_key: bytes) -> str:
    """What a master key is called where people read of it: 8 hex digits that give nothing away."""
    return hashlib.blake2b(master_key, digest_size=_ID_BYTES, person=b"footfall/vault").hexdigest()


def mark_of(master_key: bytes) -> bytes:
    """What every value begins with that this key sealed."""
    return _MAGIC + bytes.fromhex(key_name(master_key))


class Vault:
    """Seals values so that they open only under the same master key and for the same context."""

    def __init__(self, master_key: bytes, previous: Sequence[bytes] = ()) -> None:
        self._finger_key = hashlib.blake2b(master_key, digest_size=32, person=b"fingerprint").digest()
        self.use(MasterKeys(master_key, tuple(previous)))

    def use(self, keys: MasterKeys) -> None:
        """Seal under another master key from now on, and open what these sealed. Raises ValueError."""
        for key in (keys.current, *keys.previous):
            if len(key) != MASTER_KEY_BYTES:
                raise ValueError(f"a master key of {MASTER_KEY_BYTES} bytes was expected, got {len(key)}")
        self.keys = keys
        """Secret."""
        self._ciphers = {mark_of(key): AESGCM(key) for key in (keys.current, *keys.previous)}
        self.mark = mark_of(keys.current)
        """What every value begins with that is sealed now."""
        self._cipher = self._ciphers[self.mark]

    @property
    def key_names(self) -> tuple[str, ...]:
        """The master keys in use by name, the one that seals first."""
        return tuple(mark[len(_MAGIC) :].hex() for mark in self._ciphers)

    def seal(self, plain: bytes, context: str) -> bytes:
        """`plain` sealed for `context` (for example ``gateway:gw-1``)."""
        nonce = os.urandom(_NONCE_BYTES)
        return self.mark + nonce + self._cipher.encrypt(nonce, plain, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """The plain value. Raises `SealError`."""
        cipher = self._ciphers.get(sealed[:MARK_BYTES])
        plain = None if cipher is None else _opened(cipher, sealed[MARK_BYTES:], context)
        if plain is not None:
            return plain
        for old in self._ciphers.values():  # from before there were marks
            plain = _opened(old, sealed, context)
            if plain is not None:
                return plain
        raise SealError(context)

    def keep_fingerprints(self, key: bytes) -> None:
        """Make fingerprints under a key of their own: they are stored, and must be found under any master key."""
        self._finger_key = key

    @property
    def fingerprint_key(self) -> bytes:
        """What fingerprints are made under. Secret."""
        return self._finger_key

    def fingerprint(self, plain: bytes, context: str) -> str:
        """What finds equal values of one context without opening any: a BLAKE2b-256 under a key of its own, hex."""
        salted = hashlib.blake2b(context.encode(), digest_size=32).digest() + plain
        return hashlib.blake2b(salted, digest_size=32, key=self._finger_key).hexdigest()


def _opened(cipher: AESGCM, sealed: bytes, context: str) -> bytes | None:
    try:
        return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context.encode())
    except (InvalidTag, ValueError):
        return None
