"""What pages about a floor's past have in common: whose floor, which time, the plan, and how much may be told."""

from collections.abc import Mapping
from datetime import tzinfo
from typing import Final, NamedTuple

from beacons.registry import Store
from push.console.context import ConsoleContext, TroubleError, Visit
from push.console.live import shapes
from push.console.live.shapes import Plan
from push.console.pages.floor import Under, held, picture_of
from push.console.pages.today import stores_of
from push.console.past import period
from push.console.past.period import SPANS, Span
from push.console.tables import link
from push.floors import asking
from push.floors.asking import Asking, Period, TooMuchError, day
from push.registry import plans

MOST_STORES: Final = 200
"""To choose from."""


class Look(NamedTuple):
    """A store and the time that is looked at."""

    store: Store
    zone: tzinfo
    span: Span
    now_ms: int
    exact: bool
    plan: Plan
    picture: Under | None
    names: Mapping[str, str]

    @property
    def asking(self) -> Asking:
        """The time that was chosen."""
        return self._of(Period(self.span.from_ms, self.span.to_ms))

    @property
    def whole(self) -> Asking:
        """The same without regard to hours."""
        return self._of(day(self.span.day, self.zone)) if self.span.days == 1 else self.asking

    def name(self, zone: str) -> str:
        """A zone's name; its id where it is gone."""
        return self.names.get(zone) or zone

    def _of(self, over: Period) -> Asking:
        return asking.asking(self.store.id, over, self.zone, self.now_ms, exact=self.exact)


async def look(console: ConsoleContext, visit: Visit, most_days: int = max(SPANS)) -> Look:
    """What an address asks for. Raises `TroubleError` 404."""
    store = held(console, visit.session, visit.at["store"])
    zone, directory = console.zone_of(store), console.directory()
    zones = [one for (of, _), one in sorted(directory.zones.items()) if of == store.id]
    drawing = shapes.plan(zones, [], directory.plans.get(store.id))
    return Look(
        store=store,
        zone=zone,
        span=period.read(visit.query, visit.now_ms, zone, most_days),
        now_ms=visit.now_ms,
        exact=visit.who.may("admin"),
        plan=drawing,
        picture=picture_of(store.id, drawing, await plans.plan(console.db, store.id)),
        names={one.id: one.name for one in zones},
    )


def framed(console: ConsoleContext, visit: Visit, seen: Look, view: str, *figures: str) -> dict[str, object]:
    """The values that each of these pages has. `view` is the end of its address, `figures` what is there as CSV."""
    asked = period.read(visit.query, seen.now_ms, seen.zone)  # also what this page does not heed, for the others
    others, query = stores_of(console, visit), {**asked.query, "by": visit.query.get("by", "")}
    return {
        "store": seen.store,
        "view": view,
        "others_query": link("", query),
        "kept": {name: text for name, text in query.items() if text and name != "day"},
        "others": others[:MOST_STORES] if len(others) > 1 else (),
        "span": seen.span,
        "when": period.said(seen.span),
        "is_going_on": seen.span.to_ms > seen.now_ms,
        "steps": period.steps(seen.span, visit.path, query),
        "exact": seen.exact,
        "plan": seen.plan,
        "picture": seen.picture,
        "files": [(figure, _file(seen, figure)) for figure in figures],
    }


def _file(seen: Look, figure: str) -> str:
    from_ms, to_ms = seen.span.from_ms, seen.span.to_ms
    return f"/v1/stores/{seen.store.id}/figures.csv?figure={figure}&from_ms={from_ms}&to_ms={to_ms}"


def too_much(visit: Visit, error: TooMuchError) -> TroubleError:
    """The page where a time holds more than is looked at at once."""
    detail = f"Of that time there is more than one page can count: {error}."
    return TroubleError(422, "That is too much at once", detail, (visit.path, "Today alone"))
