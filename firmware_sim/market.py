"""A larger store than Hamburg's, to measure presence in: eight departments, twelve gateways, a fixture in each zone."""

import hashlib
from typing import Final

import msgspec

from beacons.registry import Beacon, Gateway, Point, Store, Zone
from firmware_sim.floor import CEILING_M, FIXTURE_POWER_1M_DBM, SIM_UUID, Fixture, Floor

_STORE: Final = "market"
_ZONES_M: Final[dict[str, tuple[float, float, float, float]]] = {
    "entrance": (11, 0, 21, 6),
    "tills": (11, 6, 21, 12),
    "cafe": (11, 12, 21, 24),
    "home": (0, 0, 11, 12),
    "fashion": (0, 12, 11, 24),
    "toys": (21, 0, 32, 8),
    "garden": (21, 8, 32, 16),
    "sport": (21, 16, 32, 24),
}
"""Left, south, right and north side of each: a hall of 32 by 24 m without walls between departments."""

_GATEWAYS_M: Final[tuple[tuple[str, Point], ...]] = (
    ("entrance", (16.0, 1.5)),
    ("tills", (16.0, 9.0)),
    ("cafe", (16.0, 15.0)),
    ("cafe", (16.0, 21.0)),
    ("home", (3.5, 3.5)),
    ("home", (7.0, 9.0)),
    ("fashion", (3.5, 15.0)),
    ("fashion", (7.0, 21.0)),
    ("toys", (26.5, 4.0)),
    ("garden", (26.5, 12.0)),
    ("sport", (24.0, 19.0)),
    ("sport", (29.5, 21.0)),
)


def market() -> Floor:
    """An invented store: whoever comes in stands before the tills, departments lie around."""
    return Floor(
        store=Store(id=_STORE, name="Footfall Market", time_zone="Europe/Berlin"),
        width_m=32.0,
        depth_m=24.0,
        zones=tuple(Zone(store=_STORE, id=z, name=z.title(), polygon_m=_box(*sides)) for z, sides in _ZONES_M.items()),
        gateways=tuple(
            Gateway(id=f"{_STORE}-{n}", store=_STORE, zone=zone, x_m=x, y_m=y, z_m=CEILING_M)
            for n, (zone, (x, y)) in enumerate(_GATEWAYS_M, start=1)
        ),
        fixtures=tuple(_fixture(zone, n) for n, zone in enumerate(_ZONES_M, start=1)),
        tills_m=((14.0, 9.0), (18.0, 9.0)),
        door_m=(16.0, 0.0),
        aisle_m=(
            (16, 4),
            (12, 5),
            (9.5, 9),
            (9.5, 12),
            (9.5, 15),
            (16, 16.5),
            (22.5, 15),
            (22.5, 12),
            (22.5, 7),
            (20, 5),
        ),
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
