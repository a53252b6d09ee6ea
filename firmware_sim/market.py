"""A larger store than Hamburg's, to measure presence in: eight departments, twelve gateways, a fixture in each zone."""

import hashlib
from typing import Final

import msgspec

from beacons.registry import Beacon, Gateway, Point, Store, Zone
from firmware_sim.floor import CEILING_M, FIXTURE_POWER_1M_DBM, SIM_UUID, Fixture, Floor

_STORE: Final = "market"
_ZONES_M: Final[dict[str, tuple[float, float, float, float]]] = {
    "entrance": (8, 0, 16, 6),
    "tills": (8, 6, 16, 12),
    "cafe": (8, 12, 16, 18),
    "home": (0, 0, 8, 6),
    "books": (0, 6, 8, 12),
    "fashion": (0, 12, 8, 18),
    "toys": (16, 0, 24, 9),
    "sport": (16, 9, 24, 18),
}
"""Left, south, right and north side of each: a hall of 24 by 18 m; departments meet in the middle of the aisles."""

_GATEWAYS_M: Final[tuple[tuple[str, Point], ...]] = (
    ("entrance", (9.0, 3.0)),
    ("entrance", (15.0, 3.0)),
    ("tills", (9.0, 9.0)),
    ("tills", (15.0, 9.0)),
    ("cafe", (9.0, 15.0)),
    ("cafe", (15.0, 15.0)),
    ("home", (3.0, 3.0)),
    ("books", (3.0, 9.0)),
    ("fashion", (3.0, 15.0)),
    ("toys", (21.0, 4.0)),
    ("sport", (21.0, 11.5)),
    ("sport", (21.0, 16.0)),
)
"""Under the ceiling, 6 m apart: one for 36 m2, as sites are equipped that want to know the department."""


def market() -> Floor:
    """An invented store: the tills in the middle, an aisle around them, departments off the aisle."""
    return Floor(
        store=Store(id=_STORE, name="Footfall Market", time_zone="Europe/Berlin"),
        width_m=24.0,
        depth_m=18.0,
        zones=tuple(Zone(store=_STORE, id=z, name=z.title(), polygon_m=_box(*sides)) for z, sides in _ZONES_M.items()),
        gateways=tuple(
            Gateway(id=f"{_STORE}-{n}", store=_STORE, zone=zone, x_m=x, y_m=y, z_m=CEILING_M)
            for n, (zone, (x, y)) in enumerate(_GATEWAYS_M, start=1)
        ),
        fixtures=tuple(_fixture(zone, n) for n, zone in enumerate(_ZONES_M, start=1)),
        tills_m=((10.0, 10.0), (11.5, 10.0), (13.0, 10.0), (14.5, 10.0)),
        door_m=(12.0, 0.0),
        aisle_m=((12, 6), (8, 6), (8, 9), (8, 12), (12, 12), (16, 12), (16, 9), (16, 6)),
        entrance="entrance",
        desk="tills",
    )


def _box(left: float, south: float, right: float, north: float) -> tuple[Point, ...]:
    return ((left, south), (right, south), (right, north), (left, north))


def _fixture(zone: str, minor: int) -> Fixture:
    left, south, right, north = _ZONES_M[zone]
    name = f"{_STORE}-fx-{zone}"
    wake = Beacon(
        id=name,
        role="fixture",
        format="ibeacon",
        static_id=(SIM_UUID + (2).to_bytes(2, "big") + minor.to_bytes(2, "big")).hex(),
        store=_STORE,
        zone=zone,
        x_m=(left + right) / 2,
        y_m=(south + north) / 2,
        power_1m_dbm=FIXTURE_POWER_1M_DBM,
    )
    proof = msgspec.structs.replace(wake, id=f"{name}-eid", format="eid", static_id=None, exponent=10)
    key = hashlib.blake2b(name.encode(), digest_size=16).digest()  # simulated: fixed, and never a real one
    return Fixture(wake=wake, proof=proof, identity_key=key)
