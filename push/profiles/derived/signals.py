"""When somebody comes, and what she opens: counted from her visits and from what was handed over to her.

Both are read when they are asked for, from the latest of what retention leaves, so that there is nothing to keep
current, and nothing that outlives them.
"""

import asyncio
import datetime as dt
from collections.abc import Collection, Hashable, Iterable
from functools import cache
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from push.model.ports import Queries, Row
from push.profiles.identity.facets import listed

MOST: Final = 200
"""Visits, and deliveries, that are looked at of each who is asked for: the latest, whoever else is asked for."""
MOST_SEGMENTS: Final = 4
"""Of one person: each costs a rate by hour and weekday."""
MOST_COUNTED: Final = 100
"""Segments whose rates are kept, the first by their ids: each costs 124 numbers, which everybody's figures read."""
DAYS: Final = 365
HOURS: Final = 24
WEEKDAYS: Final = 7


K = TypeVar("K", bound=Hashable)


class Tally(msgspec.Struct, frozen=True):
    """Messages handed over, and those of them that were opened."""

    told: int = 0
    opened: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        """Both together."""
        return Tally(self.told + other.told, self.opened + other.opened)


class Signals(msgspec.Struct, frozen=True):
    """Of one person: visits by hour and weekday (Monday is 0), and what was told by hour, weekday and channel.

    Hours are those of the store's clock for visits; for messages, those of the store that she was in last, or else UTC.
    """

    visits: int = 0
    visit_hours: dict[int, int] = {}
    visit_weekdays: dict[int, int] = {}
    hours: dict[int, Tally] = {}
    weekdays: dict[int, Tally] = {}
    channels: dict[str, Tally] = {}
    segments: tuple[str, ...] = ()
    """Of who was told anything: the segments that she has been in for the longest, `MOST_SEGMENTS` at most."""


NO_SIGNALS: Final = Signals()


def of_segment(name: str, segment: str) -> str:
    """What a sketch of a segment's own is called; ids of segments have no ``@``."""
    return f"{name}@{segment}"


async def load(db: Queries, shoppers: Collection[str], now_ms: int) -> dict[str, Signals]:
    """The signals of whoever each of these facets is, by the facet asked for; those without any are absent."""
    asked = {"ids": listed(shoppers), "since_ms": now_ms - DAYS * 86_400_000, "most": MOST}
    visits = _by_shopper(await db.fetch("derived.visits", **asked))
    told = _by_shopper(await db.fetch("derived.told", **asked))
    if visits:  # the first look at a zone reads a file
        await asyncio.to_thread(lambda: [_zone(row["time_zone"]) for rows in visits.values() for row in rows])
    inside = await _segments(db, told)
    return {
        shopper: _signals(visits.get(shopper, []), told.get(shopper, []), inside.get(shopper, ()))
        for shopper in visits | told
    }


async def _segments(db: Queries, shoppers: Collection[str]) -> dict[str, tuple[str, ...]]:
    if not shoppers:
        return {}
    rows = _by_shopper(await db.fetch("derived.segments", ids=listed(shoppers), most=MOST_COUNTED))
    return {shopper: tuple(row["segment"] for row in mine[:MOST_SEGMENTS]) for shopper, mine in rows.items()}


def _by_shopper(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["shopper"], []).append(row)
    return found


def _signals(visits: list[Row], told: list[Row], segments: tuple[str, ...]) -> Signals:
    came = [_local(row["entered_ms"], row["time_zone"]) for row in visits]
    zone = visits[0]["time_zone"] if visits else "UTC"
    heard = [(_local(row["handed_over_ms"], zone), row["channel"], _tally(row)) for row in told]
    return Signals(
        len(came),
        _counted(at.hour for at in came),
        _counted(at.weekday() for at in came),
        _tallied((at.hour, tally) for at, _, tally in heard),
        _tallied((at.weekday(), tally) for at, _, tally in heard),
        _tallied((channel, tally) for _, channel, tally in heard),
        segments,
    )


def _tally(row: Row) -> Tally:
    return Tally(1, int(row["opened_ms"] is not None))


def _local(at_ms: int, zone: str) -> dt.datetime:
    return dt.datetime.fromtimestamp(at_ms // 1000, _zone(zone))


@cache
def _zone(name: str) -> dt.tzinfo:
    return dt.UTC if name == "UTC" else ZoneInfo(name)


def _counted(values: Iterable[int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for value in values:
        found[value] = found.get(value, 0) + 1
    return found


def _tallied(values: Iterable[tuple[K, Tally]]) -> dict[K, Tally]:
    found: dict[K, Tally] = {}
    for key, tally in values:
        found[key] = found.get(key, Tally()) + tally
    return found
