"""Shoppers and devices in the database."""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from push.model.errors import ConflictError
from push.model.people import Address, Device
from push.model.ports import Queries, Row, Transaction
from push.model.vault import Vault
from push.profiles import keys
from push.profiles.keys import Keyring


class Seals(NamedTuple):
    """What addresses are found by, and what they are sealed under; those from before, under the master key."""

    vault: Vault
    keyring: Keyring


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


async def addresses_of(db: Queries, device_id: str, seals: Seals) -> list[Address]:
    """Where channels reach a device. Raises `push.model.vault.SealError`."""
    rows = await db.fetch("profiles.addresses_of", device=device_id)
    await keys.look_for(seals.keyring, rows)
    return [
        Address(
            channel=row["channel"],
            app=row["app"],
            service=row["service"],
            address=open_address(row, seals),
            registered_ms=row["registered_ms"],
        )
        for row in rows
    ]


async def set_address(tx: Transaction, device_id: str, address: Address, seals: Seals) -> None:
    """Register where a channel reaches a device; another device that had this address loses it."""
    await set_addresses(tx, [(device_id, address)], seals)


async def set_addresses(tx: Transaction, new: Sequence[tuple[str, Address]], seals: Seals) -> None:
    """Register where channels reach devices; other devices that had these addresses lose them.

    Raises `push.model.errors.ConflictError` where a device is gone, `push.model.vault.SealError`.
    """
    owned = await tx.fetch("sending.devices", ids=json.dumps(sorted({device_id for device_id, _ in new})))
    owners = {row["id"]: row["shopper"] for row in owned}
    if owners.keys() != {device_id for device_id, _ in new}:
        raise ConflictError("a device is gone meanwhile")
    opened = await keys.ensure(tx, seals.keyring, set(owners.values()))
    rows = [
        {
            "device": device_id,
            "channel": address.channel,
            "app": address.app,
            "service": address.service,
            "sealed": opened[owners[device_id]].seal(
                msgspec.json.encode(address.address, order="sorted"), address_context(device_id, address.channel)
            ),
            "hash": address_hash(address.channel, address.address, seals.vault),
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


def open_address(row: Row, seals: Seals) -> dict[str, object]:
    """A stored address: a row with ``device``, ``channel``, ``sealed``, ``hers``, and the key of whose device it is.

    Raises `push.model.vault.SealError`; `push.profiles.keys.look_for` comes before.
    """
    opens: keys.DataKey | Vault = keys.joined(seals.keyring, row) if row["hers"] else seals.vault
    plain = opens.open(row["sealed"], address_context(row["device"], row["channel"]))
    return msgspec.json.decode(plain, type=dict[str, object])


def address_context(device_id: str, channel: str) -> str:
    """What an address is sealed for; Web Push was first, and had no other beside it."""
    return f"device:{device_id}" if channel == "webpush" else f"device:{device_id}:{channel}"
