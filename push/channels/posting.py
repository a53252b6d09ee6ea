"""Posting where the operator said: how far a request got, and what came back, read up to a bound."""

from collections.abc import Mapping
from typing import Final, NamedTuple

import aiohttp
from yarl import URL

from push.channels import http
from push.model.errors import CredentialError, PermanentError

MAX_ANSWER: Final = 64 * 1024
"""Bytes; what services answer is below one KB."""

Headers = Mapping[str, str]


class Place(NamedTuple):
    """A URL, and the pool of connections that may reach it."""

    session: aiohttp.ClientSession
    url: URL


class Answer(NamedTuple):
    """What came back; `body` is None where it was cut off or larger than `MAX_ANSWER`."""

    status: int
    headers: Mapping[str, str]
    body: bytes | None


class Places:
    """Where requests go: to https at public addresses, but for the origins that the operator sends elsewhere."""

    def __init__(
        self, public: aiohttp.ClientSession, overridden: aiohttp.ClientSession, overrides: Mapping[str, str]
    ) -> None:
        """Take a pool for each kind. Raises ValueError: a key of `overrides` is no origin."""
        self._public = public
        self._overridden = overridden
        self._overrides = {str(URL(origin).origin()): base.rstrip("/") for origin, base in overrides.items()}

    def find(self, address: str) -> Place:
        """The place of a URL. Raises ValueError: neither https nor overridden."""
        url = URL(address).with_fragment(None)
        base = self._overrides.get(str(url.origin()))
        if base is not None:
            return Place(self._overridden, URL(base + url.raw_path_qs, encoded=True))
        if url.scheme != "https" or url.user is not None:
            raise ValueError("expected an https URL")
        return Place(self._public, url)


def headers(content_type: str, authorization: str | None = None) -> Headers:
    """The headers of a post, made once and sent often. Nothing compressed: it could be larger than it looks."""
    fixed = {"Accept": "*/*", "Accept-Encoding": "identity", "Content-Type": content_type}
    return fixed if authorization is None else {**fixed, "Authorization": authorization}


async def post(place: Place, body: bytes, head: Headers) -> Answer:
    """Post; redirects are not followed.

    Raises `TransientError`: `OutcomeUnknownError` where the request may have arrived, `CredentialError` where the
    address is not public.
    """
    try:
        async with place.session.post(place.url, data=body, headers=head, allow_redirects=False) as response:
            return Answer(response.status, response.headers, await _read(response))
    except (aiohttp.ClientError, TimeoutError) as error:
        failed = http.unanswered(error)
        if isinstance(failed, PermanentError):  # the operator's own address: no fault of the message
            raise CredentialError(failed.reason) from None
        raise failed from None


async def _read(response: aiohttp.ClientResponse) -> bytes | None:
    body = b""
    try:
        while not response.content.at_eof():
            body += await response.content.readany()
            if len(body) > MAX_ANSWER:
                return None
    except (aiohttp.ClientError, TimeoutError):  # the status is known: whoever reads it decides
        return None
    return body
