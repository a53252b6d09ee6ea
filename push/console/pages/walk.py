"""The walk test: an installer carries a beacon about, and sees on her phone which gateway hears it, and how well."""

from typing import Final, NamedTuple

from aiohttp import web

from beacons.registry import Gateway
from beacons.topics import is_id
from push.console.context import Answer, ConsoleContext, Shown, Visit, not_found
from push.console.render import SECURITY
from push.console.visits import who_is
from push.ingest.walking import HeardBy, NotWatchedError
from push.model.errors import DatabaseError
from push.model.tokens import Role

LEAST: Final[Role] = "editor"
FRESH_MS: Final = 6_000
"""Gateways repeat what does not change every 5 s."""
STRONG_DBM: Final = -45
FAINT_DBM: Final = -95
"""The ends of the bars: at arm's length, and hardly at all."""


class Bar(NamedTuple):
    """A gateway's line: how full its bar is, 0 to 100, and the same in words."""

    id: str
    name: str
    share: int
    text: str
    is_fresh: bool


class Told(NamedTuple):
    """What there is to say of a beacon in a store."""

    sentence: str
    wrong: str
    bars: list[Bar]


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """The page; with a beacon, what is heard of it."""
    store = console.directory().stores.get(visit.at["store"])
    if store is None or not visit.who.sees(store.id):
        raise not_found("store", ("/console/stores", "Stores"))
    beacon = visit.query.get("beacon", "").strip()
    told = _told(console, store.id, beacon, visit.now_ms)
    return Shown("walk.html", {"store": store, "beacon": beacon, **told._asdict()})


def _told(console: ConsoleContext, store: str, beacon: str, now_ms: int) -> Told:
    gateways = [g for g in console.directory().gateways.values() if g.store == store]
    wrong, heard = "", list[HeardBy]()
    if beacon and not is_id(beacon):
        wrong = "An id of letters, digits, - and _ was expected, as it stands on the beacon's label."
    elif beacon:
        try:
            heard = console.heard_by(beacon)
        except NotWatchedError as error:
            wrong = str(error)
    bars = bars_of(gateways, heard, now_ms)
    return Told(sentence(bars, beacon if not wrong else ""), wrong, bars)


def bars_of(gateways: list[Gateway], heard: list[HeardBy], now_ms: int) -> list[Bar]:
    """Every gateway's line: those that hear it now first, the strongest on top."""
    by = {one.gateway: one for one in heard}
    bars = [_bar(gateway, by.get(gateway.id), now_ms) for gateway in gateways]
    return sorted(bars, key=lambda bar: (not bar.is_fresh, -bar.share, bar.name.casefold()))


def _bar(gateway: Gateway, heard: HeardBy | None, now_ms: int) -> Bar:
    name = gateway.name or gateway.id
    if heard is None:
        return Bar(gateway.id, name, 0, "not heard", is_fresh=False)
    age_ms = max(0, now_ms - heard.last_ms)
    share = max(1, min(100, round(100 * (heard.rssi_dbm - FAINT_DBM) / (STRONG_DBM - FAINT_DBM))))
    is_fresh = age_ms <= FRESH_MS
    ago = "now" if is_fresh else f"{age_ms // 1000} s ago"
    return Bar(gateway.id, name, share, f"{heard.rssi_dbm} dBm, {ago}", is_fresh)


def sentence(bars: list[Bar], beacon: str) -> str:
    """The page's answer."""
    fresh = [bar for bar in bars if bar.is_fresh]
    if not beacon:
        return "Which beacon do you carry?"
    if not bars:
        return "This store has no gateway yet"
    if not fresh:
        return f"No gateway hears {beacon} now"
    others = len(fresh) - 1
    also = "" if not others else ", one more hears it too" if others == 1 else f", {others} more hear it too"
    return f"{fresh[0].name} hears it best{also}"


class Heard:
    """The same as JSON, for a page that asks twice a second."""

    def __init__(self, console: ConsoleContext) -> None:
        self._console = console

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """What is heard now of the beacon in the query."""
        try:
            session = await who_is(self._console, request)
        except DatabaseError:
            return web.Response(status=503, headers=SECURITY)
        store = self._console.directory().stores.get(request.match_info["store"])
        if session is None or session.must_change or not session.principal.may(LEAST):
            return web.Response(status=401, headers=SECURITY)
        if store is None or not session.principal.sees(store.id):
            return web.Response(status=404, headers=SECURITY)
        told = _told(self._console, store.id, request.query.get("beacon", ""), self._console.clock.now_ms())
        bars = [bar._asdict() for bar in told.bars]
        return web.json_response({**told._asdict(), "bars": bars}, headers=SECURITY)
