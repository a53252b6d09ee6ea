"""Budgets: how many messages go to everybody, of a campaign, in a store, in the chain. Counters that hold for good.

A counter is a row; whoever takes of it holds it until her transaction ends, in one order, so that nobody takes the same
one twice and two never wait for each other over the budgets of one campaign.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from push.model.campaigns import Budget
from push.model.ports import Database, Queries, Transaction

KEPT_MS: Final = 40 * 86_400_000
"""How long a counter of an hour, day or month stays after it was last written: longer than any of these."""
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
    return most > 0 and await tx.execute("campaigns.take_cap", id=counter, most=most, updated_ms=now_ms) == 1


def _why(budget: Budget) -> str:
    whose = {"campaign": "of this campaign", "store": "in this store", "chain": "of the chain"}[budget.of]
    much = f"{budget.most} message{'' if budget.most == 1 else 's'}{_WHEN[budget.within]}"
    return f"the budget {whose}, {much}, is used up"


async def give_back(tx: Transaction, counters: Iterable[str], now_ms: int) -> None:
    """Give back one message of each counter, by its id: of a message that surely did not reach anybody."""
    rows = [{"id": counter, "updated_ms": now_ms} for counter in sorted(counters)]
    await tx.execute_many("campaigns.release_cap", rows)


async def used(db: Queries, counters: Iterable[str]) -> dict[str, int]:
    """How many messages were taken of each counter, by its id."""
    asked = sorted(counters)
    rows = await db.fetch("budgets.used", ids=msgspec.json.encode(asked).decode())
    found = {row["id"]: row["used"] for row in rows}
    return {counter: found.get(counter, 0) for counter in asked}


async def sweep(db: Database, now_ms: int) -> None:
    """Remove counters of windows that are long over. Raises `push.model.errors.DatabaseError`."""
    async with db.transaction(patient=True) as tx:
        await tx.execute("budgets.sweep", before_ms=now_ms - KEPT_MS)
