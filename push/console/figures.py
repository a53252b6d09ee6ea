"""One store's day in figures: who came, what was said, how fast, and how often silence was the answer."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from itertools import accumulate
from typing import Final, NamedTuple

from push.console.times import midnight_ms
from push.model.ports import Clock, Database, Row

QUARTER_MS: Final = 900_000
FRESH_MS: Final = 10_000
"""How long what was counted is told again without counting anew."""
MOST_TIMED: Final = 20_000
"""Deliveries whose times are looked at: the latest of the day."""


class Day(NamedTuple):
    """A day so far. The series have one value for each quarter of an hour since midnight."""

    decided: int = 0
    spoken: int = 0
    sent: int = 0
    opened: int = 0
    reached: int = 0
    """How many people something was sent to: figures about fewer than five are not told to everybody."""
    waits_ms: tuple[int, ...] = ()
    """From heard to handed over, in order of size."""
    members: tuple[int, ...] = ()
    pushes: tuple[int, ...] = ()

    @property
    def silent(self) -> int:
        """Moments that were answered with silence."""
        return self.decided - self.spoken

    def wait_ms(self, part: float) -> int | None:
        """A quantile of `waits_ms` (nearest rank); None where nothing was handed over."""
        if not self.waits_ms:
            return None
        return self.waits_ms[min(len(self.waits_ms) - 1, int(part * len(self.waits_ms)))]


def together(days: Iterable[Day]) -> Day:
    """Several stores' days as one."""
    all_ = list(days)
    return Day(
        decided=sum(d.decided for d in all_),
        spoken=sum(d.spoken for d in all_),
        sent=sum(d.sent for d in all_),
        opened=sum(d.opened for d in all_),
        reached=sum(d.reached for d in all_),
        waits_ms=tuple(sorted(wait for d in all_ for wait in d.waits_ms)),
        members=_added([d.members for d in all_]),
        pushes=_added([d.pushes for d in all_]),
    )


def _added(series: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Series added up, the latest value of each under each other's."""
    longest = max(map(len, series), default=0)
    padded = [[0] * (longest - len(one)) + list(one) for one in series]
    return tuple(map(sum, zip(*padded, strict=True)))


class Figures:
    """Days by store, shared by everybody who looks at about the same time."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._kept: dict[str, tuple[int, Day]] = {}
        self._counting = asyncio.Lock()

    async def of(self, stores: Mapping[str, tzinfo]) -> dict[str, Day]:
        """The days of some stores, in their own zones. Raises `push.model.errors.DatabaseError`."""
        async with self._counting:
            now_ms = self._clock.now_ms()
            by_start: dict[int, list[str]] = {}
            for store, zone in stores.items():
                if store not in self._kept or not 0 <= now_ms - self._kept[store][0] < FRESH_MS:
                    by_start.setdefault(midnight_ms(now_ms, zone), []).append(store)
            for since_ms, missing in by_start.items():
                for store, day in (await self._count(missing, since_ms, now_ms)).items():
                    self._kept[store] = now_ms, day
            return {store: self._kept[store][1] for store in stores}

    async def _count(self, stores: Sequence[str], since_ms: int, now_ms: int) -> dict[str, Day]:
        """The days of stores that began at the same time."""
        asked = {"stores": json.dumps(stores), "since_ms": since_ms}
        came = await self._db.fetch("console.day_came", **asked)
        went = await self._db.fetch("console.day_went", **asked)
        spoken = await self._db.fetch("console.day_spoken", **asked)
        deliveries = await self._db.fetch("console.day_deliveries", **asked, most=MOST_TIMED)
        quarters = (now_ms - since_ms) // QUARTER_MS + 1
        return {
            store: _day(quarters, _of(came, store), _of(went, store), _of(spoken, store), _of(deliveries, store))
            for store in stores
        }


def _of(rows: Sequence[Row], store: str) -> list[Row]:
    return [row for row in rows if row["store"] == store]


def _day(quarters: int, came: list[Row], went: list[Row], spoken: list[Row], deliveries: list[Row]) -> Day:
    change = [0] * quarters
    for rows, sign in ((came, 1), (went, -1)):
        for row in rows:
            change[min(quarters - 1, row["quarter"])] += sign * row["visits"]
    pushes = [0] * quarters
    for row in spoken:
        pushes[min(quarters - 1, row["quarter"])] += row["spoken"]
    waits = (row["handed_over_ms"] - row["heard_ms"] for row in deliveries if row["heard_ms"] is not None)
    return Day(
        decided=sum(row["decided"] for row in spoken),
        spoken=sum(row["spoken"] for row in spoken),
        sent=len(deliveries),
        opened=sum(row["opened_ms"] is not None for row in deliveries),
        reached=len({row["shopper"] for row in deliveries}),
        waits_ms=tuple(sorted(waits)),
        members=tuple(accumulate(change)),
        pushes=tuple(pushes),
    )
