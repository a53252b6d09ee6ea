"""The audit trail: who did what to what, and what stood before and after."""

from typing import Any, Final

import msgspec

from push.model.ids import fresh
from push.model.ports import Queries, Row, Transaction
from push.registry import cursors
from push.registry.cursors import Position
from push.registry.walks import Walk, walk

MOST: Final = 500
"""Entries of a page."""
_END_MS: Final = 2**53


async def audit(  # noqa: PLR0913 - an entry has so many sides
    tx: Transaction,
    actor: str,
    action: str,
    subject: str,
    at_ms: int,
    *,
    before: object = None,
    after: object = None,
    store: str | None = None,
) -> None:
    """Keep who did what to what, in the transaction that did it.

    `before` and `after` are what stood and what stands, as anything that has a JSON form; the caller sees to it that no
    secret is in them. Operators who are kept to some stores read what has one of these as `store`.
    """
    await tx.execute(
        "registry.audit",
        id=fresh("aud"),
        at_ms=at_ms,
        actor=actor,
        action=action,
        subject=subject,
        store=store,
        before_json=_json(before),
        after_json=_json(after),
    )


def _json(value: object) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that somebody did."""

    id: str
    at_ms: int
    actor: str
    action: str
    subject: str
    store: str | None
    before: Any
    after: Any


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries; None: whichever. `stores` are those that the reader is kept to."""

    actor: str | None = None
    subject: str | None = None
    action: str | None = None
    store: str | None = None
    stores: frozenset[str] | None = None
    from_ms: int = 0
    until_ms: int = _END_MS
    after: str | None = None
    limit: int = 100
    with_people: bool = True
    """Whether the reader may know which shopper or device an entry is about."""


class AuditPage(msgspec.Struct, frozen=True, kw_only=True):
    """Entries, newest first. `after` continues; while it is there, a page may hold fewer than asked, even none."""

    items: tuple[Entry, ...]
    after: str | None


async def page(db: Queries, asked: Asked) -> AuditPage:
    """The next entries. Raises `MisfitError` for an `after` that is none of ours."""
    filters: dict[str, object] = {name: getattr(asked, name) for name in _DRIVERS}
    driver = next((name for name in _DRIVERS if filters[name] is not None), "all")
    driven = {} if driver == "all" else {driver: filters[driver]}
    filters["stores"] = None if asked.stores is None else msgspec.json.encode(sorted(asked.stores)).decode()
    way = Walk("audit", driver, driven, "time", "desc")
    rows, end = await walk(db, way, filters, _begin(asked), min(asked.limit, MOST))
    inside = [row for row in rows if row["at_ms"] >= asked.from_ms]
    over = len(inside) < len(rows) or (end is not None and int(end.value) < asked.from_ms)
    return AuditPage(
        items=tuple(_entry(row, with_people=asked.with_people) for row in inside),
        after=None if end is None or over else cursors.written(end),
    )


_DRIVERS: Final = ("subject", "store", "actor", "action")
"""What the walk begins with where it is asked for: the rarest first."""


def _begin(asked: Asked) -> Position:
    """Behind what is too young."""
    youngest = Position(asked.until_ms, "")
    return youngest if asked.after is None else min(youngest, cursors.read(asked.after, int))


def _entry(row: Row, *, with_people: bool) -> Entry:
    before, after = (
        None if text is None else msgspec.json.decode(text) for text in (row["before_json"], row["after_json"])
    )
    actor = row["actor"]
    if not with_people:
        before, after = _of_nobody(before), _of_nobody(after)
        actor = "device" if actor.startswith("device:") else actor
    return Entry(
        id=row["id"],
        at_ms=row["at_ms"],
        actor=actor,
        action=row["action"],
        subject=row["subject"],
        store=row["store"],
        before=before,
        after=after,
    )


def _of_nobody(value: Any) -> Any:  # noqa: ANN401 - anything that has a JSON form
    """What stood or stands, without whose it is."""
    return {name: one for name, one in value.items() if name != "shopper"} if isinstance(value, dict) else value
