"""A coin cell that advertising empties."""

import math
from typing import Final

import msgspec
import numpy as np

COULOMBS_PER_MAH: Final = 3.6

# Share of the charge used, and the voltage under light load that is left: the flat shape of a lithium coin cell
# (CR2032 data sheets of Energizer and Panasonic: 3.0 V new, 2.9-2.8 V for most of its life, then a knee).
_USED: Final = (0.0, 0.05, 0.6, 0.85, 0.95, 1.0)
_VOLTS_MV: Final = (3000.0, 2920.0, 2850.0, 2700.0, 2400.0, 2000.0)


class Battery(msgspec.Struct, frozen=True, kw_only=True):
    """A cell and its load.

    capacity_mah 225: a CR2032. event_uc 12: microcoulombs of one advertising event of three packets (some 1.5 ms at
    8 mA, typical of nRF52-class beacons at 0 dBm). sleep_ua 2: the clock and RAM in between. cutoff_mv 2000: the
    radio browns out below.
    """

    capacity_mah: float = 225.0
    event_uc: float = 12.0
    sleep_ua: float = 2.0
    cutoff_mv: float = 2000.0
    used: float = 0.0


def left_mv(battery: Battery, events: int, uptime_s: float) -> float:
    """The cell's voltage after so many advertising events and seconds; at or below the cutoff it is dead."""
    charge_c = battery.capacity_mah * COULOMBS_PER_MAH
    drawn_c = (events * battery.event_uc + uptime_s * battery.sleep_ua) / 1e6
    used = battery.used + drawn_c / charge_c if charge_c else math.inf
    return float(np.interp(used, _USED, _VOLTS_MV))
