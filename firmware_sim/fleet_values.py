"""What a simulated fleet is made of, what may break in it, and what of it reaches the server."""

from typing import Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from beacons.wire import Status

Ints = npt.NDArray[np.int64]

FaultKind = Literal[
    "silent", "battery_low", "moved", "moved_store", "cloned", "drifting", "never_heard", "offline", "store_offline",
    "never_connected", "deaf", "mute_radio", "slow", "skewed", "spool_growing", "version_behind",
]  # fmt: skip


class Fault(NamedTuple):
    """What breaks, of which fixture, gateway or store (its number), and when."""

    kind: FaultKind
    subject: int
    at_ms: int


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How large a fleet is. Stores are boxes with their gateways spread evenly; fixtures hang anywhere."""

    stores: int = 5
    gateways: int = 20
    fixtures: int = 200
    wide_m: float = 40.0
    deep_m: float = 25.0
    power_1m_dbm: float = -59.0
    interval_s: float = 1.0
    tick_s: int = 5
    version: str = "1.4.0"


class Arrival(NamedTuple):
    """A batch that reaches the server: of which gateway, how old its newest sighting is, and its clock's error."""

    gateway: int
    received_ms: int
    late_ms: int
    skew_ms: int


class Said(NamedTuple):
    """A status that reaches the server."""

    gateway: int
    received_ms: int
    status: Status


class Tick(NamedTuple):
    """What reaches the server in one tick. Columns have one row for each link that heard anything.

    `telemetry` are frames beside rows. `drift_s` is how far each rotating fixture's clock is off by now.
    """

    at_ms: int
    gateway: Ints
    fixture: Ints
    last_ms: Ints
    rssi_dbm: Ints
    packets: Ints
    telemetry: list[tuple[int, bytes]]
    arrivals: list[Arrival]
    said: list[Said]
    drift_s: dict[int, float]
