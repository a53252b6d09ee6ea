"""Access tokens of Google's services: a signed assertion for a bearer token (RFC 7523 section 2.1, RFC 6749 section 5).

sender ──get──▶ cached token ─────────────────────────▶ sender
                  ▲ none, or it ends soon
                  └── one exchange, for all who wait, and in the background before a token ends
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final, Never, TypeVar
from urllib.parse import urlencode

import jwt
import msgspec
import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from push.channels.http import retry_after_ms
from push.channels.posting import Answer, Headers, Place, headers, post
from push.model.errors import CredentialError, DeliveryError, TransientError
from push.model.ports import Clock

log = structlog.get_logger()

Result = TypeVar("Result")
Spawn = Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]]

_ASSERTION_S: Final = 3600
"""How long an assertion is good for: the most that Google takes."""
_SKEW_S: Final = 10
"""Our clock may be a little ahead of theirs; an assertion from the future is refused."""
_UNUSED_END_MS: Final = 300_000
"""A token is not used in its last five minutes, so that none ends on its way; of a short one, in its second half."""
_RENEWED_MS: Final = 600_000
"""It is renewed ten minutes before its end, so that no push waits, and five minutes without an answer cost nothing."""
_AGAIN_S: Final = 60.0
_MIN_KEY_BITS: Final = 2048


class ServiceAccount(msgspec.Struct, frozen=True, kw_only=True):
    """A service account's key file as Google gives it; members that are not needed are passed over."""

    project_id: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9.:-]{0,99}$(?!\n)")]
    client_email: Annotated[str, msgspec.Meta(min_length=3, max_length=320)]
    private_key: Annotated[str, msgspec.Meta(max_length=8192)]
    """RSA, PEM. Secret."""
    private_key_id: Annotated[str, msgspec.Meta(max_length=100)] | None = None
    token_uri: Annotated[str, msgspec.Meta(max_length=500)] = "https://oauth2.googleapis.com/token"  # noqa: S105 - a URL

    def __repr__(self) -> str:
        """Without the key."""
        return f"ServiceAccount(project_id={self.project_id!r}, client_email={self.client_email!r})"


class Token:
    """An access token as the headers that it is sent in; no more used from `stale_ms`, renewed after `renew_s`."""

    def __init__(self, granted: "_Granted", now_ms: int) -> None:
        """Take what was granted at `now_ms`."""
        life_ms = granted.expires_in * 1000
        self.headers: Headers = headers("application/json; charset=utf-8", f"Bearer {granted.access_token}")
        self.stale_ms = now_ms + life_ms - min(_UNUSED_END_MS, life_ms // 2)
        self.renew_s = (life_ms - min(_RENEWED_MS, life_ms * 3 // 4)) / 1000


class Tokens:
    """The access token of one service account for one scope. `spawn` runs what must go on when a sender gives up."""

    def __init__(self, account: ServiceAccount, scope: str, place: Place, clock: Clock, spawn: Spawn) -> None:
        self._account = account
        self._scope = scope
        self._place = place
        self._clock = clock
        self._spawn = spawn
        self._token: Token | None = None
        self._exchange: asyncio.Task[Token | DeliveryError] | None = None

    async def get(self) -> Token:
        """A token that is good for minutes. Raises `CredentialError`, `TransientError`."""
        token = self._token
        if token is None or self._clock.now_ms() >= token.stale_ms:
            return await self._renewed()
        return token

    def drop(self, token: Token) -> None:
        """Forget a token that was refused, unless there is a newer one."""
        if self._token is token:
            self._token = None

    async def keep(self) -> Never:
        """Renew the token before it ends, for ever."""
        while True:
            try:
                wait_s = (await self._renewed()).renew_s
            except DeliveryError as error:
                log.warning("no access token", project=self._account.project_id, reason=error.reason)
                wait_s = _AGAIN_S
            await asyncio.sleep(wait_s)

    async def _renewed(self) -> Token:
        """What the running exchange comes to, or a new one."""
        if self._exchange is None:
            self._exchange = self._spawn(self._run())
        outcome = await asyncio.shield(self._exchange)
        if isinstance(outcome, DeliveryError):
            raise outcome.with_traceback(None)  # the same for all who waited: it must not grow with each
        return outcome

    async def _run(self) -> Token | DeliveryError:
        try:
            self._token = await self._exchanged()
        except DeliveryError as error:
            return error
        else:
            return self._token
        finally:
            self._exchange = None

    async def _exchanged(self) -> Token:
        now_ms = self._clock.now_ms()
        signed = await asyncio.to_thread(_assertion, self._account, self._scope, now_ms // 1000)
        form = urlencode({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": signed})
        try:
            answer = await post(self._place, form.encode(), headers("application/x-www-form-urlencoded"))
        except CredentialError:
            raise CredentialError("oauth_address_not_public") from None
        except TransientError as error:  # asking twice does no harm: whether it arrived does not matter
            distrusted = error.reason == "service_not_trusted"
            raise TransientError("oauth_not_trusted" if distrusted else "oauth_unreachable") from None
        return Token(_granted(answer, now_ms), now_ms)


def key_of(account: ServiceAccount) -> RSAPrivateKey | None:
    """The private key, None where it is no unencrypted RSA key of at least 2,048 bits as PEM. Takes milliseconds."""
    try:
        key = load_pem_private_key(account.private_key.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, RSAPrivateKey) and key.key_size >= _MIN_KEY_BITS else None


def _assertion(account: ServiceAccount, scope: str, now_s: int) -> str:
    key = key_of(account)
    if key is None:
        raise CredentialError("private_key_unusable")
    issued_s = now_s - _SKEW_S
    claims = {
        "iss": account.client_email,
        "scope": scope,
        "aud": account.token_uri,
        "iat": issued_s,
        "exp": issued_s + _ASSERTION_S,
    }
    named = {"kid": account.private_key_id} if account.private_key_id else None
    return jwt.encode(claims, key, algorithm="RS256", headers=named)


# --- errors -----------------------------------------------------------------------------------------------------------

_LATER: Final = frozenset({408, 429})  # to be read like a 5xx
_REFUSALS: Final = frozenset(  # RFC 6749 section 5.2, and what Google adds; others are not quoted
    {
        "access_denied",
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "invalid_scope",
        "unauthorized_client",
        "unsupported_grant_type",
    }
)


class _Granted(msgspec.Struct, frozen=True):
    access_token: Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,4096}$(?!\n)")]
    expires_in: Annotated[int, msgspec.Meta(ge=1, le=7 * 86400)]


class _Refused(msgspec.Struct, frozen=True):
    error: str


def _granted(answer: Answer, now_ms: int) -> _Granted:
    if answer.status >= 500 or answer.status in _LATER:  # noqa: PLR2004 - the class of HTTP statuses
        wait_ms = retry_after_ms(answer.headers, now_ms)
        raise TransientError("oauth_unavailable", status=answer.status, retry_after_ms=wait_ms)
    try:
        if answer.status == 200:  # noqa: PLR2004 - HTTP's OK
            return msgspec.json.decode(answer.body or b"", type=_Granted)
        refused = msgspec.json.decode(answer.body or b"", type=_Refused)
    except (ValueError, RecursionError):  # no JSON, another shape, or brackets without end
        raise TransientError("oauth_not_understood", status=answer.status) from None
    known = refused.error if refused.error in _REFUSALS else "refused"
    raise CredentialError(f"oauth_{known}", status=answer.status)
