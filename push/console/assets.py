"""The console's own files: read once, before the event loop runs, and served from memory for ever.

All lie in one folder that is named by a hash of everything in it, so that modules may import each other by plain
relative names, browsers may keep them for a year, and a newer server is noticed at once.
"""

import hashlib
from importlib.resources import files
from typing import Final, NamedTuple

from push.console.files import CONTENT_TYPES

STATIC: Final = "/console/static/"
KEPT: Final = "public, max-age=31536000, immutable"
"""RFC 8246: what lies under a hash never changes."""


class Assets(NamedTuple):
    """Files by name: content and content type; `base` is the folder that they are served in."""

    base: str
    files: dict[str, tuple[bytes, str]]

    def url(self, name: str) -> str:
        """Where a file is served. Raises KeyError: there is none of that name."""
        self.files[name]
        return self.base + name


def read_assets() -> Assets:
    """Every file of `static`."""
    found = {}
    for file in sorted(files(__package__).joinpath("static").iterdir(), key=lambda file: file.name):
        found[file.name] = (file.read_bytes(), CONTENT_TYPES[file.name[file.name.rfind(".") :]])
    mark = hashlib.sha256(b"\0".join(name.encode() + b"\0" + body for name, (body, _) in found.items()))
    return Assets(f"{STATIC}{mark.hexdigest()[:16]}/", found)
