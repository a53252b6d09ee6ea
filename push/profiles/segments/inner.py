"""Segments that other rooms keep for themselves: a rule of theirs, kept current as all others, and shown to nobody.

They are called ``~`` and a name, which no segment of a person's may be.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from push.model.ports import Queries, Transaction
from push.model.rules.parse import parse
from push.model.rules.tree import uses
from push.profiles import view
from push.profiles.segments import records
from push.profiles.segments.records import INNER


def inner_name(name: str) -> str:
    """What the segment of a name is called."""
    return INNER + name


def name_of(segment: str) -> str:
    """The name that such a segment was kept under."""
    return segment.removeprefix(INNER)


def is_inner(segment: str) -> bool:
    """Whether a segment is some room's own."""
    return segment.startswith(INNER)


async def kept(db: Queries) -> dict[str, Any]:
    """The rules that are kept, by name."""
    rows = await db.fetch("segments.inner")
    return {name_of(row["id"]): msgspec.json.decode(row["rule"]) for row in rows}


async def keep(tx: Transaction, rules: Mapping[str, dict[str, Any]], now_ms: int) -> bool:
    """Let there be these and no others; everybody is asked about one that is new, and moved by none. Whether any was.

    Raises `push.model.rules.parse.RuleError`.
    """
    before = await kept(tx)
    gone, new = sorted(before.keys() - rules.keys()), sorted(n for n, rule in rules.items() if before.get(n) != rule)
    if not (gone or new):
        return False
    await tx.execute("segments.changed")
    await tx.execute_many("segments.delete", [{"id": inner_name(name)} for name in gone])
    for name in new:
        await _put(tx, inner_name(name), rules[name], now_ms)
    return True


async def _put(tx: Transaction, segment: str, rule: dict[str, Any], now_ms: int) -> None:
    await tx.execute(
        "segments.put",
        id=segment,
        name=segment,
        description="",
        rule=msgspec.json.encode(rule).decode(),
        places=any(used.startswith(view.OF_PLACES) for used in uses(parse(rule))),
        changed_by="campaigns",
        changed_ms=now_ms,
    )
    await tx.execute("segments.put_count", segment=segment)
    await records.begin(tx, segment, now_ms)
