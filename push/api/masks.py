"""What is told without who it is: addresses enough to recognise one's own, and beacons without their owners."""

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from push.deliver.asked import AddressedChannel
from push.model.tokens import Principal
from push.registry.listing import BeaconRecord

_NAMED_BY: Final[dict[AddressedChannel, tuple[str, ...]]] = {
    "webpush": ("endpoint",),
    "fcm": ("token", "fid"),
    "apns": ("token",),
    "email": ("email",),
    "webhook": ("to",),
}
_SHOWN: Final = 4
_STEP: Final = 5
"""Fewer people than that are single people."""
_LONG: Final = 8


def masked(channel: AddressedChannel, address: Mapping[str, object]) -> str:
    """A mailbox as ``a…@example.com``, anything else as its last four characters: ``…4711``."""
    text = next((str(address[name]) for name in _NAMED_BY[channel] if address.get(name)), "")
    if channel == "email":
        local, _, domain = text.rpartition("@")
        return f"{local[:1]}…@{domain}"
    return f"…{text[-_SHOWN:]}" if len(text) >= _LONG else "…"


def roughly(who: Principal, people: int) -> int:
    """How many people somebody may know of: viewers count in fives, so that nobody alone makes a difference."""
    return people if who.may("editor") else people - people % _STEP


def shown(who: Principal, record: BeaconRecord) -> BeaconRecord:
    """A beacon as somebody may see it: whose a tag is, and which device claimed it, viewers do not learn."""
    if who.may("editor"):
        return record
    by = "device" if record.changed_by.startswith("device:") else record.changed_by
    return replace(record, beacon=replace(record.beacon, shopper=None), changed_by=by)
