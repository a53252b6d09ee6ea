"""Shoppers and devices in the database."""

from collections.abc import Mapping, Sequence

import msgspec

from push.model.people import Address, Device
from push.model.ports import Queries, Transaction
from push.model.tokens import Scope, token_hash
from push.model.vault import Vault


async def ensure_shopper(tx: Transaction, shopper: str, now_ms: int) -> None:
    """Make sure that a shopper exists; a known one stays as it is."""
    await tx.execute("profiles.new_shopper", id=shopper, traits="{}", created_ms=now_ms)


async def new_device(tx: Transaction, device: Device) -> None:
    """Register a device that can receive; a known one stays as it is."""
    await tx.execute(
        "profiles.new_device",
        id=device.id,
        shopper=device.shopper,
        platform=device.platform,
        locale=device.locale,
        created_ms=device.seen_ms,
    )


async def device(db: Queries, device_id: str) -> Device | None:
    """One device."""
    row = await db.fetch_one("profiles.device", id=device_id)
    return None if row is None else msgspec.convert(dict(row), Device)


async def addresses_of(db: Queries, device_id: str, vault: Vault) -> list[Address]:
    """Where channels reach a device. Raises `push.model.vault.SealError`."""
    return [
        Address(
            channel=row["channel"],
            app=row["app"],
            service=row["service"],
            address=open_address(row["sealed"], device_id, row["channel"], vault),
            registered_ms=row["registered_ms"],
        )
        for row in await db.fetch("profiles.addresses_of", device=device_id)
    ]


async def set_address(tx: Transaction, device_id: str, address: Address, vault: Vault) -> None:
    """Register where a channel reaches a device; another device that had this address loses it."""
    await set_addresses(tx, [(device_id, address)], vault)


async def set_addresses(tx: Transaction, new: Sequence[tuple[str, Address]], vault: Vault) -> None:
    """Register where channels reach devices; other devices that had these addresses lose them."""
    rows = [
        {
            "device": device_id,
            "channel": address.channel,
            "app": address.app,
            "service": address.service,
            "sealed": vault.seal(
                msgspec.json.encode(address.address, order="sorted"), address_context(device_id, address.channel)
            ),
            "hash": address_hash(address.channel, address.address, vault),
            "registered_ms": address.registered_ms,
        }
        for device_id, address in new
    ]
    await tx.execute_many(
        "profiles.take_address", [{name: row[name] for name in ("hash", "channel", "device")} for row in rows]
    )
    await tx.execute_many("profiles.set_address", rows)


def address_hash(channel: str, address: Mapping[str, object], vault: Vault) -> str:
    """What finds an address that nobody can read, spelled as its channel has it.

    A mailbox is the same in capitals, as providers have it; what Unicode folds further (ß to ss) is another one.
    """
    if channel == "email":
        address = {key: value.lower() if isinstance(value, str) else value for key, value in address.items()}
    return vault.fingerprint(msgspec.json.encode(address, order="sorted"), f"address:{channel}")


def open_address(sealed: bytes, device_id: str, channel: str, vault: Vault) -> dict[str, object]:
    """A stored address. Raises `push.model.vault.SealError`."""
    return msgspec.json.decode(vault.open(sealed, address_context(device_id, channel)), type=dict[str, object])


def address_context(device_id: str, channel: str) -> str:
    """What an address is sealed for; Web Push was first, and had no other beside it."""
    return f"device:{device_id}" if channel == "webpush" else f"device:{device_id}:{channel}"


async def keep_token(tx: Transaction, token: str, scope: Scope, subject: str, now_ms: int) -> None:
    """Store a token's hash."""
    await tx.execute("profiles.new_token", hash=token_hash(token), scope=scope, subject=subject, created_ms=now_ms)
