"""The provider token that APNs asks for: one per team and key, whoever sends and over whichever connection.

Apple wants it between 20 and 60 minutes old when it is replaced, and answers TooManyProviderTokenUpdates to those who
make new ones more often (developer.apple.com: Establishing a token-based connection to APNs). So a token depends on the
time alone: it is dated to a full 40 minutes and signed without chance (RFC 6979). Two processes with one key, and one
that was started again, send the same.
"""

import base64
from typing import Final, NamedTuple

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

Key = ec.EllipticCurvePrivateKey

REFRESH_S: Final = 40 * 60
LEAST_S: Final = 20 * 60
_CURVE: Final = "secp256r1"
_NUMBER_BYTES: Final = 32


def key_from_pem(pem: str) -> Key | None:
    """The key in the file that Apple gives (.p8: PKCS #8 as PEM); None if it is none, or of another kind."""
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError):
        return None
    return key if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == _CURVE else None


class _Signed(NamedTuple):
    authorization: bytes
    issued_s: int


class ProviderToken:
    """Signs the token anew when its time is over."""

    def __init__(self, key: Key, team_id: str, key_id: str) -> None:
        self._key = key
        self._team_id = team_id
        self._key_id = key_id
        self._signed: _Signed | None = None

    def authorization(self, now_ms: int) -> bytes:
        """The header's value. Those who ask may be a little behind each other: that makes no new token."""
        now_s = now_ms // 1000
        signed = self._signed
        if signed is None or not -LEAST_S < now_s - signed.issued_s < REFRESH_S:
            signed = self._signed = self._sign(now_s - now_s % REFRESH_S)
        return signed.authorization

    def renewed(self, refused: bytes, now_ms: int) -> bytes | None:
        """What to send instead of a token that APNs calls expired; None where that one is too young to be replaced."""
        now_s = now_ms // 1000
        signed = self._signed
        if signed is None or signed.authorization != refused:  # another request was told so before
            return self.authorization(now_ms)
        if now_s - signed.issued_s < LEAST_S:
            return None
        self._signed = self._sign(now_s - now_s % LEAST_S)
        return self._signed.authorization

    def _sign(self, issued_s: int) -> _Signed:
        header = _base64({"alg": "ES256", "kid": self._key_id})
        text = header + b"." + _base64({"iss": self._team_id, "iat": issued_s})
        r, s = decode_dss_signature(self._key.sign(text, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)))
        numbers = r.to_bytes(_NUMBER_BYTES, "big") + s.to_bytes(_NUMBER_BYTES, "big")  # RFC 7518 section 3.4
        signature = base64.urlsafe_b64encode(numbers).rstrip(b"=")
        return _Signed(b"bearer " + text + b"." + signature, issued_s)


def _base64(part: dict[str, str | int]) -> bytes:
    return base64.urlsafe_b64encode(msgspec.json.encode(part)).rstrip(b"=")
