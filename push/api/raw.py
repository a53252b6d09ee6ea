"""Bodies that are no JSON: taken in piece by piece under a limit of their own, and given out so."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Final

from aiohttp import hdrs, web

from push.api.contract import ProblemError, Raw, Upload

CHUNK: Final = 256 * 1024
_CLOSE: Final[Mapping[str, str]] = {hdrs.CONNECTION: "close"}
"""What is still on its way is not read."""


def upload(request: web.Request, raw: Raw, timeout_s: float) -> Upload:
    """A body that is to come. Raises `ProblemError` 413, 415 for one that is not even to be read."""
    if request.content_type not in raw.media:
        expected = " or ".join(raw.media)
        raise ProblemError(415, "Of another kind", f"A `Content-Type` of {expected} was expected.", _CLOSE)
    if request.content_length is not None and request.content_length > raw.most_bytes:
        raise _too_large(raw)
    return Upload(request.content_type, _chunks(request, raw, timeout_s))


async def _chunks(request: web.Request, raw: Raw, timeout_s: float) -> AsyncIterator[bytes]:
    """Raises `ProblemError` 400, 408, 413."""
    size = 0
    while chunk := await _chunk(request, timeout_s):
        size += len(chunk)
        if size > raw.most_bytes:
            raise _too_large(raw)
        yield chunk


async def _chunk(request: web.Request, timeout_s: float) -> bytes:
    try:
        async with asyncio.timeout(timeout_s):
            return await request.content.read(CHUNK)
    except TimeoutError:
        raise ProblemError(408, "Too slow", f"Nothing of the body arrived within {timeout_s:g} s.", _CLOSE) from None
    except web.RequestPayloadError:
        raise ProblemError(400, "Not understood", "The body's encoding is broken.", _CLOSE) from None


def _too_large(raw: Raw) -> ProblemError:
    return ProblemError(413, "Too large", f"A body of at most {raw.most_bytes} bytes was expected.", _CLOSE)


async def whole(body: Upload) -> bytes:
    """All of it."""
    return b"".join([chunk async for chunk in body.chunks])


async def streamed(request: web.Request, response: web.StreamResponse, pieces: AsyncIterator[bytes]) -> None:
    """Give out a body piece by piece."""
    await response.prepare(request)
    async for piece in pieces:
        await response.write(piece)
    await response.write_eof()
