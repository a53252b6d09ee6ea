"""The radio as a port: something that calls back with each Advert until it is cancelled."""

import asyncio
import importlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, cast

from bleak import BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner

from gateway.clock import Clock, SystemClock
from gateway.settings import ScanSettings

Report = Callable[[str, dict[str, Any]], None]
"""Takes what happened to the scanner, as a countable word and its details."""


class Advert(NamedTuple):
    """What was in one packet, heard at `heard_ms` on the boot clock; service UUIDs in 128-bit form, lower case."""

    address: str
    rssi_dbm: int
    manufacturer_data: Mapping[int, bytes]
    service_data: Mapping[str, bytes]
    heard_ms: int


OnAdvert = Callable[[Advert], None]


class Scanner(Protocol):
    """A radio."""

    async def run(self, on_advert: OnAdvert) -> None:
        """Hand over adverts until cancelled; recover from what can be recovered from."""
        ...


def open_scanner(settings: ScanSettings, report: Report) -> Scanner:
    """The scanner that the settings ask for."""
    return BleakRadio(settings, report, SystemClock())


class BleakRadio:
    """bleak, on the platform's own backend or on the one that the settings name."""

    def __init__(self, settings: ScanSettings, report: Report, clock: Clock) -> None:
        self._settings = settings
        self._report = report
        self._clock = clock

    async def run(self, on_advert: OnAdvert) -> None:
        """Scan until cancelled."""

        def heard(device: BLEDevice, data: AdvertisementData) -> None:
            on_advert(
                Advert(device.address, data.rssi, data.manufacturer_data, data.service_data, self._clock.boot_ms())
            )

        scanner = BleakScanner(
            heard,
            scanning_mode=self._settings.mode,
            bluez={"adapter": self._settings.adapter, "filters": {"RSSI": -127, "DuplicateData": True}},
            backend=load_backend(self._settings.backend),
        )
        async with scanner:
            self._report("started", {"adapter": self._settings.adapter})
            await asyncio.Event().wait()


def load_backend(name: str) -> type[BaseBleakScanner] | None:
    """The class that `module:Class` names; None for bleak's own choice."""
    if name == "bleak":
        return None
    module, _, attribute = name.partition(":")
    return cast("type[BaseBleakScanner]", getattr(importlib.import_module(module), attribute))
