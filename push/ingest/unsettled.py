"""Marks and counts that stand in the journal, and not in their own tables yet.

A chain's gateways move thousands of marks a second, each a row somewhere else in its table. Few are written as they
come; of many the journal alone tells, in the tick's own row, until the next checkpoint writes each of them once.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from push.ingest.marks import Mark

FEW: Final = 64
"""Marks that are written at once; with more, all wait for the next checkpoint."""
MANY: Final = 20_000
"""And no more than so many wait."""

Boot = tuple[str, str]
"""A gateway, and one of its boots."""
Counts = tuple[int, int, int, int]
"""Batches, sightings, how many of them resolved, how many came of clocks that nobody knows."""


class Told(msgspec.Struct, array_like=True, frozen=True):
    """What a journal's row tells of them: boots' marks, what gateways' minutes came to, and whether these are written.

    `marks` are (gateway, boot, mark), `minutes` (store, gateway, counts) of the minute of the row's time. With
    `settled`, nothing of this row or of those before it waits any more.
    """

    marks: list[tuple[str, str, Mark]] = []
    minutes: list[tuple[str, str, Counts]] = []
    settled: bool = True


NOTHING: Final = Told()


class Unsettled:
    """What waits to be written: the latest mark of each boot, and each gateway's counts of each minute."""

    def __init__(self) -> None:
        self._marks: dict[Boot, Mark] = {}
        self._minutes: dict[tuple[str, str, int], Counts] = {}

    def mark(self, boot: Boot) -> Mark | None:
        """The mark of a boot; None where none waits."""
        return self._marks.get(boot)

    def __len__(self) -> int:
        """Marks that wait, or counts, whichever are more."""
        return max(len(self._marks), len(self._minutes))

    @property
    def may_wait(self) -> bool:
        """Whether these are more than are written at once, and fewer than may wait."""
        return FEW < len(self) < MANY

    def take(self, told: Told, at_ms: int) -> None:
        """Take in what a row tells, written at a time."""
        self._marks.update(((gateway, boot), mark) for gateway, boot, mark in told.marks)
        minute_ms = at_ms - at_ms % 60_000
        for store, gateway, more in told.minutes:
            place = store, gateway, minute_ms
            self._minutes[place] = added(self._minutes.get(place), more)
        if told.settled:
            self.clear()

    def clear(self) -> None:
        """All of it is written."""
        self._marks.clear()
        self._minutes.clear()

    def mark_rows(self, now_ms: int) -> list[dict[str, object]]:
        """Parameters of `ingest.put_mark`."""
        return [
            {"gateway": gateway, "boot": boot, "applied": msgspec.json.encode(mark).decode(), "updated_ms": now_ms}
            for (gateway, boot), mark in self._marks.items()
        ]

    def minute_rows(self) -> list[dict[str, object]]:
        """Parameters of `ingest.count_minute`."""
        names = ("batches", "sightings", "resolved", "unsynchronised")
        return [
            {"store": store, "gateway": gateway, "minute_ms": minute_ms, **dict(zip(names, counts, strict=True))}
            for (store, gateway, minute_ms), counts in sorted(self._minutes.items())
        ]


def told_of(changed: Mapping[Boot, Mark], minutes: Mapping[tuple[str, str], Counts], *, settled: bool) -> Told:
    """What a tick's row tells."""
    counted = [(store, gateway, counts) for (store, gateway), counts in sorted(minutes.items())]
    return Told([(*boot, mark) for boot, mark in changed.items()], counted, settled)


def added(one: Counts | None, other: Counts) -> Counts:
    """Both together."""
    if one is None:
        return other
    return one[0] + other[0], one[1] + other[1], one[2] + other[2], one[3] + other[3]
