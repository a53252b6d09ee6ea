"""The doctor at the radio: the emulated org.bluez on a real bus, well and with each fault."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from firmware_sim.bluez import BluezService, private_bus
from gateway.doctor.bluetooth import bluetooth, rfkill_finding
from gateway.doctor.finding import Check, Finding, run_checks
from gateway.doctor.hearing import hearing
from gateway.settings import ScanSettings
from tests.support.bluez import Frame, eid, ibeacon, running_bluez, uid
from tests.support.tasks import background
from tests.support.tools import ci_or_skip

ACTIVE = ScanSettings()
PASSIVE = ScanSettings(mode="passive")


async def found(scan: ScanSettings, *, deadline_s: float | None = None) -> dict[str, Finding]:
    check = bluetooth(scan, Path("/nowhere"))
    if deadline_s is not None:
        check = Check(check.name, check.look, deadline_s, check.stuck)
    return {finding.check: finding for finding in await run_checks([check])}


async def heard(scan: ScanSettings, scan_s: float = 0.5) -> Finding:
    check = await asyncio.to_thread(hearing, scan, scan_s)
    (finding,) = await run_checks([check])
    return finding


@asynccontextmanager
async def on_the_air(service: BluezService, *frames: Frame) -> AsyncIterator[None]:
    async def speak() -> None:
        while True:
            for number, frame in enumerate(frames):
                await service.advert(f"C0:00:00:00:00:{number:02X}", -60, frame)
            await asyncio.sleep(0.02)

    async with background(speak()):
        yield


@pytest.mark.parametrize("scan", [ACTIVE, PASSIVE])
async def test_a_radio_that_is_well(scan: ScanSettings) -> None:
    async with running_bluez() as (_, service), on_the_air(service, ibeacon(1), ibeacon(2), eid(), uid()):
        told = await found(scan)
        air = await heard(scan)
    assert {finding.state for finding in told.values()} == {"ok"}
    assert told["bluetooth.adapter"].seen == "hci0 (00:00:5E:00:53:01) is on"
    assert told["bluetooth.version"].seen == "BlueZ 5.66"
    assert air.state == "ok"
    assert air.seen.endswith("1 eid, 2 ibeacon, 1 uid")


def off(service: BluezService) -> None:
    service.adapters["hci0"].powered = False


def absent(service: BluezService) -> None:
    service.adapters["hci0"].present = False


def old(service: BluezService) -> None:
    service.adapters["hci0"].modalias = "usb:v1D6Bp0246d0532"


def plain(service: BluezService) -> None:
    service.adapters["hci0"].monitors = False


def silent_on_version(service: BluezService) -> None:
    service.adapters["hci0"].modalias = "usb:v0000p0000d0000"


@pytest.mark.parametrize(
    ("break_it", "check", "state", "seen", "next_step"),
    [
        (off, "bluetooth.adapter", "fault", "is off", "bluetoothctl power on"),
        (absent, "bluetooth.adapter", "fault", "no hci0, nor another", "Plug the adapter in"),
        (old, "bluetooth.version", "fault", "BlueZ 5.50 cannot scan passively", "Upgrade BlueZ"),
        (plain, "bluetooth.mode", "fault", "no advertisement monitors", "--experimental"),
        (silent_on_version, "bluetooth.version", "warning", "does not tell its version", "bluetoothctl --version"),
    ],
)
async def test_each_fault_of_the_adapter_has_its_next_step(
    break_it: Callable[[BluezService], None], check: str, state: str, seen: str, next_step: str
) -> None:
    async with running_bluez() as (_, service):
        break_it(service)
        told = await found(PASSIVE)
    assert told[check].state == state
    assert seen in told[check].seen
    assert next_step in told[check].next_step


async def test_another_adapter_than_the_one_that_is_named() -> None:
    async with running_bluez("hci1"):
        told = await found(ACTIVE)
    assert told["bluetooth.adapter"].seen == "there is no hci0, only hci1"
    assert "gateway.scan.adapter" in told["bluetooth.adapter"].next_step


async def test_without_bluetoothd_it_says_how_to_start_it() -> None:
    async with running_bluez() as (_, service):
        await service.crash()
        told = await found(ACTIVE)
        air = await heard(ACTIVE)
    assert told["bluetooth.bluetoothd"].seen == "bluetoothd is not running"
    assert "systemctl enable --now bluetooth" in told["bluetooth.bluetoothd"].next_step
    assert (air.state, air.seen.partition(":")[0]) == ("fault", "scanning does not begin")


async def test_a_bus_that_lets_nobody_speak_to_bluez(monkeypatch: pytest.MonkeyPatch) -> None:
    async with private_bus(ci_or_skip("dbus-daemon"), '<deny send_destination="org.bluez"/>') as bus:
        service = BluezService()
        await service.start(bus.address)
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)
        told = await found(ACTIVE)
        await service.stop()
    assert told["bluetooth.bluetoothd"].seen == "the bus does not let this user speak to BlueZ"
    assert "usermod -aG bluetooth" in told["bluetooth.bluetoothd"].next_step


async def test_a_stuck_bluetoothd_hangs_nothing() -> None:
    async with running_bluez() as (bus, service):
        service.adapters["hci0"].mute_starts = 100
        air = await heard(ACTIVE)
        bus.freeze()  # nor does the bus answer
        try:
            told = await found(ACTIVE, deadline_s=0.3)
        finally:
            bus.thaw()
    assert air.state == "fault"
    assert told["bluetooth"].seen == "no answer within 0.3 s"
    assert "restart bluetooth" in told["bluetooth"].next_step


async def test_a_silent_air_is_a_warning() -> None:
    async with running_bluez():
        air = await heard(ACTIVE)
    assert (air.state, air.seen) == ("warning", "0 packets in 0.5 s, no beacons")


async def test_without_a_bus_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path / 'none'}")
    told = await found(ACTIVE)
    assert "systemctl start dbus" in told["bluetooth.bus"].next_step


@pytest.mark.parametrize(
    ("kind", "soft", "hard", "expected"),
    [
        ("bluetooth", "0", "0", "ok: Bluetooth is not blocked"),
        ("bluetooth", "1", "0", "fault: Bluetooth is blocked"),
        ("bluetooth", "0", "1", "fault: the hardware switch is off"),
        ("wlan", "1", "1", None),
    ],
)
def test_switches_of_the_kernel(tmp_path: Path, kind: str, soft: str, hard: str, expected: str | None) -> None:
    (tmp_path / "rfkill0").mkdir()
    for name, said in {"type": kind, "soft": soft, "hard": hard}.items():
        (tmp_path / "rfkill0" / name).write_text(f"{said}\n")
    told = rfkill_finding(tmp_path)
    assert (None if told is None else f"{told.state}: {told.seen}") == expected
