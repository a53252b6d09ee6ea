"""Everyone together: how many people stand in which bucket of each figure, kept by difference.

Days and counts are buckets of their own, so their ranks are exact. Money lies in buckets that grow by 2 %, as in
DDSketch (C. Masson, J. Rim, H. Lee: DDSketch. PVLDB 12(12), 2019): an amount is known to 1 %, and a rank is off by no
more than half of the people in its bucket.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Final, NamedTuple

from push.model.ports import Clock, Queries, Row, Transaction

RELATIVE_ERROR: Final = 0.01
QUINTILES: Final = 5
KEEP_MS: Final = 60_000
"""What everyone does changes slowly: it is read anew once a minute at most."""
_GROWTH: Final = math.log((1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR))

Counts = Mapping[tuple[str, int], int]
"""By sketch's name and bucket, how many."""


def money_bucket(minor: int) -> int:
    """The bucket of an amount in minor units; 0 for none and for debts."""
    return 0 if minor < 1 else 1 + math.ceil(math.log(minor) / _GROWTH - 1e-9)


class Rank(NamedTuple):
    """People below a bucket, in it, and all together."""

    below: int
    equal: int
    everyone: int

    @property
    def share(self) -> float:
        """The share of people that are below, half of the equal ones counted; a half where there is nobody."""
        return 0.5 if not self.everyone else (self.below + self.equal / 2) / self.everyone

    @property
    def quintile(self) -> int:
        """1 for the lowest fifth to 5 for the highest."""
        return 1 + min(QUINTILES - 1, int(QUINTILES * self.share))


class _Sketch(NamedTuple):
    buckets: list[int]
    up_to: list[int]
    """People in this bucket and all before it."""


class Population:
    """Everyone, as of when it was read."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        by_name: dict[str, list[tuple[int, int]]] = {}
        for row in rows:
            by_name.setdefault(row["name"], []).append((row["bucket"], row["n"]))
        self._sketches = {
            name: _Sketch([bucket for bucket, _ in found], list(accumulate(n for _, n in found)))
            for name, found in by_name.items()
        }

    def rank(self, name: str, bucket: int) -> Rank:
        """Where a bucket stands in a sketch."""
        sketch = self._sketches.get(name)
        if sketch is None:
            return Rank(0, 0, 0)
        at = bisect_left(sketch.buckets, bucket)
        below = sketch.up_to[at - 1] if at else 0
        here = at < len(sketch.buckets) and sketch.buckets[at] == bucket
        return Rank(below, sketch.up_to[at] - below if here else 0, sketch.up_to[-1])

    def count(self, name: str, bucket: int) -> int:
        """How many there are in a bucket."""
        return self.rank(name, bucket).equal

    def everyone(self, name: str) -> int:
        """How many there are in a sketch."""
        return self.rank(name, 0).everyone


NOBODY: Final = Population()


class Populations:
    """Everyone, read anew when it is asked for and has become old."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._read_ms: int | None = None
        self._last = NOBODY

    async def now(self, db: Queries) -> Population:
        """Everyone, as of a minute ago at most."""
        now_ms = self._clock.now_ms()
        if self._read_ms is None or not 0 <= now_ms - self._read_ms < KEEP_MS:
            self._last, self._read_ms = await population(db), now_ms
        return self._last


async def population(db: Queries) -> Population:
    """Everyone, as of the last commit."""
    return Population(await db.fetch("derived.sketches"))


async def change(tx: Transaction, before: Iterable[Counts], after: Iterable[Counts]) -> None:
    """Take out what people counted before and add what they count now: only what differs is written, in one order."""
    by: dict[tuple[str, int], int] = {}
    for sign, many in ((-1, before), (1, after)):
        for counts in many:
            for key, n in counts.items():
                by[key] = by.get(key, 0) + sign * n
    rows = [{"name": name, "bucket": bucket, "n": n} for (name, bucket), n in sorted(by.items()) if n]
    await tx.execute_many("derived.count", rows)
