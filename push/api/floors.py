"""What happened on a store's floor: a figure each as JSON, all of them as tables, and visits one by one."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any, Final, NamedTuple

from aiohttp import hdrs

from push.api import floor_files
from push.api.contract import OPERATOR, Call, Context, Endpoint, ProblemError, Reply
from push.api.floor_asked import (
    FramesAsked,
    LongPartsAsked,
    Name,
    PartsAsked,
    PathsAsked,
    PeriodAsked,
    TableAsked,
    VisitsAsked,
    VisitsPageAsked,
    asking,
    bounded,
    wanted,
)
from push.api.floor_files import MEDIA
from push.api.queries import asked, given, parameters
from push.api.refusals import refusing
from push.floors import counts, dwell, flows, heat, occupancy, paths, returning, timelapse, visits
from push.floors.asking import Asking
from push.model.ports import Queries
from push.registry.audit import audit

_STORE: Final = "/v1/stores/{store}"


class Figure(NamedTuple):
    """A figure: how it is asked for, what it is, and who answers."""

    summary: str
    query: type[PeriodAsked]
    result: type[Any]
    answer: Callable[[Queries, Asking, Any], Awaitable[object]]


FIGURES: Final[dict[Name, Figure]] = {
    "occupancy": Figure(
        "People in a store and its zones, now and part by part",
        PartsAsked,
        occupancy.Occupancy,
        lambda db, of, query: occupancy.occupancy(db, of, query.every),
    ),
    "dwell": Figure(
        "How long people stay in a store and its zones",
        LongPartsAsked,
        dwell.Dwells,
        lambda db, of, query: dwell.dwell(db, of, given(query.every)),
    ),
    "flows": Figure(
        "How people go from zone to zone, where they begin and where they end",
        PeriodAsked,
        flows.Flows,
        lambda db, of, _: flows.flows(db, of),
    ),
    "paths": Figure(
        "The ways that most visits took",
        PathsAsked,
        paths.Paths,
        lambda db, of, query: paths.paths(db, of, query.most),
    ),
    "returning": Figure(
        "Visits of who is new, and of who came back",
        LongPartsAsked,
        returning.Returning,
        lambda db, of, query: returning.returning(db, of, given(query.every)),
    ),
    "heat": Figure("Where on the floor people were", PeriodAsked, heat.Heat, lambda db, of, _: heat.heat(db, of)),
    "timelapse": Figure(
        "Where on the floor people were, frame by frame",
        FramesAsked,
        timelapse.TimeLapse,
        lambda db, of, query: timelapse.timelapse(db, of, query.every_min),
    ),
    "counts": Figure(
        "Person-seconds and entries of zones, as long as minutes are kept",
        PartsAsked,
        counts.Counts,
        lambda db, of, query: counts.counts(db, of, query.every),
    ),
}


async def _figure(name: Name, context: Context, call: Call) -> object:
    """A figure of a store."""
    figure = FIGURES[name]
    query = asked(call, figure.query)
    with bounded():
        of = await asking(context, call, query)
        async with context.figuring:
            return await figure.answer(context.db, of, query)


async def get_table(context: Context, call: Call) -> Reply:
    """A figure as a table; what stands in the query for other figures is left aside."""
    name = asked(call, TableAsked).figure
    names = FIGURES[name].query.__struct_fields__
    found = await _figure(name, context, call._replace(query={k: v for k, v in call.query.items() if k in names}))
    of = await asking(context, call, asked(call, TableAsked))
    return _attached(await floor_files.table(found, of.zone), f"{call.path['store']}-{name}.csv")


async def get_visits(context: Context, call: Call) -> visits.VisitPage:
    """Visits that began in a period, the latest first."""
    query = asked(call, VisitsPageAsked)
    of = await asking(context, call, query)
    with refusing():
        return await visits.visits(context.db, of, wanted(query), given(query.after), query.limit)


async def get_path(context: Context, call: Call) -> visits.Path:
    """A visit's way through the store. Raises `ProblemError` 404."""
    store, visit = call.path["store"], call.path["visit"]
    found = await visits.path(context.db, store, visit, context.clock.now_ms())
    if found is None:
        raise ProblemError(404, "Not there", f"Store {store} had no visit {visit}.")
    return found


async def get_visits_table(context: Context, call: Call) -> Reply:
    """All visits of a period; that somebody takes them out is on record before the first of them."""
    query = asked(call, VisitsAsked)
    of = await asking(context, call, query)
    async with context.db.transaction() as tx:
        await audit(tx, call.actor, "export visits", f"store {of.store}", of.now_ms, after=query, store=of.store)
    pages = _pages(context.db, of, wanted(query))
    first = await anext(pages)  # what cannot be read is told while it can still be told
    return _attached(floor_files.visits_table(first, pages, of.zone), f"{of.store}-visits.csv")


async def _pages(db: Queries, of: Asking, which: visits.Wanted) -> AsyncIterator[visits.VisitPage]:
    page = await visits.visits(db, of, which, None, visits.MOST)
    yield page
    while page.after is not None:
        page = await visits.visits(db, of, which, page.after, visits.MOST)
        yield page


def _attached(body: object, name: str) -> Reply:
    return Reply(body, headers={hdrs.CONTENT_DISPOSITION: f'attachment; filename="{name}"'})


ENDPOINTS: Final = (
    *(
        Endpoint(
            "GET", f"{_STORE}/{name}", OPERATOR, figure.summary, partial(_figure, name), result=figure.result,
            parameters=parameters(figure.query), errors=(404,), reach="store",
        )
        for name, figure in FIGURES.items()
    ),
    Endpoint(
        "GET", f"{_STORE}/figures.csv", OPERATOR, "One of these figures as CSV", get_table, result=bytes, media=MEDIA,
        parameters=parameters(TableAsked), errors=(404,), reach="store",
    ),
    Endpoint(
        "GET", f"{_STORE}/visits", OPERATOR, "Visits that began in a period, the latest first", get_visits,
        result=visits.VisitPage, parameters=parameters(VisitsPageAsked), errors=(404,), role="editor", reach="store",
    ),
    Endpoint(
        "GET", f"{_STORE}/visits.csv", OPERATOR, "The same as CSV, all of them", get_visits_table, result=bytes,
        media=MEDIA, parameters=parameters(VisitsAsked), errors=(404,), role="editor", reach="store",
    ),
    Endpoint(
        "GET", f"{_STORE}/visits/{{visit}}", OPERATOR, "A visit with its stays: its path", get_path,
        result=visits.Path, errors=(404,), role="editor", reach="store",
    ),
)  # fmt: skip
