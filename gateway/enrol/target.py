"""Where to enrol, with which code: from a URL as the QR shows it, or from its pieces."""

import ipaddress
import re
from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

_CODE: Final = re.compile(r"[A-Za-z0-9_-]{4,200}")
_PATH: Final = re.compile(r"(?P<prefix>(?:/[A-Za-z0-9._~-]+)*)/enrol/(?P<code>[^/]+)")
_PIN: Final = re.compile(r"sha256=([0-9A-Fa-f]{64})")


class EnrolError(Exception):
    """Why the gateway was not enrolled, and what to do next. Never holds code, secret or password."""

    def __init__(self, what: str, next_step: str) -> None:
        super().__init__(what)
        self.next_step = next_step


class Target(NamedTuple):
    """The server's base URL, the one-time code, and the SHA-256 of the server's certificate where the URL pins it."""

    server: str
    code: str
    pin: bytes | None = None

    def __repr__(self) -> str:
        """The server alone."""
        return f"Target({self.server!r})"


def target(code_or_url: str, server: str | None = None) -> Target:
    """What an installer typed or scanned. Raises `EnrolError`."""
    text = code_or_url.strip()
    if "://" in text:
        return _from_url(text)
    if server is None:
        raise EnrolError("a code alone does not say where to enrol", "Add --server URL, or give the whole URL.")
    code = "".join(text.split())  # people type what they read in groups
    if not _CODE.fullmatch(code):
        raise EnrolError("this is no enrolment code", "Copy the code again: letters, digits and hyphens.")
    parts = _split(server.strip())
    return Target(f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}", code, _pin(parts.fragment))


def _from_url(text: str) -> Target:
    parts = _split(text)
    path = _PATH.fullmatch(parts.path)
    if path is None or not _CODE.fullmatch(path["code"]):
        raise EnrolError(
            "this is no enrolment URL",
            "Copy it again: it looks like https://push.example/enrol/CODE, from the console.",
        )
    return Target(f"{parts.scheme}://{parts.netloc}{path['prefix']}", path["code"], _pin(parts.fragment))


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise EnrolError("this is no URL", "Copy it again from the console.") from None
    if not host or parts.username or parts.password or parts.query:
        raise EnrolError("this is no URL of a server", "Give the server as https://push.example.")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise EnrolError(
            "this URL is not encrypted",
            "Serve the server by https:// (push.http.public_url): its answer carries a secret.",
        )
    return parts


def _is_loopback(host: str) -> bool:
    """Whether what is said to a host stays on this machine, as in a demo."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _pin(fragment: str) -> bytes | None:
    if not fragment:
        return None
    found = _PIN.fullmatch(fragment)
    if found is None:  # to go on without it would be to trust whoever answers
        raise EnrolError(
            "the URL's end is damaged", "Scan or copy it again, up to the last of the 64 digits of sha256=."
        )
    return bytes.fromhex(found[1])
