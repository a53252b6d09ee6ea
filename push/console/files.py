"""The phone's web app as bytes: read once, before the event loop runs, and served from memory."""

import hashlib
from importlib.resources import files
from typing import Final

BASE: Final = "/app/"
SCREEN: Final = "/screen/"
CONSOLE: Final = "/console/"

CONTENT_TYPES: Final = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}

HEADERS: Final = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https:; connect-src 'self'; "
        "manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""What every file of the app is served with: its own files and its own server, and pictures of offers."""


def screen_files() -> dict[str, tuple[bytes, str]]:
    """The files of a screen's page by URL path (``/screen/`` is the page, whichever screen it is for).

    The page carries a mark of all of them, so that one that has been open for long sees that there is a newer one.
    """
    found = {file.name: file.read_bytes() for file in files(__package__).joinpath("screen").iterdir()}
    mark = hashlib.sha256(b"\0".join(body for _, body in sorted(found.items()))).hexdigest()[:16]
    page = found.pop("index.html").replace(b"{mark}", mark.encode())
    served = {SCREEN + name: (body, CONTENT_TYPES[name[name.rfind(".") :]]) for name, body in found.items()}
    return {SCREEN: (page, "text/html"), **served}


def app_files() -> dict[str, tuple[bytes, str]]:
    """The app's files by URL path (``/app/`` is the page): content, and content type."""
    found = {}
    for file in files(__package__).joinpath("app").iterdir():
        suffix = file.name[file.name.rfind(".") :]
        path = BASE if file.name == "index.html" else BASE + file.name
        found[path] = (file.read_bytes(), CONTENT_TYPES[suffix])
    return found
