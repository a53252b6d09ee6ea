"""The receiving half of Web Push: what a phone's browser keeps of a subscription, and how it reads messages.

Written from RFC 8291 and RFC 8188 on its own: nothing is shared with the sending half, so that each tests the other.
"""

import base64
import os
import struct
from typing import Final, Self

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_AUTH_SIZE: Final = 16  # RFC 8291 section 3.2
_HEADER: Final = struct.Struct(">16sIB")  # RFC 8188 section 2.1: salt, record size, length of the key id
_LAST_RECORD: Final = b"\x02"


class UndecipherableError(ValueError):
    """A body that a browser would drop."""


class SubscriptionKeys(msgspec.Struct, frozen=True):
    """The keys that never leave the phone."""

    private: ec.EllipticCurvePrivateKey
    auth: bytes

    @classmethod
    def generate(cls) -> Self:
        """New keys, as a browser makes them for each subscription."""
        return cls(ec.generate_private_key(ec.SECP256R1()), os.urandom(_AUTH_SIZE))

    @property
    def point(self) -> bytes:
        """The public key, an uncompressed point of 65 bytes."""
        return self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def address(self, endpoint: str) -> dict[str, object]:
        """The subscription as `PushSubscription.toJSON()` gives it."""
        keys = {"p256dh": base64url(self.point), "auth": base64url(self.auth)}
        return {"endpoint": endpoint, "expirationTime": None, "keys": keys}


def decrypt(body: bytes, keys: SubscriptionKeys) -> bytes:
    """The plaintext of a push message's body. Raises `UndecipherableError`."""
    try:
        salt, record_size, id_size = _HEADER.unpack_from(body)
        point, record = body[_HEADER.size :][:id_size], body[_HEADER.size + id_size :]
        sender = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        key, nonce = _derive(keys, sender, point, salt)
        padded = AESGCM(key).decrypt(nonce, record, None)
    except (struct.error, ValueError, InvalidTag) as error:
        raise UndecipherableError(type(error).__name__) from None
    return _unpad(padded, fits=len(record) <= record_size)


def _derive(
    keys: SubscriptionKeys, sender: ec.EllipticCurvePublicKey, point: bytes, salt: bytes
) -> tuple[bytes, bytes]:
    """RFC 8291 section 3.4, then RFC 8188 sections 2.2 and 2.3 for the only record."""
    info = b"WebPush: info\x00" + keys.point + point
    secret = _hkdf(keys.auth, keys.private.exchange(ec.ECDH(), sender), info, 32)
    key = _hkdf(salt, secret, b"Content-Encoding: aes128gcm\x00", 16)
    return key, _hkdf(salt, secret, b"Content-Encoding: nonce\x00", 12)


def _hkdf(salt: bytes, secret: bytes, info: bytes, size: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=size, salt=salt, info=info).derive(secret)


def _unpad(padded: bytes, *, fits: bool) -> bytes:
    """RFC 8291 section 4: one record only, so its delimiter must be that of the last one."""
    text, delimiter = padded.rstrip(b"\x00")[:-1], padded.rstrip(b"\x00")[-1:]
    if not fits or delimiter != _LAST_RECORD:
        raise UndecipherableError("expected one record")
    return text


def base64url(raw: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
