"""The phone's web app as bytes: read once, before the event loop runs, and served from memory."""

from importlib.resources import files
from typing import Final

BASE: Final = "/app/"

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


def app_files() -> dict[str, tuple[bytes, str]]:
    """The app's files by URL path (``/app/`` is the page): content, and content type."""
    found = {}
    for file in files(__package__).joinpath("app").iterdir():
        suffix = file.name[file.name.rfind(".") :]
        path = BASE if file.name == "index.html" else BASE + file.name
        found[path] = (file.read_bytes(), CONTENT_TYPES[suffix])
    return found
