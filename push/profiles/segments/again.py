"""Whom to look at again: a note beside whatever changes a person, cheap enough for every one of them.

Whoever writes about people says so in the transaction that writes; `push.profiles.segments.runner` looks at them within
a second. So nobody waits for segments, and nothing is forgotten.
"""

from collections.abc import Iterable, Mapping

from push.model.ports import Transaction


async def look_again(tx: Transaction, shoppers: Iterable[str], now_ms: int) -> None:
    """Have whoever these facets belong to, or stood for until now, looked at soon."""
    rows = [{"shopper": shopper, "now_ms": now_ms} for shopper in sorted({*shoppers})]
    await tx.execute_many("segments.look_again", rows)


async def look_at_visits(tx: Transaction, visits: Iterable[str], now_ms: int) -> None:
    """Have whoever these visits and stays are of looked at soon, where a segment asks where people are."""
    rows = [{"visit": visit, "now_ms": now_ms} for visit in sorted({*visits})]
    await tx.execute_many("segments.look_at_visit", rows)


async def regrouped(tx: Transaction, before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Remember what people are in who become part of another person, or are parted from one; by facet, whose it is.

    So who is looked at next is told to have entered or left what is another for her, and nothing else.
    """
    were, are = {*before.values()}, {*after.values()}
    await tx.execute_many("segments.vanish", [{"person": person} for person in sorted(were - are)])
    parted = sorted(are - were)
    await tx.execute_many("segments.part", [{"person": person, "former": before[person]} for person in parted])
    await tx.execute_many("segments.drop_parted", [{"person": person, "segment": ""} for person in parted])
