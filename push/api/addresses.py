"""Where channels reach devices: registered by the device itself, or named by a sender."""

from collections.abc import Mapping

from push.api.contract import Context
from push.deliver.asked import AddressIn, Bare
from push.profiles import people


def plain(channel: str, address: Mapping[str, object]) -> dict[str, object]:
    """An address without what browsers add to it, so that the same one is always the same."""
    keys = address.get("keys")
    if channel != "webpush" or not isinstance(keys, Mapping):
        return dict(address)
    kept = {name: keys[name] for name in ("p256dh", "auth") if name in keys}
    return {"endpoint": address.get("endpoint"), "keys": kept}


def bare(context: Context, asked: AddressIn) -> Bare:
    """An address that was looked at. Raises `push.model.errors.PermanentError`."""
    address = plain(asked.channel, asked.address)
    service = context.check_address(asked.channel, address)
    return Bare(
        channel=asked.channel,
        app=asked.app,
        service=service,
        address=address,
        locale=asked.locale,
        hash=people.address_hash(asked.channel, address, context.vault),
    )
