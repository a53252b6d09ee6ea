"""Addresses as people may see them: enough to recognise one's own, nothing to write to."""

from collections.abc import Mapping
from typing import Final

from push.deliver.asked import AddressedChannel

_NAMED_BY: Final[dict[AddressedChannel, tuple[str, ...]]] = {
    "webpush": ("endpoint",),
    "fcm": ("token", "fid"),
    "apns": ("token",),
    "email": ("email",),
    "webhook": ("to",),
}
_SHOWN: Final = 4
_LONG: Final = 8


def masked(channel: AddressedChannel, address: Mapping[str, object]) -> str:
    """A mailbox as ``a…@example.com``, anything else as its last four characters: ``…4711``."""
    text = next((str(address[name]) for name in _NAMED_BY[channel] if address.get(name)), "")
    if channel == "email":
        local, _, domain = text.rpartition("@")
        return f"{local[:1]}…@{domain}"
    return f"…{text[-_SHOWN:]}" if len(text) >= _LONG else "…"
