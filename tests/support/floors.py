"""A store's day as it is kept: who came, where they stayed and went next, and the floor minute by minute."""

import math
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from push.floors.asking import Period
from push.floors.keeping import keep
from push.model.ports import Database, Transaction
from push.model.presence import FloorMinute
from push.profiles import people

MINUTE_MS: Final = 60_000
MOST_CELLS: Final = 400
Polygon = Sequence[tuple[float, float]]


class Shop(NamedTuple):
    """Where it happens. A visit begins in the first zone, and ends in the last as a rule."""

    store: str
    zones: Mapping[str, Polygon]
    size_m: tuple[float, float]


class Stay(NamedTuple):
    zone: str
    from_ms: int
    to_ms: int


class Visit(NamedTuple):
    """Somebody's; it is open where it has not ended."""

    id: str
    shopper: str
    stays: tuple[Stay, ...]
    is_open: bool

    @property
    def entered_ms(self) -> int:
        return self.stays[0].from_ms

    @property
    def left_ms(self) -> int:
        return self.stays[-1].to_ms


async def a_day(db: Database, shop: Shop, during: Period, visits: int = 120, seed: int = 1) -> list[Visit]:
    """Keep visits within a period, as ingest keeps them; one in seven by somebody who has been there before.

    Most come in the middle, and go through three to seven zones. Whoever has not left by the end is still there.
    """
    chance = np.random.default_rng(seed)
    from_ms, to_ms = during
    spread = chance.normal(0.5, 0.22, visits)
    begins = sorted(int(from_ms + (to_ms - from_ms) * min(0.99, max(0.0, at))) for at in spread)
    found = [_visit(shop, n, begin_ms, to_ms, chance) for n, begin_ms in enumerate(begins)]
    async with db.transaction() as tx:
        await written(tx, shop.store, found)
        await keep(tx, list(minutes(shop, found, chance).values()))
    return found


def _visit(shop: Shop, n: int, begin_ms: int, end_ms: int, chance: np.random.Generator) -> Visit:
    names = list(shop.zones)
    inner = names[1:-1] or names
    weights = np.linspace(2, 1, len(inner))
    walk = [names[0], *chance.choice(inner, int(chance.integers(1, 6)), p=weights / weights.sum()).tolist(), names[-1]]
    stays, at_ms = [], begin_ms
    for zone in dict.fromkeys(walk):
        lasts_ms = int(1000 * float(chance.lognormal(math.log(150), 0.8)))
        stays.append(Stay(zone, at_ms, min(end_ms, at_ms + lasts_ms)))
        at_ms += lasts_ms + int(chance.integers(2_000, 25_000))
        if at_ms >= end_ms:
            break
    shopper = f"{shop.store}-{n if chance.random() < 0.85 else int(chance.integers(0, max(1, n)))}"
    return Visit(f"vis-{shop.store}-{begin_ms}-{n}", shopper, tuple(stays), at_ms >= end_ms)


async def written(tx: Transaction, store: str, visits: Sequence[Visit]) -> None:
    """Keep visits and stays by ingest's own statements."""
    for visit in visits:
        await people.ensure_shopper(tx, visit.shopper, visit.entered_ms)
        at = {"store": store, "entered_ms": visit.entered_ms}
        await tx.execute("ingest.open_visit", id=visit.id, shopper=visit.shopper, heard_ms=visit.entered_ms, **at)
        for n, stay in enumerate(visit.stays):
            id_, is_open = f"{visit.id}-{n}", visit.is_open and n == len(visit.stays) - 1
            at = {"store": store, "entered_ms": stay.from_ms}
            await tx.execute("ingest.open_stay", id=id_, visit=visit.id, zone=stay.zone, **at)
            if not is_open:
                await tx.execute("ingest.close_stay", id=id_, left_ms=stay.to_ms)
        if not visit.is_open:
            await tx.execute("ingest.close_visit", id=visit.id, left_ms=visit.left_ms)


class _Minute:
    """One minute of a floor while people walk over it."""

    def __init__(self, rows: int, columns: int) -> None:
        self.person_ds = np.zeros((rows, columns))
        self.reached = np.zeros((rows, columns), np.int64)
        self.zones: dict[str, tuple[float, int]] = {}


def minutes(shop: Shop, visits: Sequence[Visit], chance: np.random.Generator) -> dict[int, FloorMinute]:
    """The same visits on the floor, by minute; where in its zone each was is made up."""
    width_m, height_m = shop.size_m
    cell_m = max(1.0, math.sqrt(width_m * height_m / MOST_CELLS))
    rows, columns = max(1, int(height_m / cell_m)), max(1, int(width_m / cell_m))
    cell = (width_m / columns, height_m / rows)
    found: dict[int, _Minute] = {}
    for visit in visits:
        been: set[tuple[int, int]] = set()
        for stay in visit.stays:
            spot = _spot(shop.zones[stay.zone], shop.size_m, chance)
            for minute_ms in range(stay.from_ms // MINUTE_MS * MINUTE_MS, stay.to_ms, MINUTE_MS):
                seconds = (min(stay.to_ms, minute_ms + MINUTE_MS) - max(stay.from_ms, minute_ms)) / 1000
                minute = found.setdefault(minute_ms, _Minute(rows, columns))
                person_s, entered = minute.zones.get(stay.zone, (0.0, 0))
                minute.zones[stay.zone] = person_s + seconds, entered + int(minute_ms <= stay.from_ms)
                at = min(rows - 1, int(spot[1] / cell[1])), min(columns - 1, int(spot[0] / cell[0]))
                _smear(minute.person_ds, at, 10 * seconds)
                minute.reached[at] += at not in been
                been.add(at)
                if chance.random() < 0.5:
                    spot = _spot(shop.zones[stay.zone], shop.size_m, chance)
    return {
        minute_ms: FloorMinute(
            store=shop.store,
            minute_ms=minute_ms,
            rows=rows,
            columns=columns,
            cell_m=cell,
            person_ds=np.round(minute.person_ds).astype("<u4").tobytes(),
            reached=minute.reached.astype("<u2").tobytes(),
            zones=minute.zones,
        )
        for minute_ms, minute in sorted(found.items())
    }


def _spot(polygon: Polygon, size_m: tuple[float, float], chance: np.random.Generator) -> tuple[float, float]:
    """Somewhere in a zone, rather in its middle; anywhere on the plan where it has no polygon."""
    x, y = zip(*polygon, strict=True) if polygon else ((0.0, size_m[0]), (0.0, size_m[1]))
    part = chance.beta(2, 2, 2)
    return (
        float(min(x) + (max(x) - min(x)) * part[0]),
        float(min(y) + (max(y) - min(y)) * part[1]),
    )


def _smear(cells: npt.NDArray[np.float64], at: tuple[int, int], person_ds: float) -> None:
    """Most of it in a cell, and some of it around: nobody's place is known to the metre."""
    row, column = at
    around = cells[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
    around += 0.4 * person_ds / around.size
    cells[at] += 0.6 * person_ds
