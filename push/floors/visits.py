"""Visits one by one, and the stays that each consists of: for whoever may see single (pseudonymous) people."""

from typing import Final, NamedTuple

import msgspec

from push.floors.asking import Asking
from push.model.errors import Fault, MisfitError
from push.model.ports import Queries, Row

MOST: Final = 500
"""Visits of a page."""
MOST_STAYS: Final = 1000
_LAST: Final = "\U0010ffff"
"""Sorts behind every id."""


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """A visit, until now where it goes on (`left_ms` None); `late` ones were only heard of afterwards."""

    id: str
    shopper: str
    entered_ms: int
    left_ms: int | None
    late: bool
    dwell_s: int
    stays: int


class VisitPage(msgspec.Struct, frozen=True, kw_only=True):
    """Visits, the latest first; `after` asks for the next page."""

    items: tuple[Visit, ...]
    after: str | None


class Stay(msgspec.Struct, frozen=True, kw_only=True):
    """A stay in a zone; it ended with its visit at the latest."""

    zone: str
    entered_ms: int
    left_ms: int | None
    dwell_s: int


class Path(msgspec.Struct, frozen=True, kw_only=True):
    """A visit's way through the store: its stays in order, the first thousand of them."""

    visit: Visit
    stays: tuple[Stay, ...]


class Wanted(NamedTuple):
    """Which visits; None: whichever. `shopper` is any facet of hers, `least_s` how long they lasted at least."""

    zone: str | None = None
    shopper: str | None = None
    open: bool | None = None
    late: bool | None = None
    least_s: int = 0


ANY: Final = Wanted()


async def visits(
    db: Queries, asked: Asking, wanted: Wanted = ANY, after: str | None = None, limit: int = 100
) -> VisitPage:
    """Visits that began in the period.

    Raises `push.model.errors.MisfitError`: an `after` that is none of ours; `push.model.errors.DatabaseError`.
    """
    from_ms, to_ms = asked.period
    after_ms, after_id = (to_ms, _LAST) if after is None else _position(after)
    rows = await db.fetch(
        "floors.list",
        store=asked.store,
        from_ms=from_ms,
        to_ms=to_ms,
        after_ms=after_ms,
        after_id=after_id,
        zone=wanted.zone or "",
        shopper=wanted.shopper or "",
        open=-1 if wanted.open is None else int(wanted.open),
        late=-1 if wanted.late is None else int(wanted.late),
        least_ms=wanted.least_s * 1000,
        now_ms=asked.now_ms,
        most=limit + 1,
    )
    items = tuple(_visit(row, asked.now_ms) for row in rows[:limit])
    return VisitPage(items=items, after=f"{items[-1].entered_ms}-{items[-1].id}" if len(rows) > limit else None)


async def path(db: Queries, store: str, visit: str, now_ms: int) -> Path | None:
    """A visit's way; None where the store had no such visit. Raises `push.model.errors.DatabaseError`."""
    row = await db.fetch_one("floors.visit", store=store, visit=visit)
    if row is None:
        return None
    rows = await db.fetch("floors.path", visit=visit, most=MOST_STAYS)
    return Path(visit=_visit(row, now_ms), stays=tuple(_stay(one, now_ms) for one in rows))


def _visit(row: Row, now_ms: int) -> Visit:
    return Visit(
        id=row["id"],
        shopper=row["shopper"],
        entered_ms=row["entered_ms"],
        left_ms=row["left_ms"],
        late=bool(row["late"]),
        dwell_s=_lasted_s(row, now_ms),
        stays=row["stays"],
    )


def _stay(row: Row, now_ms: int) -> Stay:
    times = {"entered_ms": row["entered_ms"], "left_ms": row["left_ms"]}
    return Stay(zone=row["zone"], **times, dwell_s=_lasted_s(row, now_ms))


def _lasted_s(row: Row, now_ms: int) -> int:
    end_ms = now_ms if row["left_ms"] is None else row["left_ms"]
    return max(0, int(end_ms - row["entered_ms"])) // 1000


def _position(after: str) -> tuple[int, str]:
    """Where a page ended: when its last visit began, and its id."""
    at, _, name = after.partition("-")
    if not (at.isascii() and at.isdigit() and len(at) < 16 and name):  # noqa: PLR2004 - beyond any date
        raise MisfitError("visits", (Fault("after", "after: expected what the page before said"),))
    return int(at), name
