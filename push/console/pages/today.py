"""Today: who is in stores, what was said, how fast, how often silence was better, and what needs a hand."""

import json
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from beacons.registry import Store
from push.console import times, words
from push.console.context import Answer, ConsoleContext, Shown, Visit
from push.console.figures import Day, together
from push.console.pages import told
from push.console.pages.health import needs
from push.console.words import NOTHING
from push.model.ports import Row

MOST_NEEDS: Final = 5
MOST: Final = 50
"""Stores in the table: those with most to tell."""


class Known(NamedTuple):
    """How many are seen, and whether she may know it exactly."""

    seen: int
    exact: bool


class StoreRow(NamedTuple):
    """A store's line in the table."""

    id: str
    name: str
    clock: str
    members: str
    sent: str
    opened: str
    silence: str
    gateways: str
    tone: str


def stores_of(console: ConsoleContext, visit: Visit) -> list[Store]:
    """The stores that she sees, by name."""
    hers = [store for store in console.directory().stores.values() if visit.who.sees(store.id)]
    return sorted(hers, key=lambda store: (store.name.casefold(), store.id))


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """The page."""
    stores, exact = stores_of(console, visit), visit.who.may("admin")
    days = await console.figures.of({store.id: console.zone_of(store) for store in stores})
    seen = {store.id: len(console.crowd.present(store.id)) for store in stores}
    shown = sorted(stores, key=lambda store: (-seen[store.id], -days[store.id].sent))[:MOST]
    states = await console.db.fetch("console.gateway_states_of", stores=json.dumps([s.id for s in shown]))
    hers, counts = list(days.values()), list(seen.values())
    rows = [
        _row(s, times.clock(visit.now_ms, console.zone_of(s)), days[s.id], Known(seen[s.id], exact), states)
        for s in shown
    ]
    where = "in the store now" if len(stores) == 1 else f"in {words.count(len(stores), 'store')} now"
    values: dict[str, object] = {
        "sentence": sentence(counts, exact=exact),
        "under": _under(console, visit, stores),
        "stores": stores,
        "members": told.members(counts, hers, exact=exact, where=where),
        "pushes": told.pushes(hers, exact=exact),
        "speed": told.speed(together(hers)),
        "silence": told.silence(hers, exact=exact),
        "problems": await needs(console, visit, MOST_NEEDS),
        "rows": sorted(rows, key=lambda row: row.name.casefold()),
        "more": len(stores) if len(stores) > MOST else 0,
    }
    return Shown("today.html", values)


def sentence(seen: Sequence[int], *, exact: bool) -> str:
    """The page's answer, from how many are seen in each store."""
    stores = len(seen)
    if not stores:
        return "Nothing is set up yet"
    if not any(seen):
        return "Nobody is seen in the stores now" if stores > 1 else "Nobody is seen in the store now"
    where = "the store" if stores == 1 else words.count(stores, "store")
    many = told.people(seen, exact=exact)
    return f"{many[0].upper()}{many[1:]} {'member is' if many == '1' else 'members are'} seen in {where} now"


def _under(console: ConsoleContext, visit: Visit, stores: Sequence[Store]) -> str:
    zones = {store.time_zone for store in stores}
    if len(zones) != 1:
        return f"{times.weekday(visit.now_ms, console.zones.named('UTC'))} UTC"
    return times.weekday(visit.now_ms, console.zones.named(zones.pop()))


def _row(store: Store, clock: str, day: Day, people: Known, states: Sequence[Row]) -> StoreRow:
    gateways, tone = _gateways([row for row in states if row["store"] == store.id])
    return StoreRow(
        id=store.id,
        name=store.name,
        clock=clock,
        members=words.people(people.seen, exact=people.exact),
        sent=told.pushes([day], exact=people.exact).value if day.sent else NOTHING,
        opened=told.opened([day], exact=people.exact) if day.sent else NOTHING,
        silence=told.share(day, exact=people.exact),
        gateways=gateways,
        tone=tone,
    )


def _gateways(states: Sequence[Mapping[str, object]]) -> tuple[str, str]:
    """How a store's gateways are, and the tone of that."""
    if not states:
        return "none yet", "history"
    online = sum(row["state"] == "online" for row in states)
    offline = sum(row["state"] == "offline" for row in states)
    if offline:
        return f"{offline} of {len(states)} offline", "now"
    if online < len(states):
        return f"{len(states) - online} of {len(states)} never heard of", "soon"
    return f"{words.number(online)} online", "people"
