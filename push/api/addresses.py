"""Where channels reach devices: registered by the device itself, or named by a sender."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, cast

import msgspec

from beacons.topics import Id
from push.api.apps import shopper_of
from push.api.contract import DEVICE, Call, Context, Endpoint, ProblemError, own_device
from push.api.masks import masked
from push.deliver.asked import AddressedChannel, AddressIn, Bare
from push.model.delivery import DEFAULT_APP
from push.model.errors import PermanentError
from push.model.people import Address
from push.profiles import people

CHANNELS: Final[dict[AddressedChannel, str]] = {
    "webpush": (
        "webpush: what PushSubscription.toJSON() gives was expected, an https `endpoint`, and `keys` with `p256dh` "
        "(65 bytes) and `auth` (16 bytes) in base64url."
    ),
    "fcm": "fcm: a registration `token`, or the Firebase installation id as `fid`, was expected: one of the two.",
    "apns": "apns: the device `token` in hexadecimal was expected, as iOS gives it to the app.",
    "email": "email: one mailbox as `email` was expected.",
    "webhook": "webhook: `to` was expected: a phone number with its country code, or what your receiver goes by.",
}
"""What an address of each channel looks like."""


class AddressPut(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a channel reaches the device, through which app."""

    app: Id = DEFAULT_APP
    address: Annotated[dict[str, Any], msgspec.Meta(min_length=1, max_length=8)]


class AddressOut(msgspec.Struct, frozen=True, kw_only=True):
    """An address as it is registered; `shown` is enough to recognise it."""

    channel: str
    app: str
    shown: str
    registered_ms: int


def plain(channel: str, address: Mapping[str, object]) -> dict[str, object]:
    """An address without what browsers add to it, so that the same one is always the same."""
    keys = address.get("keys")
    if channel != "webpush" or not isinstance(keys, Mapping):
        return dict(address)
    kept = {name: keys[name] for name in ("p256dh", "auth") if name in keys}
    return {"endpoint": address.get("endpoint"), "keys": kept}


def bare(context: Context, asked: AddressIn) -> Bare:
    """An address that was looked at. Raises `push.model.errors.PermanentError`."""
    address, service = context.check_address(asked.channel, plain(asked.channel, asked.address))
    return Bare(
        channel=asked.channel,
        app=asked.app,
        service=service,
        address=address,
        locale=asked.locale,
        hash=people.address_hash(asked.channel, address, context.vault),
    )


def channel_of(call: Call) -> AddressedChannel:
    """The channel in the path. Raises `ProblemError` 404."""
    channel = call.path["channel"]
    if channel not in CHANNELS:
        raise ProblemError(404, "Unknown channel", f"Channels with addresses are {', '.join(CHANNELS)}.")
    return channel


async def listed(context: Context, call: Call) -> list[AddressOut]:
    """Where channels reach the device."""
    found = await people.addresses_of(context.db, own_device(call), context.seals)
    return [
        AddressOut(
            channel=each.channel,
            app=each.app,
            shown=masked(cast("AddressedChannel", each.channel), each.address),
            registered_ms=each.registered_ms,
        )
        for each in found
    ]


async def put(context: Context, call: Call) -> None:
    """Register where a channel reaches the device; another device that had this address loses it."""
    device, channel, body = own_device(call), channel_of(call), call.body
    await shopper_of(context, device)
    try:
        address, service = context.check_address(channel, plain(channel, body.address))
    except PermanentError as error:
        if error.reason == "no_such_channel":
            raise ProblemError(404, "Unknown channel", f"This server does not serve {channel}.") from None
        raise ProblemError(400, "Not an address", CHANNELS[channel]) from None
    now_ms = context.clock.now_ms()
    new = Address(channel=channel, app=body.app, service=service, address=address, registered_ms=now_ms)
    async with context.db.transaction() as tx:
        await people.set_address(tx, device, new, context.seals)
        await tx.execute("profiles.seen", id=device, seen_ms=now_ms)


async def delete(context: Context, call: Call) -> None:
    """Forget where a channel reached the device."""
    device, channel = own_device(call), channel_of(call)
    async with context.db.transaction() as tx:
        await tx.execute("profiles.delete_address", device=device, channel=channel)


_ALL: Final = "/v1/devices/{device}/addresses"
_ONE: Final = "/v1/devices/{device}/addresses/{channel}"

ENDPOINTS: Final = (
    Endpoint("GET", _ALL, DEVICE, "Where channels reach the device", listed, result=list[AddressOut]),
    Endpoint("PUT", _ONE, DEVICE, "Register an address", put, AddressPut, errors=(404,)),
    Endpoint("DELETE", _ONE, DEVICE, "Forget an address", delete, errors=(404,)),
)
