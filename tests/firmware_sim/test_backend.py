from pathlib import Path

import pytest
from bleak import BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakError

from beacons import ad
from beacons.frames import Eid, IBeacon, encode
from firmware_sim.air import AirServer
from firmware_sim.backend import AIR_ENV, RECEIVER_ENV, SimScanner
from firmware_sim.radio import Heard
from tests.firmware_sim.waiting import until

IBEACON = IBeacon(b"0123456789abcdef", 1, 2, -59)
EID = Eid(-18, b"rotating")
SEEN = list[tuple[str, int, dict[int, bytes], dict[str, bytes]]]


def packet(frame: IBeacon | Eid, address: str = "C0:00:00:00:00:01", rssi_dbm: int = -61) -> Heard:
    return Heard("g1", address, rssi_dbm, ad.join(*encode(frame)), 1_760_000_000_000)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(AIR_ENV, str(tmp_path / "air"))
    monkeypatch.setenv(RECEIVER_ENV, "g1")
    return tmp_path / "air"


@pytest.fixture
def seen() -> SEEN:
    return []


@pytest.fixture
def scanner(seen: SEEN) -> BleakScanner:
    def callback(device: BLEDevice, data: AdvertisementData) -> None:
        seen.append((device.address, data.rssi, data.manufacturer_data, data.service_data))

    return BleakScanner(callback, backend=SimScanner)


async def heard(seen: SEEN, count: int) -> SEEN:
    await until(lambda: len(seen) >= count)
    return seen


async def test_bleak_hears_the_very_bytes_that_were_sent(path: Path, scanner: BleakScanner, seen: SEEN) -> None:
    async with AirServer(path) as air, scanner:
        air.send(packet(IBEACON))
        air.send(packet(EID, "0A:00:00:00:00:02", -80))
        await heard(seen, 2)
    assert seen == [("C0:00:00:00:00:01", -61, *encode(IBEACON)), ("0A:00:00:00:00:02", -80, *encode(EID))]
    assert set(scanner.discovered_devices_and_advertisement_data) == {"C0:00:00:00:00:01", "0A:00:00:00:00:02"}


async def test_a_started_scanner_misses_nothing(path: Path, scanner: BleakScanner, seen: SEEN) -> None:
    async with AirServer(path) as air, scanner:
        air.send(packet(IBEACON))
        assert not air.unattended
        await heard(seen, 1)


async def test_a_scanner_reconnects_when_the_air_comes_back(path: Path, scanner: BleakScanner, seen: SEEN) -> None:
    async with scanner:
        for count in (1, 2):
            async with AirServer(path) as air:
                await until(lambda: air.listening)
                air.send(packet(IBEACON))
                await heard(seen, count)


async def test_a_failing_callback_does_not_stop_the_scan(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    seen = []

    def callback(_device: BLEDevice, _data: AdvertisementData) -> None:
        seen.append(1)
        raise RuntimeError("a bug in the application")

    async with AirServer(path) as air, BleakScanner(callback, backend=SimScanner):
        air.send(packet(IBEACON))
        air.send(packet(IBEACON))
        await until(lambda: len(seen) == 2)
    assert "a detection callback failed" in caplog.text


async def test_only_services_that_were_asked_for_are_reported(path: Path, seen: SEEN) -> None:
    def callback(device: BLEDevice, data: AdvertisementData) -> None:
        seen.append((device.address, data.rssi, data.manufacturer_data, data.service_data))

    scanner = BleakScanner(callback, service_uuids=["0000FEAA-0000-1000-8000-00805F9B34FB"], backend=SimScanner)
    async with AirServer(path) as air, scanner:
        air.send(packet(IBEACON))
        air.send(packet(EID))
        await heard(seen, 1)
    assert [service_data for *_, service_data in seen] == [encode(EID)[1]]


async def test_memory_for_rotating_addresses_is_bounded(
    path: Path, scanner: BleakScanner, seen: SEEN, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firmware_sim.backend.MAX_SEEN", 10)
    async with AirServer(path) as air, scanner:
        for n in range(30):
            air.send(packet(EID, f"00:00:00:00:00:{n:02X}"))
        await heard(seen, 30)
    assert list(scanner.discovered_devices_and_advertisement_data) == [f"00:00:00:00:00:{n:02X}" for n in range(20, 30)]


async def test_a_scanner_without_an_air_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(AIR_ENV, raising=False)
    with pytest.raises(BleakError, match=AIR_ENV):
        await BleakScanner(backend=SimScanner).start()


async def test_a_scanner_starts_once_and_stops_as_often_as_one_likes(path: Path, scanner: BleakScanner) -> None:
    async with AirServer(path):
        await scanner.start()
        with pytest.raises(BleakError, match="started already"):
            await scanner.start()
        await scanner.stop()
        await scanner.stop()
