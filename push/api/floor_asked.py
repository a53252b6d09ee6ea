"""What may be asked of a store's floor: which period, in which parts, and how much of it its caller may know."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET, Meta, UnsetType

from beacons.registry import Date
from beacons.topics import Id
from push.api.contract import Call, Context, ProblemError
from push.api.queries import After, given
from push.floors import asking as floors
from push.floors import paths, visits
from push.floors.asking import Asking, Every, Period, TooMuchError, day, local_date
from push.floors.visits import Wanted
from push.registry import editing

Ms = Annotated[int, Meta(ge=0, le=250_000_000_000_000)]
Name = Literal["occupancy", "dwell", "flows", "paths", "returning", "heat", "timelapse", "counts"]
Yes = Literal["true", "false"]


class PeriodAsked(msgspec.Struct, frozen=True, kw_only=True):
    """From when to when; without either, today on the store's clock."""

    day: Annotated[Date, Meta(description="A day on the store's clock, e.g. `2026-11-22`.")] | UnsetType = UNSET
    from_ms: Annotated[Ms, Meta(description="From this time on, in UTC ms.")] | UnsetType = UNSET
    to_ms: Annotated[Ms, Meta(description="Before this time, in UTC ms.")] | UnsetType = UNSET


class PartsAsked(PeriodAsked, frozen=True, kw_only=True):
    """A period, part by part."""

    every: Annotated[Every, Meta(description="By which parts, on the store's clock.")] = "hour"


class LongPartsAsked(PeriodAsked, frozen=True, kw_only=True):
    """A period, and its parts where they are asked for."""

    every: (
        Annotated[Literal["hour", "day"], Meta(description="By which parts as well, on the store's clock.")] | UnsetType
    ) = UNSET


class PathsAsked(PeriodAsked, frozen=True, kw_only=True):
    """How many paths."""

    most: Annotated[int, Meta(ge=1, le=200, description="How many at most.")] = paths.MOST


class FramesAsked(PeriodAsked, frozen=True, kw_only=True):
    """How long each frame."""

    every_min: Annotated[int, Meta(ge=1, le=240, description="Minutes of each frame.")] = 10


class VisitsAsked(PeriodAsked, frozen=True, kw_only=True):
    """Which visits."""

    zone: Annotated[Id, Meta(description="Those that came to a zone.")] | UnsetType = UNSET
    shopper: Annotated[Id, Meta(description="Those of a shopper.")] | UnsetType = UNSET
    open: Annotated[Yes, Meta(description="Those that go on, or those that are over.")] | UnsetType = UNSET
    late: Annotated[Yes, Meta(description="Those that were only heard of afterwards, or others.")] | UnsetType = UNSET
    least_s: Annotated[int, Meta(ge=0, le=10**7, description="Those that lasted for so many seconds.")] = 0


class VisitsPageAsked(VisitsAsked, frozen=True, kw_only=True):
    """Which visits, and which page of them."""

    after: After | UnsetType = UNSET
    limit: Annotated[int, Meta(ge=1, le=visits.MOST, description="How many at most.")] = 100


class TableAsked(PeriodAsked, frozen=True, kw_only=True):
    """Which figure as a table; `every` and `every_min` as that figure takes them."""

    figure: Annotated[Name, Meta(description="Of what.")] = "occupancy"
    every: Annotated[Every, Meta(description="By which parts, where it has any.")] | UnsetType = UNSET
    every_min: Annotated[int, Meta(ge=1, le=240, description="Minutes of each frame of a time-lapse.")] = 10


# --- what is asked ----------------------------------------------------------------------------------------------------


async def asking(context: Context, call: Call, query: PeriodAsked) -> Asking:
    """What a call asks of a store, and how much its caller may know. Raises `ProblemError` 400, 404."""
    name = call.path["store"]
    held = await editing.store(context.db, name)
    if held is None:
        raise ProblemError(404, "Not there", f"There is no store {name}.")
    zone = await asyncio.to_thread(ZoneInfo, held.item.time_zone)
    now_ms = context.clock.now_ms()
    period = _period(query, local_date(now_ms, zone), zone)
    return floors.asking(name, period, zone, now_ms, exact=call.principal.may("admin"))


def _period(query: PeriodAsked, today: date, zone: ZoneInfo) -> Period:
    on, from_ms, to_ms = given(query.day), given(query.from_ms), given(query.to_ms)
    if from_ms is None and to_ms is None:
        return _day(today.isoformat() if on is None else on, zone)
    if from_ms is None or to_ms is None or on is not None or to_ms <= from_ms:
        raise _misfit("`from_ms` and a later `to_ms`, or `day` alone, were expected.")
    return Period(from_ms, to_ms)


def _day(on: str, zone: ZoneInfo) -> Period:
    try:
        found = day(date.fromisoformat(on), zone)
    except (ValueError, OverflowError):
        found = Period(-1, 0)
    if found.from_ms < 0:
        raise _misfit("`day` in the query: a date since 1970 was expected.")
    return found


def _misfit(what: str) -> ProblemError:
    return ProblemError(400, "Not understood", what)


def wanted(query: VisitsAsked) -> Wanted:
    """Which visits are asked for."""
    return Wanted(
        zone=given(query.zone),
        shopper=given(query.shopper),
        open=_yes(given(query.open)),
        late=_yes(given(query.late)),
        least_s=query.least_s,
    )


def _yes(word: Yes | None) -> bool | None:
    return None if word is None else word == "true"


@contextmanager
def bounded() -> Iterator[None]:
    """Turn what is too much for one call into a problem."""
    try:
        yield
    except TooMuchError as error:
        raise ProblemError(400, "Too much", f"{str(error).capitalize()}.") from None
