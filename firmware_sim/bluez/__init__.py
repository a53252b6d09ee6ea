"""An `org.bluez` service on a real D-Bus: BlueZ's semantics, and its faults on demand.

    advert ─▶ adapter (sessions, monitors, filters) ─▶ device (merged cache) ─▶ outbox ─paced─▶ the bus ─▶ bleak
                 ▲ method calls of scanners, and faults

`private_bus` runs a dbus-daemon of one's own; `service` is BlueZ on it; `adapter` and `device` hold what BlueZ
remembers, without I/O; `messages` are the signals. `python -m firmware_sim.bluez --bus ADDRESS` is the service as a
process, told what to do by JSON lines.
"""

from firmware_sim.bluez.outbox import BusGoneError
from firmware_sim.bluez.private_bus import PrivateBus, private_bus
from firmware_sim.bluez.service import BluezService

__all__ = ["BluezService", "BusGoneError", "PrivateBus", "private_bus"]
