"""Tokens of the retailer's back end that say who somebody is: JSON Web Tokens (RFC 7519), checked with public keys."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import jwt
import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from push.profiles.collect.who import Proof

Algorithm = Literal["EdDSA", "ES256", "RS256"]
"""Signatures alone: what checks a token here must not be able to make one (RFC 8725, section 3.1)."""
PublicKey = Ed25519PublicKey | EllipticCurvePublicKey | RSAPublicKey
MOST_CHARS: Final = 4096
LEEWAY_MS: Final = 60_000
"""Clocks of two machines differ."""
READ_EVERY_S: Final = 10.0
"""Unknown key ids let the files be read again this often at most: anybody can write one into a token."""
LEAST_RSA_BITS: Final = 2048

log = structlog.get_logger()


class UserTokenSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which tokens are believed. Without `keys`, none is."""

    keys: tuple[str, ...] = ()
    """Files: a public key (PEM, its file's name without ``.pem`` being the key id), or a JWK Set (RFC 7517)."""
    issuer: str = ""
    audience: str = ""
    max_age_h: Annotated[int, msgspec.Meta(ge=1, le=720)] = 24

    def __post_init__(self) -> None:
        """Raise ValueError where anybody's token would do."""
        if self.keys and not (self.issuer and self.audience):
            raise ValueError("`issuer` and `audience` must be set where there are keys")


class KeyFileError(ValueError):
    """A file of keys that holds none: which one, and what was expected."""

    def __init__(self, path: str, expected: str) -> None:
        super().__init__(f"{path}: {expected} was expected")


def read_keys(paths: tuple[str, ...]) -> dict[str, PublicKey]:
    """The keys of files by key id. Raises `KeyFileError`; blocks."""
    found: dict[str, PublicKey] = {}
    for path in paths:
        try:
            raw = Path(path).read_bytes()
        except OSError as error:
            raise KeyFileError(path, f"a readable file ({error.strerror})") from None
        found.update(_of_pem(path, raw) if raw.lstrip().startswith(b"-----") else _of_set(path, raw))
    return found


def _of_pem(path: str, raw: bytes) -> dict[str, PublicKey]:
    try:
        return {Path(path).stem: _fit(path, load_pem_public_key(raw))}
    except ValueError:
        raise KeyFileError(path, _KEY) from None


def _of_set(path: str, raw: bytes) -> dict[str, PublicKey]:
    try:
        keys = jwt.PyJWKSet.from_json(raw.decode()).keys
    except (jwt.PyJWKSetError, jwt.PyJWKError, ValueError):
        raise KeyFileError(path, "a public key (PEM) or a JWK Set") from None
    if any(key.key_id is None for key in keys):
        raise KeyFileError(path, "a `kid` with each key")
    return {str(key.key_id): _fit(path, key.key) for key in keys}


def _fit(path: str, key: object) -> PublicKey:
    if isinstance(key, RSAPublicKey) and key.key_size < LEAST_RSA_BITS:
        raise KeyFileError(path, f"an RSA key of at least {LEAST_RSA_BITS} bits")
    if isinstance(key, EllipticCurvePublicKey) and not isinstance(key.curve, SECP256R1):
        raise KeyFileError(path, _KEY)
    if not isinstance(key, Ed25519PublicKey | EllipticCurvePublicKey | RSAPublicKey):
        raise KeyFileError(path, _KEY)
    return key


_KEY: Final = "a public key of Ed25519, P-256 or RSA"


def algorithm(key: PublicKey) -> Algorithm:
    """The one algorithm that a key is used with: a token does not choose (RFC 8725, section 3.1)."""
    if isinstance(key, Ed25519PublicKey):
        return "EdDSA"
    return "RS256" if isinstance(key, RSAPublicKey) else "ES256"


class Prover:
    """Checks tokens with the keys that were read last."""

    def __init__(
        self,
        settings: UserTokenSettings,
        keys: Mapping[str, PublicKey],
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._keys = dict(keys)
        self._monotonic_s = monotonic_s
        self._read_s = monotonic_s()
        self.is_behind = False
        """A token named a key that is not known: there may be new ones."""

    def prove(self, token: str, now_ms: int) -> Proof | None:
        """Whom a token names, None where it proves nothing."""
        if not self._keys or len(token) > MOST_CHARS or not token.isascii():
            return None
        key = self._key_of(token)
        return None if key is None else self._checked(token, key, now_ms)

    def _key_of(self, token: str) -> PublicKey | None:
        try:
            kid = jwt.get_unverified_header(token).get("kid")
        except jwt.PyJWTError:
            return None
        if kid is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        found = self._keys.get(str(kid))
        self.is_behind = self.is_behind or found is None
        return found

    def _checked(self, token: str, key: PublicKey, now_ms: int) -> Proof | None:
        try:
            said = jwt.decode(
                token,
                key,
                algorithms=[algorithm(key)],
                issuer=self._settings.issuer,
                audience=self._settings.audience,
                options={
                    "require": ["exp", "iat", "sub", "iss", "aud"],
                    "verify_exp": False,  # these three by the clock that is given, below
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
        except jwt.PyJWTError:
            return None
        return _proof(said) if self._is_valid(said, now_ms) else None

    def _is_valid(self, said: Mapping[str, Any], now_ms: int) -> bool:
        """Whether it holds now, and is not too old whatever it says itself (RFC 7519, sections 4.1.4 to 4.1.6)."""
        times = [said.get(name) for name in ("iat", "exp", "nbf") if name in said]
        if any(isinstance(one, bool) or not isinstance(one, int | float) for one in times):
            return False
        issued_ms, ends_ms = said["iat"] * 1000, said["exp"] * 1000
        begins_ms = max(issued_ms, said.get("nbf", 0) * 1000)
        ends_ms = min(ends_ms, issued_ms + self._settings.max_age_h * 3_600_000)
        return bool(begins_ms - LEEWAY_MS <= now_ms < ends_ms + LEEWAY_MS)

    def may_read(self) -> bool:
        """Whether the files are to be read again, now: then the caller does, and hands them to `use`."""
        due = self.is_behind and self._monotonic_s() - self._read_s >= READ_EVERY_S
        if due:
            self._read_s = self._monotonic_s()
        self.is_behind = False
        return due

    def read(self) -> None:
        """Read the files again; with one that is broken, the keys stay as they were. Blocks."""
        try:
            self._keys = read_keys(self._settings.keys)
        except KeyFileError as error:
            log.warning("keys of user tokens could not be read, the old ones stay", error=str(error))


def _proof(said: Mapping[str, Any]) -> Proof | None:
    user = said.get("sub")
    if not isinstance(user, str) or not user:
        return None
    return Proof(user, _checked_by_issuer(said, "email", "email"), _checked_by_issuer(said, "phone", "phone_number"))


def _checked_by_issuer(said: Mapping[str, Any], name: str, verified: str) -> str:
    """A mailbox or number; not one of which the issuer says that nobody checked it (OpenID Connect Core, section 5.1).

    Anybody can type somebody else's at registration, and would be one person with her.
    """
    value = said.get(name)
    is_checked = said.get(f"{verified}_verified", True) in (True, "true")
    return value if isinstance(value, str) and is_checked else ""
