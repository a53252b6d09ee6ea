"""Hooks: events posted to the operator's own systems, signed as Standard Webhooks has it."""

import contextlib
from collections.abc import AsyncIterator
from ipaddress import ip_address
from typing import Final

import aiohttp
from yarl import URL

from push.channels import egress, http, posting, signing
from push.channels.posting import Answer, Place
from push.deliver.hooks import MOST_HOOKS, HookSettings
from push.model.errors import PermanentError, TransientError
from push.model.hooks import Letter

_OK: Final = 2
_REDIRECT: Final = 3
_SERVER: Final = 5
_GONE: Final = 410
_TOO_MANY: Final = 429


class HookPoster:
    """`push.model.hooks.Poster` over HTTPS. Made by `connect`, which closes what it opens."""

    def __init__(self, session: aiohttp.ClientSession, *, private_hosts: bool) -> None:
        self._session = session
        self._private_hosts = private_hosts

    def new_secret(self) -> str:
        """``whsec_…``."""
        return signing.new_secret()

    def check_url(self, url: str) -> str:
        """Refuse what is not https, and addresses that are plainly private; its origin. Raises ValueError.

        Where a name leads is seen each time that a connection is made.
        """
        parsed = URL(url)
        if parsed.scheme != "https" or not parsed.host or parsed.user is not None or parsed.password is not None:
            raise ValueError("expected an https URL without a user")
        if not self._private_hosts and _is_private(parsed.host):
            raise ValueError("expected a public address, or the setting push.hooks.allow_private_hosts")
        return str(parsed.origin())

    async def post(self, letter: Letter) -> int:
        """Sign and post; no redirect is followed. Raises `TransientError`, `PermanentError`."""
        keys = [signing.key(secret) for secret in letter.to.secrets(letter.now_ms)]
        head = {
            **posting.headers("application/json"),
            **signing.headers(keys, letter.id, letter.now_ms, letter.body),
        }
        answer = await posting.post(Place(self._session, URL(letter.to.url).with_fragment(None)), letter.body, head)
        return _taken(answer, letter.now_ms)


def _is_private(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return not egress.is_public(host)


def _taken(answer: Answer, now_ms: int) -> int:
    """The status of an answer that says yes. Raises `TransientError`, `PermanentError`."""
    kind = answer.status // 100
    if kind == _OK:
        return answer.status
    if answer.status == _GONE:  # Standard Webhooks: the receiver wants no more of them
        raise PermanentError("endpoint_gone", status=_GONE)
    reason = "redirect_refused" if kind == _REDIRECT else "service_failed" if kind == _SERVER else "request_refused"
    wait_ms = http.retry_after_ms(answer.headers, now_ms)
    raise TransientError(
        "rate_limited" if answer.status == _TOO_MANY else reason, status=answer.status, retry_after_ms=wait_ms
    )


@contextlib.asynccontextmanager
async def connect(settings: HookSettings) -> AsyncIterator[HookPoster]:
    """What posts, with its connections for as long as the context lasts. Raises OSError: no such `ca_file`."""
    async with http.session(
        http.shared_trust(settings.ca_file),
        per_host=MOST_HOOKS,  # each hook has one at most, so that none waits for another of its host
        timeout_s=settings.timeout_s,
        connect_timeout_s=settings.connect_timeout_s,
        public_only=not settings.allow_private_hosts,
    ) as session:
        yield HookPoster(session, private_hosts=settings.allow_private_hosts)
