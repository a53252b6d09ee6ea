"""What stands around every page: where one may go, who is signed in, and what is to be told."""

from typing import Final, NamedTuple

from push.console.context import Visit
from push.model.tokens import ROLES, Role


class Way(NamedTuple):
    """A way in the navigation."""

    href: str
    label: str
    icon: str
    least: Role = "viewer"


WAYS: Final[tuple[tuple[str, tuple[Way, ...]], ...]] = (
    (
        "",
        (
            Way("/console/today", "Today", "today"),
            Way("/console/floor", "Live floor", "floor"),
            Way("/console/health", "Health", "health"),
        ),
    ),
    (
        "Reach",
        (
            Way("/console/campaigns", "Campaigns", "campaign"),
            Way("/console/planner", "Planner", "planner"),
            Way("/console/coupons", "Coupons", "coupon"),
            Way("/console/till", "Till", "till"),
            Way("/console/experience", "In the app", "app"),
            Way("/console/decisions", "Decisions", "decision", "editor"),
            Way("/console/stop", "Stop", "stop", "editor"),
        ),
    ),
    (
        "Places",
        (
            Way("/console/stores", "Stores", "store"),
            Way("/console/gateways", "Gateways", "gateway"),
            Way("/console/beacons", "Beacons", "beacon"),
        ),
    ),
    (
        "People",
        (
            Way("/console/people", "People", "people"),
            Way("/console/segments", "Segments", "segments"),
            Way("/console/privacy", "Privacy", "privacy", "admin"),
        ),
    ),
    (
        "System",
        (
            Way("/console/import", "Import", "import", "editor"),
            Way("/console/audit", "Audit", "audit"),
            Way("/console/settings", "Settings", "settings"),
        ),
    ),
)


_OF_EVERY_STORE: Final = frozenset({"import", "people", "segments", "privacy", "planner", "coupon", "app"})
"""Ways that lead nowhere for who is kept to some stores."""


def _goes(visit: Visit, way: Way) -> bool:
    """Whether a way leads her anywhere."""
    return visit.who.may(way.least) and (visit.who.stores is None or way.icon not in _OF_EVERY_STORE)


def frame(visit: Visit) -> dict[str, object]:
    """The values that every page of somebody who is signed in has."""
    return {
        "ways": [(title, [way for way in ways if _goes(visit, way)]) for title, ways in WAYS],
        "here": visit.path,
        "me": visit.session,
        "role": visit.who.role,
        "may": {role: visit.who.may(role) for role in ROLES},
        "csrf": visit.session.csrf,
        "said": visit.said,
        "theme": visit.theme,
        "now_ms": visit.now_ms,
        "needing": visit.needing,
        "restored": visit.is_restored,
    }
