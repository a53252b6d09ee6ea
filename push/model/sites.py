"""Stores as presence sees them: floors, what listens where, and the rules by which people come and go."""

from typing import Annotated, Final

import msgspec

from beacons.registry import Point

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Wall = tuple[Point, Point]
"""A straight wall between two points of the plan, in metres: nobody walks through it."""
MOST_CELLS: Final = 400
"""Cells of a store's floor: what the filter's budget is for."""


class Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When somebody counts as come and gone. Shares are probabilities, times in seconds, dBm as gateways correct them.

    A zone may have others than its store: those that say so below.
    """

    enter_dbm: Annotated[float, msgspec.Meta(ge=-120, le=0)] = -85.0
    """One sighting at least this strong, and she is in the store; fainter ones pass by outside."""
    enter_inside: Share = 0.6
    """And so probably inside: 0 where there is no outside, as in an arcade."""
    leave_after_s: Annotated[int, msgspec.Meta(ge=5, le=86_400)] = 12
    """Not heard by gateways for so long means gone: two reports of those who hear her (each 5 s), and a margin."""
    ranged_leave_after_s: Annotated[int, msgspec.Meta(ge=5, le=86_400)] = 60
    """The same for whom only her own phone places: in a pocket it ranges less often."""
    again_after_s: Annotated[int, msgspec.Meta(ge=0, le=86_400)] = 300
    """Who comes back within this time goes on with her visit, and enters nothing anew."""
    zone_enter: Share = 0.55
    """So probable, and she has entered a zone; a fifth less while she walks (zones may differ)."""
    zone_leave: Share = 0.3
    """Not even so probable any more, and she has left it (zones may differ)."""
    zone_hold_s: Annotated[int, msgspec.Meta(ge=0, le=600)] = 0
    """For so long it must have been so, before a zone is entered (zones may differ)."""
    dwell_marks_s: tuple[Annotated[int, msgspec.Meta(ge=1, le=86_400)], ...] = (30, 120, 300)
    """After so long in a zone a moment "dwelled" happens, one for each mark (zones may differ)."""
    stale_s: Annotated[int, msgspec.Meta(ge=1, le=3600)] = 30
    """What was heard longer ago completes the record and triggers nothing."""
    gateway_silent_s: Annotated[int, msgspec.Meta(ge=5, le=7200)] = 150
    """A gateway of which nothing came for so long is down: what it would hear is unknown. They speak once a minute."""


class ZoneRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What differs in one zone; None: as in its store."""

    zone_enter: Share | None = None
    zone_leave: Share | None = None
    zone_hold_s: Annotated[int, msgspec.Meta(ge=0, le=600)] | None = None
    dwell_marks_s: tuple[Annotated[int, msgspec.Meta(ge=1, le=86_400)], ...] | None = None


class Place(msgspec.Struct, frozen=True):
    """A zone of a floor; without points it is known by its gateways alone."""

    id: str
    polygon_m: tuple[Point, ...] = ()
    rules: ZoneRules = ZoneRules()


class Anchor(msgspec.Struct, frozen=True):
    """A known end of a radio link: a gateway that hears tags, or a fixture that phones hear.

    It is `forgeable` where anybody may claim to have heard it: a fixture that always says the same. `at_m` is where it
    is mounted, None where nobody said. What is heard by one that does not trigger is kept, and answered by nobody.
    `power_1m_dbm` is what a fixture gives at one metre.
    """

    id: str
    store: str
    zone: str | None
    forgeable: bool = False
    at_m: Point | None = None
    is_fixture: bool = False
    power_1m_dbm: int = -59
    triggers: bool = True


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """A store with its floor: `size_m` is the plan's width and height, None where there is none."""

    store: str
    size_m: tuple[float, float] | None = None
    places: tuple[Place, ...] = ()
    walls: tuple[Wall, ...] = ()
    anchors: tuple[Anchor, ...] = ()
    rules: Rules = Rules()
