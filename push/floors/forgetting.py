"""Minutes of stores that are not registered any more: nobody can ask for them."""

from typing import Final

from push.model.ports import Database

_STATEMENTS: Final = {
    "floor_minutes": ("floors.gone_from_floors", "floors.forget_floor"),
    "zone_minutes": ("floors.gone_from_zones", "floors.forget_zones"),
}


async def forget_gone(db: Database, kind: str, most: int) -> int:
    """Remove about `most` of them at most; how many there were. Raises `push.model.errors.DatabaseError`."""
    look, remove = _STATEMENTS[kind]
    gone = await db.fetch_one(look)
    if gone is None:
        return 0
    async with db.transaction(patient=True) as tx:
        return await tx.execute(remove, store=gone["store"], most=most)
