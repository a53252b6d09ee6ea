"""What follows where people are merged or parted at the console: consents in force, figures, segments, messages."""

from collections.abc import Awaitable, Callable

from push.console.context import ConsoleContext, Visit
from push.model.ports import Transaction
from push.profiles import consent
from push.profiles.collect.apply import Applied, follow
from push.profiles.identity.merging import Merged


async def brought_about(
    console: ConsoleContext, visit: Visit, doing: Callable[[Transaction], Awaitable[Merged]]
) -> Merged:
    """Do something about links, and bring into force what follows. Raises what it raises: nothing is done then."""
    following, now_ms = console.people.following, visit.now_ms
    async with console.db.transaction(patient=True) as tx:
        merged = await doing(tx)
        consents = await consent.settle(tx, merged.shoppers)
        done = Applied(consents=consents, shoppers=merged.shoppers, persons=merged.persons)
        await following.within(tx, done, now_ms)
        await follow(tx, console.people.desk, merged.persons, now_ms)
    await following.after(done)
    return merged
