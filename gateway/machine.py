"""The box that the gateway runs on, as far as Linux tells: its clock, its heat, its load, its disk."""

import ctypes
import os
import shutil
from pathlib import Path
from typing import Final

from beacons.wire import MachineStatus

THERMAL: Final = Path("/sys/class/thermal")
_PLAUSIBLE_C: Final = (-40.0, 150.0)
"""Sensors that are not wired say anything."""
_TIME_ERROR: Final = 5
"""What adjtimex(2) returns while nothing disciplines the clock."""
_TIMEX_BYTES: Final = 512
"""More than struct timex takes anywhere (208 with 64 bits); all zeros asks, and sets nothing."""


def machine_status(data_dir: Path, boot_ms: int, thermal: Path = THERMAL) -> MachineStatus:
    """How the box is now. Reads files, so not on the event loop."""
    return MachineStatus(
        uptime_s=boot_ms // 1000,
        synchronised=synchronised(),
        temperature_c=temperature_c(thermal),
        load=load(),
        disk_free_bytes=disk_free_bytes(data_dir),
    )


def synchronised() -> bool | None:
    """Whether something keeps the system's clock right (any NTP client, PPS); None where the kernel does not tell."""
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (AttributeError, MemoryError, OSError):  # another system; a libffi that needs writable code
        return None
    return None if state < 0 else state != _TIME_ERROR


def temperature_c(thermal: Path = THERMAL) -> float | None:
    """The hottest thermal zone's; None where there is none."""
    found = [_celsius(path) for path in thermal.glob("thermal_zone*/temp")]
    return max((celsius for celsius in found if celsius is not None), default=None)


def _celsius(path: Path) -> float | None:
    try:
        celsius = int(path.read_text()) / 1000
    except (OSError, ValueError):  # a zone that is off says so by an error
        return None
    return celsius if _PLAUSIBLE_C[0] <= celsius <= _PLAUSIBLE_C[1] else None


def load() -> float | None:
    """Mean number of runnable processes of the last minute, per processor."""
    try:
        return round(os.getloadavg()[0] / (os.cpu_count() or 1), 2)
    except OSError:
        return None


def disk_free_bytes(folder: Path) -> int | None:
    """What is left for us where `folder` lies; None where it does not exist."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None
