"""What tells of a zone, and whether it does: one whose gateways are all down is unknown, not empty. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from math import hypot
from typing import Final, NamedTuple

from beacons.registry import Gateway, Zone
from push.console import times, words
from push.model.ports import Row

NEAREST: Final = 3
"""Gateways that tell of a zone where none hangs: a place is found from three."""

Ears = Mapping[str, Sequence[str]]
"""Gateways and fixtures by zone."""


class Dark(NamedTuple):
    """Why nothing tells of a zone: as it is written into it, and in full."""

    text: str
    why: str


def ears(zones: Sequence[Zone], own: Iterable[tuple[str, str | None]], placed: Sequence[Gateway]) -> Ears:
    """What tells of each zone: what hangs in it (`own`, with its zone), or those `placed` nearest to its middle."""
    found: dict[str, list[str]] = {zone.id: [] for zone in zones}
    for id_, zone in own:
        if zone in found:
            found[zone].append(id_)
    return {zone.id: found[zone.id] or _nearest(zone, placed) for zone in zones}


def _nearest(zone: Zone, placed: Sequence[Gateway]) -> list[str]:
    if not zone.polygon_m:
        return []
    corners = len(zone.polygon_m)
    x_m, y_m = (sum(point[n] for point in zone.polygon_m) / corners for n in (0, 1))
    return [g.id for g in sorted(placed, key=lambda g: hypot(g.x_m - x_m, g.y_m - y_m))[:NEAREST]]


def dark(listening: Ears, states: Mapping[str, Row], now_ms: int, zone: tzinfo) -> dict[str, Dark]:
    """Zones of which nothing tells."""
    found = {}
    for id_, names in listening.items():
        rows = [states[name] for name in names if name in states]
        if not names:
            found[id_] = Dark("nothing listens here", "no gateway is in this zone or near it")
        elif len(rows) == len(names) and all(row["state"] == "offline" for row in rows):
            since = times.when(max(row["received_ms"] for row in rows), now_ms, zone)
            found[id_] = Dark(f"unknown since {since}", _down([row["name"] or row["id"] for row in rows]))
    return found


def _down(names: list[str]) -> str:
    """``gw-cafe is offline``."""
    return f"{words.listed(names)} {'is' if len(names) == 1 else 'are'} offline"
