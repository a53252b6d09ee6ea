"""What minutes say of zones, for as long as they are kept: person-seconds and entries, and nobody's data.

How many people they are about is known at least: no minute has more than so many seconds of one person.
"""

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from push.floors.asking import HOUR_MS, MINUTE_MS, Asking, Bins, Every, bins, within
from push.floors.columns import registered_zones
from push.floors.few import CROWD_S, FEW, counted, is_few, spans
from push.model.ports import Queries, Row

MOST_DAYS: Final = 400


class ZoneCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Of a zone, part by part: how long people were there all together, and how many visits came in."""

    person_s: tuple[float | None, ...]
    entered: tuple[int | None, ...]


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Parts that have not begun are not there."""

    starts_ms: tuple[int, ...]
    zones: dict[str, ZoneCounts]
    few: bool


class _Sums(NamedTuple):
    """By zone and part, as far as it may be told; `people` are five where a minute was about five, else nobody."""

    person_s: npt.NDArray[np.float64]
    entered: npt.NDArray[np.int64]
    people: npt.NDArray[np.int64]


async def counts(db: Queries, asked: Asking, every: Every = "hour") -> Counts:
    """Raises `TooMuchError`, `push.model.errors.DatabaseError`."""
    within(asked.period, MOST_DAYS)
    parts = bins(asked.past, every, asked.zone)
    steps = _steps(parts, every)
    rows, registered = await _fetched(db, asked, parts, steps), await registered_zones(db, asked.store)
    return await asyncio.to_thread(_counts, rows, registered, parts, steps, exact=asked.exact)


class _Steps(NamedTuple):
    """Equal spans of time that parts are made of."""

    origin_ms: int
    step_ms: int


def _counts(rows: Sequence[Row], registered: Sequence[str], parts: Bins, steps: _Steps, *, exact: bool) -> Counts:
    """In a thread: 400 days of hours are many rows."""
    zones = sorted({*registered, *(row["zone"] for row in rows if exact)})
    of = _sums(_placed(rows, parts, steps), zones, parts, exact=exact)
    return Counts(
        starts_ms=tuple(parts.starts_ms.tolist()),
        zones={
            zone: ZoneCounts(
                person_s=tuple(spans(of.person_s[n], of.people[n], exact=exact)),
                entered=tuple(counted(of.entered[n], of.people[n], exact=exact)),
            )
            for n, zone in enumerate(zones)
        },
        few=is_few(of.people, exact=exact),
    )


def _steps(parts: Bins, every: Every) -> _Steps:
    step_ms = MINUTE_MS if every == "minute" else HOUR_MS
    first_ms = parts.starts_ms[0].item()
    second_ms = parts.ends_ms[0].item()
    return _Steps(second_ms - -(-(second_ms - first_ms) // step_ms) * step_ms, step_ms)


async def _fetched(db: Queries, asked: Asking, parts: Bins, steps: _Steps) -> Sequence[Row]:
    """Sums over minutes or hours, the database's work."""
    from_ms, to_ms = parts.starts_ms[0].item(), parts.end_ms
    period = {"store": asked.store, "from_ms": from_ms, "to_ms": to_ms}
    return await db.fetch("floors.zone_spans", **period, **steps._asdict(), crowd_s=float(CROWD_S))


def _placed(rows: Sequence[Row], parts: Bins, steps: _Steps) -> list[Row]:
    """Each with its part of the period."""
    starts_ms = np.array([steps.origin_ms + row["span"] * steps.step_ms for row in rows], np.int64)
    numbers = parts.of(np.maximum(starts_ms, parts.starts_ms[0])).tolist()
    return [{**row, "part": part} for row, part in zip(rows, numbers, strict=True)]


def _sums(rows: Sequence[Row], zones: Sequence[str], parts: Bins, *, exact: bool) -> _Sums:
    seconds = "person_s" if exact else "crowded_s"
    shape = len(zones), parts.number
    of = _Sums(np.zeros(shape), np.zeros(shape, np.int64), np.zeros(shape, np.int64))
    number = {zone: n for n, zone in enumerate(zones)}
    for row in rows:
        if row["zone"] in number:
            at = number[row["zone"]], row["part"]
            of.person_s[at] += row[seconds]
            of.entered[at] += row["entered"]
            of.people[at] = FEW if row["crowded_s"] else of.people[at]
    return of
