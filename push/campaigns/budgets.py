"""Budgets: how many messages go to everybody, of a campaign, in a store, in the chain. Counters that hold for good.

A counter is a row, and whoever counts it up holds it until her transaction ends. So that servers do not queue there, it
is leased in blocks: each takes of one that nobody else holds at the time, and leases another when none has room.

    block that nobody holds ─one▶ message      none has room: counter ─as many as a block▶ block ─one▶ message

What is left in blocks is anybody's: a server that dies takes nothing with it. Towards a budget's end blocks shrink to
one message, and what is left in them goes back to the counter, so that a budget can be used up to its last message.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from push.model.campaigns import Budget
from push.model.ids import fresh
from push.model.ports import Database, Queries, Transaction

KEPT_MS: Final = 40 * 86_400_000
"""How long a counter of an hour, day or month stays after it was last written: longer than any of these."""
MOST_OF_A_BLOCK: Final = 64
OF_WHAT_IS_LEFT: Final = 16
"""A block is a sixteenth of what is left, so that a few servers' blocks never hold most of a small budget."""
_STAMPS: Final = {"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d", "month": "%Y-%m"}
_WHEN: Final = {"hour": " this hour", "day": " today", "month": " this month", "ever": ""}


def ids(budgets: Iterable[Budget], *, campaign: str, store: str, now_ms: int) -> tuple[str, ...]:
    """The counters of some budgets at a time, in the order in which they are taken."""
    return tuple(sorted(_limits(budgets, campaign, store, now_ms)))


def _limits(budgets: Iterable[Budget], campaign: str, store: str, now_ms: int) -> dict[str, Budget]:
    """The tightest budget of each counter. A store's says nothing of who is in none."""
    found: dict[str, Budget] = {}
    for budget in budgets:
        counter = _counter(budget, campaign, store, now_ms)
        if counter is not None and (counter not in found or budget.most < found[counter].most):
            found[counter] = budget
    return found


def _counter(budget: Budget, campaign: str, store: str, now_ms: int) -> str | None:
    if budget.of == "store" and not store:
        return None
    whose = {"campaign": f"campaign:{campaign}", "store": f"store:{store}", "chain": "chain"}[budget.of]
    if budget.within == "ever":
        return f"budget:{whose}:ever"
    return f"budget:{whose}:{budget.within}:{datetime.fromtimestamp(now_ms // 1000, UTC):{_STAMPS[budget.within]}}"


async def take(tx: Transaction, budgets: Sequence[Budget], *, campaign: str, store: str, now_ms: int) -> str | None:
    """Take one message of every budget, or of none: why not, in words; None where it was taken.

    What is taken is given back by rolling `tx` back, or by `give_back` with `ids` of the same time.
    """
    taken: list[str] = []
    for counter, budget in sorted(_limits(budgets, campaign, store, now_ms).items()):
        if not await _take(tx, counter, budget.most, now_ms):
            await give_back(tx, taken, now_ms)
            return _why(budget)
        taken.append(counter)
    return None


async def _take(tx: Transaction, counter: str, most: int, now_ms: int) -> bool:
    if await tx.execute("budgets.take", counter=counter, most=most) == 1:
        return True
    left = most - await _counted(tx, counter)
    if left <= 0:
        left += await _recall(tx, counter, now_ms)
    many = max(1, min(MOST_OF_A_BLOCK, left // OF_WHAT_IS_LEFT))
    if left <= 0 or await tx.execute("budgets.lease", id=counter, many=many, most=most, updated_ms=now_ms) != 1:
        return False
    if many > 1 and await tx.execute("budgets.refill", counter=counter, free=many - 1) != 1:
        await tx.execute("budgets.block", id=fresh("blk"), counter=counter, free=many - 1)
    return True


async def _counted(tx: Transaction, counter: str) -> int:
    """What is used or leased of a counter, which is held until the transaction ends."""
    rows = await tx.fetch("budgets.counted", id=counter)
    return rows[0]["used"] if rows else 0


async def _recall(tx: Transaction, counter: str, now_ms: int) -> int:
    """Take back what is left in blocks that nobody holds: how much that was."""
    free = {row["id"]: row["free"] for row in await tx.fetch("budgets.free", counter=counter)}
    if free:
        await tx.execute("budgets.empty", ids=msgspec.json.encode(sorted(free)).decode())
        await tx.execute("budgets.recall", id=counter, free=sum(free.values()), updated_ms=now_ms)
    return sum(free.values())


def _why(budget: Budget) -> str:
    whose = {"campaign": "of this campaign", "store": "in this store", "chain": "of the chain"}[budget.of]
    much = f"{budget.most} message{'' if budget.most == 1 else 's'}{_WHEN[budget.within]}"
    return f"the budget {whose}, {much}, is used up"


async def give_back(tx: Transaction, counters: Iterable[str], now_ms: int) -> None:
    """Give back one message of each counter, by its id: of a message that surely did not reach anybody."""
    rows = [{"id": counter, "updated_ms": now_ms} for counter in sorted(counters)]
    await tx.execute_many("campaigns.release_cap", rows)


async def used(db: Queries, counters: Iterable[str]) -> dict[str, int]:
    """How many messages were taken of each counter, by its id; what is in blocks was not."""
    asked = sorted(counters)
    rows = await db.fetch("budgets.used", ids=msgspec.json.encode(asked).decode())
    found = {row["id"]: row["used"] for row in rows}
    return {counter: found.get(counter, 0) for counter in asked}


async def sweep(db: Database, now_ms: int) -> None:
    """Remove counters of windows that are long over. Raises `push.model.errors.DatabaseError`."""
    async with db.transaction(patient=True) as tx:
        await tx.execute("budgets.sweep", before_ms=now_ms - KEPT_MS)
