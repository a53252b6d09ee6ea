"""Whose servers stand behind an address: what one gate is for, so that one service's trouble is nobody else's."""

import zlib
from collections.abc import Mapping
from typing import Final

from yarl import URL

KNOWN: Final = {
    "fcm.googleapis.com": "google",
    "updates.push.services.mozilla.com": "mozilla",
    "push.apple.com": "apple",
    "notify.windows.com": "windows",
}
"""Web Push services of the browsers, by host or the end of it."""
OTHERS: Final = 16
"""Whoever registers may name any host: the unknown share this many gates, so that nobody can make more."""


def service_of(channel: str, address: Mapping[str, object]) -> str:
    """The service of an address that was found good; empty where a channel's app has but one."""
    if channel != "webpush":
        return ""
    host = URL(str(address.get("endpoint", ""))).host or ""
    for known, name in KNOWN.items():
        if host == known or host.endswith(f".{known}"):
            return name
    return f"other-{zlib.crc32(host.encode()) % OTHERS}"
