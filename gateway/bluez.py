"""What lies under a scanner on Linux: BlueZ's adapter, watched and power-cycled over a D-Bus connection of our own.

bleak tells nobody when bluetoothd leaves the bus, when the adapter is unplugged, or when it is switched off: its
callbacks just stop. `watch` does, and `power_cycle` is the remedy that bleak has no call for.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Final, NamedTuple

from bleak.args.bluez import BlueZScannerArgs, OrPattern
from bleak.assigned_numbers import AdvertisementDataType
from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from gateway.advert import Ground, RadioAbsentError, RadioRefusedError
from gateway.system_bus import call, closed, system_bus

_DBUS: Final = "org.freedesktop.DBus"
_DBUS_PATH: Final = "/org/freedesktop/DBus"
_PROPERTIES: Final = "org.freedesktop.DBus.Properties"
_OBJECTS: Final = "org.freedesktop.DBus.ObjectManager"
_BLUEZ: Final = "org.bluez"
ADAPTER: Final = "org.bluez.Adapter1"
MONITORS: Final = "org.bluez.AdvertisementMonitorManager1"
"""On the adapter where passive scanning is offered."""

_OFF_S: Final = 0.5
"""How long the adapter stays off: controllers on USB need a moment to forget their state."""

_FAR_DBM: Final = -127
"""An RSSI filter, of whatever value, makes BlueZ report every packet's RSSI, not only changes of 8 dB."""

_MODALIAS: Final = re.compile(r"usb:v1D6Bp0246d([0-9A-F]{2})([0-9A-F]{2})")
"""The Linux Foundation's vendor id and BlueZ's product id, then the version, two bytes."""

PATTERNS: Final = [
    # "iBeacon" in Apple's data (company 0x004C): type 0x02, length 0x15 (Proximity Beacon Specification, 2).
    OrPattern(0, AdvertisementDataType.MANUFACTURER_SPECIFIC_DATA, b"\x4c\x00\x02\x15"),
    # AltBeacon's code, whoever the company is (AltBeacon Protocol Specification v1.0, "BEACON CODE").
    OrPattern(2, AdvertisementDataType.MANUFACTURER_SPECIFIC_DATA, b"\xbe\xac"),
    # Eddystone's service, 0xFEAA ("Eddystone Protocol Specification", Common Elements).
    OrPattern(0, AdvertisementDataType.SERVICE_DATA_UUID16, b"\xaa\xfe"),
]
"""What passive scans match: bytes at an offset of a structure's data. Never services alone; iBeacons list none."""


def scanner_args(adapter: str) -> BlueZScannerArgs:
    """What bleak needs for every packet to be reported, actively and passively."""
    return BlueZScannerArgs(
        adapter=adapter,
        filters={"RSSI": _FAR_DBM, "DuplicateData": True, "Transport": "le"},
        or_patterns=list(PATTERNS),
    )


class AdapterFacts(NamedTuple):
    """What BlueZ says of an adapter; `bluez` is its version, None where it does not tell."""

    address: str
    powered: bool
    bluez: str | None


async def adapter_facts(bus: MessageBus, adapter: str) -> AdapterFacts:
    """Raises `RadioRefusedError` where there is no such adapter, or no bluetoothd."""
    ask = Message(_BLUEZ, path_of(adapter), _PROPERTIES, "GetAll", signature="s", body=[ADAPTER])
    (properties,) = await call(bus, ask)
    told = {name: variant.value for name, variant in properties.items()}
    return AdapterFacts(
        str(told.get("Address", "")), bool(told.get("Powered")), bluez_version(str(told.get("Modalias", "")))
    )


async def managed_objects() -> dict[str, dict[str, dict[str, Any]]]:
    """All that BlueZ shows, by path and interface. Raises `RadioAbsentError`, `RadioRefusedError`."""
    async with system_bus() as bus:
        (objects,) = await call(bus, Message(_BLUEZ, "/", _OBJECTS, "GetManagedObjects"))
    return {
        path: {name: {key: variant.value for key, variant in told.items()} for name, told in interfaces.items()}
        for path, interfaces in objects.items()
    }


