"""What minutes say of zones, for as long as they are kept: person-seconds and entries, and nobody's data.

How many people they are about is known at least: who is in a zone for a whole minute has sixty seconds of it.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from push.floors.asking import HOUR_MS, MINUTE_MS, Asking, Bins, Every, bins, within
from push.floors.columns import registered_zones
from push.floors.few import counted, is_few, spans
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
    """By zone and part; `people` were there at least, in the fullest minute."""

    person_s: npt.NDArray[np.float64]
    entered: npt.NDArray[np.int64]
    people: npt.NDArray[np.int64]


async def counts(db: Queries, asked: Asking, every: Every = "hour") -> Counts:
    """Raises `TooMuchError`, `push.model.errors.DatabaseError`."""
    within(asked.period, MOST_DAYS)
    parts, exact = bins(asked.past, every, asked.zone), asked.exact
    rows, registered = await _spans(db, asked, parts, every), await registered_zones(db, asked.store)
    zones = sorted({*registered, *(row["zone"] for row in rows if exact)})
    of = _sums(rows, zones, parts)
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


async def _spans(db: Queries, asked: Asking, parts: Bins, every: Every) -> list[Row]:
    """Sums over minutes or hours, the database's work, each with its part of the period."""
    step_ms = MINUTE_MS if every == "minute" else HOUR_MS
    first_ms = parts.starts_ms[0].item()
    second_ms = parts.ends_ms[0].item()
    origin_ms = second_ms - -(-(second_ms - first_ms) // step_ms) * step_ms
    rows = await db.fetch(
        "floors.zone_spans",
        store=asked.store,
        from_ms=first_ms,
        to_ms=parts.end_ms,
        origin_ms=origin_ms,
        step_ms=step_ms,
    )
    starts_ms = np.array([origin_ms + row["span"] * step_ms for row in rows], np.int64)
    numbers = parts.of(np.maximum(starts_ms, first_ms)).tolist()
    return [{**row, "part": part} for row, part in zip(rows, numbers, strict=True)]


def _sums(rows: Sequence[Row], zones: Sequence[str], parts: Bins) -> _Sums:
    shape = len(zones), parts.number
    of = _Sums(np.zeros(shape), np.zeros(shape, np.int64), np.zeros(shape, np.int64))
    number = {zone: n for n, zone in enumerate(zones)}
    for row in rows:
        if row["zone"] in number:
            at = number[row["zone"]], row["part"]
            of.person_s[at] += row["person_s"]
            of.entered[at] += row["entered"]
            of.people[at] = max(of.people[at], math.ceil(row["most_s"] / 60))
    return of
