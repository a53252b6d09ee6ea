"""Scanning with another backend than the system's: no D-Bus, no merging, the same watchdog."""

import asyncio
from typing import Any, ClassVar

import pytest
from bleak.backends.scanner import AdvertisementData, AdvertisementDataCallback, BaseBleakScanner

from beacons.config import ConfigError
from gateway.advert import Advert, ScannerDeadError
from gateway.clock import SystemClock
from gateway.radio import Pace, Radio
from gateway.scan import open_scanner, stack_of
from gateway.settings import ScanSettings
from tests.support.bluez import TAG, eid, ibeacon
from tests.support.patience import PATIENCE_S
from tests.support.tasks import background

Packet = tuple[int, dict[int, bytes], dict[str, bytes]]


class Scripted(BaseBleakScanner):
    """Hands over `script` at each start, one callback a packet; `refusals` starts fail before."""

    script: ClassVar[list[Packet]] = []
    refusals: ClassVar[list[Exception]] = []
    running: ClassVar[int] = 0

    def __init__(self, callback: AdvertisementDataCallback | None, uuids: list[str] | None, *_: Any, **__: Any) -> None:  # noqa: ANN401 - other platforms' arguments
        super().__init__(callback, uuids)
        self._started = 0

    async def start(self) -> None:
        if self.refusals:
            raise self.refusals.pop()
        self._started = 1
        type(self).running += 1
        for rssi_dbm, manufacturer_data, service_data in self.script:
            data = AdvertisementData(None, manufacturer_data, service_data, [], None, rssi_dbm, ())
            self.call_detection_callbacks(self.create_or_update_device(TAG, TAG, None, {}, data), data)

    async def stop(self) -> None:
        type(self).running -= self._started


SETTINGS = ScanSettings(backend=f"{__name__}:Scripted")


async def listen(script: list[Packet], count: int, refusals: list[Exception] | None = None) -> list[Advert]:
    """The first `count` adverts of a scanner on that script."""
    Scripted.script, Scripted.refusals, Scripted.running = script, refusals or [], 0
    adverts: list[Advert] = []
    enough = asyncio.Event()

    def hear(advert: Advert) -> None:
        adverts.append(advert)
        if len(adverts) == count:
            enough.set()

    async with background(open_scanner(SETTINGS, lambda *_: None).run(hear)), asyncio.timeout(PATIENCE_S):
        await enough.wait()
    assert Scripted.running == 0
    return adverts


async def test_each_callback_is_a_packet() -> None:
    script = [(-60, *ibeacon()), (-60, *ibeacon()), (-61, *eid()), (-60, *ibeacon())]
    adverts = await listen(script, 4)
    assert [(a.rssi_dbm, a.manufacturer_data, a.service_data) for a in adverts] == script


async def test_packets_without_data_or_rssi_are_passed_over() -> None:
    silence: list[Packet] = [(-60, {}, {}), (-127, *ibeacon()), (127, *ibeacon())]
    adverts = await listen([*silence, (-60, *ibeacon())], 1)
    assert [advert.rssi_dbm for advert in adverts] == [-60]


async def test_a_start_that_fails_is_tried_again() -> None:
    adverts = await listen([(-60, *ibeacon())], 1, [RuntimeError("firmware"), OSError("usb"), ValueError("gone")])
    assert len(adverts) == 1


async def test_empty_packets_are_no_sign_of_life() -> None:
    Scripted.script, Scripted.refusals = [(-60, {}, {})], []
    steps: list[object] = []

    def report(event: str, particulars: dict[str, object]) -> None:
        if event == "step":
            steps.append(particulars["step"])

    radio = Radio(stack_of(SETTINGS), Pace(silence_ms=50), report, SystemClock())
    with pytest.raises(ScannerDeadError):
        await radio.run(lambda _: None)
    assert steps == ["restart", "power_cycle", "exit"]


@pytest.mark.parametrize(
    "backend", ["no.such.module:Scanner", f"{__name__}:Missing", f"{__name__}:TAG", "json:JSONDecoder"]
)
def test_a_backend_that_is_none_stops_the_start(backend: str) -> None:
    with pytest.raises(ConfigError, match=r"gateway\.scan\.backend"):
        open_scanner(ScanSettings(backend=backend), lambda *_: None)
