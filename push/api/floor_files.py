"""Figures of a floor, and visits, as CSV: a line for each figure, empty where it is not told."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from functools import singledispatch
from typing import Final

from push.floors.counts import Counts
from push.floors.dwell import Dwell, Dwells
from push.floors.flows import Flows
from push.floors.heat import Heat
from push.floors.occupancy import Occupancy, Series
from push.floors.paths import Paths
from push.floors.returning import Returning
from push.floors.timelapse import TimeLapse
from push.floors.visits import VisitPage

MEDIA: Final = "text/csv"
_BOM: Final = b"\xef\xbb\xbf"
"""By which spreadsheets know UTF-8."""
Cell = str | int | float | None
Lines = Iterator[Sequence[Cell]]
Clock = Callable[[int], str]
"""A time, as the store's clock showed it."""


async def table(figure: object, zone: tzinfo) -> bytes:
    """A figure as a file, made in a thread: a time-lapse has a hundred thousand lines."""
    return await asyncio.to_thread(lambda: _BOM + _written(rows(figure, _clock(zone))))


async def visits_table(first: VisitPage, others: AsyncIterator[VisitPage], zone: tzinfo) -> AsyncIterator[bytes]:
    """Visits as a file, page by page."""
    clock = _clock(zone)
    yield _BOM + _written([("visit", "shopper", "entered", "left", "dwell_s", "late", "stays"), *_visits(first, clock)])
    async for page in others:
        yield _written(_visits(page, clock))


def _visits(page: VisitPage, clock: Clock) -> Lines:
    for one in page.items:
        left = None if one.left_ms is None else clock(one.left_ms)
        yield one.id, one.shopper, clock(one.entered_ms), left, one.dwell_s, int(one.late), one.stays


def _clock(zone: tzinfo) -> Clock:
    return lambda at_ms: datetime.fromtimestamp(at_ms / 1000, zone).isoformat(timespec="seconds")


def _written(lines: Iterable[Sequence[Cell]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([[_safe(cell) for cell in line] for line in lines])
    return out.getvalue().encode()


def _safe(cell: Cell) -> Cell:
    """An id may begin with a dash: a spreadsheet is not to calculate it."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in {"=", "+", "-", "@"} else cell


@singledispatch
def rows(figure: object, clock: Clock) -> Lines:
    """Lines of a figure, names of columns first."""
    raise NotImplementedError(type(figure), clock)


@rows.register
def _(figure: Occupancy, clock: Clock) -> Lines:
    yield "begins", "zone", "people", "mean_people", "most_people"
    series: Mapping[str, Series] = {"": figure.store, **figure.zones}
    for n, start_ms in enumerate(figure.starts_ms):
        for zone, of in series.items():
            yield clock(start_ms), zone, of.people[n], of.mean[n], of.most[n]


@rows.register
def _(figure: Dwells, clock: Clock) -> Lines:
    yield "begins", "zone", "stays", "visits", "people", "median_s", "p90_s"
    yield from _dwells("", figure.store, figure.zones)
    for n, start_ms in enumerate(figure.starts_ms):
        yield from _dwells(clock(start_ms), figure.store_by[n], {zone: of[n] for zone, of in figure.zones_by.items()})


def _dwells(begins: str, store: Dwell, zones: Mapping[str, Dwell]) -> Lines:
    """A line of the whole period begins with nothing, and one of the whole store names no zone."""
    for zone, of in {"": store, **zones}.items():
        yield begins, zone, of.stays, of.visits, of.people, of.median_s, of.p90_s


@rows.register
def _(figure: Flows, clock: Clock) -> Lines:
    del clock
    yield "from_zone", "to_zone", "visits", "median_s"
    yield from (("", first.zone, first.visits, None) for first in figure.first)
    yield from ((flow.from_zone, flow.to_zone, flow.visits, flow.median_s) for flow in figure.flows)
    yield from ((last.zone, "", last.visits, None) for last in figure.last)


@rows.register
def _(figure: Paths, clock: Clock) -> Lines:
    del clock
    yield "zones", "visits"
    yield from ((" > ".join(path.zones), path.visits) for path in figure.paths)


@rows.register
def _(figure: Returning, clock: Clock) -> Lines:
    yield "begins", "visits", "people", "new_visits", "returning_visits"
    times = ["", *map(clock, figure.starts_ms)]
    for begins, of in zip(times, (figure.whole, *figure.by), strict=True):
        yield begins, of.visits, of.people, of.new, of.returning


@rows.register
def _(figure: Heat, clock: Clock) -> Lines:
    del clock
    yield "x_m", "y_m", "person_s", "visits"
    for (x_m, y_m), person_s, visits in zip(_middles(figure), figure.person_s, figure.visits, strict=True):
        yield x_m, y_m, person_s, visits


@rows.register
def _(figure: TimeLapse, clock: Clock) -> Lines:
    """Without cells where nobody was, or so few."""
    yield "begins", "x_m", "y_m", "person_s"
    middles = _middles(figure)
    for start_ms, frame in zip(figure.starts_ms, figure.frames, strict=True):
        begins = clock(start_ms)
        for (x_m, y_m), person_s in zip(middles, frame, strict=True):
            if person_s:
                yield begins, x_m, y_m, person_s


@rows.register
def _(figure: Counts, clock: Clock) -> Lines:
    yield "begins", "zone", "person_s", "entered"
    for n, start_ms in enumerate(figure.starts_ms):
        for zone, of in figure.zones.items():
            yield clock(start_ms), zone, of.person_s[n], of.entered[n]


def _middles(of: Heat | TimeLapse) -> list[tuple[float, float]]:
    """The middles of a grid's cells on the plan, row by row."""
    width_m, height_m = of.cell_m
    return [
        (round((column + 0.5) * width_m, 2), round((row + 0.5) * height_m, 2))
        for row in range(of.rows)
        for column in range(of.columns)
    ]
