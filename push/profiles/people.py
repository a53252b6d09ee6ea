"""Shoppers and devices in the database."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from push.model.people import Device, Shopper
from push.model.ports import Queries, Transaction
from push.model.tokens import Principal, Scope, token_hash
from push.model.vault import Vault


async def put_shopper(tx: Transaction, shopper: Shopper) -> None:
    """Write a shopper's profile."""
    await tx.execute(
        "profiles.put_shopper", id=shopper.id, traits=json.dumps(shopper.traits), created_ms=shopper.created_ms
    )


async def ensure_shopper(tx: Transaction, shopper: str, now_ms: int) -> None:
    """Make sure that a shopper exists; a known one stays as it is."""
    await tx.execute("profiles.new_shopper", id=shopper, traits="{}", created_ms=now_ms)


async def shopper(db: Queries, shopper_id: str) -> Shopper | None:
    """A shopper's profile."""
    row = await db.fetch_one("profiles.shopper", id=shopper_id)
    return (
        None if row is None else Shopper(id=row["id"], traits=json.loads(row["traits"]), created_ms=row["created_ms"])
    )


async def new_device(tx: Transaction, device: Device) -> None:
    """Register a device that can receive."""
    await tx.execute(
        "profiles.new_device",
        id=device.id,
        shopper=device.shopper,
        platform=device.platform,
        locale=device.locale,
        created_ms=device.seen_ms,
    )


async def devices_of(db: Queries, shopper_id: str, vault: Vault) -> list[Device]:
    """A shopper's devices, the one seen last first."""
    return [device_of(row, vault) for row in await db.fetch("profiles.devices_of", shopper=shopper_id)]


async def device(db: Queries, device_id: str, vault: Vault) -> Device | None:
    """One device."""
    row = await db.fetch_one("profiles.device", id=device_id)
    return None if row is None else device_of(row, vault)


def device_of(row: Mapping[str, Any], vault: Vault) -> Device:
    """A row of `devices` as a value."""
    return Device(
        id=row["id"],
        shopper=row["shopper"],
        platform=row["platform"],
        locale=row["locale"],
        subscription=open_subscription(row["subscription_sealed"], row["id"], vault),
        seen_ms=row["seen_ms"],
    )


def seal_subscription(subscription: Mapping[str, object], device_id: str, vault: Vault) -> bytes:
    """A Web Push subscription as it is stored: it holds a secret (`auth`) and a capability (`endpoint`)."""
    return vault.seal(msgspec.json.encode(subscription), f"device:{device_id}")


def open_subscription(sealed: bytes | None, device_id: str, vault: Vault) -> dict[str, object] | None:
    """A stored subscription, None where there is none. Raises `push.model.vault.SealError`."""
    if sealed is None:
        return None
    return msgspec.json.decode(vault.open(sealed, f"device:{device_id}"), type=dict[str, object])


async def keep_token(tx: Transaction, token: str, scope: Scope, subject: str, now_ms: int) -> None:
    """Store a token's hash."""
    await tx.execute("profiles.new_token", hash=token_hash(token), scope=scope, subject=subject, created_ms=now_ms)


async def principal(db: Queries, token: str) -> Principal | None:
    """Whose token this is."""
    row = await db.fetch_one("profiles.token", hash=token_hash(token))
    return None if row is None else Principal(row["scope"], row["subject"])
