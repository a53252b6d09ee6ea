"""Minutes of floors, written by ingest in its own transaction; what is told of a minute twice adds up."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from push.floors.packing import TENTHS, VISITS, Cells, packed, raw, unpacked
from push.model.ports import Row, Transaction
from push.model.presence import FloorMinute

_GRID: Final = ("grid_rows", "grid_columns", "cell_w_m", "cell_h_m")
_Key = tuple[str, int]


async def keep(tx: Transaction, minutes: Sequence[FloorMinute]) -> None:
    """Write minutes that are over. What a restart tells of a minute that was written before is added to it.

    Where its grid is another one meanwhile, the later stands. Raises `push.model.errors.DatabaseError`.
    """
    drawn = [minute for minute in minutes if _has_floor(minute)]
    if drawn:
        rows = await asyncio.to_thread(_rows, drawn, await _written(tx, drawn))
        await tx.execute_many("floors.put_minute", rows)
    await tx.execute_many("floors.add_zone_minute", [row for minute in minutes for row in _of_zones(minute)])


def _has_floor(minute: FloorMinute) -> bool:
    """Whether there is a grid with something in it: a store without a plan has zones only."""
    return minute.rows * minute.columns > 0 and min(minute.cell_m) > 0 and any(minute.person_ds)


def _rows(minutes: Sequence[FloorMinute], written: Mapping[_Key, Row]) -> list[Mapping[str, object]]:
    """What is to stand there, in a thread: of a thousand stores it takes some hundredths of a second.

    Each once, in one order: transactions that meet wait for each other, and not both for both.
    """
    found: dict[_Key, Mapping[str, object]] = {}
    for minute in minutes:
        key = minute.store, minute.minute_ms
        found[key] = _added(minute, found.get(key) or written.get(key))
    return [found[key] for key in sorted(found)]


async def _written(tx: Transaction, minutes: Sequence[FloorMinute]) -> dict[_Key, Row]:
    """What stands there of these stores and times."""
    times = [minute.minute_ms for minute in minutes]
    stores = json.dumps(sorted({minute.store for minute in minutes}))
    rows = await tx.fetch("floors.minutes_of", stores=stores, from_ms=min(times), to_ms=max(times))
    return {(row["store"], row["minute_ms"]): row for row in rows}


def _added(minute: FloorMinute, before: Mapping[str, Any] | None) -> Mapping[str, object]:
    person_ds, reached = raw(minute.person_ds, TENTHS), raw(minute.reached, VISITS)
    width, height = minute.cell_m
    grid = dict(zip(_GRID, (minute.rows, minute.columns, width, height), strict=True))
    if before is not None and grid == {name: before[name] for name in _GRID}:
        person_ds = person_ds + _kept(before, "person_ds", TENTHS)
        reached = reached + _kept(before, "reached", VISITS)
    return {
        "store": minute.store,
        "minute_ms": minute.minute_ms,
        **grid,
        "person_ds": packed(person_ds, TENTHS),
        "reached": packed(reached, VISITS),
    }


def _kept(row: Mapping[str, Any], name: str, kind: str) -> Cells:
    return unpacked(bytes(row[name]), kind)


def _of_zones(minute: FloorMinute) -> list[dict[str, object]]:
    """A row for each zone where anybody was."""
    at = {"store": minute.store, "minute_ms": minute.minute_ms}
    return [
        {**at, "zone": zone, "person_s": float(person_s), "entered": entered}
        for zone, (person_s, entered) in sorted(minute.zones.items())
        if person_s > 0 or entered > 0
    ]
