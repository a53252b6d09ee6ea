"""BlueZ for tests: a private bus as the system bus, the emulated service on it, and frames for its radio."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest

from firmware_sim.bluez import BluezService, PrivateBus, private_bus
from firmware_sim.bluez.service import monotonic_ms
from tests.support.tools import ci_or_skip

FEAA = "0000feaa-0000-1000-8000-00805f9b34fb"
APPLE = 0x004C
TAG = "C0:00:00:00:00:01"

Frame = tuple[dict[int, bytes], dict[str, bytes]]


class Bluez(NamedTuple):
    bus: PrivateBus
    service: BluezService


def ibeacon(minor: int = 1) -> Frame:
    return {APPLE: b"\x02\x15" + bytes(18) + minor.to_bytes(2, "big") + b"\xc5"}, {}


def altbeacon(company: int = 0x0118) -> Frame:
    return {company: b"\xbe\xac" + bytes(20) + b"\xc5\x00"}, {}


def eid(value: int = 1) -> Frame:
    return {}, {FEAA: b"\x30\xee" + value.to_bytes(8, "big")}


def uid(value: int = 1) -> Frame:
    return {}, {FEAA: b"\x00\xee" + value.to_bytes(16, "big") + b"\0\0"}


@asynccontextmanager
async def emulated_bluez(*adapters: str, now_ms: Callable[[], int] = monotonic_ms) -> AsyncIterator[Bluez]:
    """The emulated org.bluez on a bus of its own, for processes that are told its address."""
    async with private_bus(ci_or_skip("dbus-daemon")) as bus:
        service = BluezService(adapters or ("hci0",), now_ms)
        await service.start(bus.address)
        try:
            yield Bluez(bus, service)
        finally:
            await service.stop()


@asynccontextmanager
async def running_bluez(*adapters: str, now_ms: Callable[[], int] = monotonic_ms) -> AsyncIterator[Bluez]:
    """The emulated org.bluez on a bus that this process takes for the system's."""
    async with emulated_bluez(*adapters, now_ms=now_ms) as bluez:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bluez.bus.address)
            yield bluez
