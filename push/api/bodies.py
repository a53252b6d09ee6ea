"""Bodies of calls, decoded: what is wrong with one is said, and where it stands."""

import asyncio
from typing import Final, TypeVar

import msgspec
from aiohttp import hdrs, web

from push.api.contract import ProblemError

T = TypeVar("T")
_ANY: Final = msgspec.json.Decoder()


async def body_of(request: web.Request, timeout_s: float) -> bytes:
    """All of a body, read once however often it is asked for. Raises `ProblemError` 400, 408."""
    try:
        async with asyncio.timeout(timeout_s):
            return await request.read()
    except TimeoutError:
        detail = f"The body did not arrive within {timeout_s:g} s."
        raise ProblemError(408, "Too slow", detail, {hdrs.CONNECTION: "close"}) from None
    except web.RequestPayloadError:
        raise ProblemError(
            400, "Not understood", "The body's encoding is broken.", {hdrs.CONNECTION: "close"}
        ) from None


def decoded(decoder: msgspec.json.Decoder[T], raw: bytes | msgspec.Raw, where: str = "") -> T:
    """The value in a body, or in a part of one that stands at `where`. Raises `ProblemError` 400."""
    try:
        return decoder.decode(raw)
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        detail = f"{_placed(str(error), where)}. The description at /openapi.json says what is expected."
        raise ProblemError(400, "Not understood", detail) from None


def refuse_nul(raw: bytes) -> None:
    """Refuse a body with a NUL character in a text. Raises `ProblemError` 400."""
    if b"\\u0000" in raw and _has_nul(decoded(_ANY, raw)):
        raise ProblemError(400, "Not understood", "A text with a NUL character cannot be stored.")


def _placed(text: str, where: str) -> str:
    """What was wrong, as seen from the whole body: a decoder knows its own part of it as ``$``."""
    if not where:
        return text
    return text.replace("`$", f"`{where}") if " - at `$" in text else f"{text} - at `{where}`"


def _has_nul(value: object) -> bool:
    if isinstance(value, dict):
        return any("\0" in key or _has_nul(item) for key, item in value.items())
    if isinstance(value, list):
        return any(map(_has_nul, value))
    return isinstance(value, str) and "\0" in value
