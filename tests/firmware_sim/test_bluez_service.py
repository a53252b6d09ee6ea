"""Unmodified bleak against the emulated org.bluez: what is documented of BlueZ shows here as well."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from bleak import BleakScanner
from bleak.args.bluez import BlueZScannerArgs, OrPattern, OrPatternLike
from bleak.assigned_numbers import AdvertisementDataType
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakDBusError, BleakError

from firmware_sim.bluez import BluezService, BusGoneError, private_bus
from firmware_sim.bluez.device import TEMPORARY_MS
from tests.firmware_sim.waiting import until
from tests.support.bluez import FEAA, TAG, eid, ibeacon, running_bluez
from tests.support.clocks import SettableClock
from tests.support.tools import ci_or_skip

PATTERNS: list[OrPatternLike] = [OrPattern(0, AdvertisementDataType.MANUFACTURER_SPECIFIC_DATA, b"\x4c\x00\x02\x15")]
Heard = list[AdvertisementData]


def scanner(heard: Heard, mode: str = "active", adapter: str = "hci0") -> BleakScanner:
    def hear(_: BLEDevice, data: AdvertisementData) -> None:
        heard.append(data)

    bluez = BlueZScannerArgs(adapter=adapter, filters={"RSSI": -127, "DuplicateData": True}, or_patterns=PATTERNS)
    return BleakScanner(hear, scanning_mode="passive" if mode == "passive" else "active", bluez=bluez)


@asynccontextmanager
async def scanning(service: BluezService, heard: Heard, mode: str = "active") -> AsyncIterator[BleakScanner]:
    async with scanner(heard, mode) as running:
        await until(lambda: service.adapters["hci0"].listening)
        yield running


@pytest.mark.parametrize("mode", ["active", "passive"])
async def test_bleak_hears_adverts(mode: str) -> None:
    heard: Heard = []
    async with running_bluez() as (_, service), scanning(service, heard, mode):
        await service.advert(TAG, -61, ibeacon())
        await until(lambda: heard)
    assert (heard[0].rssi, heard[0].manufacturer_data) == (-61, ibeacon()[0])


async def test_payloads_are_taken_as_they_are_on_air() -> None:
    heard: Heard = []
    async with running_bluez() as (_, service), scanning(service, heard):
        await service.advert(TAG, -61, bytes.fromhex("0201060303aafe0d16aafe30ee0102030405060708"))
        await until(lambda: heard)
    assert heard[0].service_data == {FEAA: bytes.fromhex("30ee0102030405060708")}


async def test_bleak_shows_merged_properties() -> None:
    heard: Heard = []
    async with running_bluez() as (_, service), scanning(service, heard):
        await service.advert(TAG, -60, ibeacon())
        await service.advert(TAG, -61, eid())
        await until(lambda: len(heard) == 2)
    assert (heard[1].manufacturer_data, heard[1].service_data) == (ibeacon()[0], eid()[1])


async def test_a_device_expires_by_the_clock_and_comes_anew() -> None:
    clock, heard = SettableClock(), Heard()
    async with running_bluez(now_ms=clock.now_ms) as (_, service), scanning(service, heard) as running:
        await service.advert(TAG, -60, ibeacon())
        await until(lambda: running.discovered_devices)
        clock.advance(TEMPORARY_MS)
        await service.expire()
        await until(lambda: not running.discovered_devices)
        await service.advert(TAG, -60, eid())
        await until(lambda: len(heard) == 2)
    assert heard[1].manufacturer_data == {}


async def test_a_restart_of_bluetoothd_goes_unnoticed_by_bleak() -> None:
    heard: Heard = []
    async with running_bluez() as (_, service):
        running = scanner(heard)
        await running.start()
        await service.restart()
        await service.advert(TAG, -60, ibeacon())
        assert not service.adapters["hci0"].listening
        with pytest.raises(BleakDBusError, match="No discovery started"):
            await running.stop()
        async with scanning(service, heard):
            await service.advert(TAG, -60, ibeacon())
            await until(lambda: heard)
    assert len(heard) == 1


async def test_a_busy_start_is_refused() -> None:
    async with running_bluez() as (_, service):
        service.adapters["hci0"].busy_starts = 1
        with pytest.raises(BleakDBusError, match="InProgress"):
            await scanner([]).start()


async def test_a_stop_refused_once_is_repaired_by_bleak() -> None:
    heard: Heard = []
    async with running_bluez() as (_, service):
        async with scanning(service, heard):
            service.adapters["hci0"].busy_stops = 1
        async with scanning(service, heard):
            await service.advert(TAG, -60, ibeacon())
            await until(lambda: heard)


async def test_a_missing_adapter_is_refused() -> None:
    async with running_bluez() as (_, service):
        await service.vanish_adapter()
        with pytest.raises(BleakError, match="hci0"):
            await scanner([]).start()


async def test_a_stalled_discovery_is_silent() -> None:
    heard: Heard = []
    async with running_bluez() as (_, service):
        async with scanning(service, heard):
            service.stall(cure="restart")
            await service.advert(TAG, -60, ibeacon())
            assert service.adapters["hci0"].devices == {}
        async with scanning(service, heard):
            await service.advert(TAG, -60, ibeacon())
            await until(lambda: heard)


async def test_a_client_that_dies_leaves_no_session() -> None:
    async with running_bluez() as (bus, service):
        process = await asyncio.create_subprocess_exec(
            ci_or_skip("dbus-send"),
            f"--bus={bus.address}",
            "--print-reply",
            "--dest=org.bluez",
            "/org/bluez/hci0",
            "org.bluez.Adapter1.StartDiscovery",
            stdout=asyncio.subprocess.DEVNULL,
        )
        assert await process.wait() == 0
        assert service.adapters["hci0"].starts == 1
        await until(lambda: not service.adapters["hci0"].discovering)


async def test_a_dead_bus_is_told() -> None:
    async with running_bluez() as (bus, service):
        async with scanning(service, []) as running:
            await bus.kill()
            with pytest.raises(OSError, match="Bad file descriptor"):
                await running.stop()
        with pytest.raises(BusGoneError):
            await service.power(on=False)


async def test_a_daemon_that_cannot_start_says_why(tmp_path: Path) -> None:
    ci_or_skip("dbus-daemon")
    broken = tmp_path / "dbus-daemon"
    broken.write_text("#!/bin/sh\necho no bus today >&2\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(OSError, match="no bus today"):
        async with private_bus(str(broken)):
            pass
