"""A bleak backend that listens to the simulated air: no Bluetooth, no D-Bus, the rest of a gateway as it is.

    [gateway.scan]
    backend = "firmware_sim.backend:SimScanner"

The environment says where the air is (`FOOTFALL_SIM_AIR`, a Unix socket) and whose ears these are
(`FOOTFALL_SIM_RECEIVER`). Written for the public backend interface of bleak 3.
"""

import asyncio
import logging
import os
from collections import Counter
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any, Final

from bleak.backends.scanner import AdvertisementData, AdvertisementDataCallback, BaseBleakScanner
from bleak.exc import BleakError

from beacons import ad
from firmware_sim.air import listen
from firmware_sim.radio import Heard

AIR_ENV: Final = "FOOTFALL_SIM_AIR"
RECEIVER_ENV: Final = "FOOTFALL_SIM_RECEIVER"
FIRST_CONNECTION_S: Final = 1.0
"""How long `start` waits for the air, so that a scan that has started misses nothing; then it goes on trying."""
RETRY_S: Final = 0.2
MAX_SEEN: Final = 4096
"""Devices remembered; rotating addresses would fill the memory otherwise (BlueZ forgets after 30 s)."""

_log: Final = logging.getLogger(__name__)


class SimScanner(BaseBleakScanner):
    """Pass as `BleakScanner(callback, backend=SimScanner)`. Reconnects whenever the air comes back.

    Every packet is one callback with exactly the bytes that were on the air. Raises `BleakError` from
    `start` where the environment does not name the air and the receiver.
    """

    def __init__(
        self,
        detection_callback: AdvertisementDataCallback | None,
        service_uuids: list[str] | None,
        scanning_mode: str = "active",
        **_kwargs: Any,  # noqa: ANN401 - arguments of other platforms' backends
    ) -> None:
        super().__init__(detection_callback, service_uuids)
        self.scanning_mode = scanning_mode
        self.malformed: Counter[str] = Counter()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen from now on."""
        if self._task is not None:
            raise BleakError("this scanner has started already")
        path, receiver = _environment()
        self.seen_devices = {}
        connected = asyncio.Event()
        self._task = asyncio.create_task(self._listen(path, receiver, connected), name=f"air of {receiver}")
        with suppress(TimeoutError):  # there may be no air yet: a scanner in a quiet place
            async with asyncio.timeout(FIRST_CONNECTION_S):
                await connected.wait()

    async def stop(self) -> None:
        """Stop listening; a scanner that never started is not an error."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _listen(self, path: Path, receiver: str, connected: asyncio.Event) -> None:
        while True:
            with suppress(OSError, ValueError):  # no air here now, or something else answers: try again
                async with aclosing(listen(path, receiver, connected)) as packets:
                    async for heard in packets:
                        self._report(heard)
            await asyncio.sleep(RETRY_S)

    def _report(self, heard: Heard) -> None:
        manufacturer_data, service_data = ad.split(heard.payload, self.malformed)
        uuids = list(service_data)
        if not self.is_allowed_uuid(uuids):
            return
        # Eddystone lists its service beside the data, so the two are the same here.
        data = AdvertisementData(None, manufacturer_data, service_data, uuids, None, heard.rssi_dbm, ())
        device = self.create_or_update_device(heard.address, heard.address, None, {}, data)
        while len(self.seen_devices) > MAX_SEEN:
            del self.seen_devices[next(iter(self.seen_devices))]
        try:
            self.call_detection_callbacks(device, data)
        except Exception:  # noqa: BLE001 - as on D-Bus, a bug in an application's callback does not end the scan
            _log.exception("a detection callback failed")


def _environment() -> tuple[Path, str]:
    air, receiver = os.environ.get(AIR_ENV), os.environ.get(RECEIVER_ENV)
    if not air or not receiver:
        raise BleakError(f"no simulated air: expected {AIR_ENV} (a socket) and {RECEIVER_ENV} (an id)")
    return Path(air), receiver
