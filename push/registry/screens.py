"""Screens and what they offer, in the database."""

from collections.abc import Mapping
from typing import Any

import msgspec

from push.model.ports import Queries, Transaction
from push.model.screens import Offer, Screen, StoreOffer


async def put_screen(tx: Transaction, screen: Screen, now_ms: int) -> None:
    """Register a screen, or change it."""
    values = msgspec.structs.asdict(screen)
    await tx.execute("screens.put", **{**values, "offer": _encoded(screen.offer), "created_ms": now_ms})


async def delete_screen(tx: Transaction, screen: str) -> bool:
    """Take a screen out of the registry; its tokens open nothing any more. Whether it was there."""
    await drop_tokens(tx, screen)
    return await tx.execute("screens.delete", id=screen) == 1


async def drop_tokens(tx: Transaction, screen: str) -> None:
    """Let no token of a screen open anything any more."""
    await tx.execute("screens.drop_tokens", screen=screen)


async def put_store_offer(tx: Transaction, offer: StoreOffer) -> None:
    """Set what the screens of a store offer."""
    await tx.execute("screens.put_store_offer", store=offer.store, offer=_encoded(offer.offer))


async def delete_store_offer(tx: Transaction, store: str) -> bool:
    """Let the screens of a store offer nothing but their own; whether they did."""
    return await tx.execute("screens.delete_store_offer", store=store) == 1


async def screens(db: Queries) -> dict[str, Screen]:
    """Every screen by id."""
    return {row["id"]: _screen(row) for row in await db.fetch("screens.all")}


async def store_offers(db: Queries) -> dict[str, Offer]:
    """What stores' screens offer, by store."""
    rows = await db.fetch("screens.store_offers")
    return {row["store"]: msgspec.json.decode(row["offer"], type=Offer) for row in rows}


def _screen(row: Mapping[str, Any]) -> Screen:
    offer = None if row["offer"] is None else msgspec.json.decode(row["offer"], type=Offer)
    return Screen(id=row["id"], store=row["store"], zone=row["zone"], name=row["name"], offer=offer)


def _encoded(offer: Offer | None) -> str | None:
    return None if offer is None else msgspec.json.encode(offer).decode()
