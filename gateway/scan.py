"""Scanning: the port that the daemon listens through, and the choice of what stands behind it.

bleak ─callback─▶ merge (what was in this packet?) ─Advert─▶ the daemon
  ▲ start, stop
radio ◀─steps─ watchdog        bluez: adapter watched, power-cycled
"""

import importlib
import sys

from bleak import BleakScanner
from bleak.backends.scanner import AdvertisementDataCallback, BaseBleakScanner

from beacons.config import ConfigError
from gateway.advert import Advert, OnAdvert, Report, Scanner, ScannerDeadError
from gateway.clock import Clock, SystemClock
from gateway.merge import ACTIVE_PATIENCE_MS, PASSIVE_PATIENCE_MS, Merge
from gateway.radio import Pace, Radio, Stack
from gateway.settings import ScanSettings

__all__ = ["Advert", "OnAdvert", "Report", "Scanner", "ScannerDeadError", "open_scanner", "stack_of"]


def open_scanner(settings: ScanSettings, report: Report, clock: Clock | None = None) -> Scanner:
    """The scanner that `settings` name; every step that it takes goes to `report`.

    Loads the backend's module, so call it before the event loop runs. Raises `beacons.config.ConfigError` for a
    backend that cannot be loaded.
    """
    return Radio(stack_of(settings), Pace(silence_ms=settings.silence_s * 1000), report, clock or SystemClock())


def stack_of(settings: ScanSettings) -> Stack:
    """The radio stack that `settings` name. Raises as `open_scanner`."""
    if settings.backend != "bleak":
        return _custom(settings)
    if sys.platform == "linux":
        return _bluez(settings)
    return Stack(settings.adapter, lambda heard: BleakScanner(heard, scanning_mode=settings.mode))


def _bluez(settings: ScanSettings) -> Stack:
    # Linux alone has dbus-fast.
    from gateway import bluez  # noqa: PLC0415

    adapter = settings.adapter
    args = bluez.scanner_args(adapter)

    def scanner(heard: AdvertisementDataCallback) -> BleakScanner:
        return BleakScanner(heard, scanning_mode=settings.mode, bluez=args)

    return Stack(
        adapter,
        scanner,
        watch=lambda: bluez.watch(adapter),
        power_cycle=lambda: bluez.power_cycle(adapter),
        merge=Merge(ACTIVE_PATIENCE_MS if settings.mode == "active" else PASSIVE_PATIENCE_MS),
    )


def _custom(settings: ScanSettings) -> Stack:
    backend = _load(settings.backend)

    def scanner(heard: AdvertisementDataCallback) -> BleakScanner:
        return BleakScanner(heard, scanning_mode=settings.mode, bluez={"adapter": settings.adapter}, backend=backend)

    return Stack(settings.backend, scanner)


def _load(name: str) -> type[BaseBleakScanner]:
    module, _, attribute = name.partition(":")
    try:
        backend = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            "settings", "gateway.scan.backend", name, f"expected a module and its class: {error}"
        ) from error
    if not (isinstance(backend, type) and issubclass(backend, BaseBleakScanner)):
        expected = "expected a subclass of bleak.backends.scanner.BaseBleakScanner"
        raise ConfigError("settings", "gateway.scan.backend", name, expected)
    return backend
