"""A floor plan in metres: zones as polygons, gateways, fixtures, tills, the door, and the aisle that people walk.

x grows to the east and y to the north; the door is in the south wall (y = 0), the street south of it.
"""

import hashlib
import math
import uuid
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import msgspec
import numpy as np

from beacons.registry import Beacon, Gateway, Point, Store, Zone

SIM_UUID: Final = uuid.uuid5(uuid.NAMESPACE_DNS, "sim.footfall.example").bytes
"""The iBeacon UUID of simulated fixtures: one region wakes an app in every simulated store."""

WALL_MARGIN_M: Final = 0.5
"""How far from its zone's edge a shopper stops: half a person and a shelf."""


class Fixture(msgspec.Struct, frozen=True, kw_only=True):
    """A mounted transmitter, registered as two beacons: an iBeacon to wake apps, an EID to prove the place."""

    wake: Beacon
    proof: Beacon
    identity_key: bytes
    z_m: float = 2.2


class DeafSpot(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the floor that radio leaves and enters weakened: a lift, a cold store, a fitting room with mirrors.

    loss_db 20: what a metal-clad wall takes at 2.4 GHz, by order of magnitude.
    """

    polygon_m: tuple[Point, ...]
    loss_db: float = 20.0


class Floor(msgspec.Struct, frozen=True, kw_only=True):
    """One store's plan. `aisle_m` is a closed loop that touches every zone; `queue_m` is the step between people."""

    store: Store
    width_m: float
    depth_m: float
    zones: tuple[Zone, ...]
    gateways: tuple[Gateway, ...]
    fixtures: tuple[Fixture, ...]
    tills_m: tuple[Point, ...]
    door_m: Point
    aisle_m: tuple[Point, ...]
    entrance: str
    desk: str
    queue_m: Point = (0.0, -0.8)
    deaf_spots: tuple[DeafSpot, ...] = ()


def contains(polygon_m: Sequence[Point], point: Point) -> bool:
    """Whether a point lies in a polygon (even-odd rule; an edge belongs to one of the polygons that share it)."""
    x, y = point
    inside = False
    for (x1, y1), (x2, y2) in zip(polygon_m, (*polygon_m[1:], polygon_m[0]), strict=True):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            inside = not inside
    return inside


def zone_at(floor: Floor, point: Point) -> str | None:
    """The id of the zone at a point, or None outside of all."""
    return next((zone.id for zone in floor.zones if contains(zone.polygon_m, point)), None)


def muffled_db(floor: Floor, point: Point) -> float:
    """What the deaf spots around a point take from every signal that leaves or reaches it."""
    return sum(deaf.loss_db for deaf in floor.deaf_spots if contains(deaf.polygon_m, point))


def zone_of(floor: Floor, zone_id: str) -> Zone:
    """A zone by its id. Raises `KeyError`."""
    for zone in floor.zones:
        if zone.id == zone_id:
            return zone
    raise KeyError(zone_id)


def spot(zone: Zone, rng: np.random.Generator) -> Point:
    """A point to stop at, drawn evenly from the zone, off its edges."""
    xs, ys = zip(*zone.polygon_m, strict=True)
    for _ in range(1000):
        point = (float(rng.uniform(min(xs), max(xs))), float(rng.uniform(min(ys), max(ys))))
        if all(contains(zone.polygon_m, near) for near in _around(point)):
            return point
    msg = f"zone {zone.id} is too narrow to stop in"
    raise ValueError(msg)


def _around(point: Point) -> list[Point]:
    x, y = point
    return [(x + dx, y + dy) for dx in (-WALL_MARGIN_M, WALL_MARGIN_M) for dy in (-WALL_MARGIN_M, WALL_MARGIN_M)]


def distance_m(a: Point, b: Point) -> float:
    """The straight distance between two points of the plan."""
    return math.hypot(a[0] - b[0], a[1] - b[1])


def path(floor: Floor, start: Point, goal: Point) -> list[Point]:
    """The points that somebody passes on the way: onto the aisle, the shorter way round it, and off again."""
    first, last = _nearest(floor.aisle_m, start), _nearest(floor.aisle_m, goal)
    around = _along(floor.aisle_m, first, last)
    direct = distance_m(start, goal)
    if direct <= distance_m(start, around[0]) + distance_m(around[-1], goal):
        return [goal]
    return [*around, goal]


def _nearest(loop: Sequence[Point], point: Point) -> int:
    return min(range(len(loop)), key=lambda i: distance_m(loop[i], point))


def _along(loop: Sequence[Point], first: int, last: int) -> list[Point]:
    n = len(loop)
    ahead = [loop[(first + i) % n] for i in range((last - first) % n + 1)]
    back = [loop[(first - i) % n] for i in range((first - last) % n + 1)]
    return min(ahead, back, key=_length_m)


def _length_m(points: Sequence[Point]) -> float:
    return sum(distance_m(a, b) for a, b in pairwise(points))


_HALL: Final[dict[str, tuple[str, tuple[Point, ...]]]] = {
    "entrance": ("Entrance", ((8, 0), (16, 0), (14, 5), (10, 5))),
    "women": ("Women", ((0, 0), (8, 0), (10, 5), (10, 9), (0, 9))),
    "men": ("Men", ((16, 0), (24, 0), (24, 9), (14, 9), (14, 5))),
    "shoes": ("Shoes", ((0, 9), (10, 9), (10, 11), (8, 13), (8, 18), (0, 18))),
    "sport": ("Sport", ((14, 9), (24, 9), (24, 18), (16, 18), (16, 13), (14, 11))),
    "cafe": ("Café", ((10, 11), (14, 11), (16, 13), (16, 18), (8, 18), (8, 13))),
    "tills": ("Tills", ((10, 5), (14, 5), (14, 11), (10, 11))),
}
"""An octagon-like hall of 24 by 18 m: the desk in the middle, a loop of departments around it."""

_FIXTURES_M: Final[dict[str, Point]] = {
    "entrance": (12.0, 3.0),
    "women": (4.0, 4.5),
    "men": (20.0, 4.5),
    "shoes": (4.0, 13.5),
    "sport": (20.0, 13.5),
    "cafe": (12.0, 15.0),
    "tills": (12.0, 8.5),
}

_GATEWAYS_M: Final[dict[str, Point]] = {
    "entrance": (12.0, 1.0),
    "women": (3.5, 6.0),
    "sport": (20.5, 12.0),
    "cafe": (12.0, 16.5),
}

CEILING_M: Final = 3.0
FIXTURE_POWER_1M_DBM: Final = -65
"""A fixture turned down by 6 dB from a tag's -59, so that it is loud in its own department only."""


def hamburg(store_id: str = "hamburg", seed: int = 1) -> Floor:
    """An invented store on a Hamburg high street: seven zones, four gateways, a fixture in every zone."""
    return Floor(
        store=Store(id=store_id, name="Footfall Hamburg, Mönckebergstraße", time_zone="Europe/Berlin"),
        width_m=24.0,
        depth_m=18.0,
        zones=tuple(Zone(store=store_id, id=z, name=name, polygon_m=p) for z, (name, p) in _HALL.items()),
        gateways=tuple(_gateway(store_id, zone, at) for zone, at in _GATEWAYS_M.items()),
        fixtures=tuple(_fixture(store_id, zone, n, seed) for n, zone in enumerate(_FIXTURES_M, start=1)),
        tills_m=((11.0, 9.0), (13.0, 9.0)),
        door_m=(12.0, 0.0),
        aisle_m=((12, 4), (8.5, 5), (7.5, 9), (8.5, 12), (12, 13), (15.5, 12), (16.5, 9), (15.5, 5)),
        entrance="entrance",
        desk="tills",
    )


def _gateway(store: str, zone: str, at: Point) -> Gateway:
    return Gateway(id=f"{store}-{zone}", store=store, zone=zone, x_m=at[0], y_m=at[1], z_m=CEILING_M)


def _fixture(store: str, zone: str, minor: int, seed: int) -> Fixture:
    name, (x, y) = f"{store}-fx-{zone}", _FIXTURES_M[zone]
    wake = Beacon(
        id=name,
        role="fixture",
        format="ibeacon",
        static_id=(SIM_UUID + (1).to_bytes(2, "big") + minor.to_bytes(2, "big")).hex(),
        store=store,
        zone=zone,
        x_m=x,
        y_m=y,
        power_1m_dbm=FIXTURE_POWER_1M_DBM,
    )
    proof = msgspec.structs.replace(wake, id=f"{name}-eid", format="eid", static_id=None, exponent=10)
    return Fixture(wake=wake, proof=proof, identity_key=_key(name, seed))


def _key(name: str, seed: int) -> bytes:
    """A simulated identity key: fixed by the seed, so that a run can be repeated. Never a real one."""
    return hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=16).digest()
