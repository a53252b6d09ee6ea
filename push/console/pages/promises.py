"""What we promise today: a sheet for a store's staff: what live campaigns say there, rewards, and until when."""

from collections.abc import Iterable
from datetime import tzinfo
from typing import Final, NamedTuple

from beacons.registry import Store
from push.campaigns import pools, records, stops
from push.campaigns.known import named_pools
from push.campaigns.pools import PoolRecord
from push.campaigns.render import TemplateError, render
from push.campaigns.timing import WEEKDAYS, local
from push.console import times
from push.console.campaigning import said
from push.console.campaigning.whom import whom
from push.console.context import Answer, ConsoleContext, Shown, Visit, not_found
from push.console.pages.campaigns import segment_names
from push.console.pages.coupons import worth
from push.console.pages.person import names
from push.model.campaigns import Campaign, Schedule, Template
from push.model.coupons import Pool
from push.model.delivery import Content

DAY_MS: Final = 86_400_000
SOME_PRODUCT: Final = {"name": "(a product that suits her)", "price": "(its price)", "brand": "", "url": ""}


class Promise(NamedTuple):
    """What a campaign says today: `says` None where that differs for everybody."""

    name: str
    when: str
    to: str
    says: Content | None
    rewards: tuple[str, ...]
    until: str


async def show(console: ConsoleContext, visit: Visit) -> Answer:
    """The sheet of a store."""
    store = console.directory().stores.get(visit.at["store"])
    if store is None or not visit.who.sees(store.id):
        raise not_found("store", ("/console/stores", "Stores"))
    zone = console.zone_of(store)
    known = {one.pool.id: one for one in await pools.listed(console.db)}
    called = await segment_names(console)
    live = [each.campaign for each in await records.live(console.db)]
    found = [
        Promise(
            one.name,
            said.when(one.trigger, names(console), called),
            whom(one),
            _says(one, store),
            tuple(_reward(known[name]) for name in named_pools(one) if name in known),
            _until(one.schedule, zone),
        )
        for one in live
        if _speaks(console, one, store) and _is_today(one.schedule, zone, visit.now_ms)
    ]
    values = {"store": store, "promises": sorted(found), "tz": zone}
    return Shown("promises.html", values)


def _speaks(console: ConsoleContext, one: Campaign, store: Store) -> bool:
    """Whether a campaign speaks in a store, and nobody stopped it."""
    if console.stops.scopes & {stops.ALL, f"store:{store.id}", f"campaign:{one.id}"}:
        return False
    if one.trigger.stores:
        return store.id in one.trigger.stores
    zones = console.directory().zones
    return not one.trigger.zones or any((store.id, zone) in zones for zone in one.trigger.zones)


def _is_today(plan: Schedule, zone: tzinfo, now_ms: int) -> bool:
    """Whether it may speak yet today."""
    here = local(zone, now_ms)
    ends_ms = now_ms + DAY_MS - here.minute * 60_000
    on_time = (plan.from_ms or 0) < ends_ms and (plan.until_ms is None or plan.until_ms > now_ms)
    return on_time and (not plan.weekdays or here.weekday in plan.weekdays)


def _says(one: Campaign, store: Store) -> Content | None:
    """What it says to somebody of whom nothing is known; where options fill slots, the first of each."""
    facts: dict[str, object] = {
        "shopper": {},
        "store": {"id": store.id, "name": store.name},
        "zone": {"id": "", "name": "the department"},
        "moment": {"kind": one.trigger.kind, "mark_s": one.trigger.mark_s},
        "event": {"name": one.trigger.event},
        "product": SOME_PRODUCT,
        "products": [SOME_PRODUCT],
        "coupon": {"code": "(her code)", "personal": ""},
    }
    try:
        slots = {slot.name: _piece(slot.options[0].text, facts) for slot in one.slots}
        return render(one.template, {**facts, "slots": slots})
    except TemplateError:
        return None


def _piece(text: str, facts: dict[str, object]) -> str:
    """What fills a slot. Raises `TemplateError`."""
    return render(Template(title=text), facts).title if text else ""


def _reward(one: PoolRecord) -> str:
    left = "; no code is left, so to those alone who have one" if one.is_dry else ""
    return f"{worth(one.pool)}, {_good_for(one.pool)}{left}"


def _good_for(pool: Pool) -> str:
    if pool.with_visit:
        return "good until she leaves"
    return f"good for {said.span(pool.days * 86_400)}" if pool.days else "good as long as the offer"


def _until(plan: Schedule, zone: tzinfo) -> str:
    ends = "further notice" if plan.until_ms is None else times.day(plan.until_ms, zone)
    parts = _listed(f"{begin} to {end}" for begin, end in plan.dayparts)
    days = _listed(WEEKDAYS[day] for day in sorted(plan.weekdays))
    return ", ".join(part for part in (ends, days, parts) if part)


def _listed(parts: Iterable[str]) -> str:
    return " and ".join(parts)
