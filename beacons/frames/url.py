"""Eddystone-URL's text compression: a scheme byte, then characters and codes that stand for common endings."""

from typing import Final

# URL, "URL Scheme Prefix": the index is the byte on air.
SCHEMES: Final = ("http://www.", "https://www.", "http://", "https://")

# URL, "Eddystone-URL HTTP URL encoding": the index is the byte on air; 0x0E-0x20 and 0x7F-0xFF are reserved.
_DOMAINS: Final = ("com", "org", "edu", "net", "info", "biz", "gov")
_CODES: Final = (*(f".{name}/" for name in _DOMAINS), *(f".{name}" for name in _DOMAINS))
_FIRST_CHARACTER: Final = 0x21
_LAST_CHARACTER: Final = 0x7E

MAX_TEXT: Final = 17
"""Length of the compressed text behind the scheme byte (URL, Frame Specification, offset 3)."""

EXPANSIONS: Final = {
    **dict(enumerate(_CODES)),
    **{code: chr(code) for code in range(_FIRST_CHARACTER, _LAST_CHARACTER + 1)},
}
"""What each byte expands to; reserved bytes are missing."""


def compress(url: str) -> bytes:
    """The scheme byte and the shortest text of a URL: 1 to 18 bytes.

    Raises ValueError where the scheme is not http or https, a character is not graphic ASCII, or the text
    does not fit.
    """
    candidates = [
        bytes((code,)) + _compressed(url[len(prefix) :])
        for code, prefix in enumerate(SCHEMES)
        if url.startswith(prefix)
    ]
    if not candidates:
        raise ValueError(f"EddystoneUrl.url is {url!r}: expected it to start with http:// or https://")
    # Not always the longest prefix: "http://" + "www" + code(".info/") is shorter than "http://www." + "info/".
    shortest = min(candidates, key=len)
    if len(shortest) > 1 + MAX_TEXT:
        raise ValueError(
            f"EddystoneUrl.url is {url!r}: expected at most {MAX_TEXT} bytes once compressed, got {len(shortest) - 1}"
        )
    return shortest


def _compressed(text: str) -> bytes:
    bad = [c for c in text if not _FIRST_CHARACTER <= ord(c) <= _LAST_CHARACTER]
    if bad:
        raise ValueError(f"EddystoneUrl.url has {bad[0]!r}: expected graphic ASCII characters only")
    raw = text.encode("ascii")
    # Endings with a slash come first: they contain those without.
    for code, ending in enumerate(_CODES):
        raw = raw.replace(ending.encode("ascii"), bytes((code,)))
    return raw
