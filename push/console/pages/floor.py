"""The live floor of one store: drawn on the server at first, then told once a second by event stream."""

import asyncio
from typing import Final, NamedTuple

from aiohttp import web

from beacons.registry import Store
from push.access.sessions import Session
from push.console.context import Answer, ConsoleContext, Gone, Shown, Visit, Write, not_found
from push.console.live.floors import Told, sight_of
from push.console.live.shapes import Plan
from push.console.pages import told
from push.console.pages.today import stores_of
from push.console.times import clock, when
from push.console.visits import who_is
from push.console.words import people
from push.model.errors import DatabaseError
from push.registry import hours, plans
from push.registry.plans import PlanRecord

MOST_STREAMS: Final = 64
"""Open at a time in this process."""
MOST_EACH: Final = 6
"""And of one session: browsers open no more connections than that to one host (HTTP/1.1)."""
EVERY_S: Final = 1.0
ALLOWED_EVERY: Final = 15
"""Pictures after which it is looked whether she may still see them."""
VIEWS: Final = ("heat", "flows", "time-lapse")
"""What else there is to see of a floor, as addresses end."""
_OTHERS: Final = 200


async def choose(console: ConsoleContext, visit: Visit) -> Answer:
    """Which floor: the only one at once, or the one that was asked for."""
    stores = stores_of(console, visit)
    wanted, view = visit.query.get("store", ""), visit.query.get("view", "")
    if any(store.id == wanted for store in stores):
        return Gone(f"/console/floor/{wanted}/{view}" if view in VIEWS else f"/console/floor/{wanted}")
    if len(stores) == 1:
        return Gone(f"/console/floor/{stores[0].id}")
    exact = visit.who.may("admin")
    rows = [
        {
            "id": store.id,
            "name": store.name,
            "clock": clock(visit.now_ms, console.zone_of(store)),
            "members": people(len(console.crowd.present(store.id)), exact=exact),
        }
        for store in stores[:_OTHERS]
    ]
    return Shown("floors.html", {"rows": rows})


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """The page."""
    store = held(console, visit.session, visit.at["store"])
    exact, zone = visit.who.may("admin"), console.zone_of(store)
    seen = await console.floors.look(store.id, zone, sight_of(visit.who))
    day = (await console.figures.of({store.id: zone}))[store.id]
    others = stores_of(console, visit)
    values: dict[str, object] = {
        "store": store,
        "open": await _open(console, store, visit.now_ms),
        "others": others[:_OTHERS] if len(others) > 1 else (),
        "now": seen.now,
        "plan": seen.plan,
        "picture": picture_of(store.id, seen.plan, await plans.plan(console.db, store.id)),
        "zones": {zone.id: zone for zone in seen.now.zones},
        "members_series": told.present([day], exact=exact),
        "pushes": told.pushes([day], exact=exact),
        "speed": told.speed(day),
        "silence": told.silence([day], exact=exact),
    }
    return Shown("floor.html", values)


async def _open(console: ConsoleContext, store: Store, now_ms: int) -> str:
    """Whether it is open, and until when; empty where its hours are not known."""
    try:
        now = hours.status(store, await hours.calendar(store, now_ms), now_ms)
    except NotImplementedError:  # nobody knows the holidays of that country
        return ""
    if now is None:
        return ""
    until = "" if now.until_ms is None else f" until {when(now.until_ms, now_ms, console.zone_of(store))}"
    return f"{'open' if now.is_open else 'closed'}{until}{f' · {now.holiday}' if now.holiday else ''}"


class Under(NamedTuple):
    """The picture under the zones, in units of the drawing."""

    url: str
    x: float
    y: float
    width: float
    height: float


def picture_of(store: str, drawn: Plan, held: PlanRecord | None) -> Under | None:
    """Where a plan's picture lies: over the whole floor, whose zones are drawn in the same metres."""
    if held is None or held.image is None or not drawn.is_drawn:
        return None
    width, height = held.plan.width_m * drawn.unit, held.plan.height_m * drawn.unit
    return Under(f"/v1/stores/{store}/plan/image", *drawn.origin, round(width, 1), round(height, 1))


def held(console: ConsoleContext, session: Session, id_: str) -> Store:
    """A store that she sees. Raises `TroubleError` 404."""
    store = console.directory().stores.get(id_)
    if store is None or not session.principal.sees(id_):
        raise not_found("store", ("/console/floor", "Live floors"))
    return store


class Events:
    """The event streams of floors: a bounded number, each for as long as its session may see the store."""

    def __init__(self, console: ConsoleContext) -> None:
        self._console = console
        self._open: dict[str, int] = {}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Tell a floor once a second."""
        try:
            session = await who_is(self._console, request)
        except DatabaseError:
            return web.Response(status=503)
        store = self._console.directory().stores.get(request.match_info["store"])
        if session is None or session.must_change:
            return web.Response(status=401)
        if store is None or not session.principal.sees(store.id):
            return web.Response(status=404)
        if sum(self._open.values()) >= MOST_STREAMS or self._open.get(session.id, 0) >= MOST_EACH:
            return web.Response(status=503)
        self._open[session.id] = self._open.get(session.id, 0) + 1
        try:
            return await self._console.stream(request, lambda write: self._follow(request, write, store, session))
        finally:
            self._open[session.id] -= 1
            if not self._open[session.id]:
                del self._open[session.id]

    async def _follow(self, request: web.Request, write: Write, store: Store, session: Session) -> None:
        before: Told | None = None
        pictures = 0
        while not self._console.is_ending():
            if pictures % ALLOWED_EVERY == ALLOWED_EVERY - 1 and not await self._may(request, store, session):
                await write(b"event: end\ndata:\n\n")
                return
            zone = self._console.zone_of(store)
            now = await self._console.floors.look(store.id, zone, sight_of(session.principal))
            if before is not None and now.plan != before.plan:
                await write(b"event: plan\ndata:\n\n")
                return
            await write(b"event: floor\ndata: %s\n\n" % now.data)
            before, pictures = now, pictures + 1
            await asyncio.sleep(EVERY_S)

    async def _may(self, request: web.Request, store: Store, session: Session) -> bool:
        """Whether the session still is what it was; a database that is away takes nobody out."""
        try:
            now = await who_is(self._console, request)
        except DatabaseError:
            return True
        return now is not None and now.principal == session.principal and store.id in self._console.directory().stores
