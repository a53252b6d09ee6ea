"""One-time codes of an authenticator app (RFC 6238: SHA-1, six digits, 30 s), and codes for when it is lost."""

import base64
import hashlib
import io
import secrets
from collections.abc import Sequence
from typing import Final

import segno
from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

STEP_S: Final = 30
DIGITS: Final = 6
SECRET_BYTES: Final = 20
"""As long as the hash (RFC 4226, section 4, R6)."""
SKEW_STEPS: Final = (0, -1, 1)
"""A phone's clock may be one step off, and typing takes time (RFC 6238, section 5.2)."""
ISSUER: Final = "Footfall"
RECOVERY_CODES: Final = 10
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"


def new_secret() -> bytes:
    """A secret for an authenticator app."""
    return secrets.token_bytes(SECRET_BYTES)


def uri(secret: bytes, login: str) -> str:
    """What the app scans (``otpauth://totp/…``)."""
    return _totp(secret).get_provisioning_uri(login, ISSUER)


def spelled(secret: bytes) -> str:
    """The secret as people type it into an app: Base32 in groups of four."""
    text = base64.b32encode(secret).decode().rstrip("=")
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4))


def qr_svg(text: str) -> str:
    """A QR code as an SVG element, black on white also where the page is dark: scanners want it so."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        out, kind="svg", xmldecl=False, svgns=True, scale=4, border=4, dark="#000", light="#fff", omitsize=True
    )
    return out.getvalue().decode()


def step_of(secret: bytes, code: str, now_ms: int, last_step: int) -> int | None:
    """The step whose code this is, None where there is none after `last_step`: a code is good once (section 5.2)."""
    given = "".join(code.split()).encode(errors="replace")
    now_step = now_ms // 1000 // STEP_S
    totp = _totp(secret)
    found = [s for s in (now_step + skew for skew in SKEW_STEPS) if bytes_eq(totp.generate(s * STEP_S), given)]
    return next((step for step in found if step > last_step), None)


def new_recovery() -> tuple[str, ...]:
    """Codes that work once each, to be kept on paper: 49 random bits behind the limit on attempts."""
    return tuple("-".join(_word() for _ in range(2)) for _ in range(RECOVERY_CODES))


def _word() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(5))


def recovery_hash(operator: str, code: str) -> str:
    """What is stored of a recovery code."""
    spelled = "".join(code.lower().replace("-", "").split())
    return hashlib.sha256(f"{operator}\0{spelled}".encode(errors="replace")).hexdigest()


def without(hashes: Sequence[str], used: str) -> list[str] | None:
    """The hashes that are left once one is used; None where it is none of them."""
    return [kept for kept in hashes if kept != used] if used in hashes else None


def _totp(secret: bytes) -> TOTP:
    return TOTP(secret, DIGITS, SHA1(), STEP_S)  # noqa: S303 - the algorithm of RFC 6238 that every app knows
