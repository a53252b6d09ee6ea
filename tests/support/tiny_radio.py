"""The smallest radio: a bleak backend that hears one iBeacon ten times a second, for gateways as processes."""

import asyncio
from typing import Any

from bleak.backends.scanner import AdvertisementData, AdvertisementDataCallback, BaseBleakScanner

from beacons.frames import IBeacon, encode

TAG = IBeacon(uuid=bytes(16), major=1, minor=2, measured_power_dbm=-59)


class TinyRadio(BaseBleakScanner):
    """For `gateway.scan.backend`."""

    def __init__(
        self,
        detection_callback: AdvertisementDataCallback | None,
        service_uuids: list[str] | None,
        _scanning_mode: str = "active",
        **_kwargs: Any,  # noqa: ANN401 - arguments of other platforms' backends
    ) -> None:
        super().__init__(detection_callback, service_uuids)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.seen_devices = {}
        self._task = asyncio.create_task(self._play())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _play(self) -> None:
        manufacturer_data, service_data = encode(TAG)
        number = 0
        while True:
            data = AdvertisementData(None, dict(manufacturer_data), dict(service_data), [], None, -60 - number % 30, ())
            device = self.create_or_update_device("tag", "AA:BB:CC:DD:EE:FF", None, {}, data)
            self.call_detection_callbacks(device, data)
            number += 7
            await asyncio.sleep(0.1)
