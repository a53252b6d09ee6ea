"""Shoppers whom operators name: whom apps and back ends know by that name as a user is the same person at once."""

from push.api.consents import Change
from push.api.contract import Context
from push.profiles import people
from push.profiles.collect.apply import follow
from push.profiles.identity import merging, named


async def ensure_shopper(context: Context, change: Change, shopper: str, now_ms: int) -> None:
    """Make sure that a shopper exists, and is linked with the user of her name where there is one."""
    await people.ensure_shopper(change.tx, shopper, now_ms)
    await link_named(context, change, shopper, now_ms)


async def link_named(context: Context, change: Change, shopper: str, now_ms: int) -> None:
    """Link a shopper with the user of her name where there is one."""
    desk = context.collecting.desk
    merged = await merging.link(change.tx, desk, await named.of(change.tx, desk.vault, shopper), now_ms)
    if merged.persons:
        await change.settle(merged.shoppers, now_ms)
        await follow(change.tx, desk, merged.persons, now_ms)
