"""A beacon's side of Eddystone-EID, from google/eddystone's eid-computation.md and RFC 5869: nothing of ours in it."""

import hashlib
import hmac

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB


class SpecBeacon:
    """A beacon that was given the resolver's public key, and made a pair of its own."""

    def __init__(self, service_public: bytes, exponent: int, private: bytes | None = None) -> None:
        pair = X25519PrivateKey.generate() if private is None else X25519PrivateKey.from_private_bytes(private)
        self.public_key = pair.public_key().public_bytes_raw()
        self.exponent = exponent
        secret = pair.exchange(X25519PublicKey.from_public_bytes(service_public))
        self.identity_key = hkdf_sha256(secret, salt=service_public + self.public_key, length=16)

    def says(self, counter_s: int) -> bytes:
        """The 8-byte id while its counter reads this."""
        top = counter_s.to_bytes(4, "big")[:2]
        temporary = aes128(self.identity_key, bytes(11) + b"\xff" + bytes(2) + top)
        cleared = counter_s - counter_s % 2**self.exponent
        return aes128(temporary, bytes(11) + bytes([self.exponent]) + cleared.to_bytes(4, "big"))[:8]


def hkdf_sha256(secret: bytes, *, salt: bytes, length: int) -> bytes:
    """RFC 5869 with an empty info, for one block of output."""
    pseudo_random_key = hmac.new(salt, secret, hashlib.sha256).digest()
    return hmac.new(pseudo_random_key, b"\x01", hashlib.sha256).digest()[:length]


def aes128(key: bytes, block: bytes) -> bytes:
    encryptor = Cipher(AES(key), ECB()).encryptor()  # noqa: S305 - one block under a key of its own, as the specification says
    return encryptor.update(block)
