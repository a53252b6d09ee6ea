"""Codes of coupons, as people read and type them. Pure.

Signed ones have 16 letters: 7 at random, 8 of a signature, and one that tells a slip of the finger from a forgery.
"""

import hashlib
import hmac
import os
import re
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from push.model.vault import SealError

LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""32 that nobody takes for another: no I, O, 0, 1."""
KEY_BYTES: Final = 32
_SERIAL: Final = 7
_SIGNED: Final = 8
"""Letters of 5 bits: 40 bits of HMAC-SHA-256, truncated as RFC 2104, section 5 has it; guesses are limited."""
_LENGTH: Final = _SERIAL + _SIGNED + 1
_GROUP: Final = 4
_SPACES: Final = re.compile(r"[\s-]+")
_HANDED_IN: Final = re.compile(r"[A-Z0-9]{4,40}")
_POLYNOMIAL: Final = 0b100101
"""x^5 + x^2 + 1, primitive: its root has 31 powers, more than a code has letters."""
_NONCE_BYTES: Final = 12


def normal(typed: str) -> str:
    """A code without spaces and hyphens, in capitals: as it is looked up."""
    return _SPACES.sub("", typed).upper()


def is_code(code: str) -> bool:
    """Whether a normal code may be handed in: 4 to 40 letters and digits."""
    return _HANDED_IN.fullmatch(code) is not None


class PoolKey:
    """The key of one pool: it signs codes, and seals those that nobody has yet."""

    def __init__(self, pool: str, key: bytes) -> None:
        self._pool = pool
        self._sign = hashlib.blake2b(key, digest_size=KEY_BYTES, person=b"coupon/sign").digest()
        self._cipher = AESGCM(hashlib.blake2b(key, digest_size=KEY_BYTES, person=b"coupon/seal").digest())

    def new(self) -> str:
        """A new code, in groups of four."""
        serial = "".join(secrets.choice(LETTERS) for _ in range(_SERIAL))
        body = serial + self._signature(serial)
        return grouped(body + LETTERS[check(body)])

    def has_signed(self, code: str) -> bool:
        """Whether a normal code, which is well spelled, was made here."""
        return hmac.compare_digest(code[_SERIAL:-1], self._signature(code[:_SERIAL]))

    def seal(self, code: str, id_: str) -> bytes:
        """A code that nobody has."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, code.encode(), id_.encode())

    def open(self, sealed: bytes, id_: str) -> str:
        """Raises `push.model.vault.SealError`."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], id_.encode()).decode()
        except (InvalidTag, ValueError):
            raise SealError(f"a coupon of {self._pool}") from None

    def _signature(self, serial: str) -> str:
        digest = hmac.digest(self._sign, f"{self._pool}\0{serial}".encode(), "sha256")
        return "".join(LETTERS[byte & 31] for byte in digest[:_SIGNED])


def grouped(code: str) -> str:
    """As it is shown."""
    return "-".join(code[n : n + _GROUP] for n in range(0, len(code), _GROUP))


def looks_signed(code: str) -> bool:
    """Whether a normal code has the shape of those that are made here, well spelled or not."""
    return len(code) == _LENGTH and set(code) <= set(LETTERS)


def is_well_spelled(code: str) -> bool:
    """Whether its last letter fits the others: one letter that is wrong, or two that changed places, never do."""
    return check(code[:-1]) == LETTERS.index(code[-1])


def check(body: str) -> int:
    """The letter, by its number, that follows these: in GF(32), each place has a weight of its own."""
    total = 0
    for letter in body:
        total = _times_root(total ^ LETTERS.index(letter))
    return total


def _times_root(value: int) -> int:
    doubled = value << 1
    return doubled ^ _POLYNOMIAL if doubled & len(LETTERS) else doubled
