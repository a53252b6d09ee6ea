"""Message encryption for Web Push: RFC 8291 keys over the aes128gcm content coding of RFC 8188, one record."""

import base64
import binascii
import hmac
import os
import struct
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CURVE: Final = ec.SECP256R1()
MAX_BODY: Final = 4096
"""Bytes of body that every push service must take (RFC 8030 section 7.2); many take no more."""

_RECORD_SIZE: Final = struct.pack(">I", MAX_BODY)
_POINT_SIZE: Final = 65  # an uncompressed P-256 point
_AUTH_SIZE: Final = 16  # RFC 8291 section 3.2
_SALT_SIZE: Final = 16  # RFC 8188 section 2.1
_TAG_SIZE: Final = 16
_LAST_RECORD: Final = b"\x02"  # RFC 8188 section 2: the delimiter of the only record
_HEADER_SIZE: Final = _SALT_SIZE + len(_RECORD_SIZE) + 1 + _POINT_SIZE

MAX_PLAINTEXT: Final = MAX_BODY - _HEADER_SIZE - len(_LAST_RECORD) - _TAG_SIZE
"""3993 bytes."""


class ReceiverKeys(msgspec.Struct, frozen=True):
    """What a subscription gives to encrypt for it: the point (65 bytes), its parsed form, the secret (16 bytes)."""

    point: bytes
    public: ec.EllipticCurvePublicKey
    auth: bytes


def receiver(p256dh: str, auth: str) -> ReceiverKeys:
    """The keys of a subscription from their base64url text.

    Raises ValueError: not base64url, wrong size, off the curve.
    """
    point, secret = decode(p256dh), decode(auth)
    if len(point) != _POINT_SIZE or len(secret) != _AUTH_SIZE:
        raise ValueError(f"expected {_POINT_SIZE} bytes of p256dh and {_AUTH_SIZE} of auth")
    return ReceiverKeys(point, ec.EllipticCurvePublicKey.from_encoded_point(CURVE, point), secret)


def encrypt(plaintext: bytes, to: ReceiverKeys) -> bytes:
    """The body of a push message. Raises ValueError beyond `MAX_PLAINTEXT` bytes.

    The sender's key and the salt are fresh for each message (RFC 8291 sections 2 and 3.1).
    """
    if len(plaintext) > MAX_PLAINTEXT:
        raise ValueError(f"expected at most {MAX_PLAINTEXT} bytes")
    sender = ec.generate_private_key(CURVE)
    point = public_point(sender.public_key())
    salt = os.urandom(_SALT_SIZE)
    key, nonce = _derive(sender.exchange(ec.ECDH(), to.public), to, point, salt)
    record = AESGCM(key).encrypt(nonce, plaintext + _LAST_RECORD, None)
    return b"".join((salt, _RECORD_SIZE, bytes((_POINT_SIZE,)), point, record))


def _derive(secret: bytes, to: ReceiverKeys, sender: bytes, salt: bytes) -> tuple[bytes, bytes]:
    """Content key and nonce: RFC 8291 section 3.4. Each HKDF expands to one block, so it is one HMAC with counter 1."""
    info = b"WebPush: info\x00" + to.point + sender + b"\x01"
    keying = hmac.digest(hmac.digest(to.auth, secret, "sha256"), info, "sha256")
    extracted = hmac.digest(salt, keying, "sha256")
    key = hmac.digest(extracted, b"Content-Encoding: aes128gcm\x00\x01", "sha256")
    nonce = hmac.digest(extracted, b"Content-Encoding: nonce\x00\x01", "sha256")
    return key[:16], nonce[:12]


def public_point(key: ec.EllipticCurvePublicKey) -> bytes:
    """The key as an uncompressed point, 65 bytes."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def encode(raw: bytes) -> str:
    """Base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Undo `encode`; padding and the alphabet of plain base64, which some clients send, are taken too.

    Raises ValueError for anything else.
    """
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error:
        raise ValueError("expected base64url") from None
