"""What the channels that post share: their connections, what it means that no answer came, and how long to wait."""

import ssl
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Final

import aiohttp

from push.channels import egress
from push.model.errors import DeliveryError, OutcomeUnknownError, PermanentError, TransientError

_SECONDS_DIGITS: Final = 9  # thirty years; what is longer is not meant


def trust(ca_file: str | None) -> ssl.SSLContext:
    """Who is believed: the system's certificate authorities, and those in `ca_file` (PEM). Raises OSError: no file."""
    tls = ssl.create_default_context()
    if ca_file is not None:
        tls.load_verify_locations(ca_file)
    return tls


@lru_cache(maxsize=16)
def shared_trust(ca_file: str | None) -> ssl.SSLContext:
    """The same, made once for all who change nothing about it: to read the system's authorities takes 20 ms.

    Raises OSError: no file.
    """
    return trust(ca_file)


def session(
    tls: ssl.SSLContext, *, per_host: int, timeout_s: float, connect_timeout_s: float, public_only: bool
) -> aiohttp.ClientSession:
    """A pool of connections that keeps no cookies and tells nobody our version; `timeout_s` bounds a whole request."""
    return aiohttp.ClientSession(
        connector=egress.connector(tls, per_host=per_host, public_only=public_only),
        # `connect` is also the wait for a free connection: who gives up there has sent nothing, and must hear so.
        timeout=aiohttp.ClientTimeout(total=timeout_s, connect=connect_timeout_s, sock_connect=connect_timeout_s),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers={"User-Agent": "footfall"},
    )


def unanswered(error: Exception) -> DeliveryError:
    """Without a status: what never left may be sent again, what may have arrived only under the same message id."""
    if isinstance(error, aiohttp.ClientSSLError):
        return TransientError("service_not_trusted")
    if isinstance(error, aiohttp.ClientConnectorError):
        if isinstance(error.os_error, egress.ForbiddenAddressError):
            return PermanentError("address_not_public")
        return TransientError("service_unreachable")
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return TransientError("service_unreachable")
    return OutcomeUnknownError("outcome_unknown")


def retry_after_ms(headers: Mapping[str, str], now_ms: int) -> int | None:
    """How long to wait, from `Retry-After` (RFC 9110 section 10.2.3: seconds or a date); None where it does not say.

    A date counts from the answer's own `Date`, so that two clocks which disagree do no harm; else from `now_ms`.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return int(text[:_SECONDS_DIGITS]) * 1000
    until_ms = _date_ms(text)
    if until_ms is None:
        return None
    return max(0, until_ms - (_date_ms(headers.get("Date", "")) or now_ms))


def _date_ms(text: str) -> int | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return int(date.replace(tzinfo=date.tzinfo or UTC).timestamp() * 1000)
