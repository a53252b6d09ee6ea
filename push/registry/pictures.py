"""Pictures that people upload: known by their content, decoded under limits, and written anew.

What is kept is what was decoded: no metadata (a photo says where and when it was taken), no second file behind the
first, nothing that a browser could take for a page.
"""

import asyncio
import io
import threading
from typing import Final, NamedTuple

from push.model.errors import Fault, MisfitError

MOST_BYTES: Final = 10 * 1024 * 1024
MOST_PIXELS: Final = 40_000_000
"""Decoded, so many take 160 MB for a moment."""
LONGEST_SIDE: Final = 4096
"""Of what is kept: a plan on a wall screen needs no more."""
MEDIA: Final = "image/webp"
KINDS: Final = ("PNG", "JPEG", "WEBP")
_QUALITY: Final = 85
_FIRST: Final = 1024
_TOO_MANY: Final = f"more than {MOST_PIXELS} pixels; at most so many were expected"


class Picture(NamedTuple):
    """A picture as it is kept: WebP, and its size in pixels."""

    content: bytes
    width_px: int
    height_px: int


_TURN: Final = threading.Lock()
"""One picture is decoded at a time: each takes much memory."""


async def taken_alone(raw: bytes) -> Picture:
    """A picture that was uploaded, as it is kept; in a thread, one after the other. Raises `MisfitError`."""
    return await asyncio.to_thread(_in_turn, raw)


def _in_turn(raw: bytes) -> Picture:
    with _TURN:
        return taken(raw)


def taken(raw: bytes) -> Picture:
    """A picture that was uploaded, as it is kept: for a thread. Raises `MisfitError`."""
    from PIL import Image, ImageOps  # noqa: PLC0415 - loaded by whoever uploads a picture

    if len(raw) > MOST_BYTES:
        raise _refused(f"{len(raw)} bytes; at most {MOST_BYTES} were expected")
    if _is_svg(raw):
        raise _refused("an SVG can hold scripts and links; save it as PNG or WebP")
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    try:
        with Image.open(io.BytesIO(raw), formats=KINDS) as opened:
            _refuse_many(opened.width * opened.height)
            opened.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))  # a JPEG is decoded no larger than that
            picture = ImageOps.exif_transpose(opened)
            picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
            kept = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _refused(_TOO_MANY) from None
    except MisfitError:
        raise
    except Exception:  # noqa: BLE001 - decoders fail on broken pictures in whatever way they like
        raise _refused("it is no PNG, JPEG or WebP, whatever its name says, or it is broken") from None
    out = io.BytesIO()
    kept.save(out, "WEBP", quality=_QUALITY)
    return Picture(out.getvalue(), kept.width, kept.height)


def _is_svg(raw: bytes) -> bool:
    return b"<svg" in raw[:_FIRST].lower() or raw[:_FIRST].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(b"<?xml")


def _refuse_many(pixels: int) -> None:
    if pixels > MOST_PIXELS:
        raise _refused(_TOO_MANY)


def _refused(why: str) -> MisfitError:
    return MisfitError("picture", (Fault("image", why),))
