"""Who sends: the application server's key, and the signed token that push services ask for (RFC 8292)."""

import contextlib
import os
import tempfile
from collections import OrderedDict
from pathlib import Path
from typing import Final

import jwt
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from push.channels.aes128gcm import CURVE, encode, public_point

Key = ec.EllipticCurvePrivateKey

_LIFETIME_S: Final = 12 * 3600
"""Half of what RFC 8292 section 2 allows, so that a clock hours wrong still makes tokens that are valid."""
_REFRESH_S: Final = _LIFETIME_S // 2
_ORIGINS: Final = 1024
"""Subscriptions name their origins, so their number must be bounded; the field has about five."""


class VapidKeyError(ValueError):
    """A key file that is of no use: where it lies, and what was expected."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path}: expected an unencrypted P-256 private key as PEM")


def generate() -> Key:
    """A new key. Browsers tie subscriptions to it: who replaces it loses them all."""
    return ec.generate_private_key(CURVE)


def from_pem(pem: bytes, path: Path) -> Key:
    """The key in the content of the file at `path`. Raises `VapidKeyError`."""
    key = parse(pem)
    if key is None:
        raise VapidKeyError(path)
    return key


def parse(pem: bytes) -> Key | None:
    """The key in a PEM text, None where it holds no unencrypted P-256 private key."""
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == CURVE.name else None


def to_pem(key: Key) -> bytes:
    """The key as unencrypted PKCS #8."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def load_or_create(path: Path) -> Key:
    """The key in the file at `path`; on a first start, a new one, written for the owner's eyes only.

    Blocks. Of several processes that start at once, one makes the key and all use it. Raises `VapidKeyError`, OSError.
    """
    if not path.exists():
        _create(path)
    return from_pem(path.read_bytes(), path)


def _create(path: Path) -> None:
    """A link appears whole or not at all, and never replaces a key that browsers are already tied to."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(to_pem(generate()))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink()


def application_server_key(key: Key) -> str:
    """What a page passes to `PushManager.subscribe`: the public point, base64url."""
    return encode(public_point(key.public_key()))


class _Signed(msgspec.Struct, frozen=True):
    header: str
    issued_s: int


class Signer:
    """Makes `Authorization` headers, one per origin, signed again when half of its life is over.

    `contact` is where a push service's operator reaches us: a ``mailto:`` or ``https:`` URI.
    """

    def __init__(self, key: Key, contact: str) -> None:
        self.application_server_key = application_server_key(key)
        self._key = key
        self._contact = contact
        self._signed: OrderedDict[str, _Signed] = OrderedDict()

    @property
    def cached(self) -> int:
        """Origins that a token is kept for."""
        return len(self._signed)

    def authorization(self, origin: str, now_ms: int) -> str:
        """The header's value for a push service (its ``scheme://host[:port]``)."""
        now_s = now_ms // 1000
        signed = self._signed.get(origin)
        if signed is None or not 0 <= now_s - signed.issued_s < _REFRESH_S:
            signed = _Signed(self._sign(origin, now_s), now_s)
            self._signed[origin] = signed
        self._signed.move_to_end(origin)
        if len(self._signed) > _ORIGINS:
            self._signed.popitem(last=False)
        return signed.header

    def _sign(self, origin: str, now_s: int) -> str:
        claims = {"aud": origin, "exp": now_s + _LIFETIME_S, "sub": self._contact}
        token = jwt.encode(claims, self._key, algorithm="ES256")
        return f"vapid t={token},k={self.application_server_key}"