def bluez_version(modalias: str) -> str | None:
    """The version in an adapter's Modalias, as BlueZ makes it (`usb:v1D6Bp0246d0542` is 5.66); main.conf may differ."""
    found = _MODALIAS.fullmatch(modalias)
    return None if found is None else f"{int(found[1], 16)}.{int(found[2], 16)}"


@asynccontextmanager
async def watch(adapter: str) -> AsyncIterator[Ground]:
    """What `adapter` is, and a future that tells why scanning on it has become impossible, once it has.

    Raises `RadioAbsentError` where it is impossible from the outset, `RadioRefusedError` where the adapter is off.
    """
    async with system_bus() as bus:
        lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        bus.add_message_handler(partial(_notice, lost, adapter))
        try:
            for rule in _rules(adapter):
                await call(bus, Message(_DBUS, _DBUS_PATH, _DBUS, "AddMatch", signature="s", body=[rule]))
            facts = await adapter_facts(bus, adapter)
        except RadioRefusedError as error:
            raise RadioAbsentError(f"no adapter {adapter}: {error}") from error
        if not facts.powered:
            # A passive scan would start all the same, and hear nothing.
            raise RadioRefusedError(f"adapter {adapter} is off")
        ending = asyncio.create_task(_tell_end(bus, lost), name="end of the system bus")
        try:
            yield Ground(lost, {"address": facts.address, "bluez": facts.bluez})
        finally:
            ending.cancel()
            await asyncio.gather(ending, return_exceptions=True)


async def power_cycle(adapter: str) -> None:
    """Switch the adapter off and on, which ends every session on it.

    Raises `RadioAbsentError` without a bus, `RadioRefusedError` where BlueZ will not (blocked by rfkill, gone).
    """
    async with system_bus() as bus:
        # It may be off already, or refuse to go off; what counts is that it comes on.
        with suppress(RadioRefusedError):
            await call(bus, _power(adapter, on=False))
        await asyncio.sleep(_OFF_S)
        await call(bus, _power(adapter, on=True))


async def _tell_end(bus: MessageBus, lost: asyncio.Future[str]) -> None:
    with suppress(Exception):
        await closed(bus)
    _tell(lost, "the system bus has closed the connection")


def _power(adapter: str, *, on: bool) -> Message:
    body = [ADAPTER, "Powered", Variant("b", on)]
    return Message(_BLUEZ, path_of(adapter), _PROPERTIES, "Set", signature="ssv", body=body)


def path_of(adapter: str) -> str:
    """Where BlueZ shows an adapter."""
    return f"/org/bluez/{adapter}"


def _rules(adapter: str) -> tuple[str, ...]:
    """Matches on the owner of org.bluez alone: others may send signals that look like its own."""
    return (
        f"type='signal',sender='{_DBUS}',member='NameOwnerChanged',arg0='{_BLUEZ}'",
        f"type='signal',sender='{_BLUEZ}',interface='{_OBJECTS}',member='InterfacesRemoved',arg0path='{path_of(adapter)}'",
        f"type='signal',sender='{_BLUEZ}',interface='{_PROPERTIES}',path='{path_of(adapter)}',arg0='{ADAPTER}'",
    )


def _notice(lost: asyncio.Future[str], adapter: str, message: Message) -> None:
    if message.message_type is not MessageType.SIGNAL:
        return
    if message.member == "NameOwnerChanged" and message.body[0] == _BLUEZ and message.body[1]:
        _tell(lost, "bluetoothd has left the bus")
    elif message.member == "InterfacesRemoved" and message.body[0] == path_of(adapter) and ADAPTER in message.body[1]:
        _tell(lost, f"adapter {adapter} is gone")
    elif message.member == "PropertiesChanged" and message.path == path_of(adapter):
        powered = message.body[1].get("Powered")
        if powered is not None and not powered.value:
            _tell(lost, f"adapter {adapter} was switched off")


def _tell(lost: asyncio.Future[str], why: str) -> None:
    if not lost.done():
        lost.set_result(why)
