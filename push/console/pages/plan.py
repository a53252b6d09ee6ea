"""The floor-plan editor: all that stands on a store's floor, handed to the page that draws it.

What is drawn is saved by the page over the API, one gesture at a time, each under the revision that it saw.
"""

from typing import Any, Final

import msgspec

from push.console.context import Answer, ConsoleContext, Shown, Visit, not_found
from push.console.words import count
from push.registry import editing, listing, plans
from push.registry.layout import Plan
from push.registry.listing import Asked, Filters, Kind

UNSAID: Final = Plan(width_m=40.0, height_m=25.0)
"""What is shown of a floor whose size nobody has said yet."""
MOST_PLACES: Final = 2_000
"""Gateways, and fixtures, of one store on its plan."""


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """The page."""
    store = console.directory().stores.get(visit.at["store"])
    if store is None or not visit.who.sees(store.id):
        raise not_found("store", ("/console/stores", "Stores"))
    held = await plans.plan(console.db, store.id)
    zones = [_thing(one.item, one.signed.revision) for one in await editing.zones(console.db, store.id)]
    fixtures = await _places(console, listing.BEACONS, Filters(store=store.id, role="fixture"))
    data = {
        "store": {"id": store.id, "name": store.name},
        "csrf": visit.session.csrf,
        "may_edit": visit.who.may("editor"),
        "plan": _size(store.id, held, zones),
        "zones": zones,
        "gateways": await _places(console, listing.GATEWAYS, Filters(store=store.id)),
        "fixtures": fixtures,
    }
    drawn = sum(len(zone["value"]["polygon_m"]) > 2 for zone in zones)  # noqa: PLR2004 - an area
    values = {
        "store": store,
        "title": f"{count(drawn, 'zone')} on the plan of {store.name}" if drawn else f"Draw the floor of {store.name}",
        "lead": "Members appear in the zones that you draw. Every change is saved at once, and can be undone.",
        "may_edit": visit.who.may("editor"),
        "data": data,
    }
    return Shown("plan.html", values)


def _size(store: str, held: plans.PlanRecord | None, zones: list[dict[str, Any]]) -> dict[str, object]:
    """How large the sheet is: as somebody said, else large enough for what is drawn already."""
    if held is not None:
        image = None if held.image is None else f"/v1/stores/{store}/plan/image"
        return {**msgspec.structs.asdict(held.plan), "image": image, "etag": f'"{held.revision}"'}
    points = [point for zone in zones for point in zone["value"]["polygon_m"]]
    return {
        "width_m": max([UNSAID.width_m, *(x for x, _ in points)]),
        "height_m": max([UNSAID.height_m, *(y for _, y in points)]),
        "walls": [],
        "image": None,
        "etag": None,
    }


async def _places(console: ConsoleContext, kind: Kind, filters: Filters) -> list[dict[str, Any]]:
    """All of a kind that a filter lets through, up to `MOST_PLACES`."""
    found: list[dict[str, Any]] = []
    after: str | None = None
    while len(found) < MOST_PLACES:
        page = await listing.page(console.db, kind, Asked(filters=filters, after=after, limit=listing.MOST))
        found += [_thing(getattr(one, kind.item), one.revision) for one in page.items]
        after = page.after
        if after is None:
            break
    return found


def _thing(item: msgspec.Struct, revision: int) -> dict[str, Any]:
    """A record as the page works with it; its entity tag is what the API calls its revision."""
    return {"value": msgspec.to_builtins(item), "etag": f'"{revision}"'}
