"""One visit of somebody, drawn on the store's plan: in which zones she stayed, how long, and in which order.

In which zone, not where in it: that is not measured.
"""

from collections.abc import Sequence
from datetime import tzinfo
from typing import Final, NamedTuple

from beacons.registry import Store
from push.console import times
from push.console.context import Answer, ConsoleContext, Shown, Visit, not_found
from push.console.live import shapes
from push.console.live.shapes import Area, Plan
from push.console.pages.floor import Under, picture_of
from push.console.pages.person import PATH, held, titled
from push.model.ports import Row
from push.registry import plans

MOST: Final = 500
"""Stays of a visit that are drawn."""
SHADES: Final = 5


class Stay(NamedTuple):
    """A stay in a zone: the how manieth of the visit."""

    number: int
    zone: str
    name: str
    at_ms: int
    lasting: str
    ms: int


class Drawn(NamedTuple):
    """A zone as it is drawn: how much of the visit it took, and what it says."""

    area: Area
    shade: int
    text: str


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """A visit."""
    hers = await held(console, visit)
    row = await console.db.fetch_one("persons.visit", shopper=hers[0].id, visit=visit.at["visit"])
    if row is None:
        raise not_found("visit", (f"{PATH}/{hers[0].id}", "Her page"))
    stays = await _stays(console, row, visit.now_ms)
    store = console.directory().stores.get(row["store"])
    zone = console.zones.named("UTC") if store is None else console.zone_of(store)
    drawing = None if store is None else _plan(console, store)
    values = {
        "person": hers[0].id,
        "title": titled(hers),
        "store": row["store"] if store is None else store.name,
        "lead": _lead(row, visit.now_ms, zone),
        "stays": stays,
        "plan": drawing,
        "zones": [] if drawing is None else [_drawn(area, stays) for area in drawing.areas],
        "picture": None if store is None or drawing is None else await _picture(console, store, drawing),
        "zone": zone,
    }
    return Shown("visit.html", values)


def _lead(row: Row, now_ms: int, zone: tzinfo) -> str:
    begun = times.when(row["entered_ms"], now_ms, zone)
    if row["left_ms"] is None:
        return f"since {begun}, still there as far as is known"
    late = "; heard of only afterwards" if row["late"] else ""
    return f"{begun}, for {times.lasting(row['left_ms'] - row['entered_ms'])}{late}"


async def _stays(console: ConsoleContext, row: Row, now_ms: int) -> list[Stay]:
    names = {key: zone.name for key, zone in console.directory().zones.items()}
    rows = await console.db.fetch("persons.stays", visit=row["id"], most=MOST)
    return [
        Stay(
            number=n,
            zone=each["zone"],
            name=names.get((row["store"], each["zone"])) or each["zone"],
            at_ms=each["entered_ms"],
            lasting=times.lasting(ms),
            ms=ms,
        )
        for n, each in enumerate(rows, start=1)
        for ms in [max(0, (now_ms if each["left_ms"] is None else each["left_ms"]) - each["entered_ms"])]
    ]


def _plan(console: ConsoleContext, store: Store) -> Plan | None:
    """The store's plan; None where it has no zone yet."""
    zones = [zone for (of, _), zone in sorted(console.directory().zones.items()) if of == store.id]
    return shapes.plan(zones, [], console.directory().plans.get(store.id)) if zones else None


async def _picture(console: ConsoleContext, store: Store, drawn: Plan) -> Under | None:
    return picture_of(store.id, drawn, await plans.plan(console.db, store.id))


def _drawn(area: Area, stays: Sequence[Stay]) -> Drawn:
    """A zone is the darker, the more of the visit she spent there."""
    mine = [one for one in stays if one.zone == area.id]
    spent, whole = sum(one.ms for one in mine), sum(one.ms for one in stays)
    shade = min(SHADES, 1 + SHADES * spent // max(whole, 1)) if mine else 0
    numbers = ", ".join(str(one.number) for one in mine)
    return Drawn(area, shade, f"{numbers} · {times.lasting(spent)}" if mine else "")
